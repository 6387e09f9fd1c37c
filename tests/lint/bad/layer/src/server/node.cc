#include "env/sim/sim_env.h"  // BAD
#include "tools/options.h"    // BAD
#include "kinds.h"            // BAD

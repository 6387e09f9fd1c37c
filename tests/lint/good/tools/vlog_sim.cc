#include "env/sim/sim_env.h"
#include "testing/cluster.h"
#include "tools/options.h"

#include "env/real/real_env.h"  // BAD

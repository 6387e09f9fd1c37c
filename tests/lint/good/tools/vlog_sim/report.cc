#include "env/sim/sim_env.h"

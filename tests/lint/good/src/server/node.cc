#include "env/real/real_env.h"
#include "loglets/raft/raft_core.h"
#include "loglets/memory/memory_loglet.h"

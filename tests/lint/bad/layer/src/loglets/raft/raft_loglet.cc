#include "loglets/paxos/paxos_loglet.h"  // BAD
#include "metastore/metastore.h"         // BAD
#include "env/real/real_env.h"           // BAD

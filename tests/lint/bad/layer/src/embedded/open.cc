#include "server/node.h"         // BAD
#include "rpc/frame.h"           // BAD
#include "env/sim/sim_env.h"     // BAD
#include "testing/cluster.h"     // BAD
#include "loglets/raft/kind.h"   // BAD

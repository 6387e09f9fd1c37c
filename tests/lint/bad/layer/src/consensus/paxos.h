#ifndef VLOG_CONSENSUS_PAXOS_H_
#define VLOG_CONSENSUS_PAXOS_H_

#include "base/ids.h"
#include "checker/history.h"  // BAD

#endif  // VLOG_CONSENSUS_PAXOS_H_

// The loglet contract suite for a replicated kind: three nodes and a client, in the simulated world
// and over the loopback sockets of this machine.
#ifndef VLOG_TESTS_CONTRACT_REPLICATED_CONTRACT_H_
#define VLOG_TESTS_CONTRACT_REPLICATED_CONTRACT_H_

#include <cstdint>

#include "loglets/replicated/replica_kind.h"

namespace vlog::testing {

void RunSimulatedContract(const loglets::replicated::ReplicaKind& kind, uint64_t nodes,
                          uint64_t seeds);
void RunRealContract(const loglets::replicated::ReplicaKind& kind, uint64_t nodes);

}  // namespace vlog::testing

#endif  // VLOG_TESTS_CONTRACT_REPLICATED_CONTRACT_H_

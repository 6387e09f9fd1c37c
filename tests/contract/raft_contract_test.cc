// The contract suite of loglets, run by the Raft kind on three nodes.
#include <catch2/catch.hpp>

#include "contract/replicated_contract.h"
#include "loglets/raft/raft_replica.h"

namespace vlog::testing {
namespace {

TEST_CASE("Loglet contract: raft in the simulated world") {
  RunSimulatedContract(loglets::raft::RaftReplicaKind(), 3, 10);
}

TEST_CASE("Loglet contract: raft in the real world") {
  RunRealContract(loglets::raft::RaftReplicaKind(), 3);
}

}  // namespace
}  // namespace vlog::testing

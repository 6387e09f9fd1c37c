// The loglet contract suite against the Paxos kind.
#include <catch2/catch.hpp>

#include "contract/replicated_contract.h"
#include "loglets/paxos/paxos_kind.h"

namespace vlog::testing {
namespace {

TEST_CASE("Loglet contract: Paxos in the simulated world") {
  RunSimulatedContract(loglets::PaxosReplicaKind(), 3, 6);
}

TEST_CASE("Loglet contract: Paxos in the real world") {
  RunRealContract(loglets::PaxosReplicaKind(), 3);
}

TEST_CASE("Loglet contract: Paxos on one node in the simulated world") {
  RunSimulatedContract(loglets::PaxosReplicaKind(), 1, 4);
}

}  // namespace
}  // namespace vlog::testing

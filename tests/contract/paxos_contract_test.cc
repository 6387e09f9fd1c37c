// The loglet contract suite against the Paxos kind.
#include <catch2/catch.hpp>
#include <utility>

#include "contract/replicated_contract.h"
#include "loglets/paxos/paxos_kind.h"
#include "loglets/paxos/paxos_replica.h"

namespace vlog::testing {
namespace {

using loglets::paxos::PaxosReplicaKind;
using loglets::replicated::CoreSetup;
using loglets::replicated::Params;
using loglets::replicated::ReplicaKind;

// Of five nodes one has all roles, two only accept, and two only propose and learn. Clients do not
// know: whom they ask in vain, they ask no further.
ReplicaKind KindWithRolesApart() {
  ReplicaKind kind = PaxosReplicaKind();
  kind.new_core = [](CoreSetup setup) {
    Params params = setup.params;
    for (size_t i = 1; i < params.members.size(); ++i) {
      params.members[i].votes = i <= 2;
      params.members[i].serves = i > 2;
    }
    CoreSetup apart{params, setup.self, setup.recovered, setup.incarnation,
                    std::move(setup.random)};
    return std::make_unique<loglets::paxos::PaxosReplica>(std::move(apart));
  };
  return kind;
}

TEST_CASE("Loglet contract: Paxos in the simulated world") {
  RunSimulatedContract(PaxosReplicaKind(), 3, 6);
}

TEST_CASE("Loglet contract: Paxos in the real world") { RunRealContract(PaxosReplicaKind(), 3); }

TEST_CASE("Loglet contract: Paxos on one node in the simulated world") {
  RunSimulatedContract(PaxosReplicaKind(), 1, 4);
}

TEST_CASE("Loglet contract: Paxos with roles apart in the simulated world") {
  RunSimulatedContract(KindWithRolesApart(), 5, 4);
}

}  // namespace
}  // namespace vlog::testing

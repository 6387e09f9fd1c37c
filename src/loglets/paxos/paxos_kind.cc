#include "loglets/paxos/paxos_kind.h"

#include <utility>

#include "loglets/paxos/paxos_replica.h"
#include "rpc/methods.h"

namespace vlog::loglets {

replicated::ReplicaKind paxos::PaxosReplicaKind(PaxosOptions options) {
  replicated::ReplicaKind kind;
  kind.name = "paxos";
  kind.base = rpc::kPaxosLogletBase;
  kind.stream_kind = paxos::kPaxosStreamKind;
  kind.tombstones = "paxos-dropped";
  kind.new_state = [] { return std::make_unique<paxos::PaxosState>(); };
  kind.new_core = [options](replicated::CoreSetup setup) {
    return std::make_unique<paxos::PaxosReplica>(std::move(setup), options);
  };
  kind.view = [](const storage::StreamState& state) {
    const auto& paxos = static_cast<const paxos::PaxosState&>(state);
    return replicated::StateView{paxos.log().trim(), paxos.applied().end(),
                                 paxos.applied().sealed()};
  };
  return kind;
}

std::unique_ptr<LogletKind> NewPaxosKind(env::Env& env, rpc::Peers& peers,
                                         ReplicatedKindOptions options) {
  return NewReplicatedKind(paxos::PaxosReplicaKind(), env, peers, std::move(options));
}

std::unique_ptr<HostableKind> NewPaxosHostable() {
  return NewReplicatedHostable(paxos::PaxosReplicaKind());
}

}  // namespace vlog::loglets

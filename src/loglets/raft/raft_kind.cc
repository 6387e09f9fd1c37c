#include "loglets/raft/raft_kind.h"

#include <utility>

namespace vlog::loglets {

std::unique_ptr<LogletKind> NewRaftKind(env::Env& env, rpc::Peers& peers,
                                        ReplicatedKindOptions options) {
  return NewReplicatedKind(raft::RaftReplicaKind(), env, peers, std::move(options));
}

std::unique_ptr<HostableKind> NewRaftHostable(raft::RaftOptions options) {
  return NewReplicatedHostable(raft::RaftReplicaKind(options));
}

}  // namespace vlog::loglets

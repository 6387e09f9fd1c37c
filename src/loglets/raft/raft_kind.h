// The Raft kind, registered by explicit calls: a log on a fixed set of voters that finds a new
// leader by itself (DESIGN 6.4).
#ifndef VLOG_LOGLETS_RAFT_RAFT_KIND_H_
#define VLOG_LOGLETS_RAFT_RAFT_KIND_H_

#include <memory>

#include "loglets/raft/raft_replica.h"
#include "loglets/replicated/replicated_kind.h"

namespace vlog::loglets {

// For clients; as NewReplicatedKind(), which see.
std::unique_ptr<LogletKind> NewRaftKind(env::Env& env, rpc::Peers& peers,
                                        ReplicatedKindOptions options = {});

// For nodes.
std::unique_ptr<HostableKind> NewRaftHostable(raft::RaftOptions options = {});

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_RAFT_RAFT_KIND_H_

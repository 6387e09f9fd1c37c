// The Paxos kind, for clients and for nodes.
#ifndef VLOG_LOGLETS_PAXOS_PAXOS_KIND_H_
#define VLOG_LOGLETS_PAXOS_PAXOS_KIND_H_

#include <memory>

#include "loglets/paxos/options.h"
#include "loglets/replicated/replicated_kind.h"

namespace vlog::loglets {

namespace paxos {
// What the replicated kinds' shell needs of it.
replicated::ReplicaKind PaxosReplicaKind(PaxosOptions options = {});
}  // namespace paxos

// As NewReplicatedKind() and NewReplicatedHostable().
std::unique_ptr<LogletKind> NewPaxosKind(env::Env& env, rpc::Peers& peers,
                                         ReplicatedKindOptions options = {});
std::unique_ptr<HostableKind> NewPaxosHostable();

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_PAXOS_PAXOS_KIND_H_

// The two halves of a kind whose order is agreed on by consensus, made of what is its own.
#ifndef VLOG_LOGLETS_REPLICATED_REPLICATED_KIND_H_
#define VLOG_LOGLETS_REPLICATED_REPLICATED_KIND_H_

#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "loglets/factory.h"
#include "loglets/host.h"
#include "loglets/replicated/replica_client.h"
#include "loglets/replicated/replica_kind.h"
#include "rpc/peers.h"

namespace vlog::loglets {

struct ReplicatedKindOptions {
  // Where a loglet lives if neither a wish nor its predecessor says so.
  std::vector<NodeId> nodes;
  // Which of them may hold copies that they do not hold yet; null: all.
  NodesInService in_service = {};
  // Who does not both vote and serve, as ParseRoles() reads it, if neither a wish nor the policy
  // says so; "": as the predecessor's.
  std::string roles;
  replicated::ClientTiming timing;
  // How long ProposeParams() waits for nodes that are silent.
  Duration census = std::chrono::milliseconds(500);
  // The same once as many have answered as a successor needs: a fail-over waits for nobody longer.
  Duration stragglers = std::chrono::milliseconds(50);
  Duration prepare = std::chrono::seconds(2);
};

// For clients. Env and peers outlive the kind and every loglet that it opened.
//
// ProposeParams: see replicated/placement_core.h; Placement::sequencer is who leads first, and
// Placement::options are roles, as ParseRoles() reads them.
// Prepare: somebody leads and has committed something of its own with a quorum.
// Drop: does nothing; nodes delete by what the chain says (KindHost::Drop).
std::unique_ptr<LogletKind> NewReplicatedKind(replicated::ReplicaKind kind, env::Env& env,
                                              rpc::Peers& peers,
                                              ReplicatedKindOptions options = {});

// For nodes.
std::unique_ptr<HostableKind> NewReplicatedHostable(replicated::ReplicaKind kind);

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_REPLICATED_REPLICATED_KIND_H_

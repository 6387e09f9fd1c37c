// The kinds of loglets that a cluster's logs may be made of, from the client's side: also of a
// node's, whose monitor is a client of its own cluster.
#ifndef VLOG_CLIENT_KINDS_H_
#define VLOG_CLIENT_KINDS_H_

#include <vector>

#include "env/env.h"
#include "loglets/factory.h"
#include "rpc/peers.h"

namespace vlog::client {

// One line a kind. `nodes`: where loglets live if nobody says so, as far as they are in service.
// Env and peers, and what `in_service` asks, outlive the factory.
void RegisterKinds(env::Env& env, rpc::Peers& peers, std::vector<NodeId> nodes,
                   loglets::NodesInService in_service, loglets::LogletFactory* factory);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_KINDS_H_

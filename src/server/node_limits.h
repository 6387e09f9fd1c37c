// What a node's configuration says to the layers below. Pure.
#ifndef VLOG_SERVER_NODE_LIMITS_H_
#define VLOG_SERVER_NODE_LIMITS_H_

#include <vector>

#include "rpc/peers.h"
#include "rpc/server.h"
#include "server/config.h"

namespace vlog::server {

// Whatever other limits say, one message of limits.frame is always taken.
rpc::ServerOptions ServerOptionsOf(const NodeConfig& config);
rpc::PeersOptions PeersOptionsOf(const NodeConfig& config);

// This node and its peers, sorted.
std::vector<NodeId> ConfiguredNodes(const NodeConfig& config);

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_LIMITS_H_

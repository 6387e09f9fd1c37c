#include "server/node_limits.h"

#include <algorithm>
#include <set>

namespace vlog::server {
namespace {

rpc::KeepAlive KeepAliveOf(const NodeConfig& config) {
  rpc::KeepAlive keep_alive;
  keep_alive.ping_every = config.timeouts.keep_alive;
  int64_t checks = config.timeouts.suspect_max / config.timeouts.keep_alive;
  keep_alive.dead_after_checks = static_cast<int>(std::clamp<int64_t>(checks, 2, 1'000'000));
  return keep_alive;
}

}  // namespace

rpc::ServerOptions ServerOptionsOf(const NodeConfig& config) {
  rpc::ServerOptions options;
  options.keep_alive = KeepAliveOf(config);
  options.limits.max_payload_bytes = config.limits.frame;
  options.limits.max_connections = config.limits.connections;
  options.limits.max_total_bytes = config.limits.in_flight;
  options.limits.max_request_bytes =
      std::max<size_t>(options.limits.max_request_bytes, config.limits.frame);
  options.limits.max_unsent_bytes =
      std::max<size_t>(options.limits.max_unsent_bytes, config.limits.frame);
  return options;
}

rpc::PeersOptions PeersOptionsOf(const NodeConfig& config) {
  rpc::PeersOptions options;
  options.keep_alive = KeepAliveOf(config);
  options.limits.max_payload_bytes = config.limits.frame;
  options.limits.max_pending_bytes =
      std::max<size_t>(options.limits.max_pending_bytes, config.limits.frame);
  return options;
}

std::vector<NodeId> ConfiguredNodes(const NodeConfig& config) {
  std::set<NodeId> nodes{config.node.id};
  for (const PeerConfig& peer : config.peers) nodes.insert(peer.id);
  return std::vector<NodeId>(nodes.begin(), nodes.end());
}

}  // namespace vlog::server

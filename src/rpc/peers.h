// One channel to each node, made when it is first asked for.
#ifndef VLOG_RPC_PEERS_H_
#define VLOG_RPC_PEERS_H_

#include <map>
#include <memory>
#include <optional>

#include "rpc/channel.h"
#include "rpc/dispatcher.h"

namespace vlog::rpc {

class RemoteChannel;

struct PeersOptions {
  ChannelLimits limits;
  KeepAlive keep_alive;
};

// Calls to the node itself go straight to its dispatcher: no socket, but still asynchronous, in
// order, and by the same limits.
//
// Thread rule: the scheduler's executor. Env and dispatcher outlive it.
class Peers {
 public:
  // `local` is null for clients.
  Peers(env::Env& env, Identity identity, Dispatcher* local, PeersOptions options);
  ~Peers();

  // Where `node` listens. A changed address closes the connection to the old one; the channel stays
  // and makes another.
  void SetAddress(NodeId node, env::Address address);
  std::optional<env::Address> AddressOf(NodeId node) const;
  // Never null. Calls to a node without an address fail with kUnavailable (kUnreachable) until it
  // gets one.
  std::shared_ptr<Channel> To(NodeId node);
  // Connects to `node`, and again whenever the connection is lost, although nobody calls: so that
  // its life or death is noticed. The node itself needs none.
  void KeepConnected(NodeId node);

  const Identity& identity() const { return identity_; }
  // What was heard of the nodes, also by a server that was given this.
  PeerHealth& health() { return health_; }

 private:
  RemoteChannel& RemoteTo(NodeId node);

  env::Env& env_;
  Identity identity_;
  PeersOptions options_;
  PeerHealth health_;
  std::map<NodeId, env::Address> addresses_;
  std::map<NodeId, std::shared_ptr<RemoteChannel>> channels_;
  std::shared_ptr<Channel> local_;  // null for clients
};

// The short-cut by itself: a channel to a dispatcher of this process.
std::shared_ptr<Channel> NewLocalChannel(env::Env& env, Identity identity, Dispatcher& dispatcher,
                                         ChannelLimits limits);

}  // namespace vlog::rpc

#endif  // VLOG_RPC_PEERS_H_

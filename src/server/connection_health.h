// The lives of nodes as this process' connections show them (DESIGN 5.4).
#ifndef VLOG_SERVER_CONNECTION_HEALTH_H_
#define VLOG_SERVER_CONNECTION_HEALTH_H_

#include "async/event.h"
#include "env/env.h"
#include "rpc/peers.h"
#include "virtuallog/node_health.h"

namespace vlog::server {

// A silence counts when it is longer than a few times what is usual for that node, within bounds.
struct SuspicionBounds {
  Duration shortest = std::chrono::milliseconds(300);
  Duration longest = std::chrono::seconds(3);
};

// What one look at a node says. Pure.
//   dead: its host refuses connections, or a later life of it, or one on another disk, answers
//   suspected: silent for too long, unreachable, or its connection was torn and not made again yet
virtuallog::Liveness Judge(const rpc::NodeHealth& health, const loglets::NodeLife& wanted,
                           Instant now, const SuspicionBounds& bounds);

// Keeps a connection to each node that it is asked about, so that there is something to hear.
//
// Thread rule: the Env's executor. Env and peers outlive it. One for each Peers.
class ConnectionHealth final : public virtuallog::NodeHealth {
 public:
  ConnectionHealth(env::Env& env, rpc::Peers& peers, SuspicionBounds bounds);
  ~ConnectionHealth() override;

  virtuallog::Liveness Of(const loglets::NodeLife& life) override;
  Task<Status> AwaitChange(Instant deadline) override;
  Task<std::vector<virtuallog::Testimony>> Ask(std::vector<NodeId> witnesses,
                                               std::vector<loglets::NodeLife> lives) override;
  // The node's own testimony: answers a request of kTestimonyMethod. kInvalidArgument.
  StatusOr<rpc::Message> Testify(const rpc::Request& request);

 private:
  env::Env& env_;
  rpc::Peers& peers_;
  SuspicionBounds bounds_;
  Instant began_;  // silence before it is not the node's
  async::Event changed_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_CONNECTION_HEALTH_H_

// Asks nodes about themselves and their cluster: for command lines and tests.
#ifndef VLOG_SERVER_NODE_CLIENT_H_
#define VLOG_SERVER_NODE_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "rpc/peers.h"
#include "server/node_status.h"

namespace vlog::server {

// Errors as rpc::Channel; kInvalidArgument: the node's version answers something else.
Task<StatusOr<NodeStatus>> AskStatus(std::shared_ptr<rpc::Channel> channel, Instant deadline);
Task<StatusOr<Members>> AskMembers(std::shared_ptr<rpc::Channel> channel, Instant deadline);

// Finds a cluster by the address of any of its nodes.
//
// Thread rule: the Env's executor. The Env outlives it.
class NodeClient {
 public:
  // `cluster`: 0: whatever the first seed that answers belongs to.
  NodeClient(env::Env& env, std::vector<env::Address> seeds, ClusterId cluster = ClusterId());
  ~NodeClient();

  // Asks the seeds in turn until one answers. From then on peers() knows the nodes' addresses, and
  // only nodes of that cluster are talked to.
  //   kUnavailable       none answers; the message says why, seed by seed
  //   kAborted           a seed answers that belongs to another cluster or speaks another version
  //   kInvalidArgument   there are no seeds
  Task<StatusOr<Members>> FindMembers(Instant deadline);

  // The status of one node. REQUIRES: FindMembers() was OK. Errors as AskStatus().
  Task<StatusOr<NodeStatus>> StatusOf(NodeId node, Instant deadline);

  // For whatever else is asked of the cluster. REQUIRES: FindMembers() was OK.
  rpc::Peers& peers() { return *peers_; }

 private:
  rpc::Identity IdentityIn(ClusterId cluster);
  Task<StatusOr<Members>> AskSeed(env::Address seed, Instant deadline);

  env::Env& env_;
  const std::vector<env::Address> seeds_;
  const ClusterId cluster_;
  std::unique_ptr<rpc::Peers> peers_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_CLIENT_H_

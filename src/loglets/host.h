// The node's half of a kind: what serves its loglets on a node. A node knows a kind only through
// this, so that it can host kinds that it was not written for.
#ifndef VLOG_LOGLETS_HOST_H_
#define VLOG_LOGLETS_HOST_H_

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "env/env.h"
#include "rpc/dispatcher.h"
#include "rpc/peers.h"
#include "storage/journal.h"

namespace vlog::loglets {

// What a node gives to the kinds that it hosts. All of it outlives the host.
struct HostContext {
  env::Env& env;
  storage::Journal& journal;  // one for the whole node
  rpc::Dispatcher& dispatcher;
  rpc::Peers& peers;  // its identity is the node's: replica and incarnation
};

// One loglet on one node, for people.
struct HostedLoglet {
  LogletId id;
  std::string role;  // "log server", "sequencer", "acceptor", "leader", ...
  Offset trim;
  Offset tail;        // durable here
  Offset known_tail;  // committed, as far as this node knows
  bool sealed = false;
  size_t bytes_in_memory = 0;  // of batches
  std::string no_vote = {};    // why its voice counts for nothing; "" while it counts
};

// All loglets of one kind on one node. Thread rule: the executor of its Env.
class KindHost {
 public:
  virtual ~KindHost() = default;
  // What the node's journal has of them is served from now on: registers the kind's methods.
  virtual Task<Status> Start() = 0;
  // Answers what has arrived, then nothing any more. Awaited before the journal closes.
  virtual Task<void> Stop() = 0;
  // As LogletKind::Drop(), on this node.
  virtual Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) = 0;
  virtual std::vector<HostedLoglet> Loglets() const = 0;
};

// A kind as the node's program registers it.
class HostableKind {
 public:
  virtual ~HostableKind() = default;
  virtual std::string name() const = 0;
  // The states of this kind's journal streams; null for a stream kind that is not its own.
  virtual std::unique_ptr<storage::StreamState> NewStreamState(const std::string& kind) const = 0;
  virtual std::unique_ptr<KindHost> Host(HostContext context) = 0;
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_HOST_H_

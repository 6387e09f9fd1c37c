// What is known about the lives of nodes. Injected, so that this folder needs no network: a node
// answers from the connections it has, a test from its script.
#ifndef VLOG_VIRTUALLOG_NODE_HEALTH_H_
#define VLOG_VIRTUALLOG_NODE_HEALTH_H_

#include <vector>

#include "async/task.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"
#include "loglets/factory.h"

namespace vlog::virtuallog {

enum class Liveness {
  kAlive,
  kSuspected,  // silent for longer than it should be; perhaps only cut off or stopped
  kDead,       // proven: its host refuses connections, or another life or disk answers there
};

// What another node says: which of the lives that it was asked about it does not find alive.
struct Testimony {
  NodeId witness;
  std::vector<loglets::NodeLife> silent;
};

// Thread rule: the executor of its user's Env.
class NodeHealth {
 public:
  virtual ~NodeHealth() = default;
  // A node that was never heard of is alive until it has been silent for long enough.
  virtual Liveness Of(const loglets::NodeLife& life) = 0;
  // Waits until an answer of Of() may have changed. kDeadlineExceeded.
  virtual Task<Status> AwaitChange(Instant deadline) = 0;
  // Asks other nodes how they find these lives. Who does not answer soon says nothing.
  virtual Task<std::vector<Testimony>> Ask(std::vector<NodeId> witnesses,
                                           std::vector<loglets::NodeLife> lives) = 0;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_NODE_HEALTH_H_

// What this process last heard of each node, over any connection in either direction.
#ifndef VLOG_RPC_PEER_HEALTH_H_
#define VLOG_RPC_PEER_HEALTH_H_

#include <functional>
#include <map>
#include <optional>

#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"
#include "env/network.h"
#include "rpc/identity.h"

namespace vlog::rpc {

struct NodeHealth {
  // What the last handshake told. A caller that knows a lower incarnation of this disk knows that
  // it is dead.
  Incarnation incarnation;
  DiskId disk;
  Instant last_heard;  // Instant(): never
  // About the longest silence between two signs of life, of late: what is usual for this node.
  Duration usual_gap{};
  // The last failure to connect, or loss of a connection, since then; none after a handshake.
  std::optional<env::Disconnect> failure;
  Instant failed_at;
};

// Evidence, not a verdict: the monitor decides. Any traffic counts as a sign of life. Pure.
class PeerHealth {
 public:
  // Judges the identity that a handshake told, and notes it. An incarnation that is lower than one
  // of the same disk that was seen before, or the same one from another process, comes from an old
  // copy of that disk: kAborted with Refusal::kOldCopy, and nothing is noted. Clients are ignored.
  Status Connected(const Identity& peer, Instant now);
  void Heard(NodeId node, Instant now);
  void Failed(NodeId node, env::Disconnect why, Instant now);
  // Called when a failure or another life of a node was noted. At most one; null: none.
  void OnChange(std::function<void()> changed) { changed_ = std::move(changed); }
  // All zero (and no failure) for a node that was never heard of.
  NodeHealth Of(NodeId node) const;

 private:
  struct Life {
    Incarnation incarnation;
    uint64_t instance = 0;
  };
  void Changed() const {
    if (changed_) changed_();
  }

  std::function<void()> changed_;
  std::map<NodeId, NodeHealth> nodes_;
  std::map<Replica, Life> lives_;  // the newest of each disk
};

}  // namespace vlog::rpc

#endif  // VLOG_RPC_PEER_HEALTH_H_

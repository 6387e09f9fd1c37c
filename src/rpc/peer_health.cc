#include "rpc/peer_health.h"

#include <algorithm>

#include "rpc/message.h"

namespace vlog::rpc {
namespace {

constexpr int kFade = 64;  // an unusual silence is forgotten after some times so many signs of life

}  // namespace

Status PeerHealth::Connected(const Identity& peer, Instant now) {
  if (peer.node == NodeId()) return absl::OkStatus();
  Life& life = lives_[{peer.node, peer.disk}];
  bool older = peer.incarnation < life.incarnation;
  bool twin =
      peer.incarnation == life.incarnation && life.instance != 0 && peer.instance != life.instance;
  if (older || twin) {
    return WithRefusal(
        absl::AbortedError(absl::StrCat(
            "node ", peer.node.value(), " says that it is in its life ", peer.incarnation.value(),
            ", but another process of its disk was seen in life ", life.incarnation.value(),
            ": it runs on an old copy of its disk; wipe the disk and let it join again")),
        Refusal::kOldCopy);
  }
  life = {peer.incarnation, peer.instance};
  NodeHealth& node = nodes_[peer.node];
  node.incarnation = peer.incarnation;
  node.disk = peer.disk;
  node.failure.reset();
  // Silence while there was no connection says nothing about what is usual on one.
  node.last_heard = std::max(node.last_heard, now);
  Changed();
  return absl::OkStatus();
}

void PeerHealth::Heard(NodeId node, Instant now) {
  if (node == NodeId()) return;
  NodeHealth& health = nodes_[node];
  if (now <= health.last_heard) return;
  Duration gap = now - health.last_heard;
  Duration faded = health.usual_gap - health.usual_gap / kFade;
  if (health.last_heard != Instant()) health.usual_gap = std::max(gap, faded);
  health.last_heard = now;
}

void PeerHealth::Failed(NodeId node, env::Disconnect why, Instant now) {
  if (node == NodeId()) return;
  NodeHealth& health = nodes_[node];
  health.failure = why;
  health.failed_at = now;
  Changed();
}

NodeHealth PeerHealth::Of(NodeId node) const {
  auto it = nodes_.find(node);
  return it == nodes_.end() ? NodeHealth() : it->second;
}

}  // namespace vlog::rpc

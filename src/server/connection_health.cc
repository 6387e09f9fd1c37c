#include "server/connection_health.h"

#include <algorithm>

namespace vlog::server {
namespace {

using virtuallog::Liveness;

constexpr int kTimesUsual = 4;
// Silence is no event: whoever waits for a change looks again this often.
constexpr Duration kLook = std::chrono::milliseconds(25);

}  // namespace

Liveness Judge(const rpc::NodeHealth& health, Incarnation wanted, Instant now,
               const SuspicionBounds& bounds) {
  if (wanted != Incarnation() && health.incarnation > wanted) return Liveness::kDead;
  // Anything that was heard since then, over another connection, speaks against a failure.
  bool failed = health.failure.has_value() && health.failed_at >= health.last_heard;
  if (failed && *health.failure == env::Disconnect::kRefused) return Liveness::kDead;
  if (failed) return Liveness::kSuspected;
  Duration bound = std::clamp(kTimesUsual * health.usual_gap, bounds.shortest, bounds.longest);
  return now - health.last_heard > bound ? Liveness::kSuspected : Liveness::kAlive;
}

ConnectionHealth::ConnectionHealth(env::Env& env, rpc::Peers& peers, SuspicionBounds bounds)
    : env_(env),
      peers_(peers),
      bounds_(bounds),
      began_(env.scheduler().Now()),
      changed_(env.scheduler()) {
  peers_.health().OnChange([this] { changed_.NotifyAll(); });
}

ConnectionHealth::~ConnectionHealth() { peers_.health().OnChange(nullptr); }

Liveness ConnectionHealth::Of(NodeId node, Incarnation incarnation) {
  const rpc::Identity& self = peers_.identity();
  if (node == self.node) {
    bool same = incarnation == Incarnation() || incarnation == self.incarnation;
    return same ? Liveness::kAlive : Liveness::kDead;
  }
  peers_.KeepConnected(node);
  rpc::NodeHealth health = peers_.health().Of(node);
  health.last_heard = std::max(health.last_heard, began_);
  return Judge(health, incarnation, env_.scheduler().Now(), bounds_);
}

Task<Status> ConnectionHealth::AwaitChange(Instant deadline) {
  Instant look = std::min(deadline, env_.scheduler().Now() + kLook);
  Status waited = co_await changed_.Wait(look);
  bool quiet = absl::IsDeadlineExceeded(waited);
  if (quiet && look < deadline) co_return absl::OkStatus();
  co_return waited;
}

}  // namespace vlog::server

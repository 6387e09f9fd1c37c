#include "server/connection_health.h"

#include <algorithm>

namespace vlog::server {
namespace {

using virtuallog::Liveness;

constexpr int kTimesUsual = 4;
// Silence is no event: whoever waits for a change looks again this often.
constexpr Duration kLook = std::chrono::milliseconds(25);

}  // namespace

Liveness Judge(const rpc::NodeHealth& health, const loglets::NodeLife& wanted, Instant now,
               const SuspicionBounds& bounds) {
  bool known = health.incarnation != Incarnation();
  if (known && wanted.disk != DiskId() && health.disk != wanted.disk) return Liveness::kDead;
  bool later = wanted.incarnation != Incarnation() && health.incarnation > wanted.incarnation;
  if (later) return Liveness::kDead;
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

Liveness ConnectionHealth::Of(const loglets::NodeLife& life) {
  const rpc::Identity& self = peers_.identity();
  if (life.node == self.node) {
    bool same = (life.incarnation == Incarnation() || life.incarnation == self.incarnation) &&
                (life.disk == DiskId() || life.disk == self.disk);
    return same ? Liveness::kAlive : Liveness::kDead;
  }
  peers_.KeepConnected(life.node);
  rpc::NodeHealth health = peers_.health().Of(life.node);
  health.last_heard = std::max(health.last_heard, began_);
  return Judge(health, life, env_.scheduler().Now(), bounds_);
}

Task<Status> ConnectionHealth::AwaitChange(Instant deadline) {
  Instant look = std::min(deadline, env_.scheduler().Now() + kLook);
  Status waited = co_await changed_.Wait(look);
  bool quiet = absl::IsDeadlineExceeded(waited);
  if (quiet && look < deadline) co_return absl::OkStatus();
  co_return waited;
}

}  // namespace vlog::server

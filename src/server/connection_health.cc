#include "server/connection_health.h"

#include <algorithm>
#include <memory>

#include "server/health_wire.h"

namespace vlog::server {
namespace {

using virtuallog::Liveness;

constexpr int kTimesUsual = 4;
// Silence is no event: whoever waits for a change looks again this often.
constexpr Duration kLook = std::chrono::milliseconds(25);
// A witness that is well answers in much less; a fail-over waits for this at most.
constexpr Duration kTestimony = std::chrono::milliseconds(100);

// What the witnesses have said so far.
struct Hearing {
  explicit Hearing(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  std::vector<virtuallog::Testimony> testimonies;
  size_t waiting = 0;
};

}  // namespace

Liveness Judge(const rpc::NodeHealth& health, const loglets::NodeLife& wanted, Instant now,
               const SuspicionBounds& bounds) {
  bool later = wanted.incarnation != Incarnation() && health.incarnation > wanted.incarnation;
  if (later) return Liveness::kDead;
  // Anything that was heard since then, over another connection, speaks against a failure.
  bool failed = health.failure.has_value() && health.failed_at >= health.last_heard;
  if (failed && *health.failure == env::Disconnect::kRefused) return Liveness::kDead;
  if (failed) return Liveness::kSuspected;
  Duration bound = std::clamp(kTimesUsual * health.usual_gap, bounds.shortest, bounds.longest);
  bool silent = now - health.last_heard > bound;
  // Disks have no order: only a node that is heard now proves which one it has.
  bool known = health.incarnation != Incarnation();
  bool other_disk = known && wanted.disk != DiskId() && health.disk != wanted.disk;
  if (other_disk && !silent) return Liveness::kDead;
  return silent ? Liveness::kSuspected : Liveness::kAlive;
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

Task<std::vector<virtuallog::Testimony>> ConnectionHealth::Ask(
    std::vector<NodeId> witnesses, std::vector<loglets::NodeLife> lives) {
  auto hearing = std::make_shared<Hearing>(env_.scheduler());
  Instant deadline = env_.scheduler().Now() + kTestimony;
  for (NodeId witness : witnesses) {
    ++hearing->waiting;
    auto heard = [hearing, witness](StatusOr<rpc::Reply> reply) {
      --hearing->waiting;
      hearing->heard.NotifyAll();
      if (!reply.ok()) return;
      StatusOr<std::vector<loglets::NodeLife>> silent = DecodeTestimonyReply(reply->header);
      if (silent.ok()) hearing->testimonies.push_back({witness, *std::move(silent)});
    };
    rpc::Call call(kTestimonyMethod, EncodeTestimonyCall(lives).header, rpc::Payload(), deadline);
    peers_.To(witness)->Start(std::move(call), std::move(heard));
  }
  while (hearing->waiting > 0) {
    Status waited = co_await hearing->heard.Wait(deadline);
    if (!waited.ok()) break;
  }
  co_return hearing->testimonies;
}

StatusOr<rpc::Message> ConnectionHealth::Testify(const rpc::Request& request) {
  StatusOr<std::vector<loglets::NodeLife>> lives = DecodeTestimonyCall(request.header);
  VLOG_RETURN_IF_ERROR(lives);
  std::vector<loglets::NodeLife> silent;
  for (const loglets::NodeLife& life : *lives) {
    // Of strangers it knows nothing, and looks for none because somebody asks.
    bool known = life.node == peers_.identity().node || peers_.AddressOf(life.node).has_value();
    if (known && Of(life) != Liveness::kAlive) silent.push_back(life);
  }
  return EncodeTestimonyReply(silent);
}

}  // namespace vlog::server

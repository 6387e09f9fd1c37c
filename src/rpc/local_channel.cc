#include <deque>
#include <utility>

#include "base/crc32c.h"
#include "rpc/call_table.h"
#include "rpc/peers.h"

namespace vlog::rpc {
namespace {

// The bytes of a payload as the receiver gets them.
Bytes Join(const Payload& payload) {
  if (payload.pieces.empty()) return Bytes();
  if (payload.pieces.size() == 1) return payload.pieces.front();
  std::string joined;
  joined.reserve(payload.size());
  for (const Bytes& piece : payload.pieces) joined.append(piece.view());
  return Bytes(std::move(joined));
}

std::optional<uint32_t> CrcOf(const Payload& payload, const Bytes& joined) {
  if (payload.checked_by_receiver) return std::nullopt;
  return payload.crc.has_value() ? *payload.crc : Crc32c(joined.view());
}

// Requests go through one queue, replies through another; each is worked off as work of its own, so
// that neither side ever runs inside the other's call, as over a socket.
class LocalState : public std::enable_shared_from_this<LocalState> {
 public:
  LocalState(env::Env& env, const Identity& identity, Dispatcher& dispatcher, ChannelLimits limits)
      : env_(env),
        limits_(limits),
        calls_(std::make_shared<CallTable>(env.scheduler())),
        intake_(std::make_shared<Intake>(dispatcher)) {
    auto peer = std::make_shared<Peer>();
    peer->node = identity.node;
    peer->incarnation = identity.incarnation;
    peer->disk = identity.disk;
    peer->process = identity.process;
    peer->address = "local";
    peer->connection = env.RandomId();
    peer_ = std::move(peer);
  }

  void Start(Call call, CallDone done) {
    Status admitted = calls_->Admit(call, limits_, 0);
    if (admitted.ok() && env_.scheduler().stopping()) admitted = absl::CancelledError("stopping");
    if (admitted.ok()) admitted = CheckMeant(call);
    if (!admitted.ok()) {
      env_.scheduler().Post(
          [done = std::move(done), admitted]() mutable { done(std::move(admitted)); });
      return;
    }
    uint64_t id = calls_->Add(call, std::move(done));
    requests_.emplace_back(id, std::move(call));
    if (requests_.size() == 1) PostTo(&LocalState::DeliverRequests);
  }

  void Shut() {
    requests_.clear();
    calls_->CancelAll(absl::CancelledError("the channel is gone"));
  }

  async::Scheduler& scheduler() { return env_.scheduler(); }
  const CallTable& calls() const { return *calls_; }
  const std::shared_ptr<const Peer>& peer() const { return peer_; }
  Instant Now() const { return env_.scheduler().Now(); }

 private:
  Status CheckMeant(const Call& call) const {
    if (call.disk != DiskId() && call.disk != peer_->disk) {
      return WithRefusal(absl::NotFoundError("this node has another disk now"),
                         Refusal::kOtherDisk);
    }
    if (call.incarnation != Incarnation() && call.incarnation != peer_->incarnation) {
      return WithRefusal(absl::NotFoundError("this node is in another life"),
                         Refusal::kOtherIncarnation);
    }
    return absl::OkStatus();
  }

  void PostTo(void (LocalState::*deliver)()) {
    env_.scheduler().Post([weak = weak_from_this(), deliver] {
      if (std::shared_ptr<LocalState> self = weak.lock()) ((*self).*deliver)();
    });
  }

  void DeliverRequests() {
    for (auto& [id, call] : std::exchange(requests_, {})) {
      if (!calls_->Has(id)) continue;
      calls_->MarkSent(id);
      Request request;
      request.peer = peer_;
      request.method = call.method;
      request.header = std::move(call.header);
      request.payload = Join(call.payload);
      request.payload_crc = CrcOf(call.payload, request.payload);
      auto answer = [weak = weak_from_this(), id = id](StatusOr<Message> reply) {
        if (std::shared_ptr<LocalState> self = weak.lock()) self->Answer(id, std::move(reply));
      };
      intake_->Take(std::move(request), Responder(std::move(answer)));
    }
  }

  void Answer(uint64_t id, StatusOr<Message> reply) {
    replies_.emplace_back(id, std::move(reply));
    if (replies_.size() == 1) PostTo(&LocalState::DeliverReplies);
  }

  void DeliverReplies() {
    for (auto& [id, message] : std::exchange(replies_, {})) {
      if (!message.ok()) {
        calls_->Finish(id, message.status());
        continue;
      }
      Reply reply;
      reply.header = std::move(message->header);
      reply.payload = Join(message->payload);
      reply.payload_crc = CrcOf(message->payload, reply.payload);
      reply.peer = peer_;
      calls_->Finish(id, std::move(reply));
    }
  }

  env::Env& env_;
  const ChannelLimits limits_;
  std::shared_ptr<CallTable> calls_;
  std::shared_ptr<Intake> intake_;
  std::shared_ptr<const Peer> peer_;
  std::deque<std::pair<uint64_t, Call>> requests_;
  std::deque<std::pair<uint64_t, StatusOr<Message>>> replies_;
};

class LocalChannel final : public Channel {
 public:
  explicit LocalChannel(std::shared_ptr<LocalState> state) : state_(std::move(state)) {}
  ~LocalChannel() override { state_->Shut(); }

  void Start(Call call, CallDone done) override { state_->Start(std::move(call), std::move(done)); }
  Task<StatusOr<Reply>> Run(Call call) override {
    auto start = [state = state_, call = std::move(call)](CallDone done) mutable {
      state->Start(std::move(call), std::move(done));
    };
    return RunCall(state_->scheduler(), std::move(start));
  }
  size_t pending_bytes() const override { return state_->calls().bytes(); }
  size_t pending_calls() const override { return state_->calls().size(); }
  std::shared_ptr<const Peer> peer() const override { return state_->peer(); }
  Instant last_heard() const override { return state_->Now(); }
  const Status& last_error() const override { return ok_; }

 private:
  std::shared_ptr<LocalState> state_;
  Status ok_;
};

}  // namespace

std::shared_ptr<Channel> NewLocalChannel(env::Env& env, Identity identity, Dispatcher& dispatcher,
                                         ChannelLimits limits) {
  return std::make_shared<LocalChannel>(
      std::make_shared<LocalState>(env, identity, dispatcher, limits));
}

}  // namespace vlog::rpc

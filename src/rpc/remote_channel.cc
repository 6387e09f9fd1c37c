#include "rpc/remote_channel.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "rpc/call_table.h"
#include "rpc/session.h"

namespace vlog::rpc {

using env::Disconnect;

// Kept alive by its loop, which ends soon after the channel is gone.
class RemoteChannel::State : public std::enable_shared_from_this<State> {
 public:
  State(env::Env& env, Identity identity, ChannelOptions options, PeerHealth* health)
      : env_(env),
        identity_(std::move(identity)),
        options_(std::move(options)),
        health_(health),
        calls_(std::make_shared<CallTable>(env.scheduler())),
        wake_(env.scheduler()) {}

  void Start(Call call, CallDone done);
  void SetAddress(env::Address address);
  void KeepConnected();
  void Shut();
  static Task<void> Loop(std::shared_ptr<State> self);

  async::Scheduler& scheduler() { return env_.scheduler(); }
  const CallTable& calls() const { return *calls_; }
  std::shared_ptr<const Peer> peer() const { return session_ ? session_->peer() : nullptr; }
  Instant last_heard() const { return session_ ? session_->last_heard() : last_heard_; }
  const Status& last_error() const { return last_error_; }

 private:
  struct Queued {
    uint64_t id;
    Call call;
  };
  void Refuse(CallDone done, Status why);
  void SendNow(uint64_t id, Call call);
  Status CheckMeant(const Call& call) const;
  Task<StatusOr<std::shared_ptr<Session>>> Connect();
  Task<Status> ReadReplies(std::shared_ptr<Session> session);
  Status OnFrame(Session& session, Frame frame);
  void Up(std::shared_ptr<Session> session);
  void Failed(const Status& why);
  void Pause();
  Instant Now() const { return env_.scheduler().Now(); }

  env::Env& env_;
  const Identity identity_;
  ChannelOptions options_;
  PeerHealth* const health_;
  std::shared_ptr<CallTable> calls_;
  std::deque<Queued> queue_;          // wait for the connection
  std::shared_ptr<Session> session_;  // up, else null
  Status last_error_;
  Instant last_heard_;
  Duration backoff_{0};  // of the next failure; zero after a success
  Instant retry_at_;     // no attempt before
  bool got_reply_ = false;
  Instant up_since_;
  bool shut_ = false;
  async::Event wake_;
};

// ---- calls ----

void RemoteChannel::State::Start(Call call, CallDone done) {
  Status admitted = calls_->Admit(call, options_.limits, session_ ? session_->unsent() : 0);
  if (admitted.ok() && (shut_ || env_.scheduler().stopping())) {
    admitted = absl::CancelledError("stopping");
  } else if (admitted.ok() && session_ != nullptr) {
    admitted = CheckMeant(call);
  } else if (admitted.ok() && Now() < retry_at_) {
    admitted = NotSent(last_error_);
  }
  if (!admitted.ok()) {
    Refuse(std::move(done), std::move(admitted));
    return;
  }
  uint64_t id = calls_->Add(call, std::move(done));
  if (session_ != nullptr) {
    SendNow(id, std::move(call));
    return;
  }
  queue_.push_back({id, std::move(call)});
  wake_.NotifyAll();
}

void RemoteChannel::State::Refuse(CallDone done, Status why) {
  env_.scheduler().Post(
      [done = std::move(done), why = std::move(why)]() mutable { done(std::move(why)); });
}

void RemoteChannel::State::SendNow(uint64_t id, Call call) {
  calls_->MarkSent(id);
  session_->Send(FrameType::kRequest, call.method, id, call.header, call.payload);
}

Status RemoteChannel::State::CheckMeant(const Call& call) const {
  const Peer& peer = *session_->peer();
  if (call.disk != DiskId() && call.disk != peer.disk) {
    return WithRefusal(absl::NotFoundError(absl::StrFormat(
                           "node %d has disk %016x now, not %016x: that replica is gone",
                           peer.node.value(), peer.disk.value(), call.disk.value())),
                       Refusal::kOtherDisk);
  }
  if (call.incarnation != Incarnation() && call.incarnation != peer.incarnation) {
    return WithRefusal(absl::NotFoundError(absl::StrCat(
                           "node ", peer.node.value(), " is in its life ", peer.incarnation.value(),
                           ", not ", call.incarnation.value())),
                       Refusal::kOtherIncarnation);
  }
  return absl::OkStatus();
}

// ---- the connection ----

Task<void> RemoteChannel::State::Loop(std::shared_ptr<State> self) {
  async::Scheduler& scheduler = self->env_.scheduler();
  while (!self->shut_ && !scheduler.stopping()) {
    bool wanted = !self->queue_.empty() || self->options_.keep_connected;
    if (!wanted || self->Now() < self->retry_at_) {
      Instant until = wanted ? self->retry_at_ : Instant::Max();
      Status woken = co_await self->wake_.Wait(until);
      if (absl::IsCancelled(woken)) break;
      continue;
    }
    StatusOr<std::shared_ptr<Session>> session = co_await self->Connect();
    if (self->shut_) break;
    if (!session.ok()) {
      self->Failed(session.status());
      continue;
    }
    self->Up(*session);
    Status why = co_await self->ReadReplies(*session);
    self->last_heard_ = (*session)->last_heard();
    self->session_ = nullptr;
    if (self->shut_ || scheduler.stopping()) break;
    self->Failed(why);
  }
  self->Shut();
}

Task<StatusOr<std::shared_ptr<Session>>> RemoteChannel::State::Connect() {
  std::shared_ptr<State> self = shared_from_this();
  if (options_.address.host.empty()) {
    co_return env::DisconnectError(
        Disconnect::kUnreachable,
        absl::StrCat("no address is known for node ", options_.expected_node.value()));
  }
  Instant deadline = Now() + options_.limits.connect_timeout;
  env::Address address = options_.address;
  StatusOr<std::shared_ptr<env::Connection>> connection =
      co_await env_.network().Connect(address, deadline);
  VLOG_CO_RETURN_IF_ERROR(connection);
  SessionOptions options;
  options.keep_alive = options_.keep_alive;
  options.frame_limits.max_header_bytes = options_.limits.max_header_bytes;
  options.frame_limits.max_payload_bytes = options_.limits.max_payload_bytes;
  options.expected_node = options_.expected_node;
  options.health = health_;
  auto session = std::make_shared<Session>(env_, identity_, *std::move(connection), options);
  Status shaken = co_await session->Handshake(deadline);
  VLOG_CO_RETURN_IF_ERROR(shaken);
  if (address != options_.address) {
    session->End(absl::UnavailableError("another address is in force"));
    co_return env::DisconnectError(Disconnect::kClosedHere, "the address has changed");
  }
  co_return session;
}

void RemoteChannel::State::Up(std::shared_ptr<Session> session) {
  session_ = std::move(session);
  last_error_ = absl::OkStatus();
  got_reply_ = false;
  up_since_ = Now();
  std::deque<Queued> queue = std::exchange(queue_, {});
  std::vector<std::pair<uint64_t, Status>> refused;
  for (auto& [id, call] : queue) {
    if (!calls_->Has(id)) continue;  // its deadline has passed
    Status meant = CheckMeant(call);
    if (meant.ok()) {
      SendNow(id, std::move(call));
    } else {
      refused.emplace_back(id, std::move(meant));
    }
  }
  for (auto& [id, why] : refused) calls_->Finish(id, std::move(why));
}

Task<Status> RemoteChannel::State::ReadReplies(std::shared_ptr<Session> session) {
  for (;;) {
    StatusOr<FrameHeader> header = co_await session->NextHeader();
    if (!header.ok()) co_return header.status();
    StatusOr<Frame> frame = co_await session->TakeFrame(*header);
    if (!frame.ok()) co_return frame.status();
    if (shut_) co_return absl::CancelledError("the channel is gone");
    got_reply_ = true;
    Frame taken = *std::move(frame);
    uint64_t id = taken.fixed.request_id;
    if (taken.fixed.type == FrameType::kError) {
      calls_->Finish(id, DecodeError(taken.header));
      continue;
    }
    Reply reply;
    reply.payload_crc = taken.payload_crc();
    reply.header = std::move(taken.header);
    reply.payload = std::move(taken.payload);
    reply.peer = session->peer();
    calls_->Finish(id, std::move(reply));
  }
}

void RemoteChannel::State::Failed(const Status& why) {
  last_error_ = why;
  std::optional<Disconnect> reason = env::DisconnectOf(why);
  if (health_ != nullptr && reason.has_value()) {
    health_->Failed(options_.expected_node, *reason, Now());
  }
  // A connection that worked is tried again at once; one that never did, after a pause.
  bool lasted = up_since_ != Instant() && Now() - up_since_ > options_.limits.max_backoff;
  if (got_reply_ || lasted) backoff_ = Duration(0);
  got_reply_ = false;
  up_since_ = Instant();
  Pause();
  queue_.clear();
  calls_->FailAll(why);
}

void RemoteChannel::State::Pause() {
  const ChannelLimits& limits = options_.limits;
  Duration pause = backoff_;
  if (pause > Duration(0)) {
    pause += Duration(env_.RandomBelow(static_cast<uint64_t>(pause.count()) / 2 + 1));
  }
  retry_at_ = Now() + pause;
  backoff_ = std::clamp(backoff_ * 2, limits.min_backoff, limits.max_backoff);
}

void RemoteChannel::State::SetAddress(env::Address address) {
  if (address == options_.address) return;
  options_.address = std::move(address);
  retry_at_ = Instant();
  backoff_ = Duration(0);
  if (session_ != nullptr) session_->End(absl::UnavailableError("another address is in force"));
  wake_.NotifyAll();
}

void RemoteChannel::State::KeepConnected() {
  if (!std::exchange(options_.keep_connected, true)) wake_.NotifyAll();
}

void RemoteChannel::State::Shut() {
  if (std::exchange(shut_, true)) return;
  queue_.clear();
  Status why = absl::CancelledError("the channel is gone, or the node stops");
  if (session_ != nullptr) session_->End(why);
  wake_.NotifyAll();
  calls_->CancelAll(why);
}

// ---- the channel that users hold ----

RemoteChannel::RemoteChannel(env::Env& env, Identity identity, ChannelOptions options,
                             PeerHealth* health)
    : state_(std::make_shared<State>(env, std::move(identity), std::move(options), health)) {
  async::SpawnRoot(env.scheduler().executor(), State::Loop(state_));
}

RemoteChannel::~RemoteChannel() { state_->Shut(); }

void RemoteChannel::KeepConnected() { state_->KeepConnected(); }

void RemoteChannel::SetAddress(env::Address address) { state_->SetAddress(std::move(address)); }

void RemoteChannel::Start(Call call, CallDone done) {
  state_->Start(std::move(call), std::move(done));
}

Task<StatusOr<Reply>> RemoteChannel::Run(Call call) {
  auto start = [state = state_, call = std::move(call)](CallDone done) mutable {
    state->Start(std::move(call), std::move(done));
  };
  return RunCall(state_->scheduler(), std::move(start));
}

size_t RemoteChannel::pending_bytes() const { return state_->calls().bytes(); }
size_t RemoteChannel::pending_calls() const { return state_->calls().size(); }
std::shared_ptr<const Peer> RemoteChannel::peer() const { return state_->peer(); }
Instant RemoteChannel::last_heard() const { return state_->last_heard(); }
const Status& RemoteChannel::last_error() const { return state_->last_error(); }

std::shared_ptr<Channel> NewChannel(env::Env& env, Identity identity, ChannelOptions options,
                                    PeerHealth* health) {
  return std::make_shared<RemoteChannel>(env, std::move(identity), std::move(options), health);
}

}  // namespace vlog::rpc

#include "rpc/session.h"

#include <utility>

namespace vlog::rpc {

using env::Disconnect;
using env::DisconnectError;

namespace {

// The room for a frame is reserved when it begins: nobody may hold it for longer.
constexpr Duration kFrameTimeout = std::chrono::seconds(30);

}  // namespace

Session::Session(env::Env& env, Identity self, std::shared_ptr<env::Connection> connection,
                 SessionOptions options)
    : env_(env),
      self_(std::move(self)),
      connection_(std::move(connection)),
      options_(options),
      last_heard_(env.scheduler().Now()) {}

// ---- handshake ----

namespace {

// Ends a session that has not shaken hands by then.
void CloseAt(env::Env& env, std::weak_ptr<Session> session, Instant deadline) {
  if (deadline == Instant::Max()) return;
  env.scheduler().StartTimer(deadline, [session = std::move(session)] {
    std::shared_ptr<Session> alive = session.lock();
    if (alive == nullptr || alive->peer() != nullptr) return;
    alive->End(DisconnectError(Disconnect::kSilent, "no handshake in time"));
  });
}

}  // namespace

Task<Status> Session::Handshake(Instant deadline) {
  std::shared_ptr<Session> self = shared_from_this();
  CloseAt(env_, self, deadline);
  // A server shows itself only to who speaks the protocol.
  if (!options_.server) {
    Send(FrameType::kHello, 0, 0, EncodeHello(self_, options_.expected_node), Payload());
  }
  StatusOr<Hello> hello = co_await ReadHello();
  VLOG_CO_RETURN_IF_ERROR(hello);
  Status judged = Judge(*hello);
  if (!judged.ok()) {
    End(judged);
    co_return judged;
  }
  if (options_.server) {
    Send(FrameType::kHello, 0, 0, EncodeHello(self_, NodeId()), Payload());
  }
  auto peer = std::make_shared<Peer>();
  peer->node = hello->identity.node;
  peer->incarnation = hello->identity.incarnation;
  peer->disk = hello->identity.disk;
  peer->process = hello->identity.process;
  peer->address = connection_->remote();
  peer->connection = env_.RandomId();
  peer_ = std::move(peer);
  Heard();
  ArmTick();
  co_return absl::OkStatus();
}

Task<StatusOr<Hello>> Session::ReadHello() {
  StatusOr<Bytes> window = co_await ReadBytes(kFixedHeaderBytes);
  VLOG_CO_RETURN_IF_ERROR(window);
  FrameLimits limits;
  limits.max_header_bytes = kMaxHelloBytes;
  limits.max_payload_bytes = 0;
  StatusOr<FrameHeader> fixed = DecodeFixedHeader(window->view(), limits);
  if (!fixed.ok()) co_return Malformed(fixed.status());
  StatusOr<Frame> frame = co_await TakeFrame(*fixed);
  VLOG_CO_RETURN_IF_ERROR(frame);
  if (fixed->type == FrameType::kGoodbye) {
    End(DecodeError(frame->header));
    co_return ended_;
  }
  if (fixed->type != FrameType::kHello) {
    co_return Malformed(absl::DataLossError("the first frame is no hello"));
  }
  StatusOr<Hello> hello = DecodeHello(frame->header);
  if (!hello.ok()) co_return Malformed(hello.status());
  co_return hello;
}

Status Session::Judge(const Hello& hello) {
  Status checked = CheckHello(hello, self_, options_.expected_node);
  VLOG_RETURN_IF_ERROR(checked);
  if (options_.health == nullptr) return absl::OkStatus();
  return options_.health->Connected(hello.identity, env_.scheduler().Now());
}

// ---- frames ----

Task<StatusOr<Bytes>> Session::ReadBytes(size_t at_least) {
  VLOG_CO_RETURN_IF_ERROR(ended_);
  StatusOr<Bytes> window = co_await connection_->Read(at_least);
  VLOG_CO_RETURN_IF_ERROR(ended_);
  if (!window.ok()) ended_ = window.status();
  if (window.ok()) Heard();
  co_return window;
}

Task<StatusOr<FrameHeader>> Session::NextHeader() {
  std::shared_ptr<Session> self = shared_from_this();
  for (;;) {
    StatusOr<Bytes> window = co_await ReadBytes(kFixedHeaderBytes);
    VLOG_CO_RETURN_IF_ERROR(window);
    StatusOr<FrameHeader> fixed = DecodeFixedHeader(window->view(), options_.frame_limits);
    if (!fixed.ok()) co_return Malformed(fixed.status());
    *window = Bytes();  // or the buffer could not be used again
    bool for_owner = fixed->type == FrameType::kRequest || fixed->type == FrameType::kReply ||
                     fixed->type == FrameType::kError;
    if (for_owner) {
      // Each side has its half of the protocol.
      if (options_.server == (fixed->type == FrameType::kRequest)) co_return fixed;
      co_return Malformed(absl::DataLossError("a frame of the wrong direction"));
    }
    if (fixed->payload_bytes > 0 || fixed->header_bytes > kMaxHelloBytes) {
      co_return Malformed(absl::DataLossError("a control frame that is too large"));
    }
    StatusOr<Frame> frame = co_await TakeFrame(*fixed);
    VLOG_CO_RETURN_IF_ERROR(frame);
    if (fixed->type == FrameType::kGoodbye) {
      Status why = DecodeError(frame->header);
      ended_ = DisconnectError(Disconnect::kClosed, "the peer said: " + vlog::Message(why));
      connection_->Close();
      co_return ended_;
    }
    if (fixed->type != FrameType::kPing) {
      co_return Malformed(absl::DataLossError("a second hello"));
    }
  }
}

Task<StatusOr<Frame>> Session::TakeFrame(FrameHeader header) {
  std::shared_ptr<Session> self = shared_from_this();
  frame_since_ = env_.scheduler().Now();
  StatusOr<Bytes> window = co_await ReadBytes(header.frame_bytes());
  frame_since_.reset();
  VLOG_CO_RETURN_IF_ERROR(window);
  StatusOr<Frame> frame = DecodeFrame(header, *window);
  if (!frame.ok()) co_return Malformed(frame.status());
  connection_->Consume(header.frame_bytes());
  co_return frame;
}

void Session::Send(FrameType type, Method method, uint64_t request_id, const std::string& header,
                   const Payload& payload) {
  if (!ended_.ok()) return;
  BytesList pieces = EncodeFrame(type, method, request_id, header, payload);
  for (const Bytes& piece : pieces) written_ += piece.size();
  connection_->Write(std::move(pieces));
}

// ---- the end ----

Status Session::Malformed(const Status& why) {
  Status told = absl::DataLossError(connection_->remote() + ": malformed: " + vlog::Message(why));
  End(told);
  return told;
}

void Session::End(const Status& why) {
  if (!ended_.ok()) return;
  Send(FrameType::kGoodbye, 0, 0, EncodeError(why), Payload());
  ended_ = why;
  connection_->Close();
}

// ---- signs of life ----

void Session::Heard() {
  last_heard_ = env_.scheduler().Now();
  if (options_.health != nullptr && peer_ != nullptr) {
    options_.health->Heard(peer_->node, last_heard_);
  }
}

void Session::ArmTick() {
  Instant next = env_.scheduler().Now() + options_.keep_alive.ping_every;
  env_.scheduler().StartTimer(next, [weak = weak_from_this()] {
    if (std::shared_ptr<Session> self = weak.lock()) self->Tick();
  });
}

void Session::Tick() {
  if (!ended_.ok()) return;
  if (PeerIsSilent()) {
    End(DisconnectError(Disconnect::kSilent, connection_->remote() + ": nothing was heard"));
    return;
  }
  // A client waits for its server: the deadlines of its calls end what takes too long.
  if (options_.server && PeerIsStuck()) {
    End(DisconnectError(Disconnect::kSilent,
                        connection_->remote() + ": the peer does not take what is sent"));
    return;
  }
  if (frame_since_.has_value() && env_.scheduler().Now() - *frame_since_ > kFrameTimeout) {
    End(DisconnectError(Disconnect::kSilent,
                        connection_->remote() + ": a frame does not come to its end"));
    return;
  }
  if (written_ == written_at_check_) Send(FrameType::kPing, 0, 0, "", Payload());
  written_at_check_ = written_;
  ArmTick();
}

bool Session::PeerIsSilent() {
  uint64_t received = connection_->received();
  bool heard = received != heard_bytes_;
  if (heard) Heard();
  heard_bytes_ = received;
  silent_checks_ = heard || !reading_ ? 0 : silent_checks_ + 1;
  return silent_checks_ >= options_.keep_alive.dead_after_checks;
}

bool Session::PeerIsStuck() {
  uint64_t taken = written_ - connection_->unsent();
  bool moves = taken != taken_at_check_ || connection_->unsent() == 0;
  taken_at_check_ = taken;
  stuck_checks_ = moves ? 0 : stuck_checks_ + 1;
  return stuck_checks_ >= options_.keep_alive.dead_after_checks;
}

}  // namespace vlog::rpc

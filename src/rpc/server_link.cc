#include "rpc/server_link.h"

#include <utility>

namespace vlog::rpc {
namespace {

// How often a connection that waits for room looks at what others have sent meanwhile.
constexpr Duration kRoomCheck = std::chrono::milliseconds(100);

}  // namespace

ServerLink::ServerLink(env::Env& env, std::shared_ptr<Session> session, Dispatcher& dispatcher,
                       std::shared_ptr<ServerBudget> budget, ServerLimits limits)
    : env_(env),
      session_(std::move(session)),
      budget_(std::move(budget)),
      limits_(limits),
      number_(budget_->next_link++),
      intake_(std::make_shared<Intake>(dispatcher)) {
  budget_->links[number_] = this;
}

void ServerBudget::Recount() {
  for (auto& [number, link] : links) link->CountUnsent();
}

ServerLink::~ServerLink() {
  budget_->links.erase(number_);
  budget_->bytes -= request_bytes_ + unsent_;
  budget_->requests -= requests_;
  budget_->changed.NotifyAll();
}

Task<void> ServerLink::Serve() {
  std::shared_ptr<ServerLink> self = shared_from_this();
  Status status = co_await session_->Handshake(env_.scheduler().Now() + limits_.handshake_timeout);
  if (RefusalOf(status) != Refusal::kNone) ++budget_->stats.refused_handshakes;
  while (status.ok() && !stop_reading_) status = co_await TakeOne();
  if (absl::IsDataLoss(status)) ++budget_->stats.malformed;
  if (env::DisconnectOf(session_->status()) == env::Disconnect::kSilent) ++budget_->stats.silent;
}

Task<Status> ServerLink::TakeOne() {
  StatusOr<FrameHeader> header = co_await session_->NextHeader();
  if (!header.ok()) co_return header.status();
  size_t bytes = header->frame_bytes();
  Status room = co_await AwaitRoom(bytes);
  VLOG_CO_RETURN_IF_ERROR(room);
  // From here on the memory for it may be in use, whether or not it has arrived.
  Charge(bytes);
  uint64_t id = header->request_id;
  auto answer = [weak = weak_from_this(), id, bytes](StatusOr<Message> reply) {
    if (std::shared_ptr<ServerLink> self = weak.lock()) self->Answer(id, bytes, std::move(reply));
  };
  Responder responder(std::move(answer));
  StatusOr<Frame> frame = co_await session_->TakeFrame(*header);
  if (!frame.ok()) co_return frame.status();
  if (stop_reading_) {
    responder(absl::UnavailableError("the server stops; the request was not started"));
    co_return absl::CancelledError("the server stops");
  }
  ++budget_->stats.requests;
  Frame taken = *std::move(frame);
  Request request;
  request.peer = session_->peer();
  request.method = taken.fixed.method;
  request.payload_crc = taken.payload_crc();
  request.header = std::move(taken.header);
  request.payload = std::move(taken.payload);
  intake_->Take(std::move(request), std::move(responder));
  co_return absl::OkStatus();
}

Task<Status> ServerLink::AwaitRoom(size_t bytes) {
  if (HasRoom(bytes)) co_return absl::OkStatus();
  ++budget_->stats.paused_reads;
  session_->set_reading(false);
  Status status;
  while (status.ok() && !stop_reading_ && !HasRoom(bytes)) {
    Status waited = co_await budget_->changed.Wait(env_.scheduler().Now() + kRoomCheck);
    status = absl::IsCancelled(waited) ? waited : session_->status();
  }
  session_->set_reading(true);
  if (status.ok() && !HasRoom(bytes)) co_return absl::CancelledError("the server stops");
  co_return status;
}

bool ServerLink::HasRoom(size_t bytes) {
  CountUnsent();
  // One request is always taken: what is larger than a limit must not wait for ever.
  bool mine = requests_ == 0 || (requests_ < limits_.max_requests &&
                                 request_bytes_ + bytes <= limits_.max_request_bytes);
  bool sent = unsent_ <= limits_.max_unsent_bytes;
  if (budget_->bytes + bytes > budget_->max_bytes) budget_->Recount();
  bool total = budget_->bytes == 0 || budget_->bytes + bytes <= budget_->max_bytes;
  return mine && sent && total;
}

void ServerLink::Charge(size_t bytes) {
  ++requests_;
  request_bytes_ += bytes;
  ++budget_->requests;
  budget_->bytes += bytes;
}

Status ServerLink::CheckReply(const Message& reply) const {
  bool fits = reply.header.size() <= limits_.max_header_bytes &&
              reply.payload.size() <= limits_.max_payload_bytes;
  if (fits) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("the reply of ", reply.header.size(), " + ",
                                         reply.payload.size(), " bytes is above the limits"));
}

void ServerLink::Answer(uint64_t request_id, size_t bytes, StatusOr<Message> reply) {
  --requests_;
  request_bytes_ -= bytes;
  --budget_->requests;
  budget_->bytes -= bytes;
  Status status = reply.status();
  if (status.ok()) status = CheckReply(*reply);
  ++(status.ok() ? budget_->stats.replies : budget_->stats.errors);
  if (status.ok()) {
    session_->Send(FrameType::kReply, 0, request_id, reply->header, reply->payload);
  } else {
    session_->Send(FrameType::kError, 0, request_id, EncodeError(status), Payload());
  }
  CountUnsent();
  budget_->changed.NotifyAll();
}

void ServerLink::CountUnsent() {
  size_t unsent = session_->unsent();
  budget_->bytes = budget_->bytes - unsent_ + unsent;
  unsent_ = unsent;
}

Task<void> ServerLink::Drain() {
  std::shared_ptr<ServerLink> self = shared_from_this();
  Status status = session_->status();
  while (status.ok() && requests_ > 0) {
    Status waited = co_await budget_->changed.Wait();
    status = absl::IsCancelled(waited) ? waited : session_->status();
  }
  session_->End(absl::UnavailableError("the server stops"));
}

void ServerLink::StopReading() {
  stop_reading_ = true;
  budget_->changed.NotifyAll();
}

void ServerLink::End(const Status& why) {
  session_->End(why);
  budget_->changed.NotifyAll();
}

}  // namespace vlog::rpc

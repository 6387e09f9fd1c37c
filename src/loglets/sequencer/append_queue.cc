#include "loglets/sequencer/append_queue.h"

#include <algorithm>
#include <utility>

namespace vlog::loglets::sequencer {
namespace {

Status Unknown(const Status& why) { return absl::UnknownError("may be stored: " + Message(why)); }

bool ProvenDead(const Status& status) {
  // A refused handshake (another version, another cluster) says nothing about the sequencer.
  rpc::Refusal refusal = rpc::RefusalOf(status);
  return (absl::IsAborted(status) && refusal == rpc::Refusal::kNone) ||
         refusal == rpc::Refusal::kOtherIncarnation || refusal == rpc::Refusal::kOtherDisk;
}

// The call ended without a word of the sequencer, or its process stops.
bool Lost(const Status& status) {
  bool cut_off = absl::IsUnknown(status) && env::DisconnectOf(status).has_value();
  return cut_off || absl::IsCancelled(status);
}

}  // namespace

void AppendQueue::Append(Batch batch, AppendDone done) {
  uint64_t number = first_ + queue_.size();
  Pending& pending = queue_.emplace_back();
  pending.batch = std::move(batch);
  pending.done = std::move(done);
  if (!ended_.ok()) {
    pending.result = ended_;
    DeliverSoon();
  } else if (!pausing_) {
    Send(number);
  }
}

void AppendQueue::Send(uint64_t number) {
  Pending& pending = queue_[number - first_];
  ++pending.open_attempts;
  auto answered = [self = shared_from_this(), number, epoch = epoch_](StatusOr<rpc::Reply> reply) {
    self->Answered(number, epoch, std::move(reply));
  };
  client_->AskSequencer(kAppendMethod, pending.batch, std::string(), client_->timing.append,
                        std::move(answered));
}

void AppendQueue::Answered(uint64_t number, uint64_t epoch, StatusOr<rpc::Reply> reply) {
  bool waits = number >= first_ && number - first_ < queue_.size();
  if (!waits) return;
  Pending& pending = queue_[number - first_];
  if (pending.result) return;
  if (!reply.ok()) return Refused(pending, epoch, reply.status());
  StatusOr<SequencerAnswer> answer = DecodeSequencerAnswer(reply->header);
  if (!answer.ok()) {
    pending.result = Unknown(answer.status());
    return Deliver();
  }
  failures_ = 0;
  // It acknowledges in order: all below is committed as well.
  Offset end = answer->offset + pending.batch.header.count;
  client_->LearnTail(std::max(end, answer->committed));
  pending.result = answer->offset;
  Deliver();
}

void AppendQueue::Refused(Pending& pending, uint64_t epoch, const Status& status) {
  bool open = absl::IsUnknown(status) || absl::IsCancelled(status);
  if (!open) --pending.open_attempts;
  bool stopping = absl::IsCancelled(status) && client_->env.scheduler().stopping();
  if (stopping) return EndAll(status);
  if (ProvenDead(status)) {
    return EndAll(absl::FailedPreconditionError("not stored; " + Message(status)));
  }
  if (absl::IsFailedPrecondition(status)) {
    pending.result = status;
    return Deliver();
  }
  if (epoch != epoch_) return;  // it is being sent again
  if (absl::IsUnknown(status) && !Lost(status)) {
    pending.result = status;
    return Deliver();
  }
  if (absl::IsInvalidArgument(status)) {
    pending.result = pending.open_attempts > 0 ? Unknown(status) : status;
    return Deliver();
  }
  Break();
}

void AppendQueue::Break() {
  ++epoch_;
  pausing_ = true;
  Duration backoff = client_->timing.min_backoff;
  for (int i = 0; i < failures_ && backoff < client_->timing.max_backoff; ++i) backoff *= 2;
  backoff = std::min(backoff, client_->timing.max_backoff);
  ++failures_;
  Probe();
  auto resume = [self = shared_from_this()] { self->Resume(); };
  client_->env.scheduler().StartTimer(client_->Now() + backoff, std::move(resume));
}

void AppendQueue::Resume() {
  pausing_ = false;
  if (!ended_.ok()) return;
  for (size_t i = 0; i < queue_.size(); ++i) {
    if (!queue_[i].result) Send(first_ + i);
  }
}

// The sequencer does not answer: is it because the loglet is sealed?
void AppendQueue::Probe() {
  for (size_t server = 0; server < client_->params.replica_count(); ++server) {
    TimedTailRequest request;
    request.tail.disk = client_->params.replicas[server].disk;
    auto answered = [weak = weak_from_this()](StatusOr<ServerAnswer> answer) {
      std::shared_ptr<AppendQueue> self = weak.lock();
      bool over = answer.ok() && (answer->word.sealed || answer->word.code == ServerCode::kGone);
      if (self == nullptr || !over || self->failures_ == 0) return;
      self->EndAll(absl::FailedPreconditionError("sealed; this batch was not stored"));
    };
    client_->Ask(server, kTailMethod, request, client_->timing.answer, std::move(answered));
  }
}

void AppendQueue::EndAll(const Status& why) {
  if (!ended_.ok()) return;
  ended_ = why;
  ++epoch_;
  for (Pending& pending : queue_) {
    if (pending.result) continue;
    pending.result = pending.open_attempts > 0 ? Unknown(why) : why;
  }
  DeliverSoon();
}

void AppendQueue::DeliverSoon() {
  // Not inside a call, and on a crash never.
  client_->env.scheduler().Post([self = shared_from_this()] { self->Deliver(); });
}

void AppendQueue::Deliver() {
  if (delivering_) return;
  delivering_ = true;
  std::shared_ptr<AppendQueue> self = shared_from_this();
  while (!queue_.empty() && queue_.front().result) {
    Pending answered = std::move(queue_.front());
    queue_.pop_front();
    ++first_;
    answered.done(*std::move(answered.result));
  }
  delivering_ = false;
}

}  // namespace vlog::loglets::sequencer

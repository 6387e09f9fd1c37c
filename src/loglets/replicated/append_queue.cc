#include "loglets/replicated/append_queue.h"

#include <algorithm>
#include <utility>

namespace vlog::loglets::replicated {
namespace {

Status Unknown(const Status& why) { return absl::UnknownError("may be stored: " + Message(why)); }
Status SealedNotStored() {
  return absl::FailedPreconditionError("sealed; this batch was not stored");
}

}  // namespace

AppendQueue::AppendQueue(std::shared_ptr<ReplicaClient> client,
                         std::shared_ptr<LeaderSearch> search)
    : client_(std::move(client)), search_(std::move(search)) {}

void AppendQueue::Start() {
  search_->OnFound([weak = weak_from_this()] {
    if (std::shared_ptr<AppendQueue> self = weak.lock()) self->LeaderFound();
  });
}

void AppendQueue::Append(Batch batch, AppendDone done) {
  if (queue_.empty()) heard_at_ = client_->Now();
  Pending& pending = queue_.emplace_back();
  pending.batch = std::move(batch);
  pending.done = std::move(done);
  bool over = !ended_.ok() || client_->sealed();
  if (over) {
    pending.result = ended_.ok() ? SealedNotStored() : ended_;
    return DeliverSoon();
  }
  WatchLeader();
  SendSoon();
}

AppendQueue::Pending* AppendQueue::Find(uint64_t number) {
  bool waits = number >= first_ && number - first_ < queue_.size();
  return waits ? &queue_[number - first_] : nullptr;
}

// ---- sending ----

// What is appended in one turn of the executor leaves in one message.
void AppendQueue::SendSoon() {
  if (sending_soon_ || pausing_ || searching_) return;
  sending_soon_ = true;
  client_->env.scheduler().Post([self = shared_from_this()] {
    self->sending_soon_ = false;
    self->SendReady();
  });
}

void AppendQueue::SendReady() {
  if (pausing_ || searching_ || !ended_.ok()) return;
  if (!search_->leader()) return Resume();
  sent_to_ = search_->leader();
  unsent_ = std::max(unsent_, first_);
  while (unsent_ - first_ < queue_.size()) SendOne();
}

void AppendQueue::SendOne() {
  Sent sent{{}, epoch_, *sent_to_};
  ReplicaRequest request;
  size_t bytes = 0;
  size_t most = one_by_one_ ? 1 : kMaxBatches;
  for (; unsent_ - first_ < queue_.size() && sent.numbers.size() < most; ++unsent_) {
    Pending& pending = queue_[unsent_ - first_];
    if (pending.result) continue;
    size_t size = pending.batch.body.size();
    if (!sent.numbers.empty() && bytes + size > kAppendBytes) break;
    bytes += size;
    ++pending.open_attempts;
    request.batches.push_back(pending.batch);
    sent.numbers.push_back(unsent_);
  }
  if (sent.numbers.empty()) return;
  size_t member = sent.member;
  auto answered = [self = shared_from_this(), sent = std::move(sent)](
                      StatusOr<ReplicaReply> reply) { self->Answered(sent, std::move(reply)); };
  client_->Ask(member, kAppendVerb, std::move(request), client_->timing.append,
               std::move(answered));
}

// ---- answers ----

void AppendQueue::Answered(const Sent& sent, StatusOr<ReplicaReply> reply) {
  if (!reply.ok()) return Failed(sent, reply.status());
  heard_at_ = client_->Now();
  const Word& word = reply->word;
  if (word.code == Code::kGone) {
    return EndAll(absl::FailedPreconditionError("gone: this loglet was dropped"));
  }
  if (word.code == Code::kLost) return Failed(sent, absl::NotFoundError("this member is lost"));
  bool complete = word.code == Code::kOk && reply->results.size() == sent.numbers.size();
  if (!complete) return Failed(sent, absl::UnknownError("an answer that says nothing"));
  Next next = Next::kGoOn;
  bool leads = true;
  for (size_t i = 0; i < sent.numbers.size(); ++i) {
    Code code = reply->results[i].code;
    if (code == Code::kNotLeader || code == Code::kUnknown) leads = false;
    next = std::max(next, Judge(sent, sent.numbers[i], reply->results[i]));
  }
  if (leads) search_->Worked(sent.member);
  if (next == Next::kGoOn) failures_ = 0;
  if (sent.epoch == epoch_ && next != Next::kGoOn) {
    if (!leads) search_->Failed(sent.member, word.leader);
    Break(next == Next::kAgain);
  }
  Deliver();
}

AppendQueue::Next AppendQueue::Judge(const Sent& sent, uint64_t number,
                                     const AppendResult& result) {
  Pending* pending = Find(number);
  if (pending == nullptr || pending->result) return Next::kGoOn;
  Offset end = result.offset + pending->batch.header.count;
  switch (result.code) {
    case Code::kOk:
      // Decided in order: all below is committed as well.
      client_->LearnTail(end);
      pending->result = result.offset;
      return Next::kGoOn;
    case Code::kSealed:
      client_->LearnSealed();
      --pending->open_attempts;
      Refuse(*pending, SealedNotStored());
      return Next::kGoOn;
    case Code::kTooOld:
      pending->result = Unknown(absl::OutOfRangeError("it is too old to tell"));
      return Next::kGoOn;
    case Code::kUnknown:
      return Next::kAgain;
    case Code::kNotLeader:
      --pending->open_attempts;
      return Next::kAgain;
    case Code::kOutOfOrder:
      --pending->open_attempts;
      if (sent.epoch != epoch_) return Next::kGoOn;  // it is being sent again
      if (FollowsUnanswered(number)) return Next::kAgainLater;
      Refuse(*pending, absl::InvalidArgumentError("out of order; this batch was not stored"));
      return Next::kGoOn;
    default:
      --pending->open_attempts;
      return Next::kAgainLater;
  }
}

// An older batch of its writer has no answer yet: that one is what is missing.
bool AppendQueue::FollowsUnanswered(uint64_t number) const {
  WriterId writer = queue_[number - first_].batch.header.writer;
  for (uint64_t i = 0; i < number - first_; ++i) {
    if (!queue_[i].result && queue_[i].batch.header.writer == writer) return true;
  }
  return false;
}

void AppendQueue::Refuse(Pending& pending, const Status& status) {
  pending.result = pending.open_attempts > 0 ? Unknown(status) : status;
}

void AppendQueue::Failed(const Sent& sent, const Status& status) {
  bool open = absl::IsUnknown(status) || absl::IsCancelled(status) || absl::IsInternal(status);
  bool refused = absl::IsInvalidArgument(status);
  for (uint64_t number : sent.numbers) {
    Pending* pending = Find(number);
    if (pending == nullptr) continue;
    if (!open) --pending->open_attempts;
    if (refused && sent.numbers.size() == 1 && !pending->result) Refuse(*pending, status);
  }
  if (client_->env.scheduler().stopping()) return EndAll(status);
  if (refused && sent.numbers.size() == 1) return Deliver();
  if (sent.epoch != epoch_) return;  // it is being sent again
  // A message that is refused as a whole: which of its batches was it?
  if (refused) one_by_one_ = true;
  bool busy = absl::IsResourceExhausted(status);
  if (!refused && !busy) search_->Failed(sent.member);
  Break(!busy);
}

// ---- sending again ----

void AppendQueue::Break(bool at_once) {
  ++epoch_;
  unsent_ = first_;
  if (pausing_) return;
  pausing_ = true;
  Duration backoff{0};
  if (failures_ > 0 || !at_once) {
    backoff = client_->timing.min_backoff;
    for (int i = 1; i < failures_ && backoff < client_->timing.max_backoff; ++i) backoff *= 2;
    backoff = std::min(backoff, client_->timing.max_backoff);
  }
  ++failures_;
  auto resume = [self = shared_from_this()] {
    self->pausing_ = false;
    self->Resume();
  };
  client_->env.scheduler().StartTimer(client_->Now() + backoff, std::move(resume));
}

void AppendQueue::Resume() {
  if (pausing_ || searching_ || !ended_.ok() || queue_.empty()) return;
  if (client_->sealed()) return EndAll(SealedNotStored());
  if (search_->leader()) {
    heard_at_ = client_->Now();
    return SendReady();
  }
  searching_ = true;
  search_->Want();
}

void AppendQueue::LeaderFound() {
  if (searching_) {
    searching_ = false;
    search_->Release();
    return Resume();
  }
  bool elsewhere = !pausing_ && !queue_.empty() && search_->leader() != sent_to_;
  if (elsewhere) Break(true);
}

// A leader that is silent may be paused or cut off while another one leads already. This also keeps
// the queue alive as long as somebody waits for an answer.
void AppendQueue::WatchLeader() {
  if (watching_ || queue_.empty() || !ended_.ok()) return;
  watching_ = true;
  auto look = [self = shared_from_this()] {
    self->watching_ = false;
    bool owes = !self->queue_.empty() && !self->pausing_ && !self->searching_;
    Duration silence = self->client_->Now() - self->heard_at_;
    if (owes && silence >= self->client_->timing.doubt) self->search_->Doubt();
    self->WatchLeader();
  };
  client_->env.scheduler().StartTimer(client_->Now() + client_->timing.doubt, std::move(look));
}

// ---- results ----

void AppendQueue::EndAll(const Status& why) {
  if (!ended_.ok()) return;
  ended_ = why;
  ++epoch_;
  if (std::exchange(searching_, false)) search_->Release();
  for (Pending& pending : queue_) {
    if (!pending.result) Refuse(pending, why);
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

}  // namespace vlog::loglets::replicated

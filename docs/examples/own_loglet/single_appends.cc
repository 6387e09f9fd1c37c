#include "single_appends.h"

#include <utility>

namespace single {
namespace {

using vlog::Offset;
using vlog::Status;
using vlog::StatusOr;

constexpr vlog::Duration kPatience = std::chrono::seconds(1);
constexpr vlog::Duration kPause = std::chrono::milliseconds(20);

}  // namespace

void Appends::Append(vlog::Batch batch, vlog::loglets::AppendDone done) {
  uint64_t number = first_ + queue_.size();
  Pending& pending = queue_.emplace_back();
  pending.batch = std::move(batch);
  pending.done = std::move(done);
  if (!pausing_) Send(number);
}

void Appends::Send(uint64_t number) {
  Pending& pending = queue_[number - first_];
  ++pending.open_attempts;
  Question question;
  question.text = vlog::EncodeBatchHeader(pending.batch.header);
  vlog::rpc::Call call =
      link_->MakeCall(kAppendMethod, std::move(question), link_->After(kPatience));
  call.payload = vlog::rpc::Payload(pending.batch.body, pending.batch.body_crc);
  // A channel keeps the order of its calls, and calls back later, never inside Start().
  link_->channel->Start(std::move(call), [self = shared_from_this(), number,
                                          round = round_](StatusOr<vlog::rpc::Reply> reply) {
    self->Answered(number, round, std::move(reply));
  });
}

void Appends::Answered(uint64_t number, uint64_t round, StatusOr<vlog::rpc::Reply> reply) {
  bool waits = number >= first_ && number - first_ < queue_.size();
  if (!waits) return;
  Pending& pending = queue_[number - first_];
  if (pending.result) return;
  if (!reply.ok()) return Refused(pending, round, reply.status());
  StatusOr<Answer> answer = link_->Take(reply);
  if (answer.ok()) {
    pending.result = answer->offset;
  } else {
    pending.result = absl::UnknownError("may be stored: " + vlog::Message(answer.status()));
  }
  Deliver();
}

void Appends::Refused(Pending& pending, uint64_t round, const Status& status) {
  // Without a word of the home the attempt is open: the connection or the home was lost. All other
  // errors are its word, or say that the call was not sent, so that this attempt stored nothing.
  bool no_word = absl::IsUnknown(status) || absl::IsCancelled(status);
  if (!no_word) --pending.open_attempts;
  // Out of order in an earlier round: it is being sent again, behind what was missing.
  bool out_of_order = absl::IsInvalidArgument(status);
  if (out_of_order && round != round_) return;
  bool too_old = absl::IsAlreadyExists(status);
  bool final = absl::IsFailedPrecondition(status) || out_of_order || too_old ||
               absl::IsResourceExhausted(status) || link_->env.scheduler().stopping();
  if (final) {
    // "Not stored" may be said only if no other attempt can have stored it.
    bool certain = pending.open_attempts == 0 && !too_old;
    pending.result =
        certain ? status : absl::UnknownError("may be stored: " + vlog::Message(status));
    return Deliver();
  }
  if (round == round_) SendAllAgainLater();
}

// Without end: a loglet tries until it succeeds or is sealed. A log that goes on elsewhere
// meanwhile tells its handles so itself.
void Appends::SendAllAgainLater() {
  ++round_;
  pausing_ = true;
  link_->env.scheduler().StartTimer(link_->After(kPause), [self = shared_from_this()] {
    self->pausing_ = false;
    for (size_t i = 0; i < self->queue_.size(); ++i) {
      if (!self->queue_[i].result) self->Send(self->first_ + i);
    }
  });
}

// In the order of the calls.
void Appends::Deliver() {
  if (delivering_) return;  // inside a callback of the loop below, which goes on
  delivering_ = true;
  std::shared_ptr<Appends> self = shared_from_this();
  while (!queue_.empty() && queue_.front().result) {
    Pending answered = std::move(queue_.front());
    queue_.pop_front();
    ++first_;
    answered.done(*std::move(answered.result));
  }
  delivering_ = false;
}

}  // namespace single

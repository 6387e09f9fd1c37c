#include "rpc/call_table.h"

#include <algorithm>
#include <vector>

namespace vlog::rpc {
namespace {

Status WithCode(const Status& why, absl::StatusCode code, const std::string& context) {
  Status status(code, context + vlog::Message(why));
  why.ForEachPayload([&status](auto url, const auto& payload) { status.SetPayload(url, payload); });
  return status;
}

Status TimedOut() {
  return env::DisconnectError(env::Disconnect::kSilent, "no reply by the deadline");
}

}  // namespace

Status UnknownFate(const Status& why) {
  return WithCode(why, absl::StatusCode::kUnknown, "outcome unknown: ");
}

Status NotSent(const Status& why) {
  // A refused handshake keeps its code: to try again at once would not help.
  bool refused = RefusalOf(why) != Refusal::kNone;
  return WithCode(why, refused ? why.code() : absl::StatusCode::kUnavailable, "not sent: ");
}

Status CallTable::Admit(const Call& call, const ChannelLimits& limits, size_t unsent) const {
  size_t payload = call.payload.size();
  if (call.header.size() > limits.max_header_bytes || payload > limits.max_payload_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a call of ", call.header.size(), " + ", payload, " bytes; the limits are ",
                     limits.max_header_bytes, " + ", limits.max_payload_bytes));
  }
  size_t pending = std::max(bytes_, unsent) + call.header.size() + payload;
  if (calls_.size() >= limits.max_pending_calls || pending > limits.max_pending_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("too much is pending: ", calls_.size(), " calls, ", bytes_, " bytes"));
  }
  return absl::OkStatus();
}

uint64_t CallTable::Add(const Call& call, CallDone done) {
  uint64_t id = next_id_++;
  Entry& entry = calls_[id];
  entry.done = std::move(done);
  entry.deadline = call.deadline;
  entry.bytes = call.header.size() + call.payload.size();
  bytes_ += entry.bytes;
  if (call.deadline != Instant::Max()) {
    deadlines_.emplace(call.deadline, id);
    Arm();
  }
  return id;
}

void CallTable::MarkSent(uint64_t id) {
  auto it = calls_.find(id);
  if (it != calls_.end()) it->second.sent = true;
}

CallTable::Entry CallTable::Take(std::map<uint64_t, Entry>::iterator it) {
  Entry entry = std::move(it->second);
  if (entry.deadline != Instant::Max()) deadlines_.erase({entry.deadline, it->first});
  bytes_ -= entry.bytes;
  calls_.erase(it);
  return entry;
}

void CallTable::Finish(uint64_t id, StatusOr<Reply> result) {
  auto it = calls_.find(id);
  if (it == calls_.end()) return;
  Entry entry = Take(it);
  entry.done(std::move(result));
}

void CallTable::FailAll(const Status& why) {
  std::vector<Entry> entries;
  while (!calls_.empty()) entries.push_back(Take(calls_.begin()));
  Status unknown = UnknownFate(why);
  Status not_sent = NotSent(why);
  for (Entry& entry : entries) entry.done(entry.sent ? unknown : not_sent);
}

void CallTable::CancelAll(const Status& why) {
  std::vector<Entry> entries;
  while (!calls_.empty()) entries.push_back(Take(calls_.begin()));
  for (Entry& entry : entries) entry.done(why);
}

void CallTable::Arm() {
  // Deadlines mostly come in order: the timer that is set is early enough, and sets the next.
  if (deadlines_.empty() || deadlines_.begin()->first >= armed_) return;
  armed_ = deadlines_.begin()->first;
  scheduler_.StartTimer(armed_, [weak = weak_from_this(), at = armed_] {
    std::shared_ptr<CallTable> self = weak.lock();
    if (self == nullptr || self->armed_ != at) return;  // an earlier one took its place
    self->armed_ = Instant::Max();
    self->Expire();
  });
}

void CallTable::Expire() {
  Instant now = scheduler_.Now();
  std::vector<Entry> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    expired.push_back(Take(calls_.find(deadlines_.begin()->second)));
  }
  Arm();
  for (Entry& entry : expired) {
    entry.done(entry.sent ? UnknownFate(TimedOut()) : NotSent(TimedOut()));
  }
}

Task<StatusOr<Reply>> RunCall(async::Scheduler& scheduler,
                              absl::AnyInvocable<void(CallDone)> start) {
  using Completer = async::Completer<StatusOr<Reply>>;
  auto begin = [start = std::move(start)](Completer completer) mutable {
    start([completer = std::move(completer)](StatusOr<Reply> reply) mutable {
      completer(std::move(reply));
    });
  };
  return Completer::Await(scheduler, std::move(begin));
}

}  // namespace vlog::rpc

#include "virtuallog/appender_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::virtuallog {

Status AppenderCore::Submit(std::string_view payload, RecordDone& done) {
  if (payload.size() > options_.max_record_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("a record of ", payload.size(),
                                                   " bytes is larger than the limit of ",
                                                   options_.max_record_bytes));
  }
  if (waiting_bytes_ + payload.size() > options_.max_waiting_bytes && waiting_bytes_ > 0) {
    return absl::ResourceExhaustedError(absl::StrCat(
        waiting_bytes_, " bytes are waiting already; await some appends before the next"));
  }
  if (forming_ && forming_->body_bytes() + RecordBytes(payload.size()) > options_.max_batch_bytes) {
    CloseForming();
  }
  if (!forming_) {
    // Under load batches are alike: the last one tells how much room this one needs.
    forming_.emplace(writer_, next_seq_);
    forming_->Reserve(last_batch_bytes_);
    forming_done_.reserve(last_batch_records_);
  }
  forming_->Add(payload);
  forming_done_.push_back(std::move(done));
  waiting_bytes_ += RecordBytes(payload.size());
  next_seq_ += 1;
  return absl::OkStatus();
}

void AppenderCore::CloseForming() {
  Entry entry;
  last_batch_bytes_ = forming_->body_bytes();
  last_batch_records_ = forming_->count();
  entry.batch = std::move(*forming_).Finish();
  entry.done = std::exchange(forming_done_, {});
  forming_.reset();
  closed_.push_back(std::move(entry));
}

void AppenderCore::Enter(Lsn base) {
  VLOG_CHECK(in_flight_.empty() && unknown_.empty(),
             "nothing newer is sent before all older batches are resolved");
  base_ = base;
  entered_ = true;
  ended_ = false;
  refused_.reset();
  last_taken_.reset();
}

std::optional<Batch> AppenderCore::NextSend(Offset known_tail) {
  if (!entered_ || ended_ || refused_ || in_flight_.size() >= options_.window) return std::nullopt;
  if (closed_.empty()) {
    if (!forming_) return std::nullopt;
    CloseForming();
  }
  Entry entry = std::move(closed_.front());
  closed_.pop_front();
  BatchHeader& header = entry.batch.header;
  std::optional<SeqNo> prev = last_taken_;
  if (!in_flight_.empty()) prev = in_flight_.back().batch.header.last();
  header.first_in_loglet = !prev.has_value();
  header.prev = prev.value_or(SeqNo());
  entry.sent_at = known_tail;
  Batch batch = entry.batch;
  in_flight_.push_back(std::move(entry));
  return batch;
}

AppenderCore::Entries::iterator AppenderCore::Find(Entries& entries, SeqNo first) {
  auto it = std::find_if(entries.begin(), entries.end(),
                         [&](const Entry& e) { return e.batch.header.first == first; });
  VLOG_CHECK(it != entries.end(), "every answer belongs to a batch that waits for it");
  return it;
}

void AppenderCore::OnResult(SeqNo first, StatusOr<Offset> result) {
  auto it = Find(in_flight_, first);
  Entry entry = std::move(*it);
  in_flight_.erase(it);
  auto in_order = [](const Entry& a, const Entry& b) {
    return a.batch.header.first < b.batch.header.first;
  };
  if (result.ok()) {
    last_taken_ = entry.batch.header.last();
    Complete(std::move(entry), result);
  } else if (absl::IsFailedPrecondition(result.status()) ||
             (absl::IsInvalidArgument(result.status()) && ended_)) {
    // Not stored: the segment is sealed, or a batch before it was not stored there.
    ended_ = true;
    closed_.insert(std::upper_bound(closed_.begin(), closed_.end(), entry, in_order),
                   std::move(entry));
  } else if (absl::IsUnknown(result.status())) {
    ended_ = true;
    unknown_.insert(std::upper_bound(unknown_.begin(), unknown_.end(), entry, in_order),
                    std::move(entry));
  } else {
    // "Out of order" says only that the batch before it was refused: tell that batch's reason.
    if (!refused_) refused_ = result.status();
    Complete(std::move(entry), *refused_);
  }
  if (in_flight_.empty()) refused_.reset();
}

std::vector<Unresolved> AppenderCore::unresolved() const {
  std::vector<Unresolved> result;
  for (const Entry& entry : unknown_) {
    result.push_back({entry.batch.header.first, entry.batch.header.count, entry.sent_at});
  }
  return result;
}

void AppenderCore::ResolveFound(SeqNo first, Offset offset) {
  auto it = Find(unknown_, first);
  Entry entry = std::move(*it);
  unknown_.erase(it);
  Complete(std::move(entry), offset);
}

void AppenderCore::ResolveAbsent(SeqNo first) {
  auto it = Find(unknown_, first);
  Entry entry = std::move(*it);
  unknown_.erase(it);
  auto newer = [&](const Entry& e) { return e.batch.header.first > first; };
  closed_.insert(std::find_if(closed_.begin(), closed_.end(), newer), std::move(entry));
}

void AppenderCore::ResolveUnknown(SeqNo first, const Status& why) {
  auto it = Find(unknown_, first);
  Entry entry = std::move(*it);
  unknown_.erase(it);
  Complete(std::move(entry), absl::UnknownError(Message(why)));
}

void AppenderCore::FailAll(const Status& why) {
  VLOG_CHECK(in_flight_.empty(), "what is in flight has its own answer coming");
  for (Entry& entry : std::exchange(unknown_, {})) {
    Complete(std::move(entry), absl::UnknownError(Message(why)));
  }
  if (forming_) CloseForming();
  for (Entry& entry : std::exchange(closed_, {})) Complete(std::move(entry), why);
}

void AppenderCore::Complete(Entry entry, StatusOr<Offset> result) {
  waiting_bytes_ -= entry.batch.body.size();
  completions_.reserve(completions_.size() + entry.done.size());
  Lsn lsn;
  if (result.ok()) lsn = base_ + result->value();
  for (RecordDone& done : entry.done) {
    if (result.ok()) {
      completions_.emplace_back(std::move(done), lsn);
      lsn += 1;
    } else {
      completions_.emplace_back(std::move(done), result.status());
    }
  }
}

}  // namespace vlog::virtuallog

#include "virtuallog/reader.h"

#include <algorithm>

namespace vlog::virtuallog {
namespace {

// Without anything new for so long the tail is checked; doubles while all stays quiet.
constexpr Duration kPatience = std::chrono::milliseconds(300);
constexpr Duration kMostPatience = std::chrono::seconds(5);

}  // namespace

Task<StatusOr<ReadItem>> Reader::Next(Instant deadline) {
  for (;;) {
    StatusOr<std::optional<ReadItem>> tried = co_await TryNext(deadline);
    VLOG_CO_RETURN_IF_ERROR(tried);
    if (tried->has_value()) co_return **std::move(tried);
    if (context_.env().scheduler().Now() >= deadline) {
      co_return absl::DeadlineExceededError("nothing to read yet");
    }
  }
}

Task<StatusOr<std::optional<ReadItem>>> Reader::TryNext(Instant deadline) {
  std::shared_ptr<const Chain> chain = context_.chain();
  const Segment* found = chain->Find(next_);
  if (found == nullptr) {
    co_return std::optional<ReadItem>(TakeGap(chain->first_lsn(), Gap::Why::kTrimmed));
  }
  Segment segment = *found;
  if (segment.is_marker()) {
    co_return absl::FailedPreconditionError("the log has ended: " + segment.made.reason);
  }
  StatusOr<std::shared_ptr<loglets::Loglet>> opened = co_await context_.Open(segment);
  VLOG_CO_RETURN_IF_ERROR(opened);
  std::shared_ptr<loglets::Loglet> loglet = *opened;
  // The chain's end counts, never a closed loglet's own tail (DESIGN 5.3).
  std::optional<Lsn> end = chain->EndOf(segment.index);
  Offset limit = end ? Offset(*end - segment.base) : loglet->TailHint();
  Offset at(next_ - segment.base);
  if (at < limit) {
    quiet_since_.reset();
    StatusOr<ReadItem> item = co_await ReadSegment(loglet, segment, limit);
    VLOG_CO_RETURN_IF_ERROR(item);
    co_return std::optional<ReadItem>(*std::move(item));
  }
  Instant now = context_.env().scheduler().Now();
  if (!quiet_since_) {
    quiet_since_ = now;
    patience_ = kPatience;
  }
  Instant look_at = *quiet_since_ + patience_;
  StatusOr<loglets::Tail> tail = co_await loglet->AwaitTail(at, std::min(deadline, look_at));
  if (absl::IsDeadlineExceeded(tail.status())) {
    if (context_.env().scheduler().Now() < look_at) co_return std::optional<ReadItem>();
    Status looked = co_await LookAgain(loglet, segment);
    VLOG_CO_RETURN_IF_ERROR(looked);
    co_return std::optional<ReadItem>();
  }
  VLOG_CO_RETURN_IF_ERROR(tail);
  if (tail->sealed) {
    // What lies between here and the end is read when the chain says where the end is.
    Status helped = co_await reconfigurer_.Help(segment.index);
    if (!helped.ok() && !absl::IsUnavailable(helped)) co_return helped;
  }
  co_return std::optional<ReadItem>();
}

Task<Status> Reader::LookAgain(std::shared_ptr<loglets::Loglet> loglet, Segment segment) {
  quiet_since_ = context_.env().scheduler().Now();
  patience_ = std::min(2 * patience_, kMostPatience);
  context_.RefreshSoon();
  if (context_.read_only()) co_return absl::OkStatus();
  // What it finds shows in the hint. Without an answer there is nothing to do but to wait on: the
  // monitor, or whoever appends, lets another segment follow.
  StatusOr<loglets::Tail> tail = co_await loglet->CheckTail();
  if (!tail.ok() || !tail->sealed) co_return absl::OkStatus();
  Status helped = co_await reconfigurer_.Help(segment.index);
  co_return absl::IsUnavailable(helped) ? absl::OkStatus() : helped;
}

Task<StatusOr<ReadItem>> Reader::ReadSegment(std::shared_ptr<loglets::Loglet> loglet,
                                             Segment segment, Offset limit) {
  Offset at(next_ - segment.base);
  StatusOr<loglets::ReadResult> read = co_await loglet->Read(at, limit, read_bytes_);
  if (absl::IsOutOfRange(read.status())) {
    Status fresh = co_await context_.Refresh();
    VLOG_CO_RETURN_IF_ERROR(fresh);
    Lsn trimmed = segment.base + std::max(loglet->TrimHint(), at + 1).value();
    trimmed =
        std::max(std::min(trimmed, segment.base + limit.value()), context_.chain()->first_lsn());
    co_return TakeGap(trimmed, Gap::Why::kTrimmed);
  }
  VLOG_CO_RETURN_IF_ERROR(read);
  if (read->batches.empty()) {
    Offset lost_end = std::min(read->lost_end, limit);
    co_return TakeGap(segment.base + lost_end.value(), Gap::Why::kDataLoss);
  }
  ReadItem item;
  for (loglets::StoredBatch& stored : read->batches) {
    if (stored.first >= limit) break;
    RecordRun run;
    run.begin = next_;
    run.skipped = next_ - (segment.base + stored.first.value());
    Offset stored_end = stored.first + stored.batch.header.count;
    run.end = segment.base + std::min(stored_end, limit).value();
    run.first_id = {stored.batch.header.writer, stored.batch.header.first + run.skipped};
    run.body = std::move(stored.batch.body);
    next_ = run.end;
    item.runs.push_back(std::move(run));
  }
  co_return std::move(item);
}

ReadItem Reader::TakeGap(Lsn end, Gap::Why why) {
  ReadItem item;
  item.gap = Gap{next_, end, why};
  next_ = end;
  return item;
}

}  // namespace vlog::virtuallog

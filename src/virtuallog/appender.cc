#include "virtuallog/appender.h"

#include <algorithm>
#include <map>

namespace vlog::virtuallog {
namespace {

constexpr Duration kRetry = std::chrono::milliseconds(5);
constexpr size_t kResolveReadBytes = 256 * 1024;
// A handle that sent nothing for so long has the committed tail told anew before it sends: what
// lies between that tail and the segment's end is read if the outcome of a batch is unknown.
constexpr Duration kIdle = std::chrono::seconds(1);
constexpr size_t kDeliverAtOnce = 256;

// What a scan for batches of one writer came to.
struct Findings {
  std::map<SeqNo, Offset> found;  // by their first sequence numbers
  Offset lost_end;                // not everything below it could be read
};

// One scan for all of them, from the lowest tail that was known when one was first sent.
Task<StatusOr<Findings>> FindBatches(std::shared_ptr<loglets::Loglet> loglet, WriterId writer,
                                     std::vector<Unresolved> unresolved, Offset end) {
  std::map<SeqNo, Offset> missing;  // and where to look for them
  for (const Unresolved& each : unresolved) missing[each.first] = each.from;
  Findings findings;
  Offset at = missing.begin()->second;
  for (const auto& [first, from] : missing) at = std::min(at, from);
  while (at < end && !missing.empty()) {
    StatusOr<loglets::ReadResult> read = co_await loglet->Read(at, end, kResolveReadBytes);
    if (absl::IsOutOfRange(read.status())) {
      // Trimmed: go on where the next one was first sent.
      findings.lost_end = at + 1;
      at = end;
      for (const auto& [first, from] : missing) {
        if (from >= findings.lost_end) at = std::min(at, from);
      }
      continue;
    }
    VLOG_CO_RETURN_IF_ERROR(read);
    if (read->batches.empty()) findings.lost_end = at = read->lost_end;
    for (const loglets::StoredBatch& stored : read->batches) {
      if (stored.first >= end) break;
      const BatchHeader& header = stored.batch.header;
      at = std::max(at, stored.first + header.count);
      if (header.writer != writer || missing.erase(header.first) == 0) continue;
      findings.found[header.first] = stored.first;
    }
  }
  co_return findings;
}

AppenderOptions Clamped(AppenderOptions options) {
  options.window = std::clamp<size_t>(options.window, 1, loglets::kMaxAppendWindow);
  return options;
}

}  // namespace

Appender::Appender(LogContext& context, Reconfigurer& reconfigurer, AppenderOptions options)
    : context_(context),
      reconfigurer_(reconfigurer),
      core_(WriterId(context.env().RandomId()), Clamped(options)),
      settled_(context.env().scheduler()),
      tasks_(context.env().scheduler()) {}

void Appender::Append(std::string_view payload, RecordDone done) {
  Status taken =
      closing_ ? absl::CancelledError("the handle is closed") : core_.Submit(payload, done);
  if (!taken.ok()) {
    context_.env().scheduler().Post(
        [done = std::move(done), taken]() mutable { done(std::move(taken)); });
    return;
  }
  PumpSoon();
}

Task<StatusOr<Lsn>> Appender::Append(std::string payload) {
  auto start = [this, payload = std::move(payload)](async::Completer<StatusOr<Lsn>> completer) {
    Append(std::string_view(payload), RecordDone(std::move(completer)));
  };
  return async::Completer<StatusOr<Lsn>>::Await(context_.env().scheduler(), std::move(start));
}

Task<StatusOr<Lsn>> Appender::Append(std::string payload, Instant deadline) {
  using Waiter = async::Completer<StatusOr<Lsn>>;
  auto start = [this, payload = std::move(payload), deadline](Waiter completer) {
    async::Scheduler& scheduler = context_.env().scheduler();
    auto waiter = std::make_shared<Waiter>(std::move(completer));
    async::TimerId timer = scheduler.StartTimer(deadline, [waiter] {
      (*waiter)(absl::UnknownError("the deadline passed; the record may still be appended"));
    });
    Append(std::string_view(payload), [&scheduler, waiter, timer](StatusOr<Lsn> result) {
      scheduler.CancelTimer(timer);
      (*waiter)(std::move(result));
    });
  };
  return Waiter::Await(context_.env().scheduler(), std::move(start));
}

void Appender::PumpSoon() {
  // Later, so that all records of one turn of the loop share a batch.
  if (pump_posted_) return;
  pump_posted_ = true;
  context_.env().scheduler().Post([this] {
    pump_posted_ = false;
    Pump();
    if (closing_) settled_.NotifyAll();
  });
}

void Appender::Pump() {
  if (!moving_ && (loglet_ == nullptr || core_.must_move()) && !core_.idle()) {
    moving_ = true;
    tasks_.Spawn(Move());
  }
  if (moving_ || freshening_ || loglet_ == nullptr || core_.idle()) return;
  Instant now = context_.env().scheduler().Now();
  if (core_.nothing_sent() && now - last_sent_ > kIdle) {
    freshening_ = true;
    tasks_.Spawn(Freshen());
    return;
  }
  last_sent_ = now;
  Send();
}

void Appender::Send() {
  std::shared_ptr<loglets::Loglet> loglet = loglet_;
  while (std::optional<Batch> batch = core_.NextSend(loglet->TailHint())) {
    SeqNo first = batch->header.first;
    loglet->Append(*std::move(batch), [this, first](StatusOr<Offset> result) {
      core_.OnResult(first, std::move(result));
      Deliver();
      PumpSoon();
    });
  }
}

Task<void> Appender::Freshen() {
  std::shared_ptr<loglets::Loglet> loglet = loglet_;
  co_await loglet->RefreshTailHint();
  freshening_ = false;
  last_sent_ = context_.env().scheduler().Now();
  PumpSoon();
}

void Appender::Deliver() {
  delivering_ = true;
  size_t delivered = 0;
  for (auto& [done, result] : core_.TakeCompletions()) {
    done(std::move(result));
    // What the first ones append again is on its way while the rest is told.
    if (++delivered % kDeliverAtOnce == 0) Pump();
  }
  delivering_ = false;
  if (core_.idle()) settled_.NotifyAll();
}

Task<void> Appender::Move() {
  for (;;) {
    Status moved = co_await MoveOnce();
    if (moved.ok()) break;
    bool final = absl::IsInternal(moved) || absl::IsFailedPrecondition(moved) ||
                 absl::IsCancelled(moved) || absl::IsDataLoss(moved) ||
                 absl::IsInvalidArgument(moved) || context_.env().scheduler().stopping();
    if (final) {
      // Later appends come here again and get the same answer, or a better one.
      core_.FailAll(moved);
      loglet_ = nullptr;
      break;
    }
    Status slept = co_await context_.env().scheduler().Sleep(kRetry);
    if (!slept.ok()) continue;  // the next attempt ends with kCancelled
  }
  moving_ = false;
  Deliver();
  PumpSoon();
}

Task<Status> Appender::MoveOnce() {
  if (context_.env().scheduler().stopping()) co_return absl::CancelledError("stopping");
  if (core_.must_move()) {
    Status helped = co_await reconfigurer_.Help(segment_.index);
    VLOG_CO_RETURN_IF_ERROR(helped);
    Status resolved = co_await Resolve();
    VLOG_CO_RETURN_IF_ERROR(resolved);
    last_sent_ = context_.env().scheduler().Now();  // the next segment is young
  }
  co_return co_await EnterLastSegment();
}

Task<Status> Appender::EnterLastSegment() {
  std::shared_ptr<const Chain> chain = context_.chain();
  if (chain->ended()) {
    co_return absl::FailedPreconditionError("the log has ended: " + chain->last().made.reason);
  }
  Segment last = chain->last();
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet = co_await context_.Open(last);
  VLOG_CO_RETURN_IF_ERROR(loglet);
  segment_ = last;
  loglet_ = *loglet;
  core_.Enter(last.base);
  co_return absl::OkStatus();
}

// The chain decides where the segment ends; from then on each batch's fate is fixed (DESIGN 5.2).
Task<Status> Appender::Resolve() {
  std::vector<Unresolved> unresolved = core_.unresolved();
  if (unresolved.empty()) co_return absl::OkStatus();
  std::shared_ptr<const Chain> chain = context_.chain();
  Findings findings;
  if (chain->Find(segment_.index) == nullptr) {
    // Dropped from the chain: if the chain still starts at or below its base, it ended empty.
    if (chain->first_lsn() > segment_.base) findings.lost_end = kMaxOffset;
  } else {
    std::optional<Lsn> chain_end = chain->EndOf(segment_.index);
    VLOG_CHECK(chain_end.has_value(), "a segment that was helped has a successor");
    Offset end(*chain_end - segment_.base);
    StatusOr<Findings> found = co_await FindBatches(loglet_, core_.writer(), unresolved, end);
    VLOG_CO_RETURN_IF_ERROR(found);
    findings = *std::move(found);
  }
  for (const Unresolved& each : unresolved) {
    auto it = findings.found.find(each.first);
    if (it != findings.found.end()) {
      core_.ResolveFound(each.first, it->second);
    } else if (each.from < findings.lost_end) {
      core_.ResolveUnknown(each.first,
                           absl::UnknownError("the range that tells is trimmed or lost"));
    } else {
      core_.ResolveAbsent(each.first);
    }
  }
  co_return absl::OkStatus();
}

Task<void> Appender::Flush() {
  while (!core_.idle()) {
    Status waited = co_await settled_.Wait();
    if (!waited.ok()) break;  // stopping: every open append ends with an answer of its own
  }
}

Task<void> Appender::Close() {
  co_await Flush();
  closing_ = true;
  co_await tasks_.Join();
  // Whoever told the last results, and the pump that follows, still refer to this handle.
  PumpSoon();
  while (pump_posted_ || delivering_) co_await settled_.Wait();
}

}  // namespace vlog::virtuallog

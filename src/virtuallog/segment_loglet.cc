#include "virtuallog/segment_loglet.h"

#include <algorithm>
#include <utility>

#include "virtuallog/log_context.h"

namespace vlog::virtuallog {
namespace {

using loglets::Loglet;
using loglets::ReadResult;
using loglets::Sealed;
using loglets::Tail;

// Without an answer for so long, news of the chain are waited for; then the chain is read again.
constexpr Duration kNotice = std::chrono::milliseconds(20);
constexpr Duration kBound = std::chrono::milliseconds(250);
// For answers that are on their way while the end is learnt: a sequencer answers what it has taken
// before anybody hears of the seal.
constexpr Duration kGrace = std::chrono::milliseconds(5);
// A wait for the tail that nobody needs any more ends within this.
constexpr Duration kPiece = std::chrono::milliseconds(500);

Status Ended() { return absl::FailedPreconditionError("sealed: another segment follows"); }
Status Trimmed() { return absl::OutOfRangeError("trimmed: the segment was dropped"); }

}  // namespace

std::optional<Offset> EndIn(const Chain& chain, const Segment& segment) {
  if (chain.last().index <= segment.index) return std::nullopt;
  if (chain.Find(segment.index) != nullptr) {
    return Offset(*chain.EndOf(segment.index) - segment.base);
  }
  if (chain.first_lsn() <= segment.base) return Offset();
  return std::nullopt;
}

SegmentLoglet::SegmentLoglet(LogContext& context, Segment segment, std::shared_ptr<Loglet> loglet,
                             bool opened_with_end)
    : context_(context),
      segment_(std::move(segment)),
      loglet_(std::move(loglet)),
      home_(segment_.made.params),
      opened_with_end_(opened_with_end),
      flights_(std::make_shared<Flights>()) {
  ChainChanged();
}

SegmentLoglet::OpenCall::OpenCall(SegmentLoglet* owner)
    : owner_(owner), number_(owner->next_number_++) {
  owner_->calls_[number_] = owner_->context_.env().scheduler().Now();
  owner_->Guard();
}

bool SegmentLoglet::Dropped() const {
  std::shared_ptr<const Chain> chain = context_.chain();
  return chain->Find(segment_.index) == nullptr && chain->first_lsn() > segment_.base;
}

// ---- the chain's word ----

void SegmentLoglet::ChainChanged() {
  std::shared_ptr<const Chain> chain = context_.chain();
  if (ended_ || chain->last().index <= segment_.index) return;
  ended_ = true;
  end_ = EndIn(*chain, segment_);
  for (auto& [number, over] : races_) over->NotifyAll();
  if (flights_->empty()) return;
  async::Scheduler& scheduler = context_.env().scheduler();
  scheduler.StartTimer(scheduler.Now() + kGrace, [weak = weak_from_this()] {
    if (std::shared_ptr<SegmentLoglet> self = weak.lock()) self->Flush();
  });
}

void SegmentLoglet::Flush() {
  for (auto& [number, flight] : std::exchange(*flights_, {})) {
    if (flight.sent) {
      flight.done(absl::UnknownError("may be stored: the segment has ended, no answer came"));
    } else {
      flight.done(Ended());
    }
  }
}

void SegmentLoglet::Guard() {
  if (guarded_ || ended_) return;
  guarded_ = true;
  Duration wait = context_.watching() ? kBound : kNotice;
  async::Scheduler& scheduler = context_.env().scheduler();
  scheduler.StartTimer(scheduler.Now() + wait, [weak = weak_from_this()] {
    if (std::shared_ptr<SegmentLoglet> self = weak.lock()) self->Tick();
  });
}

void SegmentLoglet::Tick() {
  guarded_ = false;
  if (ended_ || (flights_->empty() && calls_.empty())) return;
  Instant now = context_.env().scheduler().Now();
  Instant oldest = now;
  if (!flights_->empty()) oldest = flights_->begin()->second.since;
  if (!calls_.empty()) oldest = std::min(oldest, calls_.begin()->second);
  if (now - oldest >= kNotice) context_.WatchSoon();
  if (now - oldest >= kBound) context_.RefreshSoon();
  Guard();
}

Task<StatusOr<std::shared_ptr<Loglet>>> SegmentLoglet::Current() {
  if (ended_ && !end_) co_return Trimmed();
  std::string home = HomeNow();
  if (!end_ || (opened_with_end_ && home == home_)) co_return loglet_;
  StatusOr<loglets::LogletKind*> kind = context_.factory().Find(segment_.made.kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  StatusOr<std::shared_ptr<Loglet>> opened =
      co_await (*kind)->Open(context_.IdOf(segment_), home, end_);
  VLOG_CO_RETURN_IF_ERROR(opened);
  trimmed_ = TrimHint();
  opened_with_end_ = true;
  home_ = std::move(home);
  loglet_ = *opened;
  co_return loglet_;
}

std::string SegmentLoglet::HomeNow() const {
  const Segment* now = context_.chain()->Find(segment_.index);
  return now == nullptr ? home_ : now->made.params;
}

// ---- calls that are given up when the segment ends ----

template <typename T>
Task<void> SegmentLoglet::Fetch(std::shared_ptr<Loglet>, Task<StatusOr<T>> call,
                                std::shared_ptr<Answer<T>> answer) {
  StatusOr<T> value = co_await std::move(call);
  answer->value.emplace(std::move(value));
  answer->came->NotifyAll();
}

template <typename T>
Task<std::optional<StatusOr<T>>> SegmentLoglet::Race(std::shared_ptr<Loglet> loglet,
                                                     Task<StatusOr<T>> call) {
  auto answer = std::make_shared<Answer<T>>();
  answer->came = std::make_shared<async::Event>(context_.env().scheduler());
  bool ended = ended_;
  uint64_t number = next_number_++;
  races_[number] = answer->came;
  context_.tasks().Spawn(Fetch<T>(std::move(loglet), std::move(call), answer));
  while (!answer->value && ended_ == ended) {
    Status waited = co_await answer->came->Wait();
    if (!waited.ok() && !answer->value) answer->value.emplace(waited);
  }
  races_.erase(number);
  co_return answer->value;
}

Task<StatusOr<Tail>> SegmentLoglet::CheckTail() {
  std::shared_ptr<SegmentLoglet> self = shared_from_this();
  if (ended_) co_return SealedTail();
  OpenCall waits(this);
  std::shared_ptr<Loglet> loglet = loglet_;
  Task<StatusOr<Tail>> call = loglet->CheckTail();
  std::optional<StatusOr<Tail>> tail = co_await Race<Tail>(loglet, std::move(call));
  if (tail && tail->ok()) co_return **tail;
  if (!ended_) co_await context_.RefreshWithin(kBound);
  if (ended_) co_return SealedTail();
  co_return tail->status();
}

Offset SegmentLoglet::TailHint() { return end_ ? *end_ : loglet_->TailHint(); }

Task<void> SegmentLoglet::RefreshTailHint() {
  std::shared_ptr<Loglet> loglet = loglet_;
  if (!end_) co_await loglet->RefreshTailHint();
}

Task<StatusOr<Tail>> SegmentLoglet::AwaitTail(Offset beyond, Instant deadline) {
  std::shared_ptr<SegmentLoglet> self = shared_from_this();
  context_.WatchSoon();
  async::Scheduler& scheduler = context_.env().scheduler();
  while (!ended_) {
    std::shared_ptr<Loglet> loglet = loglet_;
    Instant until = std::min(deadline, scheduler.Now() + kPiece);
    Task<StatusOr<Tail>> call = loglet->AwaitTail(beyond, until);
    std::optional<StatusOr<Tail>> tail = co_await Race<Tail>(loglet, std::move(call));
    if (!tail) break;
    bool over = !absl::IsDeadlineExceeded(tail->status()) || scheduler.Now() >= deadline;
    if (over) co_return *std::move(tail);
  }
  co_return SealedTail();
}

Task<StatusOr<Sealed>> SegmentLoglet::Seal(std::string proposal) {
  std::shared_ptr<SegmentLoglet> self = shared_from_this();
  if (ended_) co_return Ended();
  OpenCall waits(this);
  std::shared_ptr<Loglet> loglet = loglet_;
  Task<StatusOr<Sealed>> call = loglet->Seal(std::move(proposal));
  std::optional<StatusOr<Sealed>> sealed = co_await Race<Sealed>(loglet, std::move(call));
  if (sealed && sealed->ok()) co_return *std::move(sealed);
  if (!ended_) co_await context_.RefreshWithin(kBound);
  if (ended_) co_return Ended();
  co_return sealed->status();
}

Task<StatusOr<Offset>> SegmentLoglet::Trim(Offset to) {
  std::shared_ptr<SegmentLoglet> self = shared_from_this();
  OpenCall waits(this);
  for (;;) {
    bool ended = ended_;
    StatusOr<std::shared_ptr<Loglet>> loglet = co_await Current();
    VLOG_CO_RETURN_IF_ERROR(loglet);
    Task<StatusOr<Offset>> call = (*loglet)->Trim(to);
    std::optional<StatusOr<Offset>> trimmed = co_await Race<Offset>(*loglet, std::move(call));
    bool failed = trimmed && !trimmed->ok() && !absl::IsOutOfRange(trimmed->status());
    if (failed && !ended_) co_await context_.RefreshWithin(kBound);
    // Who learns the end in between asks again: the loglet did not know how far it may go.
    if (ended_ != ended) continue;
    if (failed && Dropped()) co_return Trimmed();
    co_return *std::move(trimmed);
  }
}

Offset SegmentLoglet::TrimHint() { return std::max(trimmed_, loglet_->TrimHint()); }

// ---- reads: every kind ends them by itself ----

Task<StatusOr<ReadResult>> SegmentLoglet::Read(Offset from, Offset to, size_t max_bytes) {
  std::shared_ptr<SegmentLoglet> self = shared_from_this();
  OpenCall waits(this);
  for (;;) {
    StatusOr<std::shared_ptr<Loglet>> loglet = co_await Current();
    VLOG_CO_RETURN_IF_ERROR(loglet);
    if (from < trimmed_) co_return Trimmed();
    std::shared_ptr<Loglet> keep = *loglet;
    std::string home = home_;
    StatusOr<ReadResult> read = co_await keep->Read(from, to, max_bytes);
    bool lost = read.ok() && read->batches.empty();
    if (!lost && !absl::IsUnavailable(read.status())) co_return read;
    if (lost) {
      // Its servers may lack it because it is elsewhere by now.
      Status fresh = co_await context_.Refresh();
      VLOG_CO_RETURN_IF_ERROR(fresh);
    } else {
      co_await context_.RefreshWithin(kBound);
    }
    if (Dropped()) co_return Trimmed();
    if (HomeNow() == home) co_return read;
  }
}

// ---- appends ----

void SegmentLoglet::Append(Batch batch, loglets::AppendDone done) {
  async::Scheduler& scheduler = context_.env().scheduler();
  if (ended_ && flights_->empty()) {
    scheduler.Post([done = std::move(done)]() mutable { done(Ended()); });
    return;
  }
  uint64_t number = next_number_++;
  Flight& flight = (*flights_)[number];
  flight.since = scheduler.Now();
  flight.sent = !ended_;
  flight.done = std::move(done);
  if (ended_) return;  // told in order, behind those before it
  Guard();
  loglet_->Append(std::move(batch), [flights = flights_, number](StatusOr<Offset> result) {
    auto it = flights->find(number);
    if (it == flights->end()) return;  // told already
    loglets::AppendDone answered = std::move(it->second.done);
    flights->erase(it);
    answered(std::move(result));
  });
}

}  // namespace vlog::virtuallog

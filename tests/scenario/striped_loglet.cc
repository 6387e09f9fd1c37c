#include "scenario/striped_loglet.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace vlog::testing {
namespace {

using loglets::AppendDone;
using loglets::Loglet;
using loglets::ReadResult;
using loglets::Sealed;
using loglets::Tail;

constexpr Duration kPoll = std::chrono::milliseconds(5);

class StripedLoglet final : public Loglet, public std::enable_shared_from_this<StripedLoglet> {
 public:
  StripedLoglet(async::Scheduler& scheduler, async::TaskGroup& tasks, StripedParts parts)
      : scheduler_(scheduler),
        tasks_(tasks),
        parts_(std::move(parts.loglets)),
        limit_(parts.limit),
        seals_first_(parts.seals_first) {}

  // Of a loglet that was trimmed into part 1, so that its hint says so; at the next need if not
  // now.
  Task<void> Recall() {
    if (parts_[1]->TrimHint() == Offset()) co_return;
    StatusOr<Offset> start = co_await LearnStart();
    (void)start;
  }

  void Append(Batch batch, AppendDone done) override {
    queue_.push_back({std::move(batch), std::move(done)});
    if (std::exchange(pumping_, true)) return;
    scheduler_.Post([self = shared_from_this()] { self->tasks_.Spawn(Pump(self)); });
  }

  Task<StatusOr<Tail>> CheckTail() override {
    std::shared_ptr<StripedLoglet> self = shared_from_this();
    std::array<Tail, kParts> tails;
    for (size_t i = 0; i < kParts; ++i) {
      StatusOr<Tail> tail = co_await parts_[i]->CheckTail();
      VLOG_CO_RETURN_IF_ERROR(tail);
      tails[i] = *tail;
      if (tail->sealed) co_return co_await HelpSeal(i);
    }
    // Below the limit nothing was in part 1 when part 0 told its tail.
    Offset end = tails[0].offset;
    if (end >= limit_) {
      StatusOr<Offset> start = co_await LearnStart();
      VLOG_CO_RETURN_IF_ERROR(start);
      end = *start + tails[1].offset.value();
    }
    hint_ = std::max(hint_, end);
    co_return Tail{end, false};
  }

  Offset TailHint() override { return hint_; }

  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    std::shared_ptr<StripedLoglet> self = shared_from_this();
    for (;;) {
      // The part that is not written to may be sealed, too: only that ends a wait for so much.
      for (size_t i = 0; i < kParts; ++i) {
        StatusOr<Tail> tail = co_await parts_[i]->AwaitTail(kMaxOffset, scheduler_.Now());
        if (tail.ok() && tail->sealed) co_return co_await HelpSeal(i);
      }
      if (hint_ > beyond) co_return Tail{hint_, false};
      if (scheduler_.Now() >= deadline) co_return absl::DeadlineExceededError("no growth");
      Instant until = std::min(deadline, scheduler_.Now() + kPoll);
      Status looked = co_await LookForGrowth(beyond, until);
      VLOG_CO_RETURN_IF_ERROR(looked);
    }
  }

  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    std::shared_ptr<StripedLoglet> self = shared_from_this();
    // Part 0 has its last batch still.
    if (from < TrimHint()) co_return absl::OutOfRangeError("trimmed");
    // What is committed above the limit proves that part 0 is full.
    if (to > limit_) {
      StatusOr<Offset> start = co_await LearnStart();
      VLOG_CO_RETURN_IF_ERROR(start);
    }
    if (!start_ || from < *start_) {
      Offset end = std::min(to, start_.value_or(to));
      co_return co_await parts_[0]->Read(from, end, max_bytes);
    }
    Offset inner(from - *start_);
    Offset inner_end(to - *start_);
    StatusOr<ReadResult> read = co_await parts_[1]->Read(inner, inner_end, max_bytes);
    VLOG_CO_RETURN_IF_ERROR(read);
    for (loglets::StoredBatch& stored : read->batches) stored.first += start_->value();
    if (read->batches.empty()) read->lost_end += start_->value();
    co_return read;
  }

  Task<StatusOr<Offset>> Trim(Offset to) override {
    std::shared_ptr<StripedLoglet> self = shared_from_this();
    if (to > hint_) {
      StatusOr<Tail> tail = co_await CheckTail();
      VLOG_CO_RETURN_IF_ERROR(tail);
      to = std::min(to, hint_);
    }
    Offset in_first(std::min(to.value(), limit_.value() - 1));
    StatusOr<Offset> first = co_await parts_[0]->Trim(in_first);
    VLOG_CO_RETURN_IF_ERROR(first);
    if (to > limit_) {
      StatusOr<Offset> start = co_await LearnStart();
      VLOG_CO_RETURN_IF_ERROR(start);
    }
    Offset in_second(start_ && to > *start_ ? to - *start_ : 0);
    StatusOr<Offset> second = co_await parts_[1]->Trim(in_second);
    VLOG_CO_RETURN_IF_ERROR(second);
    if (*second == Offset()) co_return first;
    StatusOr<Offset> start = co_await LearnStart();
    VLOG_CO_RETURN_IF_ERROR(start);
    co_return *start + second->value();
  }

  Offset TrimHint() override {
    Offset second = parts_[1]->TrimHint();
    bool beyond = start_ && second > Offset();
    return beyond ? *start_ + second.value() : parts_[0]->TrimHint();
  }

  Task<StatusOr<Sealed>> Seal(std::string proposal) override {
    std::shared_ptr<StripedLoglet> self = shared_from_this();
    co_return co_await SealFrom(seals_first_, std::move(proposal));
  }

 private:
  struct Queued {
    Batch batch;
    AppendDone done;
  };
  // What this handle knows of a writer that appends through it.
  struct Writer {
    std::optional<SeqNo> last_in_first;  // its last batch below the start of part 1
    bool in_second = false;              // part 1 has taken a batch of it
    bool doubtful = false;               // part 0 may hold one more below it, it did not say
  };

  // Seals both parts, this one first, and only then looks where the composite ends.
  Task<StatusOr<Sealed>> SealFrom(size_t first, std::string proposal) {
    std::array<Sealed, kParts> sealed;
    const std::array<size_t, kParts> order = {first, 1 - first};
    for (size_t number : order) {
      StatusOr<Sealed> part = co_await parts_[number]->Seal(proposal);
      VLOG_CO_RETURN_IF_ERROR(part);
      proposal = part->proposal;
      sealed[number] = *std::move(part);
    }
    Sealed all = sealed[0];
    if (all.tail >= limit_) {
      StatusOr<Offset> start = co_await LearnStart();
      VLOG_CO_RETURN_IF_ERROR(start);
      all.tail = *start + sealed[1].tail.value();
    }
    uint32_t least = sealed[1].least_copies;
    if (all.least_copies == 0 || (least > 0 && least < all.least_copies)) all.least_copies = least;
    co_return all;
  }

  // Raises the hint, if it can above `beyond`, until then. A seal is for others to notice.
  Task<Status> LookForGrowth(Offset beyond, Instant until) {
    size_t number = start_ ? 1 : 0;
    Offset base = start_.value_or(Offset());
    Offset most = start_ ? beyond : std::min(beyond, Offset(limit_.value() - 1));
    Offset inner(most < base ? 0 : most - base);
    StatusOr<Tail> tail = co_await parts_[number]->AwaitTail(inner, until);
    if (absl::IsDeadlineExceeded(tail.status())) co_return absl::OkStatus();
    VLOG_CO_RETURN_IF_ERROR(tail);
    if (tail->sealed) co_return absl::OkStatus();
    Offset end = base + tail->offset.value();
    if (number == 0 && end >= limit_) {
      StatusOr<Offset> start = co_await LearnStart();
      VLOG_CO_RETURN_IF_ERROR(start);
      end = *start;
    }
    hint_ = std::max(hint_, end);
    co_return absl::OkStatus();
  }

  Task<StatusOr<Tail>> HelpSeal(size_t sealed_part) {
    StatusOr<Sealed> sealed = co_await SealFrom(sealed_part, std::string());
    VLOG_CO_RETURN_IF_ERROR(sealed);
    co_return Tail{hint_, true};
  }

  // Where part 1 starts. REQUIRES: part 0 is committed up to the limit.
  Task<StatusOr<Offset>> LearnStart() {
    if (start_) co_return *start_;
    Offset last(limit_.value() - 1);
    StatusOr<ReadResult> read = co_await parts_[0]->Read(last, limit_, 1);
    VLOG_CO_RETURN_IF_ERROR(read);
    if (read->batches.empty()) co_return absl::UnavailableError("the last batch of part 0 is lost");
    const loglets::StoredBatch& stored = read->batches.front();
    start_ = stored.first + stored.batch.header.count;
    co_return *start_;
  }

  static Task<void> Pump(std::shared_ptr<StripedLoglet> self) {
    while (!self->queue_.empty()) {
      Queued next = std::move(self->queue_.front());
      self->queue_.pop_front();
      uint32_t count = next.batch.header.count;
      StatusOr<Offset> offset = co_await self->Place(std::move(next.batch));
      if (offset.ok()) self->hint_ = std::max(self->hint_, *offset + count);
      next.done(std::move(offset));
    }
    self->pumping_ = false;
  }

  Task<StatusOr<Offset>> AppendTo(size_t part, Batch batch) {
    auto start = [loglet = parts_[part], batch](async::Completer<StatusOr<Offset>> completer) {
      loglet->Append(batch, AppendDone(std::move(completer)));
    };
    return async::Completer<StatusOr<Offset>>::Await(scheduler_, std::move(start));
  }

  Task<StatusOr<Offset>> Place(Batch batch) {
    BatchHeader header = batch.header;
    Writer& writer = writers_[header.writer];
    bool old = writer.last_in_first && header.last() <= *writer.last_in_first;
    if (!start_ || writer.doubtful || old) {
      StatusOr<Offset> offset = co_await AppendTo(0, batch);
      writer.doubtful |= absl::IsUnknown(offset.status());
      if (!offset.ok()) co_return offset;
      if (*offset < limit_) {
        writer.doubtful = false;
        writer.last_in_first = std::max(writer.last_in_first, std::optional(header.last()));
        if (*offset + header.count >= limit_) start_ = *offset + header.count;
        co_return offset;
      }
      // Void. Its writer learns what became of it in the next segment, if not here.
      StatusOr<Offset> start = co_await LearnStart();
      if (!start.ok()) co_return absl::UnknownError("where part 1 starts is not known");
    }
    // The writer's first batch of part 1 follows, in the composite, the last one of part 0.
    std::optional<SeqNo> before;
    if (!header.first_in_loglet) before = header.prev;
    bool first = !writer.in_second && before == writer.last_in_first;
    if (first) batch.header.first_in_loglet = true;
    StatusOr<Offset> offset = co_await AppendTo(1, std::move(batch));
    if (!offset.ok()) co_return offset;
    writer.in_second = true;
    writer.doubtful = false;
    co_return *start_ + offset->value();
  }

  async::Scheduler& scheduler_;
  async::TaskGroup& tasks_;
  const std::array<std::shared_ptr<Loglet>, kParts> parts_;
  const Offset limit_;
  const size_t seals_first_;
  std::optional<Offset> start_;  // of part 1; set: part 0 is committed up to there
  Offset hint_;
  std::map<WriterId, Writer> writers_;
  std::deque<Queued> queue_;
  bool pumping_ = false;
};

}  // namespace

Task<StatusOr<std::shared_ptr<Loglet>>> OpenStriped(async::Scheduler& scheduler,
                                                    async::TaskGroup& tasks, StripedParts parts) {
  auto loglet = std::make_shared<StripedLoglet>(scheduler, tasks, std::move(parts));
  co_await loglet->Recall();
  co_return loglet;
}

}  // namespace vlog::testing

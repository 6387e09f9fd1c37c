#include "demo_run.h"

#include <algorithm>

#include "demo_text.h"

namespace vlog::cli {
namespace {

constexpr uint64_t kMaxOutstanding = 4096;    // records a writer
constexpr size_t kMaxWaitingBytes = 4 << 20;  // a writer
constexpr uint64_t kInFlightAtKill = 1000;    // at least, if the text has so many left
constexpr int kMostFillings = 10;
constexpr uint64_t kNoLine = UINT64_MAX;
constexpr uint64_t kTrickle = 200;  // of an event's share of the text, one part goes on
constexpr Duration kReadPatience = std::chrono::milliseconds(200);
constexpr Duration kRetry = std::chrono::milliseconds(5);

}  // namespace

DemoRun::DemoRun(DemoStage& stage, virtuallog::SharedLog& log, async::Scheduler& scheduler,
                 std::string_view text, Output& read_out, Options options)
    : stage_(stage),
      log_(log),
      scheduler_(scheduler),
      text_(text),
      read_out_(read_out),
      options_(options),
      plan_(PlanEvents(options.swaps, stage.can_crash())),
      hold_from_(kNoLine),
      changed_(scheduler),
      tasks_(scheduler) {
  SetShare(options.lines / (plan_.size() + 1));
  for (uint64_t i = 0; i < options.writers; ++i) writers_.push_back({log.NewAppender(), 0});
}

Task<DemoResult> DemoRun::Run() {
  result_.measure.Start(scheduler_.Now());
  tasks_.Spawn(Feed());
  tasks_.Spawn(DoEvents());
  tasks_.Spawn(Follow());
  co_await tasks_.Join();
  for (Writer& writer : writers_) co_await writer.appender->Close();
  progress_.Clear();
  co_return std::move(result_);
}

void DemoRun::Stop(Status why) {
  if (result_.status.ok()) result_.status = std::move(why);
  changed_.NotifyAll();
}

Task<void> DemoRun::WaitForChange() {
  Status waited = co_await changed_.Wait();
  if (!waited.ok()) Stop(waited);
}

Task<void> DemoRun::Feed() {
  LineCursor cursor(text_);
  while (!cursor.at_end() && !stopped()) {
    if (!MustWait(writers_[cursor.number() % options_.writers], cursor.number())) {
      Submit(cursor.number(), cursor.line());
      cursor.Advance(1);
      continue;
    }
    if (filling_) {  // there cannot be more in flight than now
      filling_ = false;
      changed_.NotifyAll();
    }
    co_await WaitForChange();
  }
  fed_ = cursor.at_end();
  changed_.NotifyAll();
}

void DemoRun::SetShare(uint64_t share) {
  share_ = share;
  // All writers together stay within half the way from one event to the next: else a short text
  // would be written before the events begin.
  max_outstanding_ = std::clamp<uint64_t>(share / 2 / options_.writers, 1, kMaxOutstanding);
}

bool DemoRun::MustWait(const Writer& writer, uint64_t line) const {
  uint64_t most = max_outstanding_;
  // Acknowledgements do not come to all writers alike, so each may have twice its share.
  if (filling_) most = std::max(most, 2 * least_in_flight_ / options_.writers);
  if (writer.outstanding >= most) return true;
  if (writer.appender->waiting_bytes() >= kMaxWaitingBytes) return true;
  // A few are in flight in any case: an event may need them to go on.
  return line >= hold_from_ && in_flight() > share_ / kTrickle;
}

void DemoRun::Submit(uint64_t number, std::string_view line) {
  record_.clear();
  absl::StrAppend(&record_, number, "\t");
  record_.append(line);
  ++submitted_;
  Writer& writer = writers_[number % options_.writers];
  ++writer.outstanding;
  writer.appender->Append(record_, [this, &writer, bytes = record_.size()](StatusOr<Lsn> result) {
    OnAck(writer, std::move(result), bytes);
  });
}

void DemoRun::OnAck(Writer& writer, StatusOr<Lsn> result, size_t bytes) {
  --writer.outstanding;
  WakeSoon();
  if (!result.ok()) {
    Stop(Annotate(result.status(), "append"));
    return;
  }
  result_.first = result_.acked == 0 ? *result : std::min(result_.first, *result);
  result_.last = std::max(result_.last, *result);
  ++result_.acked;
  result_.bytes += bytes;
  result_.measure.NoteAck(scheduler_.Now());
}

void DemoRun::WakeSoon() {
  if (wake_posted_) return;
  wake_posted_ = true;
  scheduler_.Post([this] {
    wake_posted_ = false;
    changed_.NotifyAll();
    if (progress_.Due(scheduler_.Now())) ShowProgress();
  });
}

void DemoRun::ShowProgress() {
  uint64_t behind = result_.acked - std::min(result_.acked, result_.read);
  progress_.Show(absl::StrFormat("%s of %s lines, %d of %d events, reader %s behind",
                                 Grouped(result_.acked), Grouped(options_.lines),
                                 result_.measure.events().size(), plan_.size(), Grouped(behind)));
}

Task<void> DemoRun::DoEvents() {
  for (size_t i = 0; i < plan_.size() && !stopped(); ++i) {
    // What is left of the text is shared by the events that are left.
    SetShare((options_.lines - result_.acked) / (plan_.size() - i + 1));
    co_await AwaitAcked(result_.acked + share_);
    least_in_flight_ = 0;
    if (plan_[i] == DemoEventKind::kKill) least_in_flight_ = kInFlightAtKill;
    co_await FillUp();
    if (!stopped()) co_await DoEvent(plan_[i]);
  }
}

Task<void> DemoRun::AwaitAcked(uint64_t due) {
  while (!stopped() && result_.acked < options_.lines &&
         (result_.acked < due || !result_.measure.settled())) {
    co_await WaitForChange();
  }
}

Task<void> DemoRun::FillUp() {
  for (int i = 0; i < kMostFillings; ++i) {
    filling_ = true;
    changed_.NotifyAll();
    while (filling_ && !fed_ && !stopped()) co_await WaitForChange();
    // Acknowledgements may have come since Feed() could submit no more.
    if (fed_ || in_flight() >= least_in_flight_) break;
  }
  filling_ = false;
}

Task<void> DemoRun::DoEvent(DemoEventKind kind) {
  uint64_t acked = result_.acked;
  // Also where a swap takes longer than its share of the text the next one finds lines to write.
  // The few other events take what they need, up to a third of what is left.
  bool swap = kind == DemoEventKind::kSwap;
  hold_from_ = acked + (swap ? share_ + share_ / 2 : (options_.lines - acked) / 3);
  result_.measure.BeginEvent(kind, in_flight(), scheduler_.Now());
  StatusOr<std::string> what = co_await stage_.Perform(kind);
  result_.measure.EndEvent(what.ok() ? *what : "", submitted_ > acked, scheduler_.Now());
  hold_from_ = kNoLine;
  changed_.NotifyAll();
  if (!what.ok()) Stop(what.status());
}

Task<void> DemoRun::Follow() {
  std::unique_ptr<virtuallog::Reader> reader = log_.NewReader(Lsn(0));
  while (result_.read < options_.lines && !stopped()) {
    Instant deadline = scheduler_.Now() + kReadPatience;
    StatusOr<virtuallog::ReadItem> item = co_await reader->Next(deadline);
    if (item.ok()) {
      Status printed = Print(*item);
      if (!printed.ok()) Stop(printed);
    } else if (absl::IsUnavailable(item.status())) {
      Status slept = co_await scheduler_.Sleep(kRetry);
      if (!slept.ok()) Stop(slept);
    } else if (!absl::IsDeadlineExceeded(item.status())) {
      Stop(Annotate(item.status(), "read"));
    }
  }
  read_out_.Flush();
  if (!read_out_.status().ok()) Stop(read_out_.status());
}

Status DemoRun::Print(const virtuallog::ReadItem& item) {
  if (item.gap) {
    return absl::DataLossError(absl::StrCat("the reader met a gap: [", item.gap->begin.value(),
                                            ", ", item.gap->end.value(), ")"));
  }
  for (const virtuallog::RecordRun& run : item.runs) {
    run.ForEach([this](Lsn, std::string_view payload) {
      if (result_.read++ > 0) read_out_.Write("\n");
      read_out_.Write(payload);
    });
  }
  return read_out_.status();
}

}  // namespace vlog::cli

#include "demo_run.h"

#include <algorithm>

#include "demo_text.h"

namespace vlog::cli {
namespace {

constexpr uint64_t kMaxOutstanding = 4096;    // records a writer
constexpr size_t kMaxWaitingBytes = 4 << 20;  // a writer
constexpr Duration kReadPatience = std::chrono::milliseconds(200);
constexpr Duration kRetry = std::chrono::milliseconds(5);

}  // namespace

DemoRun::DemoRun(virtuallog::SharedLog& log, async::Scheduler& scheduler, std::string_view text,
                 Output& read_out, Options options)
    : log_(log),
      scheduler_(scheduler),
      text_(text),
      read_out_(read_out),
      options_(options),
      changed_(scheduler),
      tasks_(scheduler) {
  // All writers together stay within half the way from one swap to the next: else a short text
  // would be written before the swaps begin.
  uint64_t interval = options.lines / (options.swaps + 1);
  max_outstanding_ = std::clamp<uint64_t>(interval / 2 / options.writers, 1, kMaxOutstanding);
  for (uint64_t i = 0; i < options.writers; ++i) writers_.push_back({log.NewAppender(), 0});
}

Task<DemoResult> DemoRun::Run() {
  started_ = last_ack_ = scheduler_.Now();
  tasks_.Spawn(Feed());
  tasks_.Spawn(SwapAll());
  tasks_.Spawn(Follow());
  co_await tasks_.Join();
  for (Writer& writer : writers_) co_await writer.appender->Close();
  progress_.Clear();
  result_.took = last_ack_ - started_;
  co_return std::move(result_);
}

void DemoRun::Stop(Status why) {
  if (result_.status.ok()) result_.status = std::move(why);
  changed_.NotifyAll();
}

Task<void> DemoRun::Feed() {
  LineCursor cursor(text_);
  while (!cursor.at_end() && !stopped()) {
    Writer& writer = writers_[cursor.number() % options_.writers];
    if (IsAheadOfSwaps(cursor.number()) || writer.outstanding >= max_outstanding_ ||
        writer.appender->waiting_bytes() >= kMaxWaitingBytes) {
      Status waited = co_await changed_.Wait();
      if (!waited.ok()) Stop(waited);
      continue;
    }
    Submit(cursor.number(), cursor.line());
    cursor.Advance(1);
  }
}

bool DemoRun::IsAheadOfSwaps(uint64_t line) const {
  // Half an interval behind its point each swap still finds lines to write, also where a swap takes
  // longer than an interval. With nothing outstanding the writers go on in any case.
  if (swaps_called_ == options_.swaps || submitted_ == result_.acked) return false;
  uint64_t half = options_.lines / (options_.swaps + 1) / 2;
  return line > SwapPoint(swaps_called_ + 1) + half;
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
  NoteAckTime(scheduler_.Now());
}

void DemoRun::NoteAckTime(Instant now) {
  Duration since = now - last_ack_;
  last_ack_ = now;
  if (open_swaps_.empty()) return;
  for (const OpenSwap& open : open_swaps_) {
    Duration& gap = result_.swaps[open.index].gap;
    gap = std::max(gap, since);
  }
  // Of those that returned, this is the first acknowledgement after the call.
  std::erase_if(open_swaps_, [](const OpenSwap& open) { return open.returned; });
}

void DemoRun::WakeSoon() {
  if (wake_posted_) return;
  wake_posted_ = true;
  scheduler_.Post([this] {
    wake_posted_ = false;
    changed_.NotifyAll();
    if (!progress_.Due(scheduler_.Now())) return;
    progress_.Show(absl::StrFormat("%s of %s lines, %d of %d swaps, reader %s behind",
                                   Grouped(result_.acked), Grouped(options_.lines),
                                   result_.swaps.size(), options_.swaps,
                                   Grouped(result_.acked - std::min(result_.acked, result_.read))));
  });
}

Task<void> DemoRun::SwapAll() {
  for (uint64_t k = 1; k <= options_.swaps && !stopped(); ++k) {
    while (!ReadyToSwap(k) && !stopped()) {
      Status waited = co_await changed_.Wait();
      if (!waited.ok()) Stop(waited);
    }
    if (!stopped()) co_await SwapOnce(k);
  }
}

bool DemoRun::ReadyToSwap(uint64_t k) const {
  // The first acknowledgement after a swap ends it: two swaps on one pause would show it twice.
  bool last_swap_over = open_swaps_.empty() || result_.acked == options_.lines;
  return last_swap_over && result_.acked >= SwapPoint(k);
}

Task<void> DemoRun::SwapOnce(uint64_t k) {
  size_t index = result_.swaps.size();
  uint64_t acked_before = result_.acked;
  result_.swaps.emplace_back();
  open_swaps_.push_back({index, false});
  swaps_called_ = k;
  changed_.NotifyAll();
  Instant called = scheduler_.Now();
  virtuallog::ReconfigureRequest request;
  request.reason = absl::StrCat("demo swap ", k);
  Status done = co_await log_.Reconfigure(std::move(request));
  result_.swaps[index].took = scheduler_.Now() - called;
  result_.swaps[index].under_load = submitted_ > acked_before;
  for (OpenSwap& open : open_swaps_) open.returned |= open.index == index;
  if (!done.ok()) Stop(Annotate(done, absl::StrCat("swap ", k)));
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

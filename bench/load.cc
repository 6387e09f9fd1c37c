#include "load.h"

#include "clock.h"

namespace vlog::bench {
namespace {

constexpr uint64_t kRecordsPerClockRead = 64;

// What both styles share: when to stop, and the first error.
class Progression {
 public:
  explicit Progression(const Load& load)
      : load_(load), limit_(std::chrono::duration<double>(load.duration).count()) {}

  // True if one more record is to be started.
  bool Start() {
    if (over_ || started_ == load_.records || !error_.ok()) return false;
    if (++started_ % kRecordsPerClockRead == 0) over_ = watch_.Seconds() > limit_;
    return true;
  }
  void End(const Status& result) {
    ++ended_;
    if (!result.ok() && error_.ok()) error_ = result;
  }
  bool drained() const { return ended_ == started_; }
  const Status& error() const { return error_; }
  uint64_t ended() const { return ended_; }
  double Seconds() const { return watch_.Seconds(); }

 private:
  Load load_;
  double limit_;
  StopWatch watch_;
  bool over_ = false;
  uint64_t started_ = 0;
  uint64_t ended_ = 0;
  Status error_;
};

// Each completion starts the next append. `Target` has Append(std::string_view, done).
template <typename Target>
class CallbackLoad {
 public:
  CallbackLoad(Target* target, async::Scheduler& scheduler, const Load& load)
      : target_(target),
        payload_(load.payload_bytes, 'r'),
        progression_(load),
        outstanding_(load.outstanding),
        drained_(scheduler) {}

  Task<void> Run() {
    for (size_t i = 0; i < outstanding_; ++i) StartOne();
    while (!progression_.drained()) {
      Status waited = co_await drained_.Wait();
      VLOG_CHECK(waited.ok(), "nobody stops a benchmark's loop");
    }
  }
  const Progression& progression() const { return progression_; }

 private:
  void StartOne() {
    if (!progression_.Start()) return;
    target_->Append(std::string_view(payload_), [this](const auto& result) {
      progression_.End(result.status());
      StartOne();
      if (progression_.drained()) drained_.NotifyAll();
    });
  }

  Target* target_;
  std::string payload_;
  Progression progression_;
  size_t outstanding_;
  async::Event drained_;
};

Task<void> AppendInLoop(virtuallog::Appender* appender, size_t payload_bytes,
                        Progression* progression) {
  while (progression->Start()) {
    std::string payload(payload_bytes, 'r');
    StatusOr<Lsn> result = co_await appender->Append(std::move(payload));
    progression->End(result.status());
  }
}

// Of one run, from what the journal and the processor did meanwhile.
class Meter {
 public:
  explicit Meter(const storage::JournalStats& stats) : stats_(stats), before_(stats) {}
  StatusOr<LoadResult> Read(const Progression& progression) const {
    VLOG_RETURN_IF_ERROR(progression.error());
    LoadResult result;
    result.seconds = progression.Seconds();
    result.records = progression.ended();
    result.cpu_seconds = CpuSeconds() - cpu_before_;
    result.syncs = stats_.groups - before_.groups;
    result.synced_bytes = stats_.bytes - before_.bytes;
    return result;
  }

 private:
  const storage::JournalStats& stats_;
  storage::JournalStats before_;
  double cpu_before_ = CpuSeconds();
};

}  // namespace

Task<StatusOr<LoadResult>> RunLoad(OpenedLog* log, Style style, Load load) {
  Meter meter(log->stats());
  if (style == Style::kCallbacks) {
    CallbackLoad<virtuallog::Appender> callbacks(log->appender.get(), log->scheduler(), load);
    co_await callbacks.Run();
    co_return meter.Read(callbacks.progression());
  }
  Progression progression(load);
  async::TaskGroup loops(log->scheduler());
  for (size_t i = 0; i < load.outstanding; ++i) {
    loops.Spawn(AppendInLoop(log->appender.get(), load.payload_bytes, &progression));
  }
  co_await loops.Join();
  co_return meter.Read(progression);
}

Task<StatusOr<LoadResult>> RunBareLoad(BareLoglet* loglet, Load load) {
  Meter meter(loglet->stats());
  CallbackLoad<BareLoglet> callbacks(loglet, loglet->scheduler(), load);
  co_await callbacks.Run();
  co_return meter.Read(callbacks.progression());
}

Task<StatusOr<std::vector<double>>> SampleAppends(OpenedLog* log, size_t payload_bytes,
                                                  size_t count) {
  std::vector<double> micros;
  micros.reserve(count);
  StopWatch all;
  while (micros.size() < count && all.Seconds() < kMaxSampleSeconds) {
    StopWatch watch;
    std::string payload(payload_bytes, 'r');
    StatusOr<Lsn> result = co_await log->appender->Append(std::move(payload));
    VLOG_CO_RETURN_IF_ERROR(result);
    micros.push_back(watch.Micros());
  }
  co_return std::move(micros);
}

}  // namespace vlog::bench

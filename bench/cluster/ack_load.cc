#include "cluster/ack_load.h"

namespace vlog::bench {
namespace {

constexpr Duration kWarmUp = std::chrono::milliseconds(100);
constexpr Duration kLookEvery = std::chrono::milliseconds(10);
constexpr double kOpenMillis = 50;
constexpr double kPatienceSeconds = 30;

}  // namespace

AckLoad::AckLoad(virtuallog::Appender* appender, async::Scheduler& scheduler, size_t payload_bytes,
                 size_t outstanding)
    : appender_(appender),
      scheduler_(scheduler),
      payload_(payload_bytes, 'r'),
      outstanding_(outstanding),
      drained_(scheduler) {}

void AckLoad::Start() {
  stopping_ = false;
  tally_ = AckTally();
  SteadyTime now = SteadyNow();
  for (size_t i = 0; i < outstanding_; ++i) StartOne(now);
}

Task<void> AckLoad::Stop() {
  stopping_ = true;
  while (!idle()) {
    Status waited = co_await drained_.Wait();
    VLOG_CHECK(waited.ok(), "nobody stops a benchmark's loop");
  }
}

Task<AckFigures> AckLoad::ReadAfter(Duration window) {
  Status slept = co_await scheduler_.Sleep(window);
  AckFigures figures = Read();
  while (slept.ok() && figures.open_gap_millis > kOpenMillis &&
         figures.seconds < kPatienceSeconds) {
    slept = co_await scheduler_.Sleep(kLookEvery);
    figures = Read();
  }
  co_return figures;
}

Task<StatusOr<AckFigures>> AckLoad::RunFor(Duration duration) {
  Start();
  Status slept = co_await scheduler_.Sleep(kWarmUp);
  VLOG_CO_RETURN_IF_ERROR(slept);
  Mark();
  slept = co_await scheduler_.Sleep(duration);
  AckFigures figures = Read();
  co_await Stop();
  VLOG_CO_RETURN_IF_ERROR(slept);
  VLOG_CO_RETURN_IF_ERROR(figures.first_failure);
  if (figures.acknowledged == 0) co_return absl::UnavailableError("nothing was acknowledged");
  co_return figures;
}

void AckLoad::StartOne(SteadyTime now) {
  ++started_;
  auto done = [this, now](const StatusOr<Lsn>& result) { End(now, result); };
  appender_->Append(std::string_view(payload_), std::move(done));
}

void AckLoad::End(SteadyTime started, const StatusOr<Lsn>& result) {
  ++ended_;
  SteadyTime now = SteadyNow();
  if (result.ok()) {
    VLOG_CHECK(*result >= next_, "the records of one handle get rising LSNs");
    next_ = *result + 1;
    tally_.Acknowledged(started, now);
    if (!stopping_) StartOne(now);
  } else {
    tally_.Failed(result.status());
  }
  if (idle()) drained_.NotifyAll();
}

}  // namespace vlog::bench

// What the virtual log costs: the same loglet with it and without it, in turns.
#include "bare_loglet.h"
#include "clock.h"
#include "groups.h"
#include "load.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

constexpr size_t kPayload = 100;
constexpr size_t kSamplesPerRound = 200;
constexpr double kMaxRoundSeconds = 0.2;
constexpr double kLatencyAim = 5;  // microseconds
constexpr double kThroughputAim = 0.95;

struct Plan {
  int latency_rounds;
  int rounds;
  Duration duration;
};

Plan PlanOf(const Settings& settings) {
  using std::chrono::milliseconds;
  if (settings.quick) return {41, 25, milliseconds(80)};
  return {201, 31, milliseconds(200)};
}

// One append each in turn, so that both meet the same disk; medians over short rounds, because the
// disk's mood changes.
Task<Status> CompareLatency(OpenedLog* with, BareLoglet* without, Plan plan) {
  Rounds medians;
  std::vector<double> more;
  for (int round = 0; round < plan.latency_rounds; ++round) {
    std::vector<double> ours;
    std::vector<double> bare;
    StopWatch round_watch;
    while (ours.size() < kSamplesPerRound && round_watch.Seconds() < kMaxRoundSeconds) {
      std::string first(kPayload, 'r');
      StopWatch ours_watch;
      StatusOr<Lsn> lsn = co_await with->appender->Append(std::move(first));
      VLOG_CO_RETURN_IF_ERROR(lsn);
      ours.push_back(ours_watch.Micros());
      std::string second(kPayload, 'r');
      StopWatch bare_watch;
      StatusOr<Offset> offset = co_await without->Append(std::move(second));
      VLOG_CO_RETURN_IF_ERROR(offset);
      bare.push_back(bare_watch.Micros());
    }
    medians.Add(Median(ours), Median(bare));
    more.push_back(medians.ours.back() - medians.reference.back());
  }
  Row row;
  row.name = "virtualization, one outstanding, 100 B, p50";
  row.unit = "us";
  row.reference_name = "bare loglet";
  row.Take(medians);
  row.aim = "< 5 us more";
  row.verdict = MetIf(Median(more) < kLatencyAim);
  row.note = absl::StrFormat("%+.1f us; over the rounds p25 %+.1f us, p75 %+.1f us", Median(more),
                             Quantile(more, 0.25), Quantile(more, 0.75));
  Print(row);
  co_return absl::OkStatus();
}

Task<Status> CompareThroughput(OpenedLog* with, BareLoglet* without, size_t outstanding,
                               Plan plan) {
  Load load;
  load.payload_bytes = kPayload;
  load.outstanding = outstanding;
  load.duration = plan.duration;
  Rounds rounds;
  std::vector<double> our_nanos;
  std::vector<double> bare_nanos;
  uint64_t syncs = 0;
  uint64_t bytes = 0;
  double seconds = 0;
  for (int round = 0; round <= plan.rounds; ++round) {
    StatusOr<LoadResult> ours = co_await RunLoad(with, Style::kCallbacks, load);
    VLOG_CO_RETURN_IF_ERROR(ours);
    co_await with->Settle();
    StatusOr<LoadResult> bare = co_await RunBareLoad(without, load);
    VLOG_CO_RETURN_IF_ERROR(bare);
    co_await with->Settle();
    if (round == 0) continue;  // warms up
    rounds.Add(ours->RecordsPerSecond(), bare->RecordsPerSecond());
    our_nanos.push_back(ours->CpuNanosPerRecord());
    bare_nanos.push_back(bare->CpuNanosPerRecord());
    syncs += ours->syncs;
    bytes += ours->synced_bytes;
    seconds += ours->seconds;
  }
  Row row;
  row.name = absl::StrFormat("virtualization, %d outstanding, 100 B", outstanding);
  row.unit = "/s";
  row.reference_name = "bare loglet";
  row.Take(rounds);
  row.aim = ">= 0.95x";
  row.verdict = MetIf(row.ratio >= kThroughputAim);
  row.syncs_per_second = static_cast<double>(syncs) / seconds;
  row.bytes_per_sync = static_cast<double>(bytes) / static_cast<double>(syncs);
  row.note = absl::StrFormat("CPU %.2f us a record, bare %.2f us", Median(our_nanos) / 1000,
                             Median(bare_nanos) / 1000);
  Print(row);
  co_return absl::OkStatus();
}

Task<Status> Compare(boost::asio::any_io_executor executor, std::string with_path,
                     std::string without_path, Plan plan) {
  StatusOr<OpenedLog> with = co_await OpenLog(executor, std::move(with_path));
  VLOG_CO_RETURN_IF_ERROR(with);
  StatusOr<std::unique_ptr<BareLoglet>> without =
      co_await BareLoglet::Open(executor, std::move(without_path));
  VLOG_CO_RETURN_IF_ERROR(without);
  Progress("one outstanding append with and without the virtual log");
  Status compared = co_await CompareLatency(&*with, without->get(), plan);
  VLOG_CO_RETURN_IF_ERROR(compared);
  for (size_t outstanding : {size_t{1024}, size_t{16384}}) {
    Progress(std::to_string(outstanding) + " outstanding appends with and without it");
    compared = co_await CompareThroughput(&*with, without->get(), outstanding, plan);
    VLOG_CO_RETURN_IF_ERROR(compared);
  }
  compared = co_await (*without)->Close();
  VLOG_CO_RETURN_IF_ERROR(compared);
  co_return co_await with->Close();
}

}  // namespace

Status RunVirtualization(const Settings& settings) {
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_RETURN_IF_ERROR(scratch);
  boost::asio::io_context context(1);
  return RunOn(context, Compare(context.get_executor(), (*scratch)->Path("with"),
                                (*scratch)->Path("without"), PlanOf(settings)));
}

}  // namespace vlog::bench

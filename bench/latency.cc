// One outstanding append of 100 B and of 4 KiB: the log's median against the floor's.
#include <thread>

#include "clock.h"
#include "embedded/blocking_log.h"
#include "floor.h"
#include "groups.h"
#include "load.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

constexpr double kCoroutineAim = 1.3;
constexpr double kBlockingAim = 1.6;
constexpr Duration kSettle = std::chrono::milliseconds(50);

struct Sizes {
  int rounds;
  size_t samples;  // a round
};

Sizes SizesOf(const Settings& settings) {
  if (settings.quick) return {.rounds = 9, .samples = 300};
  return {.rounds = 31, .samples = 1000};
}

std::string SizeName(size_t payload_bytes) {
  return payload_bytes < 1024 ? absl::StrFormat("%d B", payload_bytes)
                              : absl::StrFormat("%d KiB", payload_bytes / 1024);
}

// Medians a round, and all samples for the tail.
struct Measured {
  Rounds medians;
  std::vector<double> ours;
  std::vector<double> floor;

  void Add(const std::vector<double>& our_micros, const std::vector<double>& floor_micros) {
    medians.Add(Median(our_micros), Median(floor_micros));
    ours.insert(ours.end(), our_micros.begin(), our_micros.end());
    floor.insert(floor.end(), floor_micros.begin(), floor_micros.end());
  }
};

void PrintLatency(const std::string& name, const Measured& measured, double aim,
                  double bytes_per_sync) {
  Row row;
  row.name = name;
  row.unit = "us";
  row.reference_name = "floor";
  row.Take(measured.medians);
  row.aim = absl::StrFormat("<= %.1fx", aim);
  row.verdict = MetIf(row.ratio <= aim);
  row.syncs_per_second = 1e6 / row.ours;
  row.bytes_per_sync = bytes_per_sync;
  row.note = absl::StrFormat("p99 %.0f us, floor's %.0f us", Quantile(measured.ours, 0.99),
                             Quantile(measured.floor, 0.99));
  Print(row);
}

Task<Status> MeasureCoroutines(boost::asio::any_io_executor executor, std::string path,
                               FloorFile* floor, size_t payload_bytes, Sizes sizes) {
  StatusOr<OpenedLog> opened = co_await OpenLog(std::move(executor), std::move(path));
  VLOG_CO_RETURN_IF_ERROR(opened);
  StatusOr<std::vector<double>> ours =
      co_await SampleAppends(&*opened, payload_bytes, sizes.samples);  // warms up
  VLOG_CO_RETURN_IF_ERROR(ours);
  storage::JournalStats before = opened->stats();
  Measured measured;
  for (int round = 0; round < sizes.rounds; ++round) {
    ours = co_await SampleAppends(&*opened, payload_bytes, sizes.samples);
    VLOG_CO_RETURN_IF_ERROR(ours);
    co_await opened->Settle();
    StatusOr<std::vector<double>> theirs = floor->Sample(payload_bytes, ours->size());
    VLOG_CO_RETURN_IF_ERROR(theirs);
    measured.Add(*ours, *theirs);
  }
  double bytes = static_cast<double>(opened->stats().bytes - before.bytes);
  PrintLatency("one outstanding, " + SizeName(payload_bytes) + ", coroutine", measured,
               kCoroutineAim, bytes / static_cast<double>(opened->stats().groups - before.groups));
  co_return co_await opened->Close();
}

StatusOr<std::vector<double>> SampleBlocking(embedded::BlockingLog* log, size_t payload_bytes,
                                             size_t count) {
  std::vector<double> micros;
  std::string payload(payload_bytes, 'r');
  StopWatch all;
  while (micros.size() < count && all.Seconds() < kMaxSampleSeconds) {
    StopWatch watch;
    StatusOr<Lsn> result = log->Append(payload);
    VLOG_RETURN_IF_ERROR(result);
    micros.push_back(watch.Micros());
  }
  return micros;
}

Status MeasureBlocking(const std::string& path, FloorFile* floor, size_t payload_bytes,
                       Sizes sizes) {
  StatusOr<std::unique_ptr<embedded::BlockingLog>> log = embedded::BlockingLog::Open(path);
  VLOG_RETURN_IF_ERROR(log);
  StatusOr<std::vector<double>> ours = SampleBlocking(log->get(), payload_bytes, sizes.samples);
  Measured measured;
  for (int round = 0; round < sizes.rounds; ++round) {
    ours = SampleBlocking(log->get(), payload_bytes, sizes.samples);
    VLOG_RETURN_IF_ERROR(ours);
    std::this_thread::sleep_for(kSettle);
    StatusOr<std::vector<double>> theirs = floor->Sample(payload_bytes, ours->size());
    VLOG_RETURN_IF_ERROR(theirs);
    measured.Add(*ours, *theirs);
  }
  PrintLatency("one outstanding, " + SizeName(payload_bytes) + ", blocking facade", measured,
               kBlockingAim, 0);
  return (*log)->Close();
}

}  // namespace

Status RunLatency(const Settings& settings) {
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_RETURN_IF_ERROR(scratch);
  StatusOr<std::unique_ptr<FloorFile>> floor =
      FloorFile::Make((*scratch)->Path("floor"), FloorFile::Kind::kWrittenBefore);
  VLOG_RETURN_IF_ERROR(floor);
  for (size_t payload_bytes : {100, 4096}) {
    Progress("one outstanding append of " + SizeName(payload_bytes));
    boost::asio::io_context context(1);
    Status measured =
        RunOn(context, MeasureCoroutines(context.get_executor(), (*scratch)->Path("log"),
                                         floor->get(), payload_bytes, SizesOf(settings)));
    VLOG_RETURN_IF_ERROR(measured);
    measured =
        MeasureBlocking((*scratch)->Path("log"), floor->get(), payload_bytes, SizesOf(settings));
    VLOG_RETURN_IF_ERROR(measured);
  }
  return absl::OkStatus();
}

}  // namespace vlog::bench

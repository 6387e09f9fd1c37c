// 4 KiB records over many gigabytes: payload a second against bare synced writes of 1 MiB, the
// largest group that the journal hands to the disk at once.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "floor.h"
#include "groups.h"
#include "load.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

constexpr size_t kPayload = 4096;
constexpr size_t kOutstanding = 4096;
constexpr size_t kFloorWrite = 1 << 20;
constexpr uint64_t kFloorFiles = 4;  // as many as a trimmed log cycles through
constexpr double kAim = 0.7;
constexpr double kMega = 1e6;
// What a trimmed log keeps; its older segments are recycled.
constexpr uint64_t kKeptBytes = 128 << 20;
constexpr Duration kTrimEvery = std::chrono::milliseconds(20);

struct Plan {
  int rounds;
  uint64_t round_bytes;
};

Plan PlanOf(const Settings& settings) {
  if (settings.quick) return {4, uint64_t{192} << 20};
  return {16, uint64_t{512} << 20};
}

// Trims all but the newest records until told to stop.
Task<void> TrimBehind(OpenedLog* opened, const bool* stop, Status* result) {
  while (!*stop) {
    Status slept = co_await opened->scheduler().Sleep(kTrimEvery);
    StatusOr<Lsn> tail = co_await opened->log->CheckTail();
    if (tail.ok() && tail->value() > kKeptBytes / kPayload) {
      tail = co_await opened->log->Trim(Lsn(tail->value() - kKeptBytes / kPayload));
    }
    *result = slept.ok() ? tail.status() : slept;
    if (!result->ok()) break;
  }
}

// Of the segments that exist, how many were made since `since`.
std::string FreshSegments(const std::string& journal, time_t since) {
  int fresh = 0;
  int all = 0;
  for (const auto& entry : std::filesystem::directory_iterator(journal)) {
    if (entry.path().extension() != ".seg") continue;
    struct statx info {};
    if (::statx(AT_FDCWD, entry.path().c_str(), 0, STATX_BTIME, &info) != 0) return "";
    ++all;
    fresh += info.stx_btime.tv_sec > since ? 1 : 0;
  }
  return absl::StrFormat("%d of %d segments made during it", fresh, all);
}

Task<Status> Measure(boost::asio::any_io_executor executor, std::string path, FloorFile* floor,
                     bool recycle, Plan plan) {
  StatusOr<OpenedLog> opened = co_await OpenLog(std::move(executor), path);
  VLOG_CO_RETURN_IF_ERROR(opened);
  bool stop = false;
  Status trimmed;
  async::TaskGroup background(opened->scheduler());
  if (recycle) background.Spawn(TrimBehind(&*opened, &stop, &trimmed));
  Load load;
  load.payload_bytes = kPayload;
  load.outstanding = kOutstanding;
  load.records = std::max(3 * kKeptBytes, plan.round_bytes) / kPayload;
  if (!recycle) load.records /= 4;
  StatusOr<LoadResult> ours = co_await RunLoad(&*opened, Style::kCallbacks, load);  // warms up
  VLOG_CO_RETURN_IF_ERROR(ours);
  co_await opened->Settle();
  time_t begin = ::time(nullptr);
  load.records = plan.round_bytes / kPayload;
  Rounds rounds;
  uint64_t syncs = 0;
  uint64_t bytes = 0;
  double seconds = 0;
  double cpu = 0;
  for (int round = 0; round < plan.rounds; ++round) {
    ours = co_await RunLoad(&*opened, Style::kCallbacks, load);
    VLOG_CO_RETURN_IF_ERROR(ours);
    co_await opened->Settle();
    StatusOr<FloorResult> theirs = floor->RunTotal(kFloorWrite, plan.round_bytes);
    VLOG_CO_RETURN_IF_ERROR(theirs);
    rounds.Add(ours->RecordsPerSecond() * kPayload / kMega,
               theirs->SyncsPerSecond() * kFloorWrite / kMega);
    syncs += ours->syncs;
    bytes += ours->synced_bytes;
    seconds += ours->seconds;
    cpu += ours->cpu_seconds;
  }
  stop = true;
  co_await background.Join();
  VLOG_CO_RETURN_IF_ERROR(trimmed);
  Row row;
  double total = static_cast<double>(plan.rounds) * static_cast<double>(plan.round_bytes);
  row.name = absl::StrFormat("4 KiB over %.2f GiB, %s segments", total / (1 << 30),
                             recycle ? "recycled" : "fresh");
  row.unit = "MB/s";
  row.reference_name = recycle ? "overwriting" : "growing file";
  row.Take(rounds);
  row.aim = ">= 0.7x";
  row.verdict = MetIf(row.ratio >= kAim);
  row.syncs_per_second = static_cast<double>(syncs) / seconds;
  row.bytes_per_sync = static_cast<double>(bytes) / static_cast<double>(syncs);
  row.note = absl::StrFormat("CPU %.2f s a GiB; %s", cpu * (1 << 30) / total,
                             FreshSegments(path + "/journal", begin));
  Print(row);
  co_return co_await opened->Close();
}

}  // namespace

Status RunBandwidth(const Settings& settings) {
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_RETURN_IF_ERROR(scratch);
  for (bool recycle : {false, true}) {
    Progress(recycle ? "4 KiB records, recycled segments" : "4 KiB records, fresh segments");
    auto kind = recycle ? FloorFile::Kind::kWrittenBefore : FloorFile::Kind::kGrowing;
    StatusOr<std::unique_ptr<FloorFile>> floor =
        FloorFile::Make((*scratch)->Path("floor"), kind, kFloorFiles);
    VLOG_RETURN_IF_ERROR(floor);
    boost::asio::io_context context(1);
    Status measured = RunOn(context, Measure(context.get_executor(), (*scratch)->Path("log"),
                                             floor->get(), recycle, PlanOf(settings)));
    VLOG_RETURN_IF_ERROR(measured);
    scratch = Scratch::Make(settings.directory);
    VLOG_RETURN_IF_ERROR(scratch);
  }
  return absl::OkStatus();
}

}  // namespace vlog::bench

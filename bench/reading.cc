// Sequential reading from the page cache, record by record through Next(), against a bare read of
// the same segment files.
#include <algorithm>
#include <filesystem>

#include "clock.h"
#include "floor.h"
#include "groups.h"
#include "load.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

constexpr size_t kBareRead = 256 * 1024;
constexpr double kMega = 1e6;

struct Case {
  std::string name;
  size_t payload_bytes;
  size_t outstanding;  // while it was written, which decides how large the batches are
  uint64_t records;
  bool in_records;  // figures in records a second, else in payload megabytes
  double aim;       // 0: none
};

std::vector<Case> CasesOf(const Settings& settings) {
  uint64_t scale = settings.quick ? 1 : 5;
  return {
      {"read 100 B records", 100, 16384, scale * 2000000, true, 5e6},
      {"read 4 KiB records", 4096, 1024, scale * 60000, false, 1000},
      {"read 100 B records, batches of about 64", 100, 256, scale * 200000, true, 0},
  };
}

struct Seen {
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t first_bytes = 0;
};

Task<Status> ReadAll(virtuallog::SharedLog* log, Lsn tail, Seen* seen) {
  std::unique_ptr<virtuallog::Reader> reader = log->NewReader(Lsn(0));
  while (reader->position() < tail) {
    StatusOr<virtuallog::ReadItem> item = co_await reader->Next();
    VLOG_CO_RETURN_IF_ERROR(item);
    if (item->gap) co_return absl::DataLossError("a benchmark's log has no gaps");
    for (const virtuallog::RecordRun& run : item->runs) {
      run.ForEach([seen](Lsn, std::string_view payload) {
        ++seen->records;
        seen->bytes += payload.size();
        seen->first_bytes += static_cast<unsigned char>(payload.front());
      });
    }
  }
  co_return absl::OkStatus();
}

std::vector<std::string> SegmentFilesOf(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path + "/journal")) {
    if (entry.path().extension() == ".seg") names.push_back(entry.path());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Task<Status> Measure(boost::asio::any_io_executor executor, std::string path, Case what,
                     int rounds) {
  StatusOr<OpenedLog> opened = co_await OpenLog(std::move(executor), path);
  VLOG_CO_RETURN_IF_ERROR(opened);
  Load load;
  load.payload_bytes = what.payload_bytes;
  load.outstanding = what.outstanding;
  load.records = what.records;
  StatusOr<LoadResult> written = co_await RunLoad(&*opened, Style::kCallbacks, load);
  VLOG_CO_RETURN_IF_ERROR(written);
  co_await opened->Settle();
  double unit = what.in_records ? 1.0 : static_cast<double>(what.payload_bytes) / kMega;
  std::vector<std::string> files = SegmentFilesOf(path);
  Rounds measured;
  double cpu = 0;
  for (int round = 0; round <= rounds; ++round) {
    Seen seen;
    StopWatch watch;
    double cpu_before = CpuSeconds();
    Status read = co_await ReadAll(opened->log, Lsn(what.records), &seen);
    VLOG_CO_RETURN_IF_ERROR(read);
    double seconds = watch.Seconds();
    bool complete = seen.records == what.records &&
                    seen.bytes == what.records * what.payload_bytes &&
                    seen.first_bytes == what.records * 'r';
    if (!complete) co_return absl::DataLossError("records are missing");
    if (round > 0) cpu += CpuSeconds() - cpu_before;
    StatusOr<double> bare = ReadFiles(files, kBareRead);
    VLOG_CO_RETURN_IF_ERROR(bare);
    if (round == 0) continue;  // warms up
    double amount = static_cast<double>(what.records) * unit;
    measured.Add(amount / seconds, amount / *bare);
  }
  Row row;
  row.name = what.name;
  row.unit = what.in_records ? "/s" : "MB/s";
  row.reference_name = "bare read()";
  row.Take(measured);
  if (what.aim > 0) {
    row.aim = what.in_records ? ">= 5 M/s" : ">= 1 GB/s";
    row.verdict = MetIf(row.ours >= what.aim);
  }
  row.note = absl::StrFormat("CPU %.0f ns a record; written with %.0f B/sync",
                             cpu * 1e9 / static_cast<double>(what.records) / rounds,
                             written->BytesPerSync());
  Print(row);
  co_return co_await opened->Close();
}

}  // namespace

Status RunReading(const Settings& settings) {
  for (const Case& what : CasesOf(settings)) {
    Progress(what.name);
    StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
    VLOG_RETURN_IF_ERROR(scratch);
    boost::asio::io_context context(1);
    Status measured = RunOn(context, Measure(context.get_executor(), (*scratch)->Path("log"), what,
                                             settings.quick ? 5 : 9));
    VLOG_RETURN_IF_ERROR(measured);
  }
  return absl::OkStatus();
}

}  // namespace vlog::bench

// Sequential reading through the cluster, record by record, against a bare stream of the same bytes
// over loopback.
#include "clock.h"
#include "cluster/ack_load.h"
#include "cluster/bare_stream.h"
#include "cluster/groups.h"
#include "cluster/process.h"
#include "report.h"

namespace vlog::bench {
namespace {

struct Case {
  size_t payload_bytes;
  size_t outstanding;  // while it was written, which decides how large the batches are
  uint64_t records;
};

std::vector<Case> CasesOf(const Settings& settings) {
  uint64_t scale = 5;
  if (settings.quick) scale = 1;
  return {{100, 1024, scale * 300'000}, {4096, 1024, scale * 20'000}};
}

Task<Status> ReadRange(virtuallog::SharedLog* log, Lsn from, Lsn to, uint64_t* bytes) {
  std::unique_ptr<virtuallog::Reader> reader = log->NewReader(from);
  while (reader->position() < to) {
    StatusOr<virtuallog::ReadItem> item = co_await reader->Next();
    VLOG_CO_RETURN_IF_ERROR(item);
    if (item->gap) co_return absl::DataLossError("a benchmark's log has no gaps");
    for (const virtuallog::RecordRun& run : item->runs) {
      run.ForEach([bytes](Lsn, std::string_view payload) { *bytes += payload.size(); });
    }
  }
  co_return absl::OkStatus();
}

// Appends at least `records` and returns the tail.
Task<StatusOr<Lsn>> Fill(OpenedCluster* cluster, Case what) {
  AckLoad load(cluster->appender.get(), cluster->scheduler(), what.payload_bytes, what.outstanding);
  load.Start();
  while (load.Read().acknowledged < what.records && load.Read().failed == 0) {
    co_await cluster->Sleep(std::chrono::milliseconds(10));
  }
  co_await load.Stop();
  VLOG_CO_RETURN_IF_ERROR(load.Read().first_failure);
  co_return co_await cluster->log->CheckTail();
}

Task<Status> MeasureCase(OpenedCluster* cluster, Case what, int rounds) {
  StatusOr<Lsn> begin = co_await cluster->log->CheckTail();
  VLOG_CO_RETURN_IF_ERROR(begin);
  StatusOr<Lsn> end = co_await Fill(cluster, what);
  VLOG_CO_RETURN_IF_ERROR(end);
  auto records = static_cast<double>(*end - *begin);
  Rounds speed;
  std::vector<double> cpu;
  for (int round = 0; round <= rounds; ++round) {
    uint64_t bytes = 0;
    double cpu_before = CpuSeconds() + CpuSecondsOf(cluster->Processes());
    StopWatch watch;
    Status read = co_await ReadRange(cluster->log, *begin, *end, &bytes);
    VLOG_CO_RETURN_IF_ERROR(read);
    double seconds = watch.Seconds();
    if (bytes != (*end - *begin) * what.payload_bytes) {
      co_return absl::DataLossError("records are missing");
    }
    double used = CpuSeconds() + CpuSecondsOf(cluster->Processes()) - cpu_before;
    StatusOr<double> bare = StreamOverLoopback(bytes);
    VLOG_CO_RETURN_IF_ERROR(bare);
    if (round == 0) continue;  // warms up
    speed.Add(records / seconds, records / *bare);
    cpu.push_back(used * 1e9 / records);
  }
  Row row;
  row.name = absl::StrFormat("cluster, read %d B records", what.payload_bytes);
  row.unit = "/s";
  row.reference_name = "bare stream";
  row.Take(speed);
  row.note = absl::StrFormat("%.0f MB/s; CPU %.0f ns a record, client and nodes",
                             row.ours * static_cast<double>(what.payload_bytes) / 1e6, Median(cpu));
  Print(row);
  co_return absl::OkStatus();
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  int rounds = 9;
  if (settings.quick) rounds = 5;
  for (const Case& what : CasesOf(settings)) {
    Progress(absl::StrFormat("reading %d B records", what.payload_bytes));
    Status done = co_await MeasureCase(&cluster, what, rounds);
    VLOG_CO_RETURN_IF_ERROR(done);
  }
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterReading(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

#include "cluster/sides.h"

#include <future>

#include "clock.h"
#include "cluster/ack_load.h"
#include "cluster/process.h"

namespace vlog::bench {
namespace {

constexpr Duration kSettle = std::chrono::milliseconds(100);
constexpr Duration kLookEvery = std::chrono::milliseconds(5);

class Meter {
 public:
  explicit Meter(std::vector<pid_t> nodes) : nodes_(std::move(nodes)) {}

  // The figures leave the start and the end out, the processors do not.
  Measured Read(AckFigures acks) const {
    double records = acks.PerSecond() * watch_.Seconds();
    Measured measured;
    measured.cpu_micros = (Cpu() - cpu_before_) * 1e6 / records;
    measured.acks = std::move(acks);
    return measured;
  }

 private:
  double Cpu() const { return CpuSeconds() + CpuSecondsOf(nodes_); }

  std::vector<pid_t> nodes_;
  double cpu_before_ = Cpu();
  StopWatch watch_;
};

std::string Costs(const std::vector<double>& p50, const std::vector<double>& p99,
                  const std::vector<double>& cpu) {
  return absl::StrFormat("p50 %.2f ms, p99 %.2f ms, CPU %.1f us a record", Median(p50) / 1000,
                         Median(p99) / 1000, Median(cpu));
}

}  // namespace

std::string Load::Name() const {
  std::string count = outstanding == 1024 ? "1,024" : std::to_string(outstanding);
  return absl::StrFormat("%s outstanding, %d B", count, payload_bytes);
}

StatusOr<Etcd> StartEtcd(const Settings& settings) {
  Etcd etcd;
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_RETURN_IF_ERROR(scratch);
  etcd.scratch = *std::move(scratch);
  StatusOr<std::unique_ptr<EtcdNodes>> nodes = EtcdNodes::Start(etcd.scratch->Path("etcd"));
  etcd.problem = nodes.status();
  if (!nodes.ok()) return etcd;
  etcd.nodes = *std::move(nodes);
  StatusOr<std::unique_ptr<EtcdClient>> client = EtcdClient::Connect(etcd.nodes->endpoints());
  etcd.problem = client.status();
  if (client.ok()) etcd.client = *std::move(client);
  return etcd;
}

Task<StatusOr<Measured>> RunOurs(OpenedCluster* cluster, Load what, Duration duration) {
  AckLoad acks_of(cluster->appender.get(), cluster->scheduler(), what.payload_bytes,
                  what.outstanding);
  Meter meter(cluster->Processes());
  StatusOr<storage::JournalStats> before = co_await cluster->JournalStats();
  VLOG_CO_RETURN_IF_ERROR(before);
  StopWatch watch;
  StatusOr<AckFigures> acks = co_await acks_of.RunFor(duration);
  VLOG_CO_RETURN_IF_ERROR(acks);
  Measured measured = meter.Read(*std::move(acks));
  double seconds = watch.Seconds();
  StatusOr<storage::JournalStats> after = co_await cluster->JournalStats();
  VLOG_CO_RETURN_IF_ERROR(after);
  auto syncs = static_cast<double>(after->groups - before->groups);
  auto nodes = static_cast<double>(cluster->nodes->nodes().size());
  measured.syncs_per_second = syncs / nodes / seconds;
  measured.bytes_per_sync = static_cast<double>(after->bytes - before->bytes) / syncs;
  co_await cluster->Sleep(kSettle);
  co_return std::move(measured);
}

// Its client blocks, so it has a thread of its own; the loop of our client lives on.
Task<StatusOr<std::optional<Measured>>> RunEtcd(OpenedCluster* cluster, Etcd* etcd, Load what,
                                                Duration duration) {
  if (!etcd->problem.ok()) co_return std::optional<Measured>();
  Meter meter(etcd->nodes->Processes());
  std::future<StatusOr<AckFigures>> running =
      std::async(std::launch::async, [etcd, what, duration] {
        return etcd->client->RunFor(what.payload_bytes, what.outstanding, duration);
      });
  while (running.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    co_await cluster->Sleep(kLookEvery);
  }
  StatusOr<AckFigures> acks = running.get();
  VLOG_CO_RETURN_IF_ERROR(acks);
  Measured measured = meter.Read(*std::move(acks));
  co_await cluster->Sleep(kSettle);
  co_return std::optional<Measured>(std::move(measured));
}

void Results::Add(const Measured& ours, const std::optional<Measured>& etcd) {
  auto add = [&](Rounds& rounds, auto value) { rounds.Add(value(ours), etcd ? value(*etcd) : 0); };
  add(speed, [](const Measured& m) { return m.acks.PerSecond(); });
  add(p50, [](const Measured& m) { return m.acks.MicrosAt(0.5); });
  add(p99, [](const Measured& m) { return m.acks.MicrosAt(0.99); });
  add(cpu, [](const Measured& m) { return m.cpu_micros; });
  syncs_per_second.push_back(ours.syncs_per_second);
  bytes_per_sync.push_back(ours.bytes_per_sync);
}

Row BeginRow(std::string name, std::string unit, const Rounds& rounds, const Status& problem) {
  Row row;
  row.name = std::move(name);
  row.unit = std::move(unit);
  if (problem.ok()) {
    row.reference_name = "etcd";
    row.Take(rounds);
  } else {
    row.ours = Median(rounds.ours);
    row.note = "no etcd: " + Message(problem);
  }
  return row;
}

void AddNote(Row* row, const std::string& note) {
  row->note += (row->note.empty() ? "" : "; ") + note;
}

void Judge(Row* row, const std::string& aim, bool met, bool fair, const Status& problem) {
  row->aim = aim;
  if (!problem.ok()) return;
  row->verdict = MetIf(met);
  if (!fair) {
    row->verdict = Verdict::kInvalid;
    AddNote(row, absl::StrFormat("etcd is below %.1fx of what it should reach", kFairShare));
  }
}

Row SpeedRow(std::string name, const Results& results, const Status& problem) {
  Row row = BeginRow(std::move(name), "/s", results.speed, problem);
  row.syncs_per_second = Median(results.syncs_per_second);
  row.bytes_per_sync = Median(results.bytes_per_sync);
  AddNote(&row, Costs(results.p50.ours, results.p99.ours, results.cpu.ours));
  if (problem.ok()) {
    AddNote(&row,
            "etcd: " + Costs(results.p50.reference, results.p99.reference, results.cpu.reference));
  }
  return row;
}

}  // namespace vlog::bench

// Appends to three nodes against Puts to a three-node etcd, in turns on the same disk.
#include <future>

#include "clock.h"
#include "cluster/ack_load.h"
#include "cluster/etcd_client.h"
#include "cluster/etcd_nodes.h"
#include "cluster/groups.h"
#include "cluster/process.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

constexpr Duration kSettle = std::chrono::milliseconds(100);
constexpr Duration kLookEvery = std::chrono::milliseconds(5);
constexpr double kFairShare = 0.8;  // of what DESIGN 11 has; an etcd below it is no fair reference
constexpr double kKnownMicrosAtDepthOne = 1500;
constexpr double kCpuAimMicros = 4;

struct Case {
  size_t payload_bytes;
  size_t outstanding;
  double known_etcd;  // Puts a second in DESIGN 11; 0: it has none
  double aim;         // times etcd; 0: none
};
constexpr Case kCases[] = {
    {100, 1, 600, 0},       {100, 64, 5700, 0},  {100, 256, 8100, 0},
    {100, 1024, 11900, 25}, {1024, 1024, 0, 20},
};

struct Plan {
  int rounds;
  Duration duration;
};

Plan PlanOf(const Settings& settings) {
  using std::chrono::milliseconds;
  if (settings.quick) return {5, milliseconds(1000)};
  return {11, milliseconds(3000)};
}

// The reference; without it ours is measured all the same.
struct Etcd {
  std::unique_ptr<Scratch> scratch;
  std::unique_ptr<EtcdNodes> nodes;
  std::unique_ptr<EtcdClient> client;
  Status problem;
};

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

// One side of one round.
struct Measured {
  AckFigures acks;
  double cpu_micros = 0;  // a record, over all processes
  // Of one node.
  double syncs_per_second = 0;
  double bytes_per_sync = 0;
};

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

Task<StatusOr<Measured>> RunOurs(OpenedCluster* cluster, Case what, Duration duration) {
  AckLoad load(cluster->appender.get(), cluster->scheduler(), what.payload_bytes, what.outstanding);
  Meter meter(cluster->Processes());
  StatusOr<storage::JournalStats> before = co_await cluster->JournalStats();
  VLOG_CO_RETURN_IF_ERROR(before);
  StopWatch watch;
  StatusOr<AckFigures> acks = co_await load.RunFor(duration);
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
Task<StatusOr<Measured>> RunEtcd(OpenedCluster* cluster, Etcd* etcd, Case what, Duration duration) {
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
  co_return std::move(measured);
}

struct Results {
  Rounds speed;
  Rounds p50;
  Rounds p99;
  Rounds cpu;
  std::vector<double> syncs_per_second;
  std::vector<double> bytes_per_sync;

  void Add(const Measured& ours, const std::optional<Measured>& etcd) {
    auto add = [&](Rounds& rounds, auto value) {
      rounds.Add(value(ours), etcd ? value(*etcd) : 0);
    };
    add(speed, [](const Measured& m) { return m.acks.PerSecond(); });
    add(p50, [](const Measured& m) { return m.acks.MicrosAt(0.5); });
    add(p99, [](const Measured& m) { return m.acks.MicrosAt(0.99); });
    add(cpu, [](const Measured& m) { return m.cpu_micros; });
    syncs_per_second.push_back(ours.syncs_per_second);
    bytes_per_sync.push_back(ours.bytes_per_sync);
  }
};

// The row without its verdict.
Row Begin(std::string name, std::string unit, const Rounds& rounds, const Status& problem) {
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

std::string Costs(const std::vector<double>& p50, const std::vector<double>& p99,
                  const std::vector<double>& cpu) {
  return absl::StrFormat("p50 %.2f ms, p99 %.2f ms, CPU %.1f us a record", Median(p50) / 1000,
                         Median(p99) / 1000, Median(cpu));
}

void PrintSpeed(const Case& what, const Results& results, const Status& problem) {
  std::string outstanding = what.outstanding == 1024 ? "1,024" : std::to_string(what.outstanding);
  std::string name =
      absl::StrFormat("cluster, %s outstanding, %d B", outstanding, what.payload_bytes);
  Row row = Begin(name, "/s", results.speed, problem);
  bool fair = row.reference >= kFairShare * what.known_etcd;
  if (what.aim > 0) {
    Judge(&row, absl::StrFormat(">= %.0fx", what.aim), row.ratio >= what.aim, fair, problem);
  } else if (!fair && problem.ok()) {
    row.verdict = Verdict::kInvalid;
  }
  row.syncs_per_second = Median(results.syncs_per_second);
  row.bytes_per_sync = Median(results.bytes_per_sync);
  AddNote(&row, Costs(results.p50.ours, results.p99.ours, results.cpu.ours));
  if (problem.ok()) {
    AddNote(&row,
            "etcd: " + Costs(results.p50.reference, results.p99.reference, results.cpu.reference));
  }
  Print(row);
}

void PrintLatency(const Results& results, const Status& problem) {
  bool fair = Median(results.p50.reference) <= kKnownMicrosAtDepthOne / kFairShare;
  Row p50 = Begin("cluster, one outstanding, 100 B, p50", "us", results.p50, problem);
  Judge(&p50, "<= 0.4x", p50.ratio <= 0.4, fair, problem);
  Print(p50);
  Print(Begin("cluster, one outstanding, 100 B, p99", "us", results.p99, problem));
}

void PrintCpu(const Results& results, const Status& problem) {
  Row row = Begin("cluster, CPU a record, 1,024 outstanding, 100 B", "us", results.cpu, problem);
  row.aim = "< 4 us";
  row.verdict = MetIf(row.ours < kCpuAimMicros);
  AddNote(&row, "client and three nodes");
  Print(row);
}

Task<StatusOr<Results>> MeasureCase(OpenedCluster* cluster, Etcd* etcd, Case what, Plan plan) {
  Results results;
  for (int round = 0; round < plan.rounds; ++round) {
    StatusOr<Measured> ours = co_await RunOurs(cluster, what, plan.duration);
    VLOG_CO_RETURN_IF_ERROR(ours);
    std::optional<Measured> theirs;
    if (etcd->problem.ok()) {
      StatusOr<Measured> measured = co_await RunEtcd(cluster, etcd, what, plan.duration);
      VLOG_CO_RETURN_IF_ERROR(measured);
      theirs = *std::move(measured);
    }
    results.Add(*ours, theirs);
  }
  co_return std::move(results);
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  Progress("starting etcd");
  StatusOr<Etcd> etcd = StartEtcd(settings);
  VLOG_CO_RETURN_IF_ERROR(etcd);
  for (const Case& what : kCases) {
    Progress(absl::StrFormat("%d outstanding appends of %d B, and etcd, in turns", what.outstanding,
                             what.payload_bytes));
    StatusOr<Results> results = co_await MeasureCase(&cluster, &*etcd, what, PlanOf(settings));
    VLOG_CO_RETURN_IF_ERROR(results);
    PrintSpeed(what, *results, etcd->problem);
    if (what.outstanding == 1) PrintLatency(*results, etcd->problem);
    if (what.outstanding == 1024 && what.payload_bytes == 100) PrintCpu(*results, etcd->problem);
  }
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterSpeed(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

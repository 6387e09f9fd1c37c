// Appends to three nodes against Puts to a three-node etcd, in turns on the same disk.
#include "cluster/groups.h"
#include "cluster/sides.h"

namespace vlog::bench {
namespace {

constexpr double kKnownMicrosAtDepthOne = 1500;
constexpr double kCpuAimMicros = 4;

struct Case {
  Load load;
  double known_etcd;  // Puts a second in DESIGN 11; 0: it has none
  double aim;         // times etcd; 0: none
};
constexpr Case kCases[] = {
    {{100, 1}, 600, 0},       {{100, 64}, 5700, 0},  {{100, 256}, 8100, 0},
    {{100, 1024}, 11900, 25}, {{1024, 1024}, 0, 20},
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

void PrintSpeed(const Case& what, const Results& results, const Status& problem) {
  Row row = SpeedRow("cluster, " + what.load.Name(), results, problem);
  bool fair = row.reference >= kFairShare * what.known_etcd;
  if (what.aim > 0) {
    Judge(&row, absl::StrFormat(">= %.0fx", what.aim), row.ratio >= what.aim, fair, problem);
  } else if (!fair && problem.ok()) {
    row.verdict = Verdict::kInvalid;
  }
  Print(row);
}

void PrintLatency(const Results& results, const Status& problem) {
  bool fair = Median(results.p50.reference) <= kKnownMicrosAtDepthOne / kFairShare;
  Row p50 = BeginRow("cluster, one outstanding, 100 B, p50", "us", results.p50, problem);
  Judge(&p50, "<= 0.4x", p50.ratio <= 0.4, fair, problem);
  Print(p50);
  Print(BeginRow("cluster, one outstanding, 100 B, p99", "us", results.p99, problem));
}

void PrintCpu(const Results& results, const Status& problem) {
  Row row = BeginRow("cluster, CPU a record, 1,024 outstanding, 100 B", "us", results.cpu, problem);
  row.aim = "< 4 us";
  row.verdict = MetIf(row.ours < kCpuAimMicros);
  AddNote(&row, "client and three nodes");
  Print(row);
}

Task<StatusOr<Results>> MeasureCase(OpenedCluster* cluster, Etcd* etcd, Case what, Plan plan) {
  Results results;
  for (int round = 0; round < plan.rounds; ++round) {
    StatusOr<Measured> ours = co_await RunOurs(cluster, what.load, plan.duration);
    VLOG_CO_RETURN_IF_ERROR(ours);
    StatusOr<std::optional<Measured>> theirs =
        co_await RunEtcd(cluster, etcd, what.load, plan.duration);
    VLOG_CO_RETURN_IF_ERROR(theirs);
    results.Add(*ours, *theirs);
  }
  co_return std::move(results);
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  Progress("starting etcd");
  StatusOr<Etcd> etcd = StartEtcd(settings);
  VLOG_CO_RETURN_IF_ERROR(etcd);
  for (const Case& what : kCases) {
    Progress("appends and etcd in turns: " + what.load.Name());
    StatusOr<Results> results = co_await MeasureCase(&cluster, &*etcd, what, PlanOf(settings));
    VLOG_CO_RETURN_IF_ERROR(results);
    PrintSpeed(what, *results, etcd->problem);
    if (what.load.outstanding == 1) PrintLatency(*results, etcd->problem);
    if (what.load.outstanding == 1024 && what.load.payload_bytes == 100)
      PrintCpu(*results, etcd->problem);
  }
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterSpeed(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

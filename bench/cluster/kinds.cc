// All kinds of loglets side by side: the same log is swapped from one to the next, round by round,
// and a three-node etcd has its turn in each round.
#include "cluster/groups.h"
#include "cluster/sides.h"
#include "floor.h"

namespace vlog::bench {
namespace {

constexpr double kKnownEtcd = 11900;  // Puts a second at 1,024 outstanding, DESIGN 11
constexpr double kKnownMicrosAtDepthOne = 1500;
constexpr Load kLoads[] = {{100, 1}, {100, 1024}};
constexpr size_t kFloorSamples = 1000;

struct Plan {
  int rounds = 9;
  Duration duration = std::chrono::milliseconds(2000);
};

Task<StatusOr<std::vector<Results>>> MeasureLoad(OpenedCluster* cluster, Etcd* etcd, Load load,
                                                 Plan plan) {
  const std::vector<std::string> kinds = cluster->Kinds();
  std::vector<Results> results(kinds.size());
  for (int round = 0; round < plan.rounds; ++round) {
    StatusOr<std::optional<Measured>> theirs = co_await RunEtcd(cluster, etcd, load, plan.duration);
    VLOG_CO_RETURN_IF_ERROR(theirs);
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      Status swapped = co_await cluster->SwapTo(kinds[kind]);
      VLOG_CO_RETURN_IF_ERROR(swapped);
      StatusOr<Measured> ours = co_await RunOurs(cluster, load, plan.duration);
      VLOG_CO_RETURN_IF_ERROR(ours);
      results[kind].Add(*ours, *theirs);
    }
  }
  co_return std::move(results);
}

// Of each node; how many records share one says how well a kind fills its batches.
std::string SyncsARecord(const Results& results) {
  double syncs = Median(results.syncs_per_second) / Median(results.speed.ours);
  return absl::StrFormat("%.4f syncs a record and node", syncs);
}

// The sequencer's own aims are judged by the group cluster-speed.
void PrintKind(const std::string& kind, const Load& load, const Results& results,
               const Status& problem) {
  bool judged = kind != "sequencer";
  if (load.outstanding == 1) {
    Row row = BeginRow(kind + ", " + load.Name() + ", p50", "us", results.p50, problem);
    bool fair = row.reference <= kKnownMicrosAtDepthOne / kFairShare;
    if (judged) Judge(&row, "<= 0.5x", row.ratio <= 0.5, fair, problem);
    AddNote(&row, absl::StrFormat("CPU %.1f us a record", Median(results.cpu.ours)));
    AddNote(&row, SyncsARecord(results));
    row.syncs_per_second = Median(results.syncs_per_second);
    row.bytes_per_sync = Median(results.bytes_per_sync);
    Print(row);
    return;
  }
  Row row = SpeedRow(kind + ", " + load.Name(), results, problem);
  bool fair = row.reference >= kFairShare * kKnownEtcd;
  AddNote(&row, SyncsARecord(results));
  if (judged) Judge(&row, ">= 15x", row.ratio >= 15, fair, problem);
  Print(row);
}

// What one node's disk takes for a record's write and sync, without a log.
Status PrintFloor(const Settings& settings) {
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_RETURN_IF_ERROR(scratch);
  StatusOr<std::unique_ptr<FloorFile>> file =
      FloorFile::Make((*scratch)->Path("floor"), FloorFile::Kind::kWrittenBefore);
  VLOG_RETURN_IF_ERROR(file);
  StatusOr<std::vector<double>> micros = (*file)->Sample(128, kFloorSamples);
  VLOG_RETURN_IF_ERROR(micros);
  Row row;
  row.name = "floor: one pwrite + fdatasync of 128 B, p50";
  row.unit = "us";
  row.ours = Median(*micros);
  Print(row);
  return absl::OkStatus();
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  Status floor = PrintFloor(settings);
  VLOG_CO_RETURN_IF_ERROR(floor);
  Progress("starting etcd");
  StatusOr<Etcd> etcd = StartEtcd(settings);
  VLOG_CO_RETURN_IF_ERROR(etcd);
  const std::vector<std::string> kinds = cluster.Kinds();
  Plan plan;
  if (settings.quick) plan = {5, std::chrono::milliseconds(700)};
  for (const Load& load : kLoads) {
    Progress("each kind and etcd in turns: " + load.Name());
    StatusOr<std::vector<Results>> results = co_await MeasureLoad(&cluster, &*etcd, load, plan);
    VLOG_CO_RETURN_IF_ERROR(results);
    for (size_t kind = 0; kind < kinds.size(); ++kind) {
      PrintKind(kinds[kind], load, (*results)[kind], etcd->problem);
    }
  }
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterKinds(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

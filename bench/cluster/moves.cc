// Planned moves of the sequencer from node to node while many appends are under way.
#include "cluster/ack_load.h"
#include "cluster/fault_row.h"
#include "cluster/groups.h"

namespace vlog::bench {
namespace {

constexpr char kName[] = "cluster, planned move, longest gap";
// From the call on, and as long before it for the comparison.
constexpr Duration kWindow = std::chrono::milliseconds(300);

struct Moves {
  FaultGaps gaps;
  std::vector<double> call_millis;
  int refused = 0;
  Status first_refusal;
};

Task<Status> MoveOnce(OpenedCluster* cluster, AckLoad* load, Moves* moves) {
  load->Mark();
  AckFigures calm = co_await load->ReadAfter(kWindow);
  moves->gaps.AddCalm(calm);
  StatusOr<NodeId> from = cluster->Sequencer();
  VLOG_CO_RETURN_IF_ERROR(from);
  NodeId to(from->value() % cluster->nodes->nodes().size() + 1);
  load->Mark();
  SteadyTime begin = SteadyNow();
  Status moved = co_await cluster->MoveTo(to);
  moves->call_millis.push_back(MillisBetween(begin, SteadyNow()));
  AckFigures fault = co_await load->ReadAfter(kWindow);
  moves->gaps.AddFault(fault);
  if (!moved.ok()) {
    ++moves->refused;
    if (moves->first_refusal.ok()) moves->first_refusal = moved;
  }
  co_return absl::OkStatus();
}

void PrintRefused(const Moves& moves) {
  if (moves.refused == 0) return;
  Row row;
  row.name = "cluster, planned moves that did not happen";
  row.ours = moves.refused;
  row.aim = "0";
  row.verdict = Verdict::kMissed;
  row.note = "FAILED: " + Message(moves.first_refusal);
  Print(row);
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  int count = 50;
  if (settings.quick) count = 10;
  Progress(absl::StrFormat("%d planned moves under load", count));
  AckLoad load(cluster.appender.get(), cluster.scheduler(), kFaultPayload, kFaultOutstanding);
  load.Start();
  co_await cluster.Sleep(kWindow);
  Moves moves;
  Status done;
  for (int i = 0; i < count && done.ok(); ++i) {
    done = co_await MoveOnce(&cluster, &load, &moves);
  }
  co_await load.Stop();
  VLOG_CO_RETURN_IF_ERROR(done);
  std::string note =
      absl::StrFormat("%d moves; worst %.1f ms; a call takes %.1f ms (median)", count,
                      Quantile(moves.gaps.fault, 1), Median(moves.call_millis));
  PrintGapRow(kName, moves.gaps, {0.5, 0}, note);
  PrintGapRow(kName, moves.gaps, {0.99, 20}, "");
  PrintFailedRow("cluster, planned moves", moves.gaps);
  PrintRefused(moves);
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterMoves(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

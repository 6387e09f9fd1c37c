// SIGKILL of the sequencer's node while many appends are under way, again and again.
#include "cluster/ack_load.h"
#include "cluster/fault_row.h"
#include "cluster/groups.h"

namespace vlog::bench {
namespace {

constexpr char kName[] = "cluster, SIGKILL of the sequencer, gap";
// From the signal on, and as long before it for the comparison.
constexpr Duration kWindow = std::chrono::milliseconds(1000);
constexpr Duration kWarmUp = std::chrono::milliseconds(300);

struct Kills {
  FaultGaps gaps;
  std::vector<double> back_millis;  // from the restart until it holds what the others hold
};

// The load goes on while the node comes back, so that it has something to catch up with.
Task<Status> KillOnce(OpenedCluster* cluster, AckLoad* load, Kills* kills) {
  load->Mark();
  AckFigures calm = co_await load->ReadAfter(kWindow);
  StatusOr<NodeId> sequencer = cluster->Sequencer();
  VLOG_CO_RETURN_IF_ERROR(sequencer);
  load->Mark();
  cluster->KillSoon(*sequencer);
  AckFigures fault = co_await load->ReadAfter(kWindow);
  kills->gaps.AddCalm(calm);
  kills->gaps.AddFault(fault);
  SteadyTime begin = SteadyNow();
  Status back = co_await cluster->RestartAndAwait(*sequencer);
  kills->back_millis.push_back(MillisBetween(begin, SteadyNow()));
  co_return back;
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  int count = 50;
  if (settings.quick) count = 5;
  Progress(absl::StrFormat("%d times SIGKILL of the sequencer's node", count));
  AckLoad load(cluster.appender.get(), cluster.scheduler(), kFaultPayload, kFaultOutstanding);
  load.Start();
  co_await cluster.Sleep(kWarmUp);
  Kills kills;
  Status done;
  for (int i = 0; i < count && done.ok(); ++i) {
    done = co_await KillOnce(&cluster, &load, &kills);
  }
  co_await load.Stop();
  VLOG_CO_RETURN_IF_ERROR(done);
  std::string note =
      absl::StrFormat("%d kills; a node is back in %.0f ms (median), %.0f (worst)", count,
                      Median(kills.back_millis), Quantile(kills.back_millis, 1));
  PrintGapRow(kName, kills.gaps, {0.5, 50}, note);
  PrintGapRow(kName, kills.gaps, {1, 300}, "etcd on a machine like ours: 1.06 to 1.56 s");
  PrintFailedRow("cluster, SIGKILL of the sequencer", kills.gaps);
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterKill(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

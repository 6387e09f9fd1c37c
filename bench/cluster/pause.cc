// SIGSTOP of the sequencer's node while many appends are under way: it is silent, but not gone.
#include "cluster/ack_load.h"
#include "cluster/fault_row.h"
#include "cluster/groups.h"

namespace vlog::bench {
namespace {

constexpr char kName[] = "cluster, SIGSTOP of the sequencer, gap";
// From the signal on, and as long before it for the comparison.
constexpr Duration kWindow = std::chrono::milliseconds(2000);
constexpr Duration kWarmUp = std::chrono::milliseconds(300);

Task<Status> PauseOnce(OpenedCluster* cluster, AckLoad* load, FaultGaps* gaps) {
  // The pause between fail-overs grows while they follow each other; one that somebody asked for
  // begins anew, as a day without a fault would.
  StatusOr<NodeId> before = cluster->Sequencer();
  VLOG_CO_RETURN_IF_ERROR(before);
  Status moved = co_await cluster->MoveTo(*before);
  VLOG_CO_RETURN_IF_ERROR(moved);
  load->Mark();
  AckFigures calm = co_await load->ReadAfter(kWindow);
  StatusOr<NodeId> sequencer = cluster->Sequencer();
  VLOG_CO_RETURN_IF_ERROR(sequencer);
  load->Mark();
  cluster->nodes->Pause(*sequencer);
  AckFigures fault = co_await load->ReadAfter(kWindow);
  gaps->AddCalm(calm);
  gaps->AddFault(fault);
  cluster->nodes->Resume(*sequencer);
  co_return co_await cluster->AwaitBack(*sequencer);
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  int count = 10;
  if (settings.quick) count = 2;
  Progress(absl::StrFormat("%d times SIGSTOP of the sequencer's node", count));
  AckLoad load(cluster.appender.get(), cluster.scheduler(), kFaultPayload, kFaultOutstanding);
  load.Start();
  co_await cluster.Sleep(kWarmUp);
  FaultGaps gaps;
  Status done;
  for (int i = 0; i < count && done.ok(); ++i) {
    done = co_await PauseOnce(&cluster, &load, &gaps);
  }
  if (!done.ok()) {
    for (NodeId node : cluster.nodes->nodes()) cluster.nodes->Resume(node);
  }
  co_await load.Stop();
  VLOG_CO_RETURN_IF_ERROR(done);
  PrintGapRow(kName, gaps, {0.5, 0},
              absl::StrFormat("%d pauses of 2 s, or until something is acknowledged", count));
  PrintGapRow(kName, gaps, {1, 1000}, "");
  PrintFailedRow("cluster, SIGSTOP of the sequencer", gaps);
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterPause(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

// SIGSTOP of the node that orders the records while many appends are under way: it is silent, but
// not gone.
#include "cluster/ack_load.h"
#include "cluster/fault_row.h"
#include "cluster/groups.h"

namespace vlog::bench {
namespace {

// From the signal on, and as long before it for the comparison.
constexpr Duration kWindow = std::chrono::milliseconds(2000);
constexpr Duration kWarmUp = std::chrono::milliseconds(300);

Task<Status> PauseOnce(OpenedCluster* cluster, AckLoad* load, std::string kind, FaultGaps* gaps) {
  // The pause between fail-overs grows while they follow each other; one that somebody asked for
  // begins anew, as a day without a fault would.
  Status renewed = co_await cluster->SwapTo(std::move(kind));
  VLOG_CO_RETURN_IF_ERROR(renewed);
  load->Mark();
  AckFigures calm = co_await load->ReadAfter(kWindow);
  StatusOr<NodeId> leader = co_await cluster->Leader();
  VLOG_CO_RETURN_IF_ERROR(leader);
  SegmentIndex before = cluster->log->known_chain()->last().index;
  load->Mark();
  cluster->nodes->Pause(*leader);
  AckFigures fault = co_await load->ReadAfter(kWindow);
  gaps->AddCalm(calm);
  gaps->AddFault(fault);
  cluster->nodes->Resume(*leader);
  Status back = co_await cluster->AwaitBack(*leader);
  gaps->chains += cluster->log->known_chain()->last().index != before;
  co_return back;
}

void PrintKind(const std::string& kind, const FaultGaps& gaps, const std::string& note) {
  bool elects = kind != "sequencer";
  std::string name =
      elects ? kind + ", SIGSTOP of the leader" : "cluster, SIGSTOP of the sequencer";
  PrintGapRow(name + ", gap", gaps, {0.5, elects ? kMostElectionMillis : 0}, note);
  PrintGapRow(name + ", gap", gaps, {1, elects ? 0.0 : 1000}, "");
  if (elects) PrintChainRow(name, gaps);
  PrintFailedRow(name, gaps);
}

Task<Status> MeasureKind(OpenedCluster* cluster, AckLoad* load, std::string kind, int count) {
  Progress(absl::StrFormat("%d times SIGSTOP: %s", count, kind));
  FaultGaps gaps;
  for (int i = 0; i < count; ++i) {
    Status done = co_await PauseOnce(cluster, load, kind, &gaps);
    VLOG_CO_RETURN_IF_ERROR(done);
  }
  PrintKind(kind, gaps,
            absl::StrFormat("%d pauses of 2 s, or until something is acknowledged", count));
  co_return absl::OkStatus();
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  int count = 10;
  if (settings.quick) count = 2;
  AckLoad load(cluster.appender.get(), cluster.scheduler(), kFaultPayload, kFaultOutstanding);
  load.Start();
  co_await cluster.Sleep(kWarmUp);
  Status done;
  for (const std::string& kind : cluster.Kinds()) {
    if (done.ok()) done = co_await MeasureKind(&cluster, &load, kind, count);
  }
  if (!done.ok()) {
    for (NodeId node : cluster.nodes->nodes()) cluster.nodes->Resume(node);
  }
  co_await load.Stop();
  co_return done;
}

}  // namespace

Status RunClusterPause(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

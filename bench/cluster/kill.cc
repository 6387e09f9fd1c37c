// SIGKILL of the node that orders the records while many appends are under way, again and again:
// the sequencer's, and the leader's of each kind that elects one.
#include "cluster/ack_load.h"
#include "cluster/fault_row.h"
#include "cluster/groups.h"

namespace vlog::bench {
namespace {

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
  StatusOr<NodeId> leader = co_await cluster->Leader();
  VLOG_CO_RETURN_IF_ERROR(leader);
  SegmentIndex before = cluster->log->known_chain()->last().index;
  load->Mark();
  cluster->KillSoon(*leader);
  AckFigures fault = co_await load->ReadAfter(kWindow);
  kills->gaps.AddCalm(calm);
  kills->gaps.AddFault(fault);
  SteadyTime begin = SteadyNow();
  Status back = co_await cluster->RestartAndAwait(*leader);
  kills->back_millis.push_back(MillisBetween(begin, SteadyNow()));
  kills->gaps.chains += cluster->log->known_chain()->last().index != before;
  co_return back;
}

void PrintSequencer(const Kills& kills, const std::string& note) {
  const std::string name = "cluster, SIGKILL of the sequencer";
  PrintGapRow(name + ", gap", kills.gaps, {0.5, 50}, note);
  PrintGapRow(name + ", gap", kills.gaps, {1, 300}, "etcd on a machine like ours: 1.06 to 1.56 s");
  PrintFailedRow(name, kills.gaps);
}

void PrintElected(const std::string& kind, const Kills& kills, const std::string& note) {
  const std::string name = kind + ", SIGKILL of the leader";
  PrintGapRow(name + ", gap", kills.gaps, {0.5, kMostElectionMillis}, note);
  PrintGapRow(name + ", gap", kills.gaps, {1, 0}, "etcd on a machine like ours: 1.06 to 1.56 s");
  PrintChainRow(name, kills.gaps);
  PrintFailedRow(name, kills.gaps);
}

Task<Status> MeasureKind(OpenedCluster* cluster, AckLoad* load, std::string kind, int count) {
  Progress(absl::StrFormat("%d times SIGKILL: %s", count, kind));
  Status swapped = co_await cluster->SwapTo(kind);
  VLOG_CO_RETURN_IF_ERROR(swapped);
  co_await cluster->Sleep(kWarmUp);
  Kills kills;
  for (int i = 0; i < count; ++i) {
    Status done = co_await KillOnce(cluster, load, &kills);
    VLOG_CO_RETURN_IF_ERROR(done);
  }
  std::string note =
      absl::StrFormat("%d kills; a node is back in %.0f ms (median), %.0f (worst)", count,
                      Median(kills.back_millis), Quantile(kills.back_millis, 1));
  if (kind == "sequencer") {
    PrintSequencer(kills, note);
  } else {
    PrintElected(kind, kills, note);
  }
  co_return absl::OkStatus();
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  int count = 50;
  if (settings.quick) count = 5;
  AckLoad load(cluster.appender.get(), cluster.scheduler(), kFaultPayload, kFaultOutstanding);
  load.Start();
  Status done;
  for (const std::string& kind : cluster.Kinds()) {
    if (done.ok()) done = co_await MeasureKind(&cluster, &load, kind, count);
  }
  co_await load.Stop();
  co_return done;
}

}  // namespace

Status RunClusterKill(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

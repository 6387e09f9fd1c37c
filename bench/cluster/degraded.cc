// Throughput and latency with one log server dead, or slow, against the healthy cluster: round by
// round, on the same nodes.
#include "cluster/ack_load.h"
#include "cluster/groups.h"
#include "report.h"

namespace vlog::bench {
namespace {

constexpr double kThroughputAim = 0.9;
constexpr double kLatencyAim = 1.5;
// A slow server is one that is stopped for most of the time, but never so long that it is
// suspected: it answers late and in bursts.
constexpr Duration kStopped = std::chrono::milliseconds(80);
constexpr Duration kRuns = std::chrono::milliseconds(20);

struct Plan {
  int rounds;
  Duration duration;
};

Plan PlanOf(const Settings& settings) {
  using std::chrono::milliseconds;
  if (settings.quick) return {3, milliseconds(1500)};
  return {11, milliseconds(3000)};
}

struct Results {
  Rounds speed;
  Rounds p99;  // milliseconds
};

Task<StatusOr<AckFigures>> RunLoad(OpenedCluster* cluster, Duration duration) {
  AckLoad load(cluster->appender.get(), cluster->scheduler(), kFaultPayload, kFaultOutstanding);
  co_return co_await load.RunFor(duration);
}

void Add(const AckFigures& faulty, const AckFigures& healthy, Results* results) {
  results->speed.Add(faulty.PerSecond(), healthy.PerSecond());
  results->p99.Add(faulty.MicrosAt(0.99) / 1000, healthy.MicrosAt(0.99) / 1000);
}

Task<Status> DeadRound(OpenedCluster* cluster, NodeId victim, Duration duration, Results* results) {
  StatusOr<AckFigures> healthy = co_await RunLoad(cluster, duration);
  VLOG_CO_RETURN_IF_ERROR(healthy);
  cluster->nodes->Kill(victim);
  StatusOr<AckFigures> faulty = co_await RunLoad(cluster, duration);
  Status back = co_await cluster->RestartAndAwait(victim);
  VLOG_CO_RETURN_IF_ERROR(faulty);
  Add(*faulty, *healthy, results);
  co_return back;
}

// Until `over`.
Task<void> StopAndGo(OpenedCluster* cluster, NodeId victim, const bool* over) {
  while (!*over) {
    cluster->nodes->Pause(victim);
    co_await cluster->Sleep(kStopped);
    cluster->nodes->Resume(victim);
    co_await cluster->Sleep(kRuns);
  }
}

Task<Status> SlowRound(OpenedCluster* cluster, NodeId victim, Duration duration, Results* results) {
  StatusOr<AckFigures> healthy = co_await RunLoad(cluster, duration);
  VLOG_CO_RETURN_IF_ERROR(healthy);
  bool over = false;
  async::TaskGroup tasks(cluster->scheduler());
  tasks.Spawn(StopAndGo(cluster, victim, &over));
  StatusOr<AckFigures> faulty = co_await RunLoad(cluster, duration);
  over = true;
  co_await tasks.Join();
  VLOG_CO_RETURN_IF_ERROR(faulty);
  Add(*faulty, *healthy, results);
  co_return co_await cluster->AwaitBack(victim);
}

void PrintRows(const std::string& what, const Results& results, const std::string& note) {
  Row speed;
  speed.name = "cluster, " + what + ", 1,024 outstanding, 100 B";
  speed.unit = "/s";
  speed.reference_name = "healthy";
  speed.Take(results.speed);
  speed.aim = "> 0.9x";
  speed.verdict = MetIf(speed.ratio > kThroughputAim);
  speed.note = note;
  Print(speed);
  Row p99;
  p99.name = "cluster, " + what + ", p99";
  p99.unit = "ms";
  p99.reference_name = "healthy";
  p99.Take(results.p99);
  p99.aim = "< 1.5x";
  p99.verdict = MetIf(p99.ratio < kLatencyAim);
  Print(p99);
}

using RoundOf = Task<Status> (*)(OpenedCluster* cluster, NodeId victim, Duration duration,
                                 Results* results);

Task<Status> MeasureRounds(OpenedCluster* cluster, RoundOf round, Plan plan, Results* results) {
  for (int i = 0; i < plan.rounds; ++i) {
    // A fault may have moved the sequencer.
    StatusOr<NodeId> sequencer = cluster->Sequencer();
    VLOG_CO_RETURN_IF_ERROR(sequencer);
    NodeId victim = cluster->NodeBeside(*sequencer);
    Status done = co_await round(cluster, victim, plan.duration, results);
    VLOG_CO_RETURN_IF_ERROR(done);
  }
  co_return absl::OkStatus();
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  Plan plan = PlanOf(settings);
  Progress("a healthy cluster and one with a dead log server, in turns");
  Results dead;
  Status done = co_await MeasureRounds(&cluster, DeadRound, plan, &dead);
  VLOG_CO_RETURN_IF_ERROR(done);
  PrintRows("one dead log server", dead, "SIGKILL of a node that is not the sequencer's");
  Progress("a healthy cluster and one with a slow log server, in turns");
  Results slow;
  done = co_await MeasureRounds(&cluster, SlowRound, plan, &slow);
  VLOG_CO_RETURN_IF_ERROR(done);
  PrintRows("one slow log server", slow, "stopped for 80 of each 100 ms by SIGSTOP and SIGCONT");
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterDegraded(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

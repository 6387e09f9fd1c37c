// Memory of the sequencer's node when another process wants far more than the cluster can give, and
// for a while nothing can be committed because both other nodes are stopped.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cluster/ack_tally.h"
#include "cluster/groups.h"
#include "cluster/process.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

constexpr double kMebi = 1 << 20;
// Twice what a node takes in unanswered requests (limits.in_flight, 256 MiB): they, and what of the
// receive buffers and of the journal's queue they keep alive.
constexpr double kBoundMebi = 512;
constexpr Duration kFlooded = std::chrono::seconds(2);  // with all nodes, before and after
constexpr Duration kStopped = std::chrono::seconds(4);  // with one node
constexpr Duration kLookEvery = std::chrono::milliseconds(20);
constexpr double kPatienceMillis = 20'000;

struct Seen {
  double before = 0;  // MiB resident
  double most = 0;
  double after = 0;
  double flood = 0;          // of the flooding process, at most
  double append_millis = 0;  // until one append of another client, when the flood is over
};

Task<void> Watch(OpenedCluster* cluster, pid_t node, pid_t flood, Duration duration, Seen* seen) {
  Instant end = cluster->scheduler().Now() + duration;
  while (cluster->scheduler().Now() < end) {
    co_await cluster->Sleep(kLookEvery);
    seen->most = std::max(seen->most, static_cast<double>(ResidentBytes(node)) / kMebi);
    seen->flood = std::max(seen->flood, static_cast<double>(ResidentBytes(flood)) / kMebi);
  }
}

StatusOr<local_cluster::ChildProcess> StartFlood(const OpenedCluster& cluster, size_t clients,
                                                 const std::string& output) {
  std::error_code error;
  std::string self = std::filesystem::read_symlink("/proc/self/exe", error);
  local_cluster::Command command;
  command.words = {self, "flood", std::to_string(clients)};
  for (const env::Address& address : cluster.nodes->addresses()) {
    command.words.push_back(address.ToString());
  }
  command.output = output;
  command.errors = output + ".errors";
  return local_cluster::ChildProcess::Start(command);
}

Task<Status> AwaitFlood(OpenedCluster* cluster, local_cluster::ChildProcess* flood,
                        std::string output) {
  SteadyTime begin = SteadyNow();
  while (flood->Running() && MillisBetween(begin, SteadyNow()) < kPatienceMillis) {
    std::ifstream file(output);
    std::string word;
    if (file >> word) co_return absl::OkStatus();
    co_await cluster->Sleep(kLookEvery);
  }
  co_return absl::UnavailableError("the flooding process " + flood->end());
}

Task<Status> Overload(OpenedCluster* cluster, local_cluster::ChildProcess* flood, Seen* seen) {
  StatusOr<NodeId> sequencer = cluster->Sequencer();
  VLOG_CO_RETURN_IF_ERROR(sequencer);
  pid_t node = cluster->nodes->pid(*sequencer);
  co_await Watch(cluster, node, flood->pid(), kFlooded, seen);
  for (NodeId other : cluster->nodes->nodes()) {
    if (other != *sequencer) cluster->nodes->Pause(other);
  }
  co_await Watch(cluster, node, flood->pid(), kStopped, seen);
  for (NodeId other : cluster->nodes->nodes()) cluster->nodes->Resume(other);
  co_await Watch(cluster, node, flood->pid(), kFlooded, seen);
  flood->Kill();
  SteadyTime begin = SteadyNow();
  std::string payload(kFaultPayload, 'r');
  Instant deadline = cluster->scheduler().Now() + std::chrono::seconds(60);
  StatusOr<Lsn> appended = co_await cluster->appender->Append(std::move(payload), deadline);
  seen->append_millis = MillisBetween(begin, SteadyNow());
  seen->most = std::max(seen->most, static_cast<double>(PeakResidentBytes(node)) / kMebi);
  seen->after = static_cast<double>(ResidentBytes(node)) / kMebi;
  co_return appended.status();
}

void PrintMemory(const Seen& seen, size_t clients) {
  Row row;
  row.name = "cluster, overload, most memory of the sequencer";
  row.unit = "MiB";
  row.ours = seen.most;
  row.reference_name = "before";
  row.reference = seen.before;
  row.ratio = row.ours / row.reference;
  row.aim = absl::StrFormat("< %.0f MiB", kBoundMebi);
  row.verdict = MetIf(row.ours < kBoundMebi);
  row.note = absl::StrFormat(
      "%d clients want 48 MiB each, %.0f MiB in their process; %.0f MiB afterwards; another "
      "client's append then takes %.0f ms",
      clients, seen.flood, seen.after, seen.append_millis);
  Print(row);
}

Task<Status> Measure(OpenedCluster& cluster, Settings settings) {
  size_t clients = 32;
  if (settings.quick) clients = 12;
  Progress("overload of one node while the others are stopped");
  Seen seen;
  StatusOr<NodeId> sequencer = cluster.Sequencer();
  VLOG_CO_RETURN_IF_ERROR(sequencer);
  seen.before = static_cast<double>(ResidentBytes(cluster.nodes->pid(*sequencer))) / kMebi;
  StatusOr<std::unique_ptr<Scratch>> scratch = Scratch::Make(settings.directory);
  VLOG_CO_RETURN_IF_ERROR(scratch);
  std::string output = (*scratch)->Path("flood");
  StatusOr<local_cluster::ChildProcess> flood = StartFlood(cluster, clients, output);
  VLOG_CO_RETURN_IF_ERROR(flood);
  Status flooding = co_await AwaitFlood(&cluster, &*flood, output);
  VLOG_CO_RETURN_IF_ERROR(flooding);
  Status done = co_await Overload(&cluster, &*flood, &seen);
  VLOG_CO_RETURN_IF_ERROR(done);
  PrintMemory(seen, clients);
  co_return absl::OkStatus();
}

}  // namespace

Status RunClusterMemory(const Settings& settings) { return MeasureCluster(settings, Measure); }

}  // namespace vlog::bench

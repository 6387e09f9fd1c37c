#include "cluster/opened_cluster.h"

#include <algorithm>
#include <csignal>

#include "cluster/ack_tally.h"
#include "loglets/sequencer/params.h"

namespace vlog::bench {
namespace {

constexpr Duration kAnswer = std::chrono::seconds(1);
constexpr Duration kLookEvery = std::chrono::milliseconds(20);
constexpr double kPatienceMillis = 30'000;
constexpr double kElectionMillis = 10'000;

}  // namespace

StatusOr<NodeId> OpenedCluster::Sequencer() const {
  StatusOr<loglets::sequencer::Params> params =
      loglets::sequencer::DecodeParams(log->known_chain()->last().made.params);
  VLOG_RETURN_IF_ERROR(params);
  return params->sequencer.node;
}

std::vector<std::string> OpenedCluster::Kinds() const {
  std::vector<std::string> kinds = client->factory().names();
  std::stable_partition(kinds.begin(), kinds.end(),
                        [](const std::string& kind) { return kind == "sequencer"; });
  return kinds;
}

Task<StatusOr<NodeId>> OpenedCluster::Leader() {
  virtuallog::Segment last = log->known_chain()->last();
  if (last.made.kind == "sequencer") co_return Sequencer();
  SteadyTime begin = SteadyNow();
  while (MillisBetween(begin, SteadyNow()) < kElectionMillis) {
    LogletId id{log->name(), last.index, last.made.id};
    std::vector<NodeId> leaders = co_await LeadersOf(std::move(id));
    if (leaders.size() == 1) co_return leaders.front();
    co_await Sleep(kLookEvery);
  }
  co_return absl::UnavailableError("nobody leads the log, or more than one node");
}

Task<std::vector<NodeId>> OpenedCluster::LeadersOf(LogletId id) {
  std::vector<NodeId> leaders;
  for (NodeId node : nodes->nodes()) {
    Instant deadline = scheduler().Now() + kAnswer;
    StatusOr<server::NodeStatus> status = co_await client->nodes().StatusOf(node, deadline);
    if (!status.ok()) continue;
    for (const server::LogletStatus& hosted : status->loglets) {
      bool leads = hosted.loglet.id == id && hosted.loglet.role == "leader";
      if (leads) leaders.push_back(node);
    }
  }
  co_return std::move(leaders);
}

NodeId OpenedCluster::NodeBeside(NodeId node) const {
  for (NodeId other : nodes->nodes()) {
    if (other != node) return other;
  }
  return node;
}

std::vector<pid_t> OpenedCluster::Processes() const {
  std::vector<pid_t> processes;
  for (NodeId node : nodes->nodes()) processes.push_back(nodes->pid(node));
  return processes;
}

Task<StatusOr<storage::JournalStats>> OpenedCluster::JournalStats() {
  storage::JournalStats sum;
  for (NodeId node : nodes->nodes()) {
    Instant deadline = scheduler().Now() + kAnswer;
    StatusOr<server::NodeStatus> status = co_await client->nodes().StatusOf(node, deadline);
    VLOG_CO_RETURN_IF_ERROR(status);
    sum.groups += status->journal.stats.groups;
    sum.bytes += status->journal.stats.bytes;
  }
  co_return sum;
}

void OpenedCluster::KillSoon(NodeId node) {
  pid_t process = nodes->pid(node);
  if (process != 0) ::kill(process, SIGKILL);
}

Task<Status> OpenedCluster::RestartAndAwait(NodeId node) {
  nodes->Kill(node);  // sees its end
  Status started = nodes->Restart(node);
  VLOG_CO_RETURN_IF_ERROR(started);
  co_return co_await AwaitBack(node);
}

Task<Status> OpenedCluster::AwaitBack(NodeId node) {
  StatusOr<Lsn> tail = co_await log->CheckTail();
  VLOG_CO_RETURN_IF_ERROR(tail);
  SteadyTime begin = SteadyNow();
  while (MillisBetween(begin, SteadyNow()) < kPatienceMillis) {
    bool back = co_await HasUpTo(node, *tail);
    if (back) co_return absl::OkStatus();
    co_await Sleep(kLookEvery);
  }
  co_return absl::UnavailableError(
      absl::StrFormat("node %d did not catch up in %.0f s", node.value(), kPatienceMillis / 1000));
}

Task<bool> OpenedCluster::HasUpTo(NodeId node, Lsn tail) {
  Instant deadline = scheduler().Now() + kAnswer;
  StatusOr<server::NodeStatus> status = co_await client->nodes().StatusOf(node, deadline);
  if (!status.ok() || status->state != server::NodeState::kServing) co_return false;
  virtuallog::Segment last = log->known_chain()->last();
  Lsn held = last.base;
  for (const server::LogletStatus& hosted : status->loglets) {
    const loglets::HostedLoglet& loglet = hosted.loglet;
    bool this_one = loglet.id.log == log->name() && loglet.id.segment == last.index &&
                    loglet.role != "sequencer";  // a copy
    if (this_one) held = last.base + loglet.tail.value();
  }
  co_return held >= tail;
}

Task<Status> OpenedCluster::MoveTo(NodeId sequencer) {
  virtuallog::ReconfigureRequest request;
  request.reason = "benchmark";
  request.placement.sequencer = sequencer;
  co_return co_await log->Reconfigure(std::move(request));
}

Task<Status> OpenedCluster::SwapTo(std::string kind) {
  virtuallog::ReconfigureRequest request;
  request.reason = "benchmark";
  request.kind = std::move(kind);
  co_return co_await log->Reconfigure(std::move(request));
}

Task<void> OpenedCluster::Sleep(Duration duration) {
  Status slept = co_await scheduler().Sleep(duration);
  VLOG_CHECK(slept.ok(), "nobody stops a benchmark's loop");
}

Task<Status> OpenedCluster::Close() {
  co_await appender->Close();
  co_await client->Close();
  appender.reset();
  client.reset();
  nodes.reset();
  co_return absl::OkStatus();
}

Task<StatusOr<OpenedCluster>> OpenCluster(boost::asio::any_io_executor executor,
                                          std::string directory) {
  OpenedCluster opened;
  local_cluster::LocalClusterOptions options;
  options.directory = std::move(directory);
  StatusOr<std::unique_ptr<local_cluster::LocalCluster>> nodes =
      local_cluster::LocalCluster::Start(std::move(options));
  VLOG_CO_RETURN_IF_ERROR(nodes);
  opened.nodes = *std::move(nodes);
  client::ClusterOptions cluster_options;
  cluster_options.seeds = opened.nodes->addresses();
  StatusOr<std::unique_ptr<client::Cluster>> client =
      co_await client::Cluster::Connect(std::move(executor), std::move(cluster_options));
  VLOG_CO_RETURN_IF_ERROR(client);
  opened.client = *std::move(client);
  client::NewLog made;
  StatusOr<virtuallog::SharedLog*> log =
      co_await opened.client->OpenOrCreateLog(kLogName, std::move(made));
  if (!log.ok()) {
    co_await opened.client->Close();
    co_return log.status();
  }
  opened.log = *log;
  opened.appender = opened.log->NewAppender();
  co_return std::move(opened);
}

}  // namespace vlog::bench

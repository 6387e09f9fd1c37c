// Looking at a cluster: asks its nodes and its metastore.
#include <algorithm>

#include "async/task_group.h"
#include "client/cluster.h"
#include "client/cluster_view.h"
#include "consensus/quorum.h"

namespace vlog::client {
namespace {

constexpr int kLooksAtOnce = 16;

Task<void> AskNode(Cluster& cluster, NodeId node, Instant deadline, NodeView* view) {
  StatusOr<server::NodeStatus> status = co_await cluster.nodes().StatusOf(node, deadline);
  view->answer = status.status();
  if (status.ok()) view->status = *std::move(status);
}

// Without the metastore: the voters of the newest directory that any node knows.
void GuessVoters(ClusterView* view) {
  for (const auto& [number, node] : view->nodes) {
    if (!node.answer.ok() || node.status.voters.empty()) continue;
    bool newer = node.status.directory_version > view->voters.version;
    if (!newer && !view->voters.acceptors.empty()) continue;
    view->voters.version = node.status.directory_version;
    view->voters.acceptors = node.status.voters;
  }
}

Status CheckVoters(const ClusterView& view) {
  const std::vector<Replica>& voters = view.voters.acceptors;
  if (voters.empty()) return absl::UnavailableError("no node has joined the cluster yet");
  size_t serving = view.Serving(voters);
  size_t needed = consensus::Majority(voters.size());
  if (serving >= needed) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the metastore has no majority: ", serving, " of ",
                                             voters.size(), " voters serve, ", needed,
                                             " are needed (nodes ", Listed(NodesOf(voters)), ")"));
}

loglets::Needs NeedsOf(const loglets::LogletFactory& factory, const virtuallog::Proposal& made) {
  StatusOr<loglets::LogletKind*> kind = factory.Find(made.kind);
  return kind.ok() ? (*kind)->NeedsOf(made.params) : loglets::Needs();
}

void AddSegments(const Cluster& cluster, const virtuallog::Chain& chain, LogView* log) {
  log->ended = chain.ended();
  log->policy = chain.policy();
  for (const virtuallog::Segment& segment : chain.segments()) {
    if (segment.is_marker()) continue;
    SegmentView view;
    view.index = segment.index;
    view.base = segment.base;
    view.end = chain.EndOf(segment.index);
    view.kind = segment.made.kind;
    view.proposal = segment.made.id;
    view.needs = NeedsOf(cluster.factory(), segment.made);
    view.least_copies = segment.least_copies;
    log->segments.push_back(std::move(view));
  }
}

// A log that has no chain yet is one without segments.
Task<StatusOr<LogView>> LookAtLog(Cluster& cluster, std::string name) {
  LogView log;
  log.name = name;
  StatusOr<metastore::Versioned> value = co_await cluster.metastore().Read(name);
  if (!value.ok() && !absl::IsNotFound(value.status())) co_return value.status();
  // A register whose acceptors were moved before anything was written has an empty value.
  if (value.ok() && !value->value.empty()) {
    StatusOr<virtuallog::Chain> chain = virtuallog::Chain::Decode(value->value);
    VLOG_CO_RETURN_IF_ERROR(chain);
    AddSegments(cluster, *chain, &log);
  }
  StatusOr<metastore::Anchor> acceptors = co_await cluster.metastore().ReadAcceptors(name);
  VLOG_CO_RETURN_IF_ERROR(acceptors);
  log.acceptors = *std::move(acceptors);
  co_return std::move(log);
}

// Looks at the logs whose names are left, one after the other.
Task<void> LookAtLogs(Cluster& cluster, std::vector<std::string>* left, ClusterView* view) {
  while (!left->empty()) {
    std::string name = std::move(left->back());
    left->pop_back();
    const metastore::Anchor& anchor = view->directory.logs.at(name);
    StatusOr<LogView> log = co_await LookAtLog(cluster, name);
    if (!log.ok()) {
      view->unreadable.push_back({name, log.status(), anchor.acceptors});
      continue;
    }
    log->anchored = log->acceptors.acceptors == anchor.acceptors;
    bool exists = log->ended || !log->segments.empty();
    (exists ? view->logs : view->unfinished).push_back(*std::move(log));
  }
}

Task<Status> AskMetastore(Cluster& cluster, LookOptions options, ClusterView* view) {
  StatusOr<metastore::Anchor> voters =
      co_await cluster.metastore().ReadAcceptors(metastore::kDirectoryLog);
  VLOG_CO_RETURN_IF_ERROR(voters);
  view->voters = *std::move(voters);
  StatusOr<metastore::Directory> directory = co_await cluster.metastore().ReadDirectory();
  VLOG_CO_RETURN_IF_ERROR(directory);
  view->directory = *std::move(directory);
  if (!options.logs) co_return absl::OkStatus();
  std::vector<std::string> names;
  for (const auto& [name, anchor] : view->directory.logs) {
    if (options.only.empty() || name == options.only) names.push_back(name);
  }
  // Each that cannot be read takes the whole patience of a read: the others need not wait for it.
  async::TaskGroup looking(cluster.env().scheduler());
  for (int i = 0; i < kLooksAtOnce; ++i) looking.Spawn(LookAtLogs(cluster, &names, view));
  co_await looking.Join();
  auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(view->logs.begin(), view->logs.end(), by_name);
  std::sort(view->unfinished.begin(), view->unfinished.end(), by_name);
  std::sort(view->unreadable.begin(), view->unreadable.end(), by_name);
  co_return absl::OkStatus();
}

}  // namespace

Task<ClusterView> Look(Cluster& cluster, LookOptions options) {
  ClusterView view;
  view.cluster = cluster.members().cluster;
  Instant deadline = cluster.env().scheduler().Now() + options.answer;
  async::TaskGroup asking(cluster.env().scheduler());
  for (const auto& [node, member] : cluster.members().nodes) {
    NodeView& each = view.nodes[node];
    each.member = member;
    asking.Spawn(AskNode(cluster, node, deadline, &each));
  }
  co_await asking.Join();
  GuessVoters(&view);
  view.metastore = CheckVoters(view);
  if (view.metastore.ok()) {
    view.metastore = co_await AskMetastore(cluster, options, &view);
  }
  co_return std::move(view);
}

}  // namespace vlog::client

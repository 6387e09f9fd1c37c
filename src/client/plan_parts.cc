#include "client/plan_parts.h"

#include "consensus/quorum.h"
#include "metastore/paxos/acceptor_core.h"

namespace vlog::client {

using loglets::Needs;
using loglets::NodeLife;

bool HasNode(const std::vector<NodeLife>& lives, NodeId node) {
  return Contains(NodesOf(lives), node);
}

bool NodeServes(const ClusterView& view, NodeId node) {
  return view.Lives({node, Incarnation(), DiskId()});
}

std::string WhyUnknown(const ClusterView& view, NodeId node) {
  if (view.nodes.contains(node)) return "";
  std::vector<NodeId> all;
  for (const auto& [number, each] : view.nodes) all.push_back(number);
  return absl::StrCat("there is no node ", node.value(), " in this cluster; its nodes are ",
                      Listed(all));
}

std::string WhyUnusable(const ClusterView& view, NodeId number) {
  const NodeView& node = view.nodes.at(number);
  std::string name = absl::StrCat("node ", number.value());
  if (!node.answer.ok()) {
    return name + " does not answer (" + Message(node.answer) +
           "); start its vlogd, after 'vlogd --init' if its directory is empty";
  }
  if (!node.serves()) {
    return name + " is " + server::ToString(node.status.state) +
           (node.status.problem.empty() ? "" : ": " + node.status.problem);
  }
  return "";
}

std::string WhyRetired(const ClusterView& view, const Replica& replica) {
  if (!Contains(view.directory.retired, replica)) return "";
  return absl::StrFormat(
      "disk %016x of node %d was replaced before and never counts again: empty its directory, "
      "format it with 'vlogd --init' and start it",
      replica.disk.value(), replica.node.value());
}

LogMover::LogMover(const ClusterView& view, std::string reason, MembershipPlan* plan)
    : view_(view), reason_(std::move(reason)), plan_(plan) {
  for (const LogView& log : view.logs) {
    if (log.open_segment() == nullptr) continue;
    for (const NodeLife& life : log.open_segment()->needs.all_of) ++sequencers_[life.node];
  }
}

void LogMover::Move(const LogView& log, std::vector<NodeId> nodes, NodeId avoid) {
  LogMove move;
  move.log = log.name;
  move.replaces = log.open_segment()->index;
  move.reason = reason_;
  const Needs& needs = log.open_segment()->needs;
  if (!needs.all_of.empty()) {
    const NodeLife& sequencer = needs.all_of.front();
    bool stays = view_.Lives(sequencer) && sequencer.node != avoid;
    move.to.sequencer = stays ? sequencer.node : LeastLoaded(nodes);
  }
  Check(log, nodes);
  move.to.nodes = std::move(nodes);
  plan_->logs.push_back(std::move(move));
}

// 0 if none of them serves.
NodeId LogMover::LeastLoaded(const std::vector<NodeId>& nodes) {
  NodeId best;
  for (NodeId node : nodes) {
    if (!NodeServes(view_, node)) continue;
    if (best == NodeId() || sequencers_[node] < sequencers_[best]) best = node;
  }
  if (best != NodeId()) ++sequencers_[best];
  return best;
}

// Enough of the open segment must live to seal it, and enough nodes for the next one.
void LogMover::Check(const LogView& log, const std::vector<NodeId>& nodes) {
  const Needs& needs = log.open_segment()->needs;
  size_t seal = needs.to_seal;
  size_t living = view_.Living(needs.some_of);
  if (living < seal) {
    plan_->refusals.push_back(
        absl::StrCat("log ", log.name, ": its open segment cannot be sealed: ", living, " of its ",
                     needs.some_of.size(), " copies serve (nodes ", Listed(NodesOf(needs.some_of)),
                     "), ", seal, " are needed; start the missing nodes"));
  }
  auto serves = [this](NodeId node) { return NodeServes(view_, node); };
  auto next = static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), serves));
  size_t quorum = needs.acknowledging();
  if (next >= quorum) return;
  plan_->refusals.push_back(absl::StrCat(
      "log ", log.name, ": its write quorum is ", quorum, ", and only ", next, " of nodes ",
      Listed(nodes), " serve; start or add a node, or give it a smaller write quorum with 'vlog ",
      "--log ", log.name, " reconfigure --write-quorum NUMBER --allow-fewer-copies'"));
}

void MoveRegisters(const ClusterView& view,
                   const std::function<std::vector<Replica>(std::vector<Replica>)>& next,
                   MembershipPlan* plan) {
  auto move = [&](const std::string& log, const metastore::Anchor& now, bool anchored) {
    std::vector<Replica> acceptors = next(now.acceptors);
    std::sort(acceptors.begin(), acceptors.end());
    if (acceptors == now.acceptors && anchored) return;
    bool of_directory = log == metastore::kDirectoryLog;
    std::string what = of_directory ? "the metastore" : "the register of log " + log;
    size_t serving = view.Serving(now.acceptors);
    size_t needed = consensus::Majority(now.acceptors.size());
    if (acceptors.empty()) {
      plan->refusals.push_back(what + " has no other voter; 'vlog undrain' another node first");
    } else if (serving < needed) {
      plan->refusals.push_back(absl::StrCat(what, " has no majority: ", serving, " of its ",
                                            now.acceptors.size(), " voters serve (nodes ",
                                            Listed(NodesOf(now.acceptors)), "), ", needed,
                                            " are needed; start the missing nodes"));
    } else if (view.Serving(acceptors) < consensus::Majority(acceptors.size())) {
      plan->refusals.push_back(absl::StrCat(what, " would be left with ", acceptors.size(),
                                            " voters (nodes ", Listed(NodesOf(acceptors)),
                                            "), of which only ", view.Serving(acceptors),
                                            " serve; start the missing nodes"));
    }
    plan->registers.push_back({log, std::move(acceptors), now.version});
  };
  for (const auto* logs : {&view.logs, &view.unfinished}) {
    for (const LogView& log : *logs) move(log.name, log.acceptors, log.anchored);
  }
  move(metastore::kDirectoryLog, view.voters, true);
}

void JudgeMembers(const ClusterView& view, MembershipPlan* plan) {
  StatusOr<metastore::Directory> after = metastore::Change(view.directory, plan->members);
  if (!after.ok()) plan->refusals.push_back(Message(after.status()));
  plan->changes_members = after.ok() && *after != view.directory;
}

std::string Unreadable(const UnreadableLog& log) {
  return absl::StrCat("log ", log.name, ": its chain cannot be read (", Message(log.why),
                      "); start the nodes that vote on it (", Listed(NodesOf(log.acceptors)),
                      ") and run this again");
}

void NoteUnreadable(const ClusterView& view, const std::string& undone, MembershipPlan* plan) {
  for (const UnreadableLog& log : view.unreadable) {
    plan->notes.push_back(Unreadable(log) + ": " + undone);
  }
}

void RefuseUnreadable(const ClusterView& view, MembershipPlan* plan) {
  for (const UnreadableLog& log : view.unreadable) {
    plan->refusals.push_back(Unreadable(log) + ": nobody knows whether it can do without the node");
  }
}

void RefuseUnknownKinds(const ClusterView& view, MembershipPlan* plan) {
  for (const LogView& log : view.logs) {
    if (log.open_segment() == nullptr || !log.open_segment()->needs.some_of.empty()) continue;
    plan->refusals.push_back("log " + log.name + ": this program does not know on which nodes a '" +
                             log.open_segment()->kind +
                             "' loglet lives; use the version of it that made the segment");
  }
}

}  // namespace vlog::client

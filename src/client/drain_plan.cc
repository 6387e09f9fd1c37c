// Plans for a node that leaves, and for one that comes back.
#include "client/plan_parts.h"
#include "consensus/quorum.h"

namespace vlog::client {
namespace {

using loglets::Needs;

std::vector<Replica> Without(std::vector<Replica> acceptors, NodeId node) {
  std::erase_if(acceptors, [node](const Replica& each) { return each.node == node; });
  return acceptors;
}

// Of a few voters, or copies, all are needed.
void NoteNarrow(const std::string& what, const std::vector<NodeId>& nodes, size_t needed,
                MembershipPlan* plan) {
  if (nodes.size() > needed) return;
  plan->notes.push_back(absl::StrCat(what, ": ", needed, " of ", nodes.size(),
                                     " are needed from now on (nodes ", Listed(nodes),
                                     "), so none of them may fail"));
}

// The nodes for the next segment of a log: those it has but `node`, and others in service up to as
// many as now, its policy's candidates first.
std::vector<NodeId> NodesWithout(const ClusterView& view, const LogView& log, NodeId node) {
  const Needs& needs = log.open_segment()->needs;
  std::vector<NodeId> nodes;
  std::vector<NodeId> now = NodesWithCopies(needs);
  for (NodeId each : now) {
    if (each != node) nodes.push_back(each);
  }
  std::vector<NodeId> in_service = view.InService();
  auto preferred = [&log](NodeId each) { return Contains(log.policy.candidates, each); };
  std::stable_partition(in_service.begin(), in_service.end(), preferred);
  for (NodeId spare : in_service) {
    bool fits = spare != node && !Contains(nodes, spare) && NodeServes(view, spare);
    if (fits && nodes.size() < now.size()) nodes.push_back(spare);
  }
  return nodes;
}

void DrainMembers(const ClusterView& view, NodeId node, MembershipPlan* plan) {
  for (const Replica& voter : view.directory.default_acceptors) {
    if (voter.node == node) plan->members.leave.push_back(voter);
  }
  if (!plan->members.leave.empty() && plan->members.leave == view.directory.default_acceptors) {
    plan->refusals.push_back(absl::StrCat("node ", node.value(), " is the only one in service"));
    return;
  }
  JudgeMembers(view, plan);
}

void DrainLogs(const ClusterView& view, NodeId node, MembershipPlan* plan) {
  LogMover mover(view, absl::StrCat("drain of node ", node.value()), plan);
  for (const LogView& log : view.logs) {
    if (log.open_segment() == nullptr) continue;
    const Needs& needs = log.open_segment()->needs;
    std::vector<NodeId> nodes = NodesWithCopies(needs);
    if (HasNode(needs.all_of, node) || Contains(nodes, node)) {
      nodes = NodesWithout(view, log, node);
      mover.Move(log, nodes, node);
    }
    NoteNarrow("log " + log.name, nodes, needs.acknowledging(), plan);
  }
}

// The address of a node that others do not know from their configuration.
void AddAddress(const ClusterView& view, NodeId node, MembershipPlan* plan) {
  const std::string& address = view.nodes.at(node).status.advertise;
  for (const auto& [number, other] : view.nodes) {
    if (number == node || !other.answer.ok()) continue;
    auto knows = [&](const server::PeerStatus& peer) {
      return peer.node == node && peer.address == address;
    };
    const std::vector<server::PeerStatus>& peers = other.status.peers;
    bool known = std::any_of(peers.begin(), peers.end(), knows);
    if (!known) plan->members.addresses[node] = address;
  }
}

void WidenLogs(const ClusterView& view, NodeId node, MembershipPlan* plan) {
  LogMover mover(view, absl::StrCat("undrain of node ", node.value()), plan);
  for (const LogView& log : view.logs) {
    if (log.open_segment() == nullptr) continue;
    const Needs& needs = log.open_segment()->needs;
    std::vector<NodeId> nodes = NodesWithCopies(needs);
    size_t copies = nodes.size();
    if (copies == 0) {
      plan->notes.push_back("log " + log.name + ": this program does not know on which nodes a '" +
                            log.open_segment()->kind + "' loglet lives; it gets no copy there");
      continue;
    }
    bool narrow = copies + 1 < 2 * needs.acknowledging();
    if (log.policy.copies > 0) narrow = copies < log.policy.copies;
    if (!narrow || Contains(nodes, node)) continue;
    nodes.push_back(node);
    mover.Move(log, std::move(nodes), NodeId());
  }
}

}  // namespace

MembershipPlan PlanDrain(const ClusterView& view, NodeId node) {
  MembershipPlan plan;
  // A node that nobody knows the address of may still be counted on.
  bool counted = Contains(NodesOf(view.voters.acceptors), node);
  std::string unknown = WhyUnknown(view, node);
  if (!unknown.empty() && !counted) {
    plan.refusals.push_back(unknown);
    return plan;
  }
  DrainMembers(view, node, &plan);
  MoveRegisters(
      view, [node](std::vector<Replica> acceptors) { return Without(std::move(acceptors), node); },
      &plan);
  std::vector<NodeId> voters = NodesOf(Without(view.voters.acceptors, node));
  if (!voters.empty()) {
    NoteNarrow("metastore", voters, consensus::Majority(voters.size()), &plan);
  }
  DrainLogs(view, node, &plan);
  for (const LogView& log : view.unfinished) {
    plan.notes.push_back("log " + log.name + " is being made, or its creation never ended: 'vlog " +
                         "create " + log.name + "' ends it, on nodes in service");
  }
  RefuseUnknownKinds(view, &plan);
  RefuseUnreadable(view, &plan);
  return plan;
}

MembershipPlan PlanUndrain(const ClusterView& view, NodeId node) {
  MembershipPlan plan;
  std::string refusal = WhyUnknown(view, node);
  if (refusal.empty()) refusal = WhyUnusable(view, node);
  Replica self{node, view.DiskOf(node)};
  for (const Replica& voter : view.voters.acceptors) {
    if (!refusal.empty() || voter.node != node || voter == self) continue;
    refusal = absl::StrCat("node ", node.value(),
                           " has another disk than the one that votes: that is 'vlog replace-disk ",
                           node.value(), "'");
  }
  if (refusal.empty()) refusal = WhyRetired(view, self);
  if (!refusal.empty()) {
    plan.refusals.push_back(refusal);
    return plan;
  }
  plan.members.join.push_back(self);
  AddAddress(view, node, &plan);
  JudgeMembers(view, &plan);
  auto with = [self](std::vector<Replica> acceptors) {
    if (!Contains(NodesOf(acceptors), self.node)) acceptors.push_back(self);
    return acceptors;
  };
  MoveRegisters(view, with, &plan);
  WidenLogs(view, node, &plan);
  NoteUnreadable(view, "it keeps its voters and gets no copy there", &plan);
  return plan;
}

}  // namespace vlog::client

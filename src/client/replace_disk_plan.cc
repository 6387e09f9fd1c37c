// The plan for a node that returned with another disk.
#include "client/plan_parts.h"

namespace vlog::client {
namespace {

using loglets::Needs;
using loglets::NodeLife;

// Disks of `node`, other than the one it has now, that anything counts on or has counted on.
std::vector<Replica> FormerDisks(const ClusterView& view, NodeId node) {
  DiskId now = view.DiskOf(node);
  std::vector<Replica> former;
  auto take = [&](const Replica& replica) {
    bool old = replica.node == node && replica.disk != now && replica.disk != DiskId();
    if (old && !Contains(former, replica)) former.push_back(replica);
  };
  for (const Replica& replica : view.directory.default_acceptors) take(replica);
  for (const Replica& replica : view.voters.acceptors) take(replica);
  for (const LogView& log : view.logs) {
    for (const Replica& replica : log.acceptors.acceptors) take(replica);
    for (const SegmentView& segment : log.segments) {
      for (const NodeLife& life : segment.needs.some_of) take(Replica{life.node, life.disk});
      for (const NodeLife& life : segment.needs.beside) take(Replica{life.node, life.disk});
      for (const NodeLife& life : segment.needs.all_of) take(Replica{life.node, life.disk});
    }
  }
  for (const LogView& log : view.unfinished) {
    for (const Replica& replica : log.acceptors.acceptors) take(replica);
  }
  for (const UnreadableLog& log : view.unreadable) {
    for (const Replica& replica : log.acceptors) take(replica);
  }
  return former;
}

void MoveLogs(const ClusterView& view, const Replica& self, MembershipPlan* plan) {
  LogMover mover(view, absl::StrCat("replace-disk of node ", self.node.value()), plan);
  auto lost = [&](const NodeLife& life) {
    return life.node == self.node && life.disk != DiskId() && life.disk != self.disk;
  };
  for (const LogView& log : view.logs) {
    if (log.open_segment() == nullptr) continue;
    const Needs& needs = log.open_segment()->needs;
    bool named = std::any_of(needs.some_of.begin(), needs.some_of.end(), lost) ||
                 std::any_of(needs.beside.begin(), needs.beside.end(), lost) ||
                 std::any_of(needs.all_of.begin(), needs.all_of.end(), lost);
    if (named) mover.Move(log, NodesWithCopies(needs), NodeId());
  }
}

}  // namespace

MembershipPlan PlanReplaceDisk(const ClusterView& view, NodeId node) {
  MembershipPlan plan;
  std::string refusal = WhyUnknown(view, node);
  if (refusal.empty()) refusal = WhyUnusable(view, node);
  Replica self{node, view.DiskOf(node)};
  if (refusal.empty()) refusal = WhyRetired(view, self);
  if (!refusal.empty()) {
    plan.refusals.push_back(refusal);
    return plan;
  }
  if (Contains(NodesOf(view.directory.default_acceptors), node)) plan.members.join.push_back(self);
  plan.members.retire = FormerDisks(view, node);
  JudgeMembers(view, &plan);
  auto replaced = [self](std::vector<Replica> acceptors) {
    for (Replica& each : acceptors) {
      if (each.node == self.node) each = self;
    }
    return acceptors;
  };
  MoveRegisters(view, replaced, &plan);
  MoveLogs(view, self, &plan);
  RefuseUnknownKinds(view, &plan);
  NoteUnreadable(view, "what it has on the old disk still counts on it", &plan);
  for (const std::string& unknown : UnknownCopies(view)) {
    plan.notes.push_back(unknown + ": they may have been on the old disk");
  }
  return plan;
}

}  // namespace vlog::client

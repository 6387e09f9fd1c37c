// Which sealed segments have a copy on a node, and whether they can do without it.
#include <algorithm>
#include <functional>

#include "client/membership_plan.h"
#include "consensus/quorum.h"

namespace vlog::client {
namespace {

using loglets::NodeLife;
using IsGoing = std::function<bool(const NodeLife&)>;

// Known to hold nothing of this copy any more: its node runs on another disk, or it was retired.
bool IsGone(const ClusterView& view, const NodeLife& life) {
  const std::vector<Replica>& retired = view.directory.retired;
  Replica replica{life.node, life.disk};
  if (std::find(retired.begin(), retired.end(), replica) != retired.end()) return true;
  DiskId now = view.DiskOf(life.node);
  return now != DiskId() && life.disk != DiskId() && life.disk != now;
}

// It serves on that disk, but what it had there may be among what its journal lost.
bool LostSome(const ClusterView& view, const NodeLife& life) {
  const server::NodeStatus& status = view.nodes.at(life.node).status;
  return status.lost_votes || status.journal.damaged > 0;
}

std::vector<SealedCopy> SealedCopies(const ClusterView& view, const IsGoing& going) {
  std::vector<SealedCopy> copies;
  for (const LogView& log : view.logs) {
    for (const SegmentView& segment : log.segments) {
      const std::vector<NodeLife>& all = segment.needs.some_of;
      if (!segment.end || std::none_of(all.begin(), all.end(), going)) continue;
      SealedCopy copy;
      copy.log = log.name;
      copy.index = segment.index;
      copy.base = segment.base;
      copy.end = *segment.end;
      copy.copies = all.size();
      copy.least = segment.least();
      copy.flagged = segment.under_replicated();
      for (const NodeLife& life : all) {
        // Nobody knows whether a node that is silent comes back.
        bool lost = going(life) || IsGone(view, life) || !view.Lives(life) || LostSome(view, life);
        if (lost) ++copy.lost;
        if (!lost) copy.others.push_back(life.node);
      }
      copies.push_back(std::move(copy));
    }
  }
  return copies;
}

}  // namespace

std::vector<SealedCopy> SealedCopiesOn(const ClusterView& view, NodeId node) {
  return SealedCopies(view, [node](const NodeLife& life) { return life.node == node; });
}

std::vector<SealedCopy> SealedCopiesLostBy(const ClusterView& view, NodeId node) {
  return SealedCopies(view, [&view, node](const NodeLife& life) {
    return life.node == node && IsGone(view, life);
  });
}

std::vector<std::string> UnknownCopies(const ClusterView& view) {
  std::vector<std::string> unknown;
  for (const LogView& log : view.logs) {
    for (const SegmentView& segment : log.segments) {
      bool holds = segment.end && *segment.end > segment.base;
      if (!holds || !segment.needs.some_of.empty()) continue;
      unknown.push_back(absl::StrCat("log ", log.name, ": this program does not know on which ",
                                     "nodes records of [", segment.base.value(), ", ",
                                     segment.end->value(), ") are (segment ", segment.index.value(),
                                     ", a '", segment.kind, "' loglet)"));
    }
  }
  return unknown;
}

std::vector<std::string> ReasonsToKeep(const ClusterView& view, NodeId node) {
  std::vector<std::string> reasons;
  if (!view.metastore.ok()) {
    reasons.push_back(Message(view.metastore));
    return reasons;
  }
  MembershipPlan left = PlanDrain(view, node);
  reasons = left.refusals;
  for (const LogMove& move : left.logs) reasons.push_back("log " + move.log + " is still on it");
  if (left.changes_members || !left.registers.empty()) {
    reasons.push_back("it still has votes in the metastore");
  }
  const std::vector<Replica>& voters = view.voters.acceptors;
  if (view.Serving(voters) < consensus::Majority(voters.size())) {
    reasons.push_back("too few of the other voters serve (nodes " + Listed(NodesOf(voters)) + ")");
  }
  for (const LogView& log : view.logs) {
    if (log.open_segment() == nullptr) continue;
    const loglets::Needs& needs = log.open_segment()->needs;
    bool works = view.Living(needs.some_of) >= needs.least &&
                 view.Living(needs.all_of) == needs.all_of.size();
    if (!works) reasons.push_back("log " + log.name + " has no write quorum or no sequencer now");
  }
  for (const SealedCopy& copy : SealedCopiesOn(view, node)) {
    if (copy.readable()) continue;
    reasons.push_back(absl::StrCat("log ", copy.log, ": records of [", copy.base.value(), ", ",
                                   copy.end.value(), ") may have no copy elsewhere (segment ",
                                   copy.index.value(), ": on at least ", copy.least, " of ",
                                   copy.copies, " nodes, ",
                                   copy.flagged ? "for too few lived when it was sealed, " : "",
                                   copy.lost, " gone, going or damaged)"));
  }
  for (const std::string& unknown : UnknownCopies(view)) reasons.push_back(unknown);
  return reasons;
}

}  // namespace vlog::client

#include "client/placement_plan.h"

#include <algorithm>
#include <set>

namespace vlog::client {
namespace {

bool Serves(const ClusterView& view, NodeId node) {
  return view.Lives({node, Incarnation(), DiskId()});
}

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::string Why(const ClusterView& view, NodeId number) {
  auto it = view.nodes.find(number);
  if (it == view.nodes.end()) return "is unknown";
  const NodeView& node = it->second;
  if (!node.answer.ok()) return "does not answer: " + Message(node.answer);
  return absl::StrCat("is ", server::ToString(node.status.state),
                      node.status.problem.empty() ? "" : ": ", node.status.problem);
}

}  // namespace

Status CheckWish(const ClusterView& view, const loglets::Placement& wish) {
  std::vector<NodeId> named = wish.nodes;
  if (wish.sequencer != NodeId()) named.push_back(wish.sequencer);
  std::vector<NodeId> all;
  for (const auto& [node, each] : view.nodes) all.push_back(node);
  for (NodeId node : named) {
    if (view.nodes.contains(node)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no node ", node.value(), " in this cluster; its nodes are ", Listed(all)));
  }
  std::set<NodeId> different(wish.nodes.begin(), wish.nodes.end());
  if (different.size() != wish.nodes.size()) {
    return absl::InvalidArgumentError("a node is named twice: " + Listed(wish.nodes));
  }
  if (!wish.nodes.empty() && wish.write_quorum > wish.nodes.size()) {
    return absl::InvalidArgumentError(absl::StrCat("a write quorum of ", wish.write_quorum,
                                                   " is impossible on ", wish.nodes.size(),
                                                   " nodes (", Listed(wish.nodes), ")"));
  }
  if (wish.sequencer != NodeId() && !Serves(view, wish.sequencer)) {
    return absl::UnavailableError(absl::StrCat("node ", wish.sequencer.value(), " ",
                                               Why(view, wish.sequencer),
                                               "; it cannot be the sequencer"));
  }
  return absl::OkStatus();
}

StatusOr<loglets::Placement> PlaceNewLog(const ClusterView& view, NewPlacement placement) {
  loglets::Placement placed = placement.wish;
  size_t copies = placement.copies;
  if (!placed.nodes.empty() && copies != 0 && copies != placed.nodes.size()) {
    return absl::InvalidArgumentError(absl::StrCat("a replication of ", copies,
                                                   " copies does not fit ", placed.nodes.size(),
                                                   " nodes (", Listed(placed.nodes), ")"));
  }
  if (copies > view.nodes.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        copies, " copies are impossible on a cluster of ", view.nodes.size(), " nodes"));
  }
  std::vector<NodeId> in_service = view.InService();
  if (placed.nodes.empty() && copies == 0) placed.nodes = in_service;
  for (NodeId node : in_service) {
    if (placed.nodes.size() < copies && Serves(view, node)) placed.nodes.push_back(node);
  }
  if (placed.nodes.size() < copies) {
    return absl::UnavailableError(absl::StrCat(
        "only ", placed.nodes.size(), " nodes in service answer (", Listed(placed.nodes), "), ",
        copies, " are needed; start or 'vlog undrain' some, or name them with --nodes"));
  }
  Status fine = CheckWish(view, placed);
  VLOG_RETURN_IF_ERROR(fine);
  for (NodeId node : placement.wish.nodes) {
    if (Serves(view, node)) continue;
    return absl::UnavailableError(
        absl::StrCat("node ", node.value(), " ", Why(view, node), "; start it or leave it out"));
  }
  return placed;
}

loglets::Policy PolicyOf(const NewPlacement& placement) {
  loglets::Policy policy;
  policy.copies =
      placement.copies > 0 ? placement.copies : static_cast<uint32_t>(placement.wish.nodes.size());
  policy.write_quorum = placement.wish.write_quorum;
  policy.candidates = placement.wish.nodes;
  policy.options = placement.wish.options;
  return policy;
}

Status CheckLeastCopies(uint32_t least_copies, size_t write_quorum) {
  if (least_copies <= write_quorum) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "at least ", least_copies, " copies are more than the write quorum of ", write_quorum));
}

StatusOr<loglets::Policy> PolicyAfter(loglets::Policy policy, const PolicyChange& change) {
  size_t nodes = change.wish.nodes.size();
  if (nodes > 0 && change.copies > 0 && change.copies != nodes) {
    return absl::InvalidArgumentError(absl::StrCat("a replication of ", change.copies,
                                                   " copies does not fit ", nodes, " nodes (",
                                                   Listed(change.wish.nodes), ")"));
  }
  bool other_kind = !change.kind.empty() && change.kind != policy.kind;
  if (other_kind && !policy.kind.empty()) policy.options.clear();
  if (!change.kind.empty()) policy.kind = change.kind;
  if (!change.wish.options.empty()) policy.options = change.wish.options;
  if (nodes > 0) policy.candidates = change.wish.nodes;
  if (nodes > 0) policy.copies = static_cast<uint32_t>(nodes);
  if (change.copies > 0) policy.copies = change.copies;
  if (change.wish.write_quorum > 0) policy.write_quorum = change.wish.write_quorum;
  if (change.least_copies > 0) policy.least_copies = change.least_copies;
  if (policy.copies > 0 && policy.write_quorum > policy.copies) {
    return absl::InvalidArgumentError(absl::StrCat("a write quorum of ", policy.write_quorum,
                                                   " is impossible on ", policy.copies,
                                                   " copies; give both with --replication W/N"));
  }
  // What was allowed to become fewer than a quorum that is now smaller itself.
  bool moot = policy.write_quorum > 0 && policy.least_copies >= policy.write_quorum;
  if (moot) {
    Status fits = CheckLeastCopies(change.least_copies, policy.write_quorum);
    VLOG_RETURN_IF_ERROR(fits);
    policy.least_copies = 0;
  }
  return policy;
}

std::vector<std::string> ReasonsAgainst(const ClusterView& view, const Swap& swap) {
  std::vector<std::string> reasons;
  std::vector<NodeId> nodes = NodesOf(swap.after.some_of);
  std::vector<NodeId> copies = NodesWithCopies(swap.after);
  for (NodeId node : swap.wish.nodes) {
    if (Contains(copies, node)) continue;
    reasons.push_back(absl::StrCat("node ", node.value(), " ", Why(view, node),
                                   ", and nobody else knows its disk; start it or leave it out"));
  }
  size_t living = view.Living(swap.after.some_of);
  if (living < swap.after.least) {
    reasons.push_back(absl::StrCat("it would need ", swap.after.least, " nodes, and only ", living,
                                   " of the nodes ", Listed(nodes), " serve"));
  }
  for (const loglets::NodeLife& life : swap.after.all_of) {
    if (view.Lives(life)) continue;
    reasons.push_back(
        absl::StrCat("the sequencer's node ", life.node.value(), " ", Why(view, life.node)));
  }
  size_t acknowledging = swap.after.acknowledging();
  if (acknowledging < swap.before.acknowledging() && !swap.allow_fewer_copies) {
    reasons.push_back(absl::StrCat("records would be on ", acknowledging,
                                   " nodes when they are acknowledged, now they are on ",
                                   swap.before.acknowledging(),
                                   "; if that is meant, add --allow-fewer-copies"));
  }
  size_t seal = swap.before.to_seal;
  size_t sealing = view.Living(swap.before.some_of);
  if (sealing < seal) {
    reasons.push_back(absl::StrCat(
        "the open segment cannot be sealed: ", sealing, " of its ", swap.before.some_of.size(),
        " copies serve (nodes ", Listed(NodesOf(swap.before.some_of)), "), ", seal, " are needed"));
  }
  return reasons;
}

}  // namespace vlog::client

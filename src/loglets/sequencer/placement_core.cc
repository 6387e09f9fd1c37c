#include "loglets/sequencer/placement_core.h"

#include <algorithm>

namespace vlog::loglets::sequencer {
namespace {

// Copies of a log that nobody said anything about.
constexpr size_t kUsualCopies = 3;

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::vector<NodeId> HoldersOf(const Wanted& wanted) {
  std::vector<NodeId> holders;
  if (!wanted.previous) return holders;
  for (const Replica& replica : wanted.previous->replicas) holders.push_back(replica.node);
  return holders;
}

// How many copies there are to be. A log that began while nodes were away gets the rest later.
size_t CopiesWanted(const Wanted& wanted, size_t candidates) {
  if (!wanted.wish.nodes.empty()) return candidates;
  if (wanted.policy.copies > 0) return std::min<size_t>(wanted.policy.copies, candidates);
  if (!wanted.previous) return candidates;
  return std::max(wanted.previous->replica_count(), std::min(candidates, kUsualCopies));
}

uint32_t QuorumOf(const Wanted& wanted, size_t copies) {
  if (wanted.write_quorum() > 0) return wanted.write_quorum();
  auto majority = static_cast<uint32_t>(copies / 2 + 1);
  if (!wanted.previous) return majority;
  uint32_t before = wanted.previous->write_quorum;
  return copies > wanted.previous->replica_count() ? std::max(before, majority) : before;
}

std::optional<DiskId> DiskOf(const Wanted& wanted, NodeId node) {
  if (!wanted.previous) return std::nullopt;
  for (const Replica& replica : wanted.previous->replicas) {
    if (replica.node == node) return replica.disk;
  }
  return std::nullopt;
}

// A larger write quorum that nobody asked for is no reason to wait for nodes that are away.
size_t CopiesFor(const Wanted& wanted, size_t candidates, size_t answers) {
  size_t count = CopiesWanted(wanted, candidates);
  bool asked_for = !wanted.wish.nodes.empty() || wanted.write_quorum() > 0;
  if (!wanted.previous || asked_for) return count;
  uint32_t quorum = QuorumOf(wanted, count);
  bool grows = quorum > wanted.previous->write_quorum;
  return grows && answers < quorum ? wanted.previous->replica_count() : count;
}

}  // namespace

bool Wanted::HoldsAll(const std::vector<NodeId>& nodes) const {
  std::vector<NodeId> holders = HoldersOf(*this);
  return std::all_of(nodes.begin(), nodes.end(),
                     [&holders](NodeId node) { return Contains(holders, node); });
}

std::vector<NodeId> CandidatesOf(const Wanted& wanted, const std::vector<NodeId>& spares) {
  if (!wanted.wish.nodes.empty()) return wanted.wish.nodes;
  std::vector<NodeId> holders = HoldersOf(wanted);
  std::vector<NodeId> nodes;
  auto add = [&nodes](NodeId node) {
    if (!Contains(nodes, node)) nodes.push_back(node);
  };
  for (NodeId node : wanted.policy.candidates) {
    if (Contains(holders, node) || Contains(spares, node)) add(node);
  }
  for (NodeId node : holders) add(node);
  for (NodeId node : spares) add(node);
  return nodes;
}

bool IsEnough(const Wanted& wanted, const Answers& answers) {
  if (!wanted.previous) return false;
  const Placement& wish = wanted.wish;
  if (wish.sequencer != NodeId() && !answers.contains(wish.sequencer)) return false;
  for (NodeId node : wish.nodes) {
    if (!answers.contains(node)) return false;
  }
  return answers.size() >= std::max(wanted.write_quorum(), wanted.previous->write_quorum);
}

StatusOr<Copies> ChooseCopies(const Wanted& wanted, const std::vector<NodeId>& candidates,
                              const Answers& answers) {
  size_t count = CopiesFor(wanted, candidates.size(), answers.size());
  Copies copies;
  for (NodeId node : candidates) {
    auto known = answers.find(node);
    bool take = known != answers.end() && copies.replicas.size() < count;
    if (take) copies.replicas.push_back({node, known->second.disk});
  }
  size_t alive = copies.replicas.size();
  for (NodeId node : candidates) {
    std::optional<DiskId> disk = DiskOf(wanted, node);
    bool silent = !answers.contains(node);
    if (silent && disk && copies.replicas.size() < count) copies.replicas.push_back({node, *disk});
  }
  copies.write_quorum = QuorumOf(wanted, count);
  uint32_t least = wanted.policy.least_copies;
  bool shrinks = wanted.wish.write_quorum == 0 && least > 0 && alive >= least;
  if (shrinks && alive < copies.write_quorum) {
    copies.write_quorum = static_cast<uint32_t>(alive);
    // Those who live must be able to seal it: N - W + 1 of them.
    size_t sealable = alive + copies.write_quorum - 1;
    if (copies.replicas.size() > sealable) copies.replicas.resize(sealable);
  }
  if (copies.write_quorum > count) {
    return absl::InvalidArgumentError(absl::StrCat("a write quorum of ", copies.write_quorum,
                                                   " is impossible on ", count, " nodes"));
  }
  if (alive < copies.write_quorum) {
    return absl::UnavailableError(
        absl::StrCat(alive, " nodes answer; a sequencer loglet needs ", copies.write_quorum));
  }
  return copies;
}

std::vector<SequencerId> SequencersOf(const Wanted& wanted, const std::vector<Replica>& replicas,
                                      const Answers& answers) {
  std::vector<NodeId> nodes;
  if (wanted.wish.sequencer != NodeId()) {
    nodes = {wanted.wish.sequencer};
  } else {
    if (wanted.previous) nodes.push_back(wanted.previous->sequencer.node);
    for (const Replica& replica : replicas) nodes.push_back(replica.node);
  }
  std::vector<SequencerId> sequencers;
  for (NodeId node : nodes) {
    auto known = answers.find(node);
    if (known == answers.end()) continue;
    const SequencerId& id = known->second;
    bool twice = std::find(sequencers.begin(), sequencers.end(), id) != sequencers.end();
    if (!twice) sequencers.push_back(id);
  }
  return sequencers;
}

}  // namespace vlog::loglets::sequencer

#include "client/log_health.h"

#include <algorithm>

namespace vlog::client {
namespace {

using loglets::HostedLoglet;
using loglets::NodeLife;

// What a node says about its parts of the open segment.
std::vector<HostedLoglet> PartsOn(const ClusterView& view, const LogView& log, NodeId node) {
  std::vector<HostedLoglet> parts;
  auto it = view.nodes.find(node);
  if (it == view.nodes.end()) return parts;
  const SegmentView& open = *log.open_segment();
  for (const server::LogletStatus& each : it->second.status.loglets) {
    const LogletId& id = each.loglet.id;
    bool this_one = id.log == log.name && id.segment == open.index && id.proposal == open.proposal;
    if (this_one) parts.push_back(each.loglet);
  }
  return parts;
}

// What is committed, as far as any node knows.
Offset Committed(const ClusterView& view, const LogView& log) {
  Offset committed;
  for (const auto& [node, each] : view.nodes) {
    for (const HostedLoglet& part : PartsOn(view, log, node)) {
      committed = std::max(committed, part.known_tail);
    }
  }
  return committed;
}

// A sequencer stores nothing; its tail is what it has assigned.
bool IsCopy(const HostedLoglet& part) { return part.role != "sequencer"; }

CopyHealth CopyOn(const ClusterView& view, const LogView& log, const NodeLife& life,
                  Offset committed) {
  CopyHealth copy;
  copy.replica = Replica{life.node, life.disk};
  copy.serves = view.Lives(life);
  DiskId disk = view.DiskOf(life.node);
  bool replaced = disk != DiskId() && disk != life.disk;
  bool elects = log.open_segment()->needs.all_of.empty();
  if (replaced && elects) copy.no_vote = "its disk was replaced";
  if (!copy.serves) return copy;
  Offset tail;
  for (const HostedLoglet& part : PartsOn(view, log, life.node)) {
    if (!IsCopy(part)) continue;
    tail = std::max(tail, part.tail);
    copy.role = part.role;
    copy.no_vote = part.no_vote;
  }
  copy.tail = log.open_segment()->base + tail.value();
  copy.lag = committed > tail ? committed - tail : 0;
  return copy;
}

size_t Counting(const LogHealth& health) {
  return static_cast<size_t>(std::count_if(health.copies.begin(), health.copies.end(),
                                           [](const CopyHealth& copy) { return copy.counts(); }));
}

// "node 3 does not vote: its disk was replaced"
std::string NoVoteText(const LogHealth& health) {
  std::string text;
  for (const CopyHealth& copy : health.copies) {
    if (copy.no_vote.empty()) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", "node ", copy.replica.node.value(),
                    " does not vote: ", copy.no_vote);
  }
  return text;
}

std::string Problem(const ClusterView& view, const LogHealth& health, size_t needed) {
  size_t serving = Counting(health);
  std::string no_vote = NoVoteText(health);
  if (serving < needed) {
    return absl::StrCat("no write quorum: ", serving, " of ", health.copies.size(),
                        " copies serve, ", needed, " are needed", no_vote.empty() ? "" : "; ",
                        no_vote);
  }
  for (const NodeLife& life : health.sequencers) {
    if (!view.Lives(life)) {
      return absl::StrCat("the sequencer on node ", life.node.value(), " does not answer");
    }
  }
  if (!no_vote.empty()) return no_vote;
  if (serving == health.copies.size()) return "";
  return absl::StrCat(health.copies.size() - serving, " of ", health.copies.size(),
                      " copies do not serve");
}

// Also a member that counts in no quorum may lead.
std::optional<NodeId> LeaderOf(const ClusterView& view, const LogView& log) {
  std::optional<NodeId> leader;
  for (const auto& [node, each] : view.nodes) {
    for (const HostedLoglet& part : PartsOn(view, log, node)) {
      if (part.role != "leader") continue;
      if (leader) return std::nullopt;
      leader = node;
    }
  }
  return leader;
}

// "segments 3, 7 have fewer copies than were promised"
std::string FlagsText(const std::vector<SegmentView>& flagged) {
  std::string text;
  for (const SegmentView& segment : flagged) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", segment.index.value());
  }
  if (text.empty()) return text;
  bool one = flagged.size() == 1;
  return absl::StrCat("segment", one ? " " : "s ", text, one ? " has" : " have",
                      " fewer copies than were promised");
}

}  // namespace

LogHealth HealthOf(const ClusterView& view, const LogView& log) {
  LogHealth health;
  for (const SegmentView& segment : log.segments) {
    if (segment.under_replicated()) health.under_replicated.push_back(segment);
  }
  health.problem = FlagsText(health.under_replicated);
  if (log.open_segment() == nullptr) {
    if (!log.segments.empty()) health.tail = log.segments.back().end.value_or(Lsn());
    return health;
  }
  const loglets::Needs& needs = log.open_segment()->needs;
  Offset committed = Committed(view, log);
  health.tail = log.open_segment()->base + committed.value();
  health.write_quorum = needs.acknowledging();
  health.sequencers = needs.all_of;
  for (const NodeLife& life : needs.some_of) {
    health.copies.push_back(CopyOn(view, log, life, committed));
  }
  health.leader = LeaderOf(view, log);
  health.has_quorum = Counting(health) >= needs.least;
  std::string now = Problem(view, health, needs.least);
  if (!now.empty()) health.problem = now + (health.problem.empty() ? "" : "; " + health.problem);
  return health;
}

}  // namespace vlog::client

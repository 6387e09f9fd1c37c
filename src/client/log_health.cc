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

CopyHealth CopyOn(const ClusterView& view, const LogView& log, const NodeLife& life,
                  Offset committed) {
  CopyHealth copy;
  copy.replica = Replica{life.node, life.disk};
  copy.serves = view.Lives(life);
  if (!copy.serves) return copy;
  Offset tail;
  for (const HostedLoglet& part : PartsOn(view, log, life.node)) {
    // A sequencer stores nothing; its tail is what it has assigned.
    if (part.role != "sequencer") tail = std::max(tail, part.tail);
  }
  copy.tail = log.open_segment()->base + tail.value();
  copy.lag = committed > tail ? committed - tail : 0;
  return copy;
}

std::string Problem(const ClusterView& view, const LogHealth& health) {
  auto serves = [](const CopyHealth& copy) { return copy.serves; };
  auto serving =
      static_cast<size_t>(std::count_if(health.copies.begin(), health.copies.end(), serves));
  if (serving < health.write_quorum) {
    return absl::StrCat("no write quorum: ", serving, " of ", health.copies.size(),
                        " copies serve, ", health.write_quorum, " are needed");
  }
  for (const NodeLife& life : health.sequencers) {
    if (!view.Lives(life)) {
      return absl::StrCat("the sequencer on node ", life.node.value(), " does not answer");
    }
  }
  if (serving == health.copies.size()) return "";
  return absl::StrCat(health.copies.size() - serving, " of ", health.copies.size(),
                      " copies do not serve");
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
  health.write_quorum = needs.least;
  health.sequencers = needs.all_of;
  for (const NodeLife& life : needs.some_of) {
    health.copies.push_back(CopyOn(view, log, life, committed));
  }
  health.has_quorum = view.Living(needs.some_of) >= needs.least;
  std::string now = Problem(view, health);
  if (!now.empty()) health.problem = now + (health.problem.empty() ? "" : "; " + health.problem);
  return health;
}

}  // namespace vlog::client

#include "virtuallog/sealed_copies_core.h"

#include <algorithm>
#include <set>

namespace vlog::virtuallog {
namespace {

// After an attempt.
constexpr Duration kRest = std::chrono::seconds(10);

}  // namespace

bool SealedCopies::InCharge(const loglets::Needs& needs, const LivenessOf& of) const {
  std::optional<NodeId> first;
  for (const loglets::NodeLife& life : needs.some_of) {
    bool alive = of(life) == Liveness::kAlive;
    if (alive && (!first || life.node < *first)) first = life.node;
  }
  return first == self_;
}

std::optional<DueSegment> SealedCopies::Judge(const Segment& segment, loglets::Needs needs,
                                              Instant now) {
  DueSegment due;
  due.index = segment.index;
  size_t away = 0;
  for (const loglets::NodeLife& life : needs.some_of) {
    auto since = away_.find(life);
    if (since == away_.end()) continue;
    ++away;
    if (now - since->second < patience_) continue;
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - since->second);
    absl::StrAppend(&due.reason, due.gone.empty() ? "" : ", ", "node ", life.node.value(),
                    " is away for ", seconds.count(), " s");
    due.gone.push_back(life);
  }
  bool lost = !due.gone.empty() && due.gone.size() == away;
  bool flagged = segment.least_copies > 0 && needs.some_of.size() - away >= needs.least;
  if (!lost && !flagged) return std::nullopt;
  if (!lost) due.gone.clear();
  if (!lost) due.reason = "too few lived when it was sealed";
  due.needs = std::move(needs);
  return due;
}

std::optional<DueSegment> SealedCopies::Look(const Chain& chain, const NeedsOfSegment& needs_of,
                                             const LivenessOf& of, Instant now) {
  std::optional<DueSegment> found;
  std::set<loglets::NodeLife> members;
  for (const Segment& segment : chain.segments()) {
    if (segment.index == chain.last().index) break;
    loglets::Needs needs = needs_of(segment);
    needs.all_of.clear();  // who ordered its appends has nothing to do any more
    for (const loglets::NodeLife& life : needs.some_of) {
      members.insert(life);
      if (of(life) == Liveness::kAlive) {
        away_.erase(life);
      } else {
        away_.emplace(life, now);
      }
    }
    auto rest = rest_.find(segment.index);
    bool resting = rest != rest_.end() && now < rest->second;
    if (found || resting || !InCharge(needs, of)) continue;
    found = Judge(segment, std::move(needs), now);
  }
  std::erase_if(away_, [&](const auto& entry) { return !members.contains(entry.first); });
  std::erase_if(rest_, [&](const auto& entry) { return now >= entry.second; });
  return found;
}

void SealedCopies::Tried(SegmentIndex index, Instant now) { rest_[index] = now + kRest; }

bool AnyCanTake(const DueSegment& due, const std::vector<NodeId>& in_service,
                const LivenessOf& of) {
  auto is_at = [](NodeId node) {
    return [node](const loglets::NodeLife& life) { return life.node == node; };
  };
  return std::any_of(in_service.begin(), in_service.end(), [&](NodeId node) {
    const auto& members = due.needs.some_of;
    bool member = std::any_of(members.begin(), members.end(), is_at(node));
    bool gone = std::any_of(due.gone.begin(), due.gone.end(), is_at(node));
    return (!member || gone) && of({node, Incarnation(), DiskId()}) == Liveness::kAlive;
  });
}

}  // namespace vlog::virtuallog

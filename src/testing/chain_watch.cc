#include "testing/chain_watch.h"

#include <algorithm>

namespace vlog::testing {

using virtuallog::Chain;
using virtuallog::Segment;

namespace {

// Only where its copies are may change, once it is sealed.
bool SameButHome(const Segment& a, const Segment& b) {
  return a.index == b.index && a.base == b.base && a.made.id == b.made.id &&
         a.made.kind == b.made.kind;
}

bool Same(const Segment& a, const Segment& b) {
  return SameButHome(a, b) && a.made.params == b.made.params;
}

Status Violation(const std::string& what) { return absl::InternalError("I6 chain step: " + what); }

Status CheckExtended(const Chain& before, const Segment& added, WallTime now) {
  if (added.index.value() != before.last().index.value() + 1) {
    return Violation("a new segment's index is not one above the last");
  }
  if (added.base < before.last().base) return Violation("a new segment begins below the last");
  const auto& intent = before.intent();
  bool binding = intent && intent->replaces == before.last().index && now < intent->deadline;
  bool refused = added.made.reason.find("refused") != std::string::npos;
  if (binding && intent->successor.id != added.made.id && !refused) {
    return Violation("the intent was ignored");
  }
  return absl::OkStatus();
}

// One segment was moved: then nothing else changed.
Status CheckMoved(const Chain& before, const Chain& after) {
  if (before.segments().size() != after.segments().size()) {
    return Violation("moved and changed otherwise in one step");
  }
  const auto& intent = before.intent();
  bool kept = intent.has_value() == after.intent().has_value() &&
              (!intent || intent->successor.id == after.intent()->successor.id);
  return kept ? absl::OkStatus() : Violation("a moved segment changed the intent");
}

}  // namespace

Status CheckChainStep(const Chain& before, const Chain& after, WallTime now) {
  std::vector<Segment> expected = before.segments();
  std::vector<Segment> got = after.segments();
  bool extended = got.back().index > expected.back().index;
  if (extended) {
    Status added = CheckExtended(before, got.back(), now);
    VLOG_RETURN_IF_ERROR(added);
    if (got.back().base == expected.back().base) expected.pop_back();
    got.pop_back();
  } else if (!Same(got.back(), expected.back())) {
    return Violation("the last segment was changed or dropped");
  }
  // What is left may only have lost segments in front.
  if (got.size() > expected.size()) return Violation("a segment came from nowhere");
  size_t moved = 0;
  for (size_t i = 1; i <= got.size(); ++i) {
    const Segment& old = expected[expected.size() - i];
    const Segment& now = got[got.size() - i];
    if (!SameButHome(old, now)) return Violation("an old segment changed");
    if (!Same(old, now)) ++moved;
  }
  if (moved > 1) return Violation("two segments were moved in one step");
  if (moved == 1) return CheckMoved(before, after);
  if (extended && got.size() < expected.size()) {
    return Violation("extended and truncated in one step");
  }
  return absl::OkStatus();
}

Task<StatusOr<Version>> WatchedMetastore::Write(std::string log, std::string value,
                                                Version expected) {
  StatusOr<Version> written = co_await inner_.Write(log, value, expected);
  if (!written.ok()) co_return written;
  StatusOr<Chain> after = Chain::Decode(value);
  auto it = chains_.find(log);
  if (!after.ok()) {
    violation_.Update(after.status());
  } else if (it == chains_.end()) {
    chains_.emplace(log, *std::move(after));
  } else {
    violation_.Update(CheckChainStep(it->second, *after, env_.WallNow()));
    it->second = *std::move(after);
  }
  co_return written;
}

}  // namespace vlog::testing

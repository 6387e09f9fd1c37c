#include "checker/chain_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vlog::checker {
namespace {

// All below it is gone.
Position FirstKept(const ChainView& chain) {
  return chain.trim_point.value_or(chain.segments.front().base);
}

}  // namespace

bool ChainRules::Fail(std::string_view name, const std::string& why, OpIndex a, OpIndex b) {
  std::string seen = absl::StrCat(" Seen by ", operations_.Describe(a));
  if (b != kNoOp && b != a) absl::StrAppend(&seen, " and ", operations_.Describe(b));
  verdict_.Fail(name, absl::StrCat(why, seen, "."), operations_.Lines({a, b}));
  return false;
}

bool ChainRules::Observe(OpIndex op, const ChainView& observed) {
  auto known = versions_.find(observed.version);
  if (known != versions_.end() && known->second.chain == observed) return true;
  Version version{op, observed};
  if (!CheckShape(op, version.chain)) return false;
  if (known != versions_.end()) {
    if (known->second.chain == version.chain) return true;
    return Fail(violation::kTwoContents,
                absl::StrCat("Version ", observed.version, " has two contents."), known->second.op,
                op);
  }
  auto at = versions_.emplace(observed.version, std::move(version)).first;
  if (at != versions_.begin() && !CheckStep(std::prev(at)->second, at->second)) return false;
  if (std::next(at) != versions_.end() && !CheckStep(at->second, std::next(at)->second)) {
    return false;
  }
  return Learn(op, at->second.chain);
}

bool ChainRules::CheckShape(OpIndex op, ChainView& chain) {
  if (chain.segments.empty()) {
    return Fail(violation::kMalformed, "A chain needs a segment.", op, kNoOp);
  }
  for (size_t i = 0; i + 1 < chain.segments.size(); ++i) {
    ChainSegment& segment = chain.segments[i];
    const ChainSegment& next = chain.segments[i + 1];
    std::string where = absl::StrCat("Version ", chain.version, ", segment ", segment.index, ": ");
    if (next.index <= segment.index) {
      return Fail(violation::kChainIndex, absl::StrCat(where, "index ", next.index, " follows."),
                  op, kNoOp);
    }
    if (!segment.end.has_value()) segment.end = next.base;
    if (*segment.end != next.base || next.base < segment.base) {
      return Fail(violation::kChainHole,
                  absl::StrCat(where, "[", segment.base, ", ", *segment.end,
                               ") is followed by base ", next.base, "."),
                  op, kNoOp);
    }
  }
  const ChainSegment& last = chain.segments.back();
  if (last.end.has_value() != chain.ended || last.end.value_or(last.base) < last.base) {
    return Fail(violation::kChainOpen,
                absl::StrCat("Version ", chain.version,
                             ": the last segment is open unless the log has ended."),
                op, kNoOp);
  }
  if (FirstKept(chain) < chain.segments.front().base) {
    return Fail(violation::kChainHole,
                absl::StrCat("Version ", chain.version, ": the trim point ", FirstKept(chain),
                             " lies below the first base ", chain.segments.front().base, "."),
                op, kNoOp);
  }
  chain.trim_point = FirstKept(chain);
  return true;
}

bool ChainRules::CheckStep(const Version& older, const Version& newer) {
  const std::vector<ChainSegment>& old = older.chain.segments;
  const std::vector<ChainSegment>& now = newer.chain.segments;
  if (now.back().index < old.back().index) {
    return Fail(violation::kChainIndex,
                absl::StrCat("Segment ", old.back().index, " of version ", older.chain.version,
                             " is newer than all of version ", newer.chain.version, "."),
                older.op, newer.op);
  }
  if (*newer.chain.trim_point < *older.chain.trim_point) {
    return Fail(violation::kTrimBack,
                absl::StrCat("The chain's trim point fell from ", *older.chain.trim_point, " to ",
                             *newer.chain.trim_point, "."),
                older.op, newer.op);
  }
  if (older.chain.ended && (!newer.chain.ended || now.back().index != old.back().index)) {
    return Fail(violation::kChainEnded,
                absl::StrCat("Version ", older.chain.version, " ended the log."), older.op,
                newer.op);
  }
  size_t new_at = 0;
  for (size_t old_at = 0; old_at < old.size(); ++old_at) {
    // An index that the older chain passes over cannot appear later: indices only grow.
    if (now[new_at].index < old[old_at].index) {
      return Fail(
          violation::kChainChanged,
          absl::StrCat("Segment ", now[new_at].index, " of version ", newer.chain.version,
                       " is not in version ", older.chain.version, ", which holds newer ones."),
          older.op, newer.op);
    }
    if (now[new_at].index == old[old_at].index) {
      if (!CheckKept(older, newer, old_at, new_at)) return false;
      ++new_at;
    } else if (!CheckDropped(older, newer, old_at, new_at)) {
      return false;
    }
  }
  return true;
}

bool ChainRules::CheckKept(const Version& older, const Version& newer, size_t old_at,
                           size_t new_at) {
  const ChainSegment& old = older.chain.segments[old_at];
  const ChainSegment& now = newer.chain.segments[new_at];
  bool open = !now.end.has_value();
  if (old.base == now.base && (!old.end.has_value() || old.end == now.end) &&
      (!open || old.kind == now.kind)) {
    return true;
  }
  return Fail(violation::kChainChanged,
              absl::StrCat("Segment ", old.index, " differs between versions ", older.chain.version,
                           " and ", newer.chain.version, "."),
              older.op, newer.op);
}

// `now[new_at]` is the first segment that stands behind the dropped one.
bool ChainRules::CheckDropped(const Version& older, const Version& newer, size_t old_at,
                              size_t new_at) {
  const ChainSegment& old = older.chain.segments[old_at];
  const ChainSegment& next = newer.chain.segments[new_at];
  Position end = old.end.value_or(old.base);
  // At the front it may be truncated, which needs its end; elsewhere only replaced while empty.
  bool truncated = new_at == 0 && next.base >= end;
  bool replaced = end == old.base && next.base == old.base;
  if (truncated || replaced) return true;
  return Fail(violation::kChainChanged,
              absl::StrCat("Segment ", old.index, " of version ", older.chain.version,
                           " is gone from version ", newer.chain.version,
                           " without having been trimmed or empty."),
              older.op, newer.op);
}

bool ChainRules::Learn(OpIndex op, const ChainView& chain) {
  std::optional<uint64_t> before;
  for (const ChainSegment& told : chain.segments) {
    if (!LearnMissing(op, before, told)) return false;
    Segment& segment = segments_[told.index];
    segment.base = told.base;
    if (told.end.has_value()) segment.end = told.end;
    segment.seen = op;
    if (!CheckAcks(told.index, segment)) return false;
    before = told.index;
  }
  return true;
}

bool ChainRules::LearnMissing(OpIndex op, std::optional<uint64_t> after, const ChainSegment& next) {
  auto at = after.has_value() ? segments_.upper_bound(*after) : segments_.begin();
  for (; at != segments_.end() && at->first < next.index; ++at) {
    Close(at->second, after.has_value(), next.base);
    if (at->second.seen == kNoOp) at->second.seen = op;
    if (!CheckAcks(at->first, at->second)) return false;
  }
  return true;
}

void ChainRules::Close(Segment& segment, bool between, Position next) {
  if (between) {
    segment.base = segment.end = next;
  } else if (!segment.end.has_value()) {
    segment.end = next;
  }
}

void ChainRules::Acked(OpIndex op, uint64_t index, Position first, Position end) {
  auto [at, added] = segments_.try_emplace(index);
  Segment& segment = at->second;
  if (added && !versions_.empty()) {
    const Version& newest = versions_.rbegin()->second;
    const std::vector<ChainSegment>& known = newest.chain.segments;
    auto next = std::upper_bound(
        known.begin(), known.end(), index,
        [](uint64_t wanted, const ChainSegment& candidate) { return wanted < candidate.index; });
    if (next != known.end()) {
      Close(segment, next != known.begin(), next->base);
      segment.seen = newest.op;
    }
  }
  if (first < segment.lowest_ack) {
    segment.lowest_ack = first;
    segment.lowest_op = op;
  }
  if (end > segment.highest_ack) {
    segment.highest_ack = end;
    segment.highest_op = op;
  }
  CheckAcks(index, segment);
}

bool ChainRules::CheckAcks(uint64_t index, const Segment& segment) {
  if (segment.highest_ack == 0) return true;
  if (segment.end.has_value() && segment.highest_ack > *segment.end) {
    return Fail(violation::kSealedGrew,
                absl::StrCat("Segment ", index, " ends at ", *segment.end,
                             ", but acknowledged all below ", segment.highest_ack, "."),
                segment.highest_op, segment.seen);
  }
  if (segment.base.has_value() && segment.lowest_ack < *segment.base) {
    return Fail(violation::kOutsideSegment,
                absl::StrCat("Segment ", index, " begins at ", *segment.base,
                             ", but acknowledged position ", segment.lowest_ack, "."),
                segment.lowest_op, segment.seen);
  }
  return true;
}

void ChainRules::Won(OpIndex op, uint64_t version, const std::string& proposal) {
  if (proposal.empty()) return;
  auto [winner, added] = winners_.try_emplace(version, Winner{op, proposal});
  if (added || winner->second.proposal == proposal) return;
  Fail(violation::kTwoWinners,
       absl::StrCat("Version ", version, " was won by \"", winner->second.proposal, "\" and by \"",
                    proposal, "\"."),
       winner->second.op, op);
}

}  // namespace vlog::checker

#include "checker/trim_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vlog::checker {

TrimIndex TrimRules::Invoke(OpIndex op, Position to) {
  trims_.push_back({op, to});
  asked_ = std::max(asked_, to);
  return static_cast<TrimIndex>(trims_.size() - 1);
}

void TrimRules::ShownTrimmed(Position end, OpIndex op) {
  if (end == 0 || (!shown_.empty() && end <= shown_.back().end)) return;
  shown_.push_back({op, end});
  if (end > asked_) FailShown(shown_.back(), asked_);
}

void TrimRules::Finish() {
  size_t next = 0;
  Position asked = 0;
  for (const Shown& shown : shown_) {
    uint64_t returned = operations_.at(shown.op).returned;
    for (; next < trims_.size() && operations_.at(trims_[next].op).invoked < returned; ++next) {
      if (!trims_[next].failed) asked = std::max(asked, trims_[next].to);
    }
    if (shown.end > asked) return FailShown(shown, asked);
  }
}

void TrimRules::FailShown(const Shown& shown, Position asked) {
  verdict_.Fail(violation::kTrimInvented,
                absl::StrCat(operations_.Describe(shown.op), " showed all below ", shown.end,
                             " as trimmed, but no trim asked for more than ", asked, " by then."),
                operations_.Lines({shown.op}));
}

}  // namespace vlog::checker

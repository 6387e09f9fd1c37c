#include "loglets/replicated/applied_history_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vlog::loglets::replicated {
namespace {

constexpr uint64_t kMinSpacing = 8;       // commands
constexpr size_t kMaxWriters = 1'000'000;  // in all points together
constexpr size_t kMinPoints = 2;

}  // namespace

size_t AppliedHistory::limit(size_t writers) const {
  return std::clamp(kMaxWriters / std::max<size_t>(writers, 1), kMinPoints, kMaxPoints);
}

void AppliedHistory::Note(uint64_t index, const AppliedState& state) {
  uint64_t since = index - points_.back().index;
  if (since < kMinSpacing || since < state.writers()) return;
  if (since < (index - base().index) / 8) return;
  Keep(index, state);
}

void AppliedHistory::Keep(uint64_t index, const AppliedState& state) {
  VLOG_CHECK(index >= points_.back().index, "points are taken in order");
  if (index == points_.back().index) return;
  points_.push_back({index, std::make_shared<AppliedState>(state)});
  if (points_.size() > limit(state.writers())) DropOne();
}

// The one that leaves the smallest gap. The first two stay, see Choose(), and the newest.
void AppliedHistory::DropOne() {
  auto best = points_.begin() + 2;
  auto gap = [](std::vector<Point>::iterator at) {
    return std::next(at)->index - std::prev(at)->index;
  };
  for (auto at = best; std::next(at) != points_.end(); ++at) {
    if (gap(at) < gap(best)) best = at;
  }
  points_.erase(best);
}

const AppliedHistory::Point& AppliedHistory::Choose(uint64_t index, Offset to) {
  auto above = std::find_if(points_.begin() + 1, points_.end(), [&](const Point& point) {
    return point.index > index || point.end() > to;
  });
  auto chosen = std::prev(above);
  if (chosen == points_.begin()) return base();
  points_.erase(points_.begin() + 1, chosen);
  return points_[1];
}

void AppliedHistory::SetBase(uint64_t index) {
  auto above = std::find_if(points_.begin() + 1, points_.end(),
                            [&](const Point& point) { return point.index > index; });
  points_.erase(points_.begin(), std::prev(above));
}

void AppliedHistory::Reset(uint64_t index, AppliedState state) {
  points_.clear();
  points_.push_back({index, std::make_shared<AppliedState>(std::move(state))});
}

void AppliedHistory::EncodeTo(std::string* out) const {
  PutFixed(out, static_cast<uint32_t>(points_.size()));
  for (const Point& point : points_) {
    PutFixed(out, point.index);
    std::string state;
    point.state->EncodeTo(&state);
    PutString(out, state);
  }
}

StatusOr<AppliedHistory> AppliedHistory::Decode(Decoder& in) {
  AppliedHistory history;
  history.points_.clear();
  auto count = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    auto index = in.Fixed<uint64_t>();
    StatusOr<AppliedState> state = AppliedState::Decode(in.String());
    VLOG_RETURN_IF_ERROR(state);
    history.points_.push_back({index, std::make_shared<AppliedState>(*std::move(state))});
  }
  bool valid = in.ok() && !history.points_.empty();
  if (!valid) return absl::DataLossError("malformed history of a replicated log");
  return history;
}

void AppliedHistory::CheckInvariants() const {
  VLOG_CHECK(!points_.empty() && points_.size() <= kMaxPoints, "points are bounded");
  for (size_t i = 1; i < points_.size(); ++i) {
    bool rise = points_[i - 1].index < points_[i].index && points_[i - 1].end() <= points_[i].end();
    VLOG_CHECK(rise, "points rise");
  }
}

}  // namespace vlog::loglets::replicated

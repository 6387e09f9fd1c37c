#include "loglets/replicated/applied_history_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vlog::loglets::replicated {
namespace {

constexpr uint64_t kMinSpacing = 8;  // commands
constexpr size_t kMinPoints = 3;
// In all points together. A table costs up to half a kilobyte a writer, and every checkpoint of the
// journal writes all of them; nobody needs many points of what is sealed.
constexpr size_t kMaxWriters = 20'000;
constexpr size_t kMaxWritersSealed = 2'000;
constexpr size_t kBytesPerWriter = 512;

}  // namespace

size_t AppliedHistory::limit() const {
  size_t writers = 1;
  for (const Point& point : points_) writers = std::max(writers, point.state->writers());
  size_t most = points_.back().state->sealed() ? kMaxWritersSealed : kMaxWriters;
  return std::clamp(most / writers, kMinPoints, kMaxPoints);
}

void AppliedHistory::Note(uint64_t index, const AppliedState& state) {
  uint64_t since = index - points_.back().index;
  bool sealed = state.sealed() && !points_.back().state->sealed();
  if (!sealed && (since < kMinSpacing || since < (index - base().index) / 8)) return;
  Keep(index, state);
}

void AppliedHistory::Keep(uint64_t index, const AppliedState& state) {
  VLOG_CHECK(index >= points_.back().index, "points are taken in order");
  uint64_t since = index - points_.back().index;
  if (since == 0 || since < state.writers()) return;
  points_.push_back({index, std::make_shared<AppliedState>(state)});
  while (points_.size() > limit() && DropOne()) {
  }
}

// The one that leaves the smallest gap. The base, the newest and what Choose() gave out stay.
bool AppliedHistory::DropOne() {
  size_t best = 0;
  auto gap = [this](size_t at) { return points_[at + 1].index - points_[at - 1].index; };
  for (size_t at = 1; at + 1 < points_.size(); ++at) {
    if (points_[at].index <= chosen_) continue;
    if (best == 0 || gap(at) < gap(best)) best = at;
  }
  if (best > 0) points_.erase(points_.begin() + static_cast<std::ptrdiff_t>(best));
  return best > 0;
}

const AppliedHistory::Point& AppliedHistory::Choose(uint64_t index, Offset to) {
  auto above = std::find_if(points_.begin() + 1, points_.end(), [&](const Point& point) {
    return point.index > index || point.end() > to;
  });
  const Point& chosen = *std::prev(above);
  chosen_ = std::max(chosen_, chosen.index);
  return chosen;
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

size_t AppliedHistory::bytes() const {
  size_t writers = 0;
  for (const Point& point : points_) writers += point.state->writers();
  return writers * kBytesPerWriter;
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
  VLOG_CHECK(!points_.empty(), "there is a base");
  for (size_t i = 1; i < points_.size(); ++i) {
    bool rise = points_[i - 1].index < points_[i].index && points_[i - 1].end() <= points_[i].end();
    VLOG_CHECK(rise, "points rise");
  }
}

}  // namespace vlog::loglets::replicated

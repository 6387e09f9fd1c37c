// What a replicated log amounted to at some past points, so that a trim can give up all below one
// of them, and a replica that lacks what was trimmed can begin there (DESIGN 6.3, 6.4). Pure.
//
//   index    base()        .          .             .    ... applied
//   points   |-- kept -----|----------|-------------|
//            ^ at or below the trim point: who begins here is given all commands that follow
//
// A replica is never moved further than the sender's base: what it holds above may be the copies
// that a quorum counts on. So base() is what a trim gives back, and points are kept at most one
// eighth of the log apart, or a trim into the middle of a log would free nothing.
//
// Invariants: points rise; at most kMaxPoints of them, and fewer where tables of writers are large
// or the log is sealed; taking one costs no more than the commands since the last one did.
#ifndef VLOG_LOGLETS_REPLICATED_APPLIED_HISTORY_CORE_H_
#define VLOG_LOGLETS_REPLICATED_APPLIED_HISTORY_CORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/coding.h"
#include "loglets/replicated/applied_core.h"

namespace vlog::loglets::replicated {

class AppliedHistory {
 public:
  static constexpr size_t kMaxPoints = 16;

  // `index` counts commands as the kind does.
  struct Point {
    uint64_t index = 0;
    std::shared_ptr<const AppliedState> state = std::make_shared<AppliedState>();
    Offset end() const { return state->end(); }
  };

  // An empty log: its base is index 0.
  AppliedHistory() : points_(1) {}

  const Point& base() const { return points_.front(); }
  // The log was applied up to `index`, above all points: keeps that if it is time to.
  void Note(uint64_t index, const AppliedState& state);
  // Keeps it although it is not time to, unless too little happened since the last point.
  void Keep(uint64_t index, const AppliedState& state);
  // The highest point at or below `index` whose records are below `to`. It is to be a base: it is
  // kept until a SetBase() passes it.
  const Point& Choose(uint64_t index, Offset to);
  // The highest point at or below `index` becomes the base, if it is above base().
  void SetBase(uint64_t index);
  // Everything else is given up.
  void Reset(uint64_t index, AppliedState state);

  size_t bytes() const;  // in memory, about

  void EncodeTo(std::string* out) const;
  static StatusOr<AppliedHistory> Decode(Decoder& in);  // kDataLoss
  void CheckInvariants() const;

 private:
  size_t limit() const;
  bool DropOne();

  std::vector<Point> points_;
  uint64_t chosen_ = 0;  // the highest point that Choose() gave out
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_APPLIED_HISTORY_CORE_H_

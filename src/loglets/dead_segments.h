// Which segments of each log are dead: no chain holds them or ever will. Pure. This is what a kind
// keeps of the loglets that it deleted, so that nothing ever makes one of them again (DESIGN 4.1,
// FAULTS race 32).
#ifndef VLOG_LOGLETS_DEAD_SEGMENTS_H_
#define VLOG_LOGLETS_DEAD_SEGMENTS_H_

#include <map>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"

namespace vlog::loglets {

// A chain loses segments from its front and segments that were replaced while empty; either way the
// indexes join into few ranges.
class DeadSegments {
 public:
  // [from, to) of `log`. Idempotent.
  void Add(const std::string& log, SegmentIndex from, SegmentIndex to);
  void Merge(const DeadSegments& other);
  bool Contains(const LogletId& id) const { return Covers(id.log, id.segment, Next(id.segment)); }
  // Whether all of [from, to) is dead.
  bool Covers(const std::string& log, SegmentIndex from, SegmentIndex to) const;

  std::string Encode() const;
  static StatusOr<DeadSegments> Decode(std::string_view data);

 private:
  using Ranges = std::map<SegmentIndex, SegmentIndex>;  // begin -> end; neither overlap nor touch
  static SegmentIndex Next(SegmentIndex index) { return SegmentIndex(index.value() + 1); }

  std::map<std::string, Ranges> logs_;
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_DEAD_SEGMENTS_H_

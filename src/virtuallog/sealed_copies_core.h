// Which sealed segment is to be moved next because copies of it are gone. Pure.
#ifndef VLOG_VIRTUALLOG_SEALED_COPIES_CORE_H_
#define VLOG_VIRTUALLOG_SEALED_COPIES_CORE_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "virtuallog/monitor_core.h"

namespace vlog::virtuallog {

// A sealed segment that is to be moved now.
struct DueSegment {
  SegmentIndex index;
  loglets::Needs needs;                 // without who it does not need any more
  std::vector<loglets::NodeLife> gone;  // for too long; empty: only its flag is to be cleared
  std::string reason;
};

// One object a log. A segment that is flagged is due as soon as enough of its servers live to clear
// the flag; any other when a server has been away for longer than the patience, and none for less
// long, for it may come back. Several monitors see the same: the first of a segment's living
// servers acts.
class SealedCopies {
 public:
  using NeedsOfSegment = std::function<loglets::Needs(const Segment&)>;
  SealedCopies(NodeId self, Duration patience) : self_(self), patience_(patience) {}

  // How it stands now: which one is due; none: nothing is to be done here.
  std::optional<DueSegment> Look(const Chain& chain, const NeedsOfSegment& needs_of,
                                 const LivenessOf& of, Instant now);
  // An attempt has ended; whatever came of it, the segment is left alone for a while.
  void Tried(SegmentIndex index, Instant now);

 private:
  bool InCharge(const loglets::Needs& needs, const LivenessOf& of) const;
  std::optional<DueSegment> Judge(const Segment& segment, loglets::Needs needs, Instant now);

  const NodeId self_;
  const Duration patience_;
  std::map<loglets::NodeLife, Instant> away_;  // since when
  std::map<SegmentIndex, Instant> rest_;       // until when it is left alone
};

// Whether somebody in service lives who could take the place of one of `gone`: a node without a
// copy, or one of the gone with another disk.
bool AnyCanTake(const DueSegment& due, const std::vector<NodeId>& in_service, const LivenessOf& of);

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_SEALED_COPIES_CORE_H_

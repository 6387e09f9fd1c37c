// Moves the copies of sealed segments (DESIGN 4.3, modify): the kind copies, then one
// compare-and-set of the chain makes the new parameters count. Nothing is sealed, and a planned
// swap stays planned.
//
//   chain vN: #3 on {1, 2, 3}  --copy--> {1, 2, 4}  --CAS--> chain vN+1: #3 on {1, 2, 4}
//
// Whoever dies in between leaves copies that nobody asks for: the next one goes on with them, and
// the nodes delete them with the segment.
#ifndef VLOG_VIRTUALLOG_REHOMER_H_
#define VLOG_VIRTUALLOG_REHOMER_H_

#include <functional>
#include <string>

#include "virtuallog/log_context.h"

namespace vlog::virtuallog {

struct RehomeOrder {
  SegmentIndex segment;
  std::string reason;                  // for people; who left and who came is added
  bool replace_silent = true;          // as loglets::RehomeRequest
  bool only_plan = false;              // the same
  std::function<bool()> give_up = {};  // the same
};

struct RehomeReport {
  bool changed = false;       // the chain was, or would be
  uint32_t least_copies = 0;  // the segment's flag, now
  uint64_t bytes = 0;         // that were copied
  std::string what;           // who left and who came; "" if nobody did
};

// Thread rule: the context's. The context outlives the task.
//   kAborted             the segment is gone, or somebody else moved it: look again
//   kFailedPrecondition  it is not sealed yet
//   kInvalidArgument     there is no such kind here
//   kUnimplemented       its kind is not moved
//   kUnavailable, kDataLoss  as LogletKind::Rehome(); the chain is as it was
//   kCancelled           it was given up
//   kUnknown             the write of the chain is in doubt; look again
Task<StatusOr<RehomeReport>> RehomeSegment(LogContext& context, RehomeOrder order);

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_REHOMER_H_

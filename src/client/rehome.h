// What 'vlog rehome' does: moves sealed segments whose copies are not where they should be.
#ifndef VLOG_CLIENT_REHOME_H_
#define VLOG_CLIENT_REHOME_H_

#include <optional>
#include <string>
#include <vector>

#include "client/cluster_view.h"
#include "client/operations.h"

namespace vlog::client {

struct RehomeOptions {
  std::string only;                     // this log and no other; "": all
  std::optional<SegmentIndex> segment;  // of that log, whatever its state; none: those that need it
  bool dry_run = false;                 // says what would be done
};

// A sealed segment that should be moved.
struct Misplaced {
  std::string log;
  SegmentIndex index;
  Lsn base;
  Lsn end;
  std::string why;  // for people
};
// Those that were sealed with too few copies, and those with a copy on a node that is not in
// service, does not answer, or has another disk now. Pure.
std::vector<Misplaced> FindMisplaced(const ClusterView& view, const RehomeOptions& options);

struct RehomeResult {
  size_t moved = 0;   // segments; with dry_run, those that would be
  size_t stayed = 0;  // that should be moved, and could not be
};

// One segment after the other; each is told when it is done. The cluster outlives the task. What
// was done before an interruption stays, and is not done again. Errors are those of looking at the
// cluster; kInvalidArgument: there is no such log or sealed segment.
Task<StatusOr<RehomeResult>> Rehome(Cluster& cluster, RehomeOptions options, Progress tell);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_REHOME_H_

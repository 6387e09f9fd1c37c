// Where a log is to live: what a reconfiguration or a creation would do, and what speaks against
// it. Pure.
#ifndef VLOG_CLIENT_PLACEMENT_PLAN_H_
#define VLOG_CLIENT_PLACEMENT_PLAN_H_

#include <string>
#include <vector>

#include "client/cluster_view.h"

namespace vlog::client {

// OK: `wish` names only nodes of the cluster, none twice, and a write quorum that fits them.
// kInvalidArgument says what is wrong; kUnavailable: the sequencer's node does not serve.
Status CheckWish(const ClusterView& view, const loglets::Placement& wish);

struct NewPlacement {
  loglets::Placement wish;
  uint32_t copies = 0;  // N; 0: as many as `wish` names nodes, or every node in service
};
// Where a new log goes: on the nodes that are wished, else on the first `copies` nodes in service
// that serve. kInvalidArgument: impossible in this cluster; kUnavailable: too few nodes serve.
StatusOr<loglets::Placement> PlaceNewLog(const ClusterView& view, NewPlacement placement);

// What its successors are to be like: what was asked for, and nothing that was only found.
loglets::Policy PolicyOf(const NewPlacement& placement);

// What an operator asks of a log that exists; 0 or empty: nothing.
struct PolicyChange {
  std::string kind;
  loglets::Placement wish;
  uint32_t copies = 0;        // N
  uint32_t least_copies = 0;  // a fail-over may go down to
};
// kInvalidArgument: the numbers do not fit each other.
StatusOr<loglets::Policy> PolicyAfter(loglets::Policy policy, const PolicyChange& change);

// OK: `least_copies` may be a log's, if its write quorum is this one. For policies that leave that
// to the kind. kInvalidArgument.
Status CheckLeastCopies(uint32_t least_copies, size_t write_quorum);

// A swap of the open segment, as proposed: `after` is what the new kind made of the wish.
struct Swap {
  loglets::Placement wish;
  loglets::Needs before;
  loglets::Needs after;
  bool allow_fewer_copies = false;
};
// Why the swap would lose a quorum, or records' copies that nobody gave up; empty: go ahead.
std::vector<std::string> ReasonsAgainst(const ClusterView& view, const Swap& swap);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_PLACEMENT_PLAN_H_

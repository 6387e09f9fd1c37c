// A reconfiguration of one log of a cluster, planned and judged before anything is changed.
#ifndef VLOG_CLIENT_SWAP_H_
#define VLOG_CLIENT_SWAP_H_

#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/placement_plan.h"

namespace vlog::client {

struct SwapPlan {
  ClusterView view;  // what it was planned on
  SegmentIndex replaces;
  std::string from_kind;
  std::string to_kind;
  Swap swap;
  Lsn about;                          // at least here the present segment will end
  std::vector<std::string> refusals;  // why it must not be done; empty: go ahead
  // With which SharedLog::Reconfigure() does just this.
  virtuallog::ReconfigureRequest request;
};

// Asks the nodes and changes nothing. What the request leaves open stays as it is, but a sequencer
// that does not answer.
//   kNotFound            no such log
//   kFailedPrecondition  it has ended
//   kInvalidArgument     no such node or kind, an impossible write quorum
//   kUnavailable         too few nodes answer; the metastore does not
Task<StatusOr<SwapPlan>> PlanSwap(Cluster& cluster, std::string log,
                                  virtuallog::ReconfigureRequest request, bool allow_fewer_copies);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_SWAP_H_

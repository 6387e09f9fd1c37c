// A reconfiguration of one log of a cluster, planned and judged before anything is changed.
#ifndef VLOG_CLIENT_SWAP_H_
#define VLOG_CLIENT_SWAP_H_

#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/placement_plan.h"

namespace vlog::client {

struct SwapWish {
  virtuallog::ReconfigureRequest request;
  uint32_t copies = 0;              // N; 0: as the policy says
  uint32_t least_copies = 0;        // of the policy from now on; 0: as it is
  bool allow_fewer_copies = false;  // the write quorum may become smaller
};

struct SwapPlan {
  ClusterView view;  // what it was planned on
  SegmentIndex replaces;
  std::string from_kind;
  std::string to_kind;
  Swap swap;
  loglets::Policy policy;             // from then on
  Lsn about;                          // at least here the present segment will end
  std::vector<std::string> refusals;  // why it must not be done; empty: go ahead
  // With which SharedLog::Reconfigure() does just this.
  virtuallog::ReconfigureRequest request;
};

// Asks the nodes and changes nothing. What the wish leaves open follows the log's policy and stays
// as it is, but a sequencer that does not answer; what it names becomes the policy.
//   kNotFound            no such log
//   kFailedPrecondition  it has ended
//   kInvalidArgument     no such node or kind, numbers that do not fit each other
//   kUnavailable         too few nodes answer; the metastore does not
Task<StatusOr<SwapPlan>> PlanSwap(Cluster& cluster, std::string log, SwapWish wish);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_SWAP_H_

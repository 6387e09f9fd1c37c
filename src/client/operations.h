// Operations on a running cluster, step by step: what 'vlog drain', 'undrain' and 'replace-disk'
// do.
//
// Each looks at the cluster, plans (membership_plan.h), carries the plan out, and looks again until
// nothing is left to do. So each is idempotent, may be interrupted anywhere and run again, and may
// run beside fail-overs, reconfigurations and other operations: every step is a compare-and-set.
#ifndef VLOG_CLIENT_OPERATIONS_H_
#define VLOG_CLIENT_OPERATIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/membership_plan.h"

namespace vlog::client {

// Is told each step when it is done, one line for people.
using Progress = std::function<void(const std::string&)>;

struct OperationResult {
  bool changed = false;             // something was done
  std::vector<std::string> notes;   // what the operator should know
  std::vector<SealedCopy> sealed;   // segments that lose, or lost, a copy; rehome.h copies them
  std::vector<std::string> unsafe;  // of a drain: why the node must not be stopped; empty: it may
};

// All of them: the cluster outlives the task.
//   kUnavailable   refused, or not now: what was done before stays done and is right by itself; the
//                  message says why and what to do
//   kUnknown       the outcome of the last step is; run it again
//   kInvalidArgument  there is no such node
Task<StatusOr<OperationResult>> Drain(Cluster& cluster, NodeId node, Progress tell);
Task<StatusOr<OperationResult>> Undrain(Cluster& cluster, NodeId node, Progress tell);
Task<StatusOr<OperationResult>> ReplaceDisk(Cluster& cluster, NodeId node, Progress tell);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_OPERATIONS_H_

// What must change in a cluster so that a node can go, come back, or return with another disk.
// Pure: a plan is made from one look at the cluster; whoever carries it out looks again and plans
// again until there is nothing left to do, so an operation that was interrupted anywhere is simply
// run again.
#ifndef VLOG_CLIENT_MEMBERSHIP_PLAN_H_
#define VLOG_CLIENT_MEMBERSHIP_PLAN_H_

#include <string>
#include <vector>

#include "client/cluster_view.h"

namespace vlog::client {

// The register of `log`, or kDirectoryLog, gets other acceptors.
struct RegisterMove {
  std::string log;
  std::vector<Replica> acceptors;
  Version expected;  // of the register; another one means that the plan is stale
};

// The log gets another segment, placed so.
struct LogMove {
  std::string log;
  SegmentIndex replaces;  // the log's last segment; another one means that the plan is stale
  loglets::Placement to;
  std::string reason;
};

struct MembershipPlan {
  metastore::MemberChange members;  // of the directory
  bool changes_members = false;
  std::vector<RegisterMove> registers;
  std::vector<LogMove> logs;
  // Why it must not be done now. Then nothing of the above is to be done.
  std::vector<std::string> refusals;
  // What the operator should know once it is done.
  std::vector<std::string> notes;

  bool nothing_to_do() const { return !changes_members && registers.empty() && logs.empty(); }
};

// `node` takes part in nothing any more: no vote, no sequencer, no copies of what is yet to be
// appended. The write quorums stay; a log gets another node in service for it, or fewer copies,
// never fewer than its write quorum. Refused if a log or the metastore could not go on without the
// node. The node itself may be dead.
MembershipPlan PlanDrain(const ClusterView& view, NodeId node);

// The way back, and the way in for a node that joined late: it votes again, new logs may use it,
// and logs that have fewer copies than their policy wants get one there; without a policy, those
// with fewer copies than their write quorum is the majority of.
MembershipPlan PlanUndrain(const ClusterView& view, NodeId node);

// `node` runs on another disk than the one that the cluster counts on: votes and open segments move
// to the new disk, and the old one is retired for good.
MembershipPlan PlanReplaceDisk(const ClusterView& view, NodeId node);

// A sealed segment that has a copy on a disk which is going or gone.
struct SealedCopy {
  std::string log;
  SegmentIndex index;
  Lsn base;
  Lsn end;
  std::vector<NodeId> others;  // nodes that serve now and have the disk of another copy
  size_t copies = 0;           // N, when it was written
  size_t least = 0;            // each record is on so many of them at least
  bool flagged = false;        // which are fewer than were promised
  // Of the copies, with this one, those on silent nodes and those on disks that lost something.
  size_t lost = 0;
  // True if each record is on another copy, whichever servers had it.
  bool readable() const { return least > lost; }
};
// On any disk of `node`.
std::vector<SealedCopy> SealedCopiesOn(const ClusterView& view, NodeId node);
// On disks that `node` does not have any more. REQUIRES: it answers.
std::vector<SealedCopy> SealedCopiesLostBy(const ClusterView& view, NodeId node);
// Sealed segments with records of which nobody knows where they are, for this program does not know
// their kind or its parameters; a sentence each. Any node may have their only copy.
std::vector<std::string> UnknownCopies(const ClusterView& view);

// Why `node` must not be stopped now, after a drain; empty: it may.
std::vector<std::string> ReasonsToKeep(const ClusterView& view, NodeId node);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_MEMBERSHIP_PLAN_H_

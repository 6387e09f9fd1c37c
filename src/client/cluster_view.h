// A cluster at one moment: what its nodes say, who votes, and where each log lives. What operations
// are planned on, and what the status of a cluster is made from.
#ifndef VLOG_CLIENT_CLUSTER_VIEW_H_
#define VLOG_CLIENT_CLUSTER_VIEW_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loglets/factory.h"
#include "metastore/paxos/directory.h"
#include "server/node_status.h"

namespace vlog::client {

class Cluster;

struct NodeView {
  server::Member member;
  Status answer;              // OK: `status` is what it said; else why it said nothing
  server::NodeStatus status;  // empty without an answer

  bool serves() const { return answer.ok() && status.state == server::NodeState::kServing; }
};

// One segment of a log, as an operator sees it.
struct SegmentView {
  SegmentIndex index;
  Lsn base;
  std::optional<Lsn> end;  // none: it may still grow
  std::string kind;
  ProposalId proposal;
  loglets::Needs needs;  // nobody, if this program does not know the kind
  // As the chain's flag: fewer copies of each record than were promised, this many; 0: no flag.
  uint32_t least_copies = 0;

  bool under_replicated() const { return least_copies != 0; }
  // Each record is on so many of the nodes at least, once the segment is sealed.
  size_t least() const { return under_replicated() ? least_copies : needs.acknowledging(); }
};

struct LogView {
  std::string name;
  bool ended = false;           // for good: its last segment is not in `segments`
  metastore::Anchor acceptors;  // who votes on the next version of its chain
  // False: an interrupted change of the acceptors has yet to be told to the directory.
  bool anchored = true;
  loglets::Policy policy;
  std::vector<SegmentView> segments;  // by index

  // Where appends go; null for a log that has ended.
  const SegmentView* open_segment() const {
    return ended || segments.empty() ? nullptr : &segments.back();
  }
};

// A log that could not be looked at: nobody knows on which nodes it lives.
struct UnreadableLog {
  std::string name;
  Status why;
  // Who voted on it when the directory heard last; they can tell.
  std::vector<Replica> acceptors;
};

struct ClusterView {
  ClusterId cluster;
  std::map<NodeId, NodeView> nodes;
  // OK: `directory`, `voters` and `logs` are what the metastore says now. Else why it could not be
  // asked; `voters` are then the newest that any node knows, the others empty.
  Status metastore;
  metastore::Directory directory;
  metastore::Anchor voters;  // of the directory
  std::vector<LogView> logs;
  std::vector<LogView> unfinished;  // no logs yet: nothing was ever written, but some have a vote
  std::vector<UnreadableLog> unreadable;

  // Whether this disk answers and can vote now.
  bool Serves(const Replica& replica) const;
  // Whether this life answers and serves now.
  bool Lives(const loglets::NodeLife& life) const;
  size_t Serving(const std::vector<Replica>& replicas) const;
  size_t Living(const std::vector<loglets::NodeLife>& lives) const;
  // The disk that the node has now; 0 if it does not answer.
  DiskId DiskOf(NodeId node) const;
  // Nodes that are given new work: whose disks vote on new logs. A node that was drained is none,
  // nor is one that joined late and was never let in.
  std::vector<NodeId> InService() const;
};

struct LookOptions {
  bool logs = true;                           // else only the nodes, the voters and the directory
  std::string only;                           // this log and no other; "": all
  Duration answer = std::chrono::seconds(2);  // how long a node is waited for
};

// Asks every node and, if a majority of the voters serves, the metastore. It never fails because
// nodes do not answer: the view says so.
Task<ClusterView> Look(Cluster& cluster, LookOptions options);

// "1, 2, 3"; "none".
std::string Listed(const std::vector<NodeId>& nodes);
std::vector<NodeId> NodesOf(const std::vector<Replica>& replicas);
std::vector<NodeId> NodesOf(const std::vector<loglets::NodeLife>& lives);
// Those that count in quorums first.
std::vector<NodeId> NodesWithCopies(const loglets::Needs& needs);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_CLUSTER_VIEW_H_

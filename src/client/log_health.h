// How a log fares, put together from what its nodes say. Pure.
#ifndef VLOG_CLIENT_LOG_HEALTH_H_
#define VLOG_CLIENT_LOG_HEALTH_H_

#include <optional>
#include <string>
#include <vector>

#include "client/cluster_view.h"

namespace vlog::client {

// One copy of the open segment.
struct CopyHealth {
  Replica replica;
  bool serves = false;      // that disk does
  std::optional<Lsn> tail;  // durable there; none: nothing is known
  uint64_t lag = 0;         // records below the log's tail that it does not have yet
  std::string role;         // as its node says, "follower"; "" if nothing is known
  // Of a node that answers, in a kind that elects its leaders: why it has no vote; "": it has.
  std::string no_vote;
  bool counts() const { return serves && no_vote.empty(); }
};

struct LogHealth {
  // At least this much is committed, by the highest word of any node; more may be by now.
  Lsn tail;
  size_t write_quorum = 0;
  std::vector<CopyHealth> copies;
  std::vector<loglets::NodeLife> sequencers;
  // Who leads, in a kind that elects; none: nobody says so, or several nodes do.
  std::optional<NodeId> leader;
  // Appends can go on: enough copies serve and count. The sequencer may be on its way.
  bool has_quorum = true;
  // Sealed segments that have fewer copies than were promised, as they are in the view.
  std::vector<SegmentView> under_replicated;
  std::string problem;  // what is wrong, for people; "" if nothing is
};

// For a log that has ended: its tail, and what is wrong with its segments.
LogHealth HealthOf(const ClusterView& view, const LogView& log);

}  // namespace vlog::client

#endif  // VLOG_CLIENT_LOG_HEALTH_H_

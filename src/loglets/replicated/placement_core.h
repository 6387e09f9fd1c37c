// Which nodes a new replicated loglet lives on, out of those that answered. Pure.
//
// Copies live on the wished nodes; else on the policy's candidates, where the predecessor's are,
// and on the rest of the cluster, in this order. A node that is silent is replaced by one that
// answers; without one it stays, if the predecessor tells its disk: a quorum of the others works,
// and it catches up. The write quorum never shrinks because some are silent, unless the policy says
// how far it may. SEAL needs a write quorum as well, so one that nobody asked for is a majority.
#ifndef VLOG_LOGLETS_REPLICATED_PLACEMENT_CORE_H_
#define VLOG_LOGLETS_REPLICATED_PLACEMENT_CORE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loglets/factory.h"
#include "loglets/replicated/params.h"
#include "loglets/replicated/wire.h"

namespace vlog::loglets::replicated {

// Nodes that do not do everything; all others vote and serve.
struct Roles {
  std::set<NodeId> acceptors;  // only vote
  std::set<NodeId> learners;   // only serve, and may lead
  // Everybody does everything, whatever the predecessor's members did.
  bool same_for_all = false;
  bool empty() const { return acceptors.empty() && learners.empty() && !same_for_all; }
  friend bool operator==(const Roles&, const Roles&) = default;
};
// "acceptors=1,2 learners=4,5", either or both; "all" sets nobody apart; "" says nothing.
// kInvalidArgument.
StatusOr<Roles> ParseRoles(const std::string& text);

struct Wanted {
  Placement wish;
  Policy policy;  // where the wish is silent
  Roles roles;    // none: as the predecessor's
  // The kind decides by majorities only (Raft): successors have that write quorum, whatever the
  // policy says, and a new loglet for which another one is wished is refused by the kind.
  bool majority = false;
  // Of the same kind; none: a new log, or one whose last loglet is of another kind.
  std::optional<Params> previous;
};

// Who answered, and which disk and life it is.
using Census = std::map<NodeId, NodeAnswer>;

// Who may hold copies, the preferred ones first. `spares`: nodes in service.
std::vector<NodeId> Candidates(const Wanted& wanted, const std::vector<NodeId>& spares);
// Whether those who have answered can carry a successor, so that nobody is waited for much longer.
// Of a new log nobody knows the copies yet: it waits for all.
bool IsEnough(const Wanted& wanted, const Census& census);
// kInvalidArgument: no such loglet could work. kUnavailable: too few answer, or the one that is
// wished to lead does not.
StatusOr<Params> ChooseParams(const Wanted& wanted, const std::vector<NodeId>& candidates,
                              const Census& census);

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_PLACEMENT_CORE_H_

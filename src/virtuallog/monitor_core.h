// When a log needs another loglet although nobody asked for one (DESIGN 5.4). Pure.
#ifndef VLOG_VIRTUALLOG_MONITOR_CORE_H_
#define VLOG_VIRTUALLOG_MONITOR_CORE_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "loglets/factory.h"
#include "virtuallog/chain.h"
#include "virtuallog/node_health.h"

namespace vlog::virtuallog {

using LivenessOf = std::function<Liveness(const loglets::NodeLife&)>;

// How a loglet fares, by the worst of what it needs.
struct Diagnosis {
  Liveness state = Liveness::kAlive;
  std::string reason;  // for people, if it is not alive
};
Diagnosis Diagnose(const loglets::Needs& needs, const LivenessOf& of);

// A suspicion may come from a link that is cut between two nodes only. So it counts when a majority
// of the log servers share it; what is proven needs nobody's word (DESIGN 5.4).

// The lives that are only suspected, each once.
std::vector<loglets::NodeLife> SuspectsOf(const loglets::Needs& needs, const LivenessOf& of);
// Who can be asked about them: the log servers' nodes that live, without `self`.
std::vector<NodeId> WitnessesOf(NodeId self, const loglets::Needs& needs, const LivenessOf& of);
// The liveness, where a suspect counts as alive unless a majority of the other log servers' nodes
// finds otherwise: `self`, if it is one, and the witnesses. Without log servers the own view
// counts.
LivenessOf ConfirmedBy(NodeId self, const loglets::Needs& needs, LivenessOf of,
                       std::vector<Testimony> testimonies);
// The diagnosis by that.
Diagnosis DiagnoseConfirmed(NodeId self, const loglets::Needs& needs, const LivenessOf& of,
                            const std::vector<Testimony>& testimonies);

// A loglet without any node that it cannot do without elects its leaders itself, so nobody need act
// when one dies. But it has a copy less for as long as a member is away: in the end another node is
// to take the place.
inline bool ElectsItsLeader(const loglets::Needs& needs) {
  return needs.all_of.empty() && !needs.some_of.empty();
}

// How long the members of such a loglet have been away, and how long each may be: the patience, and
// more for one that used to come back after longer, so that a slow restart costs no copy. Pure.
class Absences {
 public:
  explicit Absences(Duration patience) : patience_(patience) {}
  // Says how the members fare now; forgets those that are none any more.
  void Note(const loglets::Needs& needs, const LivenessOf& of, Instant now);
  // The members that have been away for longer than they may.
  std::vector<loglets::NodeLife> Overdue(Instant now) const;
  // Of a member that is away.
  Duration TimeAway(const loglets::NodeLife& member, Instant now) const;

 private:
  struct Member {
    std::optional<Instant> since;
    Duration longest{0};  // after which it came back
  };
  Duration MayBeAway(const Member& member) const;

  Duration patience_;
  std::map<loglets::NodeLife, Member> members_;
};

// The nodes for the next segment where `gone` are to be replaced: the other members, and of
// `spares` those that live and are no members, preferred ones first, as many as are gone. With too
// few of these some that are gone stay members, or the log would be narrower for good. Empty: no
// spare lives.
std::vector<NodeId> Replaced(const loglets::Needs& needs,
                             const std::vector<loglets::NodeLife>& gone, std::vector<NodeId> spares,
                             const std::vector<NodeId>& preferred, const LivenessOf& of);

// The number of the next fail-over in a row: 1, unless the last segment comes from one that is not
// long ago, whoever made it.
uint32_t NextFailOver(const Chain& chain, WallTime now);

// How long the next fail-over of this chain waits, so that a log never flaps: 0, 50 ms, 200 ms, 1
// s, 5 s by its number, counted from when the last segment was made. Nothing to wait for if the
// last segment is proven dead: there is nothing left to be unfair to.
int64_t MillisToWait(const Chain& chain, Liveness state, WallTime now);

// Monitors of several nodes see the same: the first of the living acts at once, each further one a
// step later, if the chain has not changed by then.
Duration TurnOf(NodeId self, const loglets::Needs& needs, const LivenessOf& of);

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_MONITOR_CORE_H_

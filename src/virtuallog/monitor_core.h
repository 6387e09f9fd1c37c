// When a log needs another loglet although nobody asked for one (DESIGN 5.4). Pure.
#ifndef VLOG_VIRTUALLOG_MONITOR_CORE_H_
#define VLOG_VIRTUALLOG_MONITOR_CORE_H_

#include <functional>
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
// The diagnosis, where a suspect counts as alive unless a majority of the other log servers' nodes finds
// otherwise: `self`, if it is one, and the witnesses. Without log servers the own view counts.
Diagnosis DiagnoseConfirmed(NodeId self, const loglets::Needs& needs, const LivenessOf& of,
                            const std::vector<Testimony>& testimonies);

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

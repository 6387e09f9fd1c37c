// Where the copies of a sealed sequencer loglet are to be (DESIGN 4.3). Pure.
#ifndef VLOG_LOGLETS_SEQUENCER_REHOME_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_REHOME_CORE_H_

#include <set>
#include <string>
#include <vector>

#include "loglets/sequencer/placement_core.h"

namespace vlog::loglets::sequencer {

struct HomeWanted {
  Params from;                     // where they are
  std::vector<NodeId> in_service;  // may hold copies that they do not hold yet
  std::vector<NodeId> preferred;   // those of them that come first
  bool replace_silent = true;      // false: who does not answer keeps its place
  std::set<NodeId> unfit = {};     // hold a part that cannot be made whole any more
};

struct Home {
  Params params;                 // with as many servers as before, and the same W
  std::vector<bool> lives;       // by server: it answers
  std::vector<bool> comes;       // by server: it is new
  std::vector<Replica> leaving;  // that answer: their copies are read, nothing is written there
  std::string what;              // who left and why, and who came; "" if nobody did
};

// Who may be asked whether they live.
std::vector<NodeId> HomeCandidates(const HomeWanted& wanted);

// A server stays as long as it answers with its disk and is in service. Else a node that answers
// and is in service takes its place: itself with its new disk, then the preferred ones. Without one
// it stays, whatever became of it: W of N may still hold what they held. kUnavailable: fewer than W
// would live.
StatusOr<Home> ChooseHome(const HomeWanted& wanted, const Answers& answers);

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_REHOME_CORE_H_

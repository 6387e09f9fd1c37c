// Where a sequencer loglet is put, of those nodes that answer. Pure.
#ifndef VLOG_LOGLETS_SEQUENCER_PLACEMENT_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_PLACEMENT_CORE_H_

#include <map>
#include <optional>
#include <vector>

#include "loglets/factory.h"
#include "loglets/sequencer/params.h"

namespace vlog::loglets::sequencer {

// What is asked for: the wish of this time, the log's policy where that is silent, and what the
// loglet follows.
struct Wanted {
  Placement wish;
  Policy policy;
  std::optional<Params> previous;

  // 0: nobody says.
  uint32_t write_quorum() const {
    return wish.write_quorum > 0 ? wish.write_quorum : policy.write_quorum;
  }
  // Whether each of these nodes has a copy already.
  bool HoldsAll(const std::vector<NodeId>& nodes) const;
};

// The nodes that have answered, each with the life and disk that it is now.
using Answers = std::map<NodeId, SequencerId>;

// Who may hold copies, the preferred ones first: nobody else than was wished; else the policy's
// candidates, who held those of the predecessor, then `spares`. Of those who hold no copy only
// spares: a node out of service is none.
std::vector<NodeId> CandidatesOf(const Wanted& wanted, const std::vector<NodeId>& spares);

// Whether those who have answered can carry a successor. Of a new log nobody knows the copies yet:
// it waits for all.
bool IsEnough(const Wanted& wanted, const Answers& answers);

struct Copies {
  std::vector<Replica> replicas;
  uint32_t write_quorum = 0;
};
// A node that is silent is replaced by one that answers; without one it stays, if its disk is
// known: W of N still work, and it catches up. W never shrinks, however few answer, unless the
// policy says how far it may; then no more silent nodes stay than those who answer can seal
// without, and a later successor takes them back. kInvalidArgument: more than there are copies;
// kUnavailable: too few answer.
StatusOr<Copies> ChooseCopies(const Wanted& wanted, const std::vector<NodeId>& candidates,
                              const Answers& answers);

// Who of those that answer may be the sequencer, the preferred one first.
std::vector<SequencerId> SequencersOf(const Wanted& wanted, const std::vector<Replica>& replicas,
                                      const Answers& answers);

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_PLACEMENT_CORE_H_

// Phase 1 of one ballot, for all slots from the proposer's first unchosen one on (Paxos Made Live
// 3; DESIGN 6.3). Pure; part of ProposerCore.
//
// Complete when a read quorum of acceptors has promised and told all that it accepted at its own
// chosen point and above, and this node's own replica has promised durably (so this ballot is never
// used again, whoever restarts). The proposer then first learns what any of them knows as chosen:
// below that point they report nothing.
#ifndef VLOG_LOGLETS_PAXOS_PHASE1_CORE_H_
#define VLOG_LOGLETS_PAXOS_PHASE1_CORE_H_

#include <map>
#include <optional>
#include <vector>

#include "loglets/paxos/messages.h"
#include "loglets/paxos/options.h"

namespace vlog::loglets::paxos {

class Phase1 {
 public:
  // `from`: the first slot that the proposer does not know to be chosen.
  Phase1(const Group& group, Ballot ballot, Slot from);

  // A granted answer of a member. Answers to old pages and doubled ones are harmless.
  void OnPromise(size_t member, const PrepareReply& reply);
  // The next page to ask a member for; none: it has told all.
  std::optional<Prepare> NextPage(size_t member) const;
  bool complete() const;

  // Who of those that promised knows most as chosen.
  ChosenPoint highest_chosen() const { return highest_chosen_; }
  size_t knows_most() const { return knows_most_; }
  const Ballot& ballot() const { return ballot_; }

  // What must be proposed with this ballot for the slots from `from` on: for each the accepted
  // command with the highest ballot (Paxos Made Simple 2.2, P2c), no-ops for the holes between.
  // REQUIRES: complete(), from >= highest_chosen().slot.
  std::vector<SlotEntry> Recovered(Slot from) const;

 private:
  struct Promise {
    bool votes = false;
    bool complete = false;
    Slot next;
  };
  const Group& group_;
  Ballot ballot_;
  Slot from_;
  std::map<size_t, Promise> promises_;
  std::map<Slot, SlotEntry> accepted_;
  ChosenPoint highest_chosen_;
  size_t knows_most_ = 0;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_PHASE1_CORE_H_

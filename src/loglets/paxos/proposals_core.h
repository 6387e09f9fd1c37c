// What a leader has proposed and what has not been applied yet: votes, who waits, and how batches
// will be judged once all of it is chosen. Pure; part of ProposerCore.
//
//   |-- applied --|-- chosen --|- chosen or not -|
//                 first()      chosen_to()       next()
//
// The commands of all these slots are fixed while the leadership lasts, so what applying them will
// say of a batch is known before they are chosen: the prediction covers everything recovered and
// everything proposed, and is never a matter of ids alone (FAULTS race 40). Applying has the last
// word; that it agrees is checked.
#ifndef VLOG_LOGLETS_PAXOS_PROPOSALS_CORE_H_
#define VLOG_LOGLETS_PAXOS_PROPOSALS_CORE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "loglets/paxos/messages.h"
#include "loglets/replicated/applied_core.h"
#include "loglets/replicated/replica_core.h"

namespace vlog::loglets::paxos {

using replicated::Token;

class Proposals {
 public:
  // A client that waits for a slot. With a verdict, that is its answer whatever becomes of the
  // slot: it only waits for its turn behind other calls of its writer.
  struct Waiter {
    Token token;
    std::optional<StatusOr<Offset>> verdict;
    bool seal = false;  // of a seal, not an append
  };

  // A leadership begins: nothing below `first` is missing.
  void Begin(Slot first);
  // Ends it: who waited, in order.
  std::vector<Waiter> End();

  // What applying would say of a batch that is proposed next.
  struct Judgement {
    replicated::AppliedState::Outcome outcome;
    Offset offset;             // of a duplicate that is applied
    std::optional<Slot> slot;  // of a duplicate that is not applied yet
  };
  Judgement Judge(const BatchHeader& batch, const replicated::AppliedState& applied) const;
  // The last slot that holds a batch of this writer, if any is not applied.
  std::optional<Slot> LastOf(WriterId writer) const;
  // The slot of a SEAL that is not applied.
  std::optional<Slot> seal() const { return seal_; }

  // Proposes a command in slot next(). `applied`: of the slots below first().
  Slot Propose(Command command, const replicated::AppliedState& applied);
  void Wait(Slot slot, Waiter waiter);
  const Command* Find(Slot slot) const;
  // A member has accepted [from, to) durably. True if one of them became chosen.
  bool Vote(Slot from, Slot to, size_t member, size_t write_quorum);
  // Slot first() was applied: who waited for it.
  std::vector<Waiter> Applied(const Command& command,
                              const replicated::AppliedState::Result& result);

  Slot first() const { return first_; }
  Slot chosen_to() const { return chosen_to_; }
  Slot next() const { return first_ + slots_.size(); }
  size_t waiting_bytes() const { return bytes_; }
  size_t size() const { return slots_.size(); }
  void CheckInvariants() const;

 private:
  struct Proposal {
    Command command;
    bool taken = false;   // as predicted
    uint64_t voters = 0;  // one bit a member
    bool chosen = false;
    std::vector<Waiter> waiters;
  };
  struct Taken {  // a batch that will be taken
    SeqNo first;
    SeqNo last;
    uint32_t count;
    Slot slot;
  };

  Judgement JudgeUnsealed(const BatchHeader& batch, const replicated::AppliedState& applied) const;

  Slot first_;
  Slot chosen_to_;
  std::deque<Proposal> slots_;
  std::map<WriterId, std::deque<Taken>> taken_;
  std::optional<Slot> seal_;
  size_t bytes_ = 0;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_PROPOSALS_CORE_H_

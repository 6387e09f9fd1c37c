// What one replica of a Paxos loglet holds: its promise, the commands in its slots, and the state
// that their chosen prefix amounts to; with what of it is durable. Acceptor and learner of one node
// share it. Pure.
//
//   slots   |-- mapped: applied and durable here --|-- applied, on its way --|-- accepted --|
//           base                            mapped().end()               chosen()
//
// Rules, in release builds too:
// - What tells of a promise or an accept waits for its ticket to be settled.
// - A slot is applied only with a command in hand whose ballot is at least that of the run that
//   announces it as chosen (FAULTS race 36), in slot order.
// - A command that the disk refuses is as if it had never been sent; what the slot held durably
//   before stays. Positions of refused entries are used again, so the stream has no holes.
#ifndef VLOG_LOGLETS_PAXOS_REPLICA_LOG_CORE_H_
#define VLOG_LOGLETS_PAXOS_REPLICA_LOG_CORE_H_

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "loglets/paxos/mapped_log_core.h"
#include "loglets/paxos/messages.h"
#include "loglets/paxos/paxos_state_core.h"
#include "loglets/replicated/replica_core.h"

namespace vlog::loglets::paxos {

using replicated::Ticket;
using Persist = replicated::ReplicaCore::Persist;

class ReplicaLog {
 public:
  // `recovered`: a copy of the stream's state. `cache_bytes`: of applied commands kept in memory.
  ReplicaLog(const PaxosState& recovered, size_t cache_bytes);

  std::vector<Persist> TakePersists() { return std::exchange(persists_, {}); }
  // A command was applied.
  struct Applied {
    Slot slot;
    Ballot ballot;
    Command command;  // without its body, if that is not in memory
    replicated::AppliedState::Result result;
  };
  std::vector<Applied> TakeApplied() { return std::exchange(applied_events_, {}); }

  // --- The acceptor's half ---
  // Nothing below `ballot` is promised or accepted any more. REQUIRES: ballot >= promised().
  // Durable once the ticket is settled; none: it is already.
  std::optional<Ticket> Promise(const Ballot& ballot);
  bool PromisedDurably(const Ballot& ballot) const { return promised_durably_ >= ballot; }
  // Takes a command that a leader proposed, or that is chosen. Below chosen(), or held with this
  // ballot or a higher one: nothing is written. kResourceExhausted: the disk is refusing.
  // REQUIRES: not both ballots are equal and the commands differ.
  StatusOr<std::optional<Ticket>> Store(const SlotEntry& entry);
  // Neither it nor anything written before is on its way any more.
  bool Settled(Ticket ticket) const {
    return in_flight_.empty() || in_flight_.front().ticket > ticket;
  }
  // It holds a command of this ballot or a higher one in `slot` durably, or knows it as chosen.
  bool HoldsDurably(Slot slot, const Ballot& ballot) const;
  // The newest ticket that was given out; 0: none.
  Ticket last_ticket() const { return next_ticket_ - 1; }
  // What is accepted from `from` on, all of it in memory. None: bodies must be loaded first, which
  // lie in [from, to) of the stream.
  struct Accepted {
    std::vector<SlotEntry> entries;
    Slot next;
    bool complete = false;
  };
  std::optional<Accepted> AcceptedFrom(Slot from, size_t max_bytes) const;
  std::pair<uint64_t, uint64_t> MissingBodies() const;
  // Bodies that were read back.
  void Restore(const std::vector<storage::Entry>& entries);

  // --- The learner's half ---
  // Does nothing while a checkpoint is on its way: the journal will take that whatever is learnt.
  void TakeChosen(const std::vector<BallotRun>& runs);
  // Moves forward to a checkpoint, when that is durable. None: it is not ahead of what is here.
  std::optional<Ticket> Install(Checkpoint checkpoint);
  // Gives up the records below `to`; durable once the ticket is settled; none: nothing to do.
  // REQUIRES: to <= mapped().end().offset.
  std::optional<Ticket> Trim(Offset to);
  // A chosen command that is in memory with its body.
  const SlotEntry* FindChosen(Slot slot) const;
  // For who lacks what was given up here. Never of anything newer: what it holds above may be the
  // copies that a quorum counts on.
  Checkpoint MakeCheckpoint() const;
  // True once after slots were passed over by a checkpoint: they were not applied one by one.
  bool TakeMoved() { return std::exchange(moved_, false); }

  // --- What became of entries ---
  // REQUIRES: of the entries that were not refused, this is the oldest.
  void Persisted(Ticket ticket);
  // Certainly not done.
  void Refused(Ticket ticket);
  // Some command that was refused is applied all the same, because others hold it: writes such
  // commands again, so that this replica can show and trim them.
  bool has_refused() const { return !refused_.empty(); }
  void RetryRefused();
  // A body that was accepted here cannot be read back: it is lost.
  void Impair() { impaired_ = true; }

  // --- Views ---
  const Ballot& promised() const { return promised_; }
  bool impaired() const { return impaired_; }
  ChosenPoint chosen() const { return {chosen_, applied_.end()}; }
  const replicated::AppliedState& applied() const { return applied_; }
  const MappedLog& mapped() const { return mapped_; }
  bool refusing() const { return refusing_; }
  size_t bytes_in_memory() const { return held_bytes_ + cache_bytes_ + history_.bytes(); }

  void CheckInvariants() const;

 private:
  struct Version {  // of what a slot holds
    SlotEntry entry;
    bool loaded = true;  // its body is here
    Ticket ticket = 0;   // 0: durable
    uint64_t position = 0;
    bool refused = false;  // neither durable nor on its way
  };
  struct Held {
    std::vector<Version> versions;    // the newest last; those before it are older and durable
    std::optional<uint32_t> records;  // set once it is applied
  };
  struct InFlight {
    Ticket ticket;
    storage::Entry entry;
    Slot slot;  // of a command
    std::optional<Checkpoint> checkpoint;
  };

  Ticket Write(storage::Entry entry, bool control, Slot slot = Slot());
  void ApplyOne(Held& held);
  void MapDurable();
  void OnCommandDurable(const InFlight& done);
  void OnMoveDurable(Checkpoint checkpoint);
  void Erase(std::map<Slot, Held>::iterator from, std::map<Slot, Held>::iterator to);
  Ticket WriteCommand(Version& version);
  void SettleEnd();

  size_t cache_limit_;
  Ballot promised_;  // persist before replying
  Ballot promised_durably_;
  bool impaired_ = false;

  std::map<Slot, Held> held_;  // at mapped_.end().slot and above
  Slot chosen_;                // all below is applied
  replicated::AppliedState applied_;
  replicated::AppliedHistory history_;  // its base is where mapped_ begins
  MappedLog mapped_;
  std::map<Slot, SlotEntry> cache_;  // the newest mapped commands
  size_t held_bytes_ = 0;
  size_t cache_bytes_ = 0;

  uint64_t durable_end_;   // of the stream
  uint64_t end_;           // with what is on its way
  bool refusing_ = false;  // one that covers positions was refused, and others are on their way
  bool moved_ = false;
  Ticket next_ticket_ = 1;
  std::deque<InFlight> in_flight_;  // oldest first
  size_t placed_in_flight_ = 0;     // of them, those that cover positions
  size_t moves_in_flight_ = 0;      // of them, checkpoints
  std::set<Slot> refused_;          // applied, and refused by the disk
  std::vector<Persist> persists_;
  std::vector<Applied> applied_events_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_REPLICA_LOG_CORE_H_

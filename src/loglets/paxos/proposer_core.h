// The proposer of a loglet on one replica: wins a ballot once for all slots, then proposes a
// command a slot without waiting for the one before (Paxos Made Live 3; DESIGN 6.3). Pure; part of
// PaxosCore.
//
//   kIdle -- Begin(ballot) --> kPreparing -- phase 1 complete, all that others know as chosen is
//     ^                            |          learnt, what was recovered is proposed again
//     |                            v
//     +---- Resign() ---------- kLeading
//
// Rules, in release builds too:
// - An append is answered when its slot is applied, that is when all lower slots are chosen too.
// - A tail is told after a read quorum confirmed the ballot by answers to requests that were sent
//   after the question, and after all slots proposed before it are applied, the recovered ones too
//   (FAULTS race 44).
// - What was proposed is unknown when the leadership ends; what was not is certainly not done.
#ifndef VLOG_LOGLETS_PAXOS_PROPOSER_CORE_H_
#define VLOG_LOGLETS_PAXOS_PROPOSER_CORE_H_

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loglets/paxos/learner_core.h"
#include "loglets/paxos/peer_flow_core.h"
#include "loglets/paxos/phase1_core.h"
#include "loglets/paxos/proposals_core.h"

namespace vlog::loglets::paxos {

class ProposerCore {
 public:
  enum class State { kIdle, kPreparing, kLeading };

  // `group`, `options` and `log` outlive it.
  ProposerCore(const Group& group, const PaxosOptions& options, const ReplicaLog& log)
      : group_(group), options_(options), log_(log) {}

  struct Outgoing {  // to any member, this node's own replica too
    size_t to;
    uint64_t tag;
    Request request;
    Duration patience;
  };
  struct Help {  // a flow needs what is not in memory
    size_t member;
    ChosenPoint from;
  };
  struct Output {
    std::vector<Outgoing> sends;
    std::vector<Help> helps;
    std::vector<BallotRun> chosen;  // for this node's own replica
    std::vector<replicated::Answer> answers;
  };
  Output TakeOutput() { return std::exchange(output_, {}); }

  // REQUIRES: kIdle; no ballot of this node was ever as high.
  void Begin(const Ballot& ballot, Instant now);
  // This ballot cannot win, or is suspected to have lost.
  void Resign();

  // --- Clients, as ReplicaCore says ---
  void Append(Batch batch, replicated::Token token, Instant now);
  void CheckTail(replicated::Token token);
  void Seal(std::string proposal, replicated::Token token);

  // --- What happens to it ---
  void OnReply(size_t member, uint64_t tag, const StatusOr<Reply>& reply, Instant now);
  void OnApplied(const ReplicaLog::Applied& applied, Instant now);
  void OnHelp(size_t member, LearnerCore::Help help, Instant now);
  // What follows from what happened; called after everything else, and by the clock at due().
  void Pump(Instant now);
  // Sends what can be sent now.
  void PumpFlows(Instant now);
  Instant due(Instant now) const;

  State state() const { return state_; }
  const Ballot& ballot() const { return ballot_; }
  size_t waiting_bytes() const { return proposals_.waiting_bytes(); }
  const Proposals& proposals() const { return proposals_; }
  void CheckInvariants() const;

 private:
  // Waits for a round of confirmations that begins after it, and for slots: a tail check, or an
  // append that is refused. (A leader that was outbid does not know what its successor stored, so
  // it must not call anything certainly not stored.)
  struct Check {
    replicated::Token token;
    uint64_t round;
    Slot target;     // all below must be applied
    Status refused;  // of an append: why; OK for a tail check
  };
  struct Queued {  // while phase 1 runs
    replicated::Token token;
    std::optional<Batch> batch;  // of an append
    std::optional<std::string> seal;
  };

  // Phase 1; in proposer_core.cc.
  void OnPromise(size_t member, const StatusOr<Reply>& reply, Instant now);
  void OnFetched(const StatusOr<Reply>& reply, Instant now);
  void PumpPhase1(Instant now);
  void Lead(Instant now);
  // Phase 2; in proposer_flows.cc.
  void OnAccepted(size_t member, uint64_t tag, const StatusOr<Reply>& reply, Instant now);
  void PumpFlow(size_t member, Instant now);
  bool SendEntries(size_t member, Instant now);
  void SendAccept(size_t member, std::vector<SlotEntry> entries,
                  std::optional<Checkpoint> checkpoint, bool beat, Instant now);
  std::optional<SlotEntry> EntryInMemory(Slot slot) const;
  std::vector<BallotRun> Announcement(size_t member) const;
  bool BeatDue(size_t member, Instant now) const;
  Instant BeatAt(size_t member) const;
  Instant FlowDue(size_t member, Instant now) const;
  bool Retired(size_t member, Instant now) const;
  Instant QuorumLostAt(Instant now) const;
  Instant DiskHangsAt() const;
  // Clients; in proposer_core.cc.
  void Admit(Queued queued, Instant now);
  void AdmitAppend(Batch batch, replicated::Token token, Instant now);
  void AdmitSeal(const std::string& proposal, replicated::Token token);
  void Tell(replicated::Token token, StatusOr<Offset> result);
  void TellAfter(WriterId writer, replicated::Token token, StatusOr<Offset> result);
  void Refuse(WriterId writer, replicated::Token token, Status why);
  void AnswerChecks();

  const Group& group_;
  const PaxosOptions& options_;
  const ReplicaLog& log_;
  State state_ = State::kIdle;
  Ballot ballot_;

  // kPreparing.
  std::optional<Phase1> phase1_;
  std::vector<Instant> asked_at_;  // each member; Max: an answer is awaited
  uint64_t first_tag_ = 1;         // of this ballot; answers to older ones are none
  std::optional<uint64_t> fetch_;  // that is unanswered
  Instant fetch_at_;               // not before, unless something was learnt
  Slot fetched_;                   // what was known at the last one
  Instant give_up_at_;
  std::deque<Queued> queued_;

  // kLeading.
  Slot first_slot_;  // that this ballot proposes
  Proposals proposals_;
  std::vector<PeerFlow> flows_;
  std::deque<Check> checks_;
  uint64_t round_ = 0;
  Instant chosen_at_;   // when something became chosen last
  Instant full_until_;  // this node's disk refused a command
  Slot mapped_;         // what this node's disk has of the chosen prefix
  Instant mapped_at_;   // when it got on, or had nothing to do
  uint64_t next_tag_ = 1;
  Output output_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_PROPOSER_CORE_H_

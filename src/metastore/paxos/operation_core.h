// One read, write or reservation of a log's register: what the client decides. Pure; the shell
// sends, waits and calls back. No clock: Tick() may come at any time.
//
//   querying --nothing accepted on a read quorum--> done, `known` is current
//      | one ballot on a write quorum: decided; query the next slot
//      | half accepted: pause, then complete it: preparing -> accepting -> decided; again
//
// A write whose slot is the next one begins with `preparing`, or, with a reservation, at once with
// `accepting`. It proposes the same value until its slot is decided, by whomever.
#ifndef VLOG_METASTORE_PAXOS_OPERATION_CORE_H_
#define VLOG_METASTORE_PAXOS_OPERATION_CORE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consensus/proposer.h"
#include "consensus/query_tally.h"
#include "metastore/paxos/register_messages.h"

namespace vlog::metastore {

struct RegisterOutgoing {
  Replica to;
  RegisterRequest request;
};

// What a write wants to have chosen in slot `expected` + 1.
struct WriteProposal {
  Version expected;
  ProposalId id;  // random, not zero, of this write alone
  std::string user;
  std::vector<Replica> acceptors;  // of the slot after that; empty: as before
};

// Phase 1 of slot `expected` + 1, done before the value is known.
struct Reservation {
  Version expected;
  consensus::Proposer proposer;
};

// Thread rule: none of its own. Never reused: one object, one operation.
class OperationCore {
 public:
  // `known` is decided; `ballots` outlives this. All cores of one maker share it.
  static OperationCore Read(std::string log, Chosen known, consensus::BallotMaker* ballots);
  static OperationCore Reserve(std::string log, Chosen known, consensus::BallotMaker* ballots,
                               Version expected);
  static OperationCore Write(std::string log, Chosen known, consensus::BallotMaker* ballots,
                             WriteProposal proposal, std::optional<Reservation> reserved = {});

  void Start();
  // An answer to a request of this operation, of whatever age.
  void Step(const Replica& from, const RegisterReply& reply);
  // No answers came for a while, or a pause is over.
  void Tick();
  // Takes over a decided value that was learnt elsewhere.
  void Learn(Chosen chosen);

  struct Output {
    std::vector<RegisterOutgoing> send;
    // Wait a random time, longer with each attempt, before the next Tick(): somebody else may be
    // about to finish, and two proposers must not chase each other for ever.
    bool pause = false;
  };
  Output TakeOutput() { return std::exchange(output_, {}); }

  // OK(version): of a read, the current version at some moment since Start(), known() holds it; of
  // a write, its proposal is the one chosen in slot version; of a reservation, TakeReservation().
  // kAborted: another proposal is or was chosen, this one never will be. kUnknown: its slot was
  // decided so long ago that nobody remembers by whom.
  const std::optional<StatusOr<Version>>& result() const { return result_; }
  const Chosen& known() const { return known_; }
  std::optional<Reservation> TakeReservation() { return std::exchange(reserved_, std::nullopt); }
  // The write has been proposed: it may be chosen even if nobody waits for it any more.
  bool may_be_written() const { return proposed_; }
  // Attempts and pauses so far.
  int attempts() const { return attempts_; }
  void CheckInvariants() const;

 private:
  enum class Goal { kRead, kReserve, kWrite };
  enum class Stage { kIdle, kQuerying, kPausing, kPreparing, kAccepting, kDone };
  OperationCore(Goal goal, std::string log, Chosen known, consensus::BallotMaker* ballots)
      : goal_(goal), log_(std::move(log)), known_(std::move(known)), ballots_(ballots) {}

  Version slot() const { return Version(known_.version.value() + 1); }
  bool at_own_slot() const { return goal_ != Goal::kRead && known_.version == want_.expected; }
  void Proceed();
  void Settle();
  void Query();
  void Attempt();
  void OnQueryAnswer(const Replica& from, const consensus::PaxosReply& reply);
  void OnVote(const Replica& from, const consensus::PaxosReply& reply);
  void OnPrepared();
  void Propose(Bytes own);
  void OnDecided(const Bytes& value);
  void Announce(const Chosen& before, const Bytes& value);
  void Pause();
  void Finish(StatusOr<Version> result);
  void SendCurrent(const Replica& to, bool with_chosen);
  void SendCurrentToAll();
  RegisterRequest NewRequest() const;

  Goal goal_;
  std::string log_;
  Chosen known_;  // the newest decided slot; the operation works on the next one
  consensus::BallotMaker* ballots_;
  WriteProposal want_;
  std::optional<Reservation> reserved_;

  Stage stage_ = Stage::kIdle;
  bool query_next_ = false;  // a pause ends in a query, not in an attempt
  std::optional<consensus::QueryTally> tally_;
  std::optional<consensus::Proposer> proposer_;
  consensus::PaxosRequest current_;  // what this stage asks
  consensus::Ballot highest_seen_;
  bool proposed_ = false;
  int attempts_ = 0;
  std::optional<StatusOr<Version>> result_;
  Output output_;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_OPERATION_CORE_H_

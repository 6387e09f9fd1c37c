// The proposer of one Paxos slot: one attempt after the other, each with a ballot of its own
// (Paxos Made Simple 2.2). Pure. The caller decides when to give an attempt up and how long to
// wait before the next.
//
//   idle -> Begin(ballot) -> preparing -> prepared -> Propose(value) -> accepting -> chosen
//             ^                  |                                          |
//             +------------------+---- refused, or no answer: again --------+
#ifndef VLOG_CONSENSUS_PROPOSER_H_
#define VLOG_CONSENSUS_PROPOSER_H_

#include <utility>
#include <vector>

#include "consensus/acceptor.h"
#include "consensus/quorum.h"

namespace vlog::consensus {

struct Outgoing {
  Replica to;
  PaxosRequest request;
};

class Proposer {
 public:
  enum class Phase {
    kIdle,
    kPreparing,
    kPrepared,  // a read quorum promised; Propose() may follow
    kAccepting,
    kChosen,   // a write quorum accepted: value() is decided for ever
    kRefused,  // this ballot cannot win any more
  };

  // REQUIRES: quorums.n == acceptors.size(), quorums.valid().
  Proposer(std::vector<Replica> acceptors, Quorums quorums);

  // A new attempt. What an earlier one proposed may still be chosen; the promises of this one tell.
  // REQUIRES: `ballot` is above every ballot that this proposer used; not chosen.
  void Begin(const Ballot& ballot);
  // Some answer to some attempt; answers to old attempts, from strangers or doubled ones are
  // harmless.
  void Step(const Replica& from, const PaxosReply& reply);
  // Some acceptor has promised a higher ballot than this one.
  bool refused() const { return refused_.count() > 0; }
  // A value was accepted by someone who promised: this one must be proposed and no other (P2c).
  bool inherits() const { return !inherited_.accepted.none(); }
  const Bytes& inherited() const { return inherited_.value; }
  // Proposes the inherited value if there is one, else `own`; value() is what was proposed.
  // REQUIRES: phase() == kPrepared.
  void Propose(Bytes own);

  std::vector<Outgoing> TakeOutput() { return std::exchange(output_, {}); }

  Phase phase() const { return phase_; }
  const Ballot& ballot() const { return ballot_; }
  const Bytes& value() const { return value_; }
  // The highest ballot that anybody was heard of: the next one must be above it.
  const Ballot& highest_seen() const { return highest_seen_; }
  // Who accepted value() in this attempt.
  bool accepted_by(const Replica& replica) const {
    return phase_ >= Phase::kAccepting && granted_.Has(replica);
  }
  void CheckInvariants() const;

 private:
  void OnPromise(const Replica& from, const PaxosReply& reply);
  void OnAccepted(const Replica& from);
  void OnRefused(const Replica& from);
  void SendToAll(const PaxosRequest& request);

  Quorums quorums_;
  VoteSet granted_;  // of the phase that runs
  VoteSet refused_;
  Phase phase_ = Phase::kIdle;
  Ballot ballot_;
  Ballot highest_seen_;
  AcceptorState inherited_;  // of the promise with the highest accepted ballot
  Bytes value_;
  std::vector<Outgoing> output_;
};

}  // namespace vlog::consensus

#endif  // VLOG_CONSENSUS_PROPOSER_H_

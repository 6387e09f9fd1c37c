// Ballots: the proposal numbers of Paxos (Paxos Made Simple 2.2).
#ifndef VLOG_CONSENSUS_BALLOT_H_
#define VLOG_CONSENSUS_BALLOT_H_

#include <compare>
#include <string>

#include "base/coding.h"
#include "base/ids.h"

namespace vlog::consensus {

// Ordered by round, then by who owns it. Two attempts of anybody never share a ballot: `node` and
// `incarnation` together name one life of one proposer, which counts its own rounds. Round 0 is no
// ballot and lies below every ballot.
struct Ballot {
  uint64_t round = 0;
  NodeId node;
  Incarnation incarnation;

  bool none() const { return round == 0; }
  friend constexpr auto operator<=>(const Ballot&, const Ballot&) = default;
};

// "3.1.9": round, node, incarnation; "none".
std::string ToString(const Ballot& ballot);

void PutBallot(std::string* out, const Ballot& ballot);
Ballot GetBallot(Decoder& in);

// Makes the ballots of one life of a proposer, each only once.
// REQUIRES: no other maker, in this life or another, has the same {node, incarnation}. A process
// without a durable boot number takes a random one.
class BallotMaker {
 public:
  BallotMaker(NodeId node, Incarnation incarnation) : node_(node), incarnation_(incarnation) {}
  // Above `seen` and above every ballot that this maker made.
  Ballot Next(const Ballot& seen);

 private:
  NodeId node_;
  Incarnation incarnation_;
  uint64_t last_round_ = 0;
};

}  // namespace vlog::consensus

#endif  // VLOG_CONSENSUS_BALLOT_H_

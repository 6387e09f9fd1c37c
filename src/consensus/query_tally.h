// What the answers to a query prove about a slot, without a promise and so without a write at the
// acceptors. Pure.
#ifndef VLOG_CONSENSUS_QUERY_TALLY_H_
#define VLOG_CONSENSUS_QUERY_TALLY_H_

#include <map>
#include <set>
#include <vector>

#include "consensus/acceptor.h"
#include "consensus/quorum.h"

namespace vlog::consensus {

// Count only answers to queries that were sent after the reader began. One answer more can turn
// kUnclear into kNothing or kChosen; kChosen stays.
class QueryTally {
 public:
  enum class Verdict {
    kWaiting,  // too few answers
    kNothing,  // a read quorum has accepted nothing: no value was chosen before the query began
    kChosen,   // a write quorum accepted one and the same ballot: value() is decided
    kUnclear,  // something was accepted by some: phases 1 and 2 must complete it or rule it out
  };

  // REQUIRES: quorums.n == acceptors.size(), quorums.valid().
  QueryTally(std::vector<Replica> acceptors, Quorums quorums);

  void Step(const Replica& from, const PaxosReply& reply);
  Verdict verdict() const;
  // REQUIRES: verdict() == kChosen.
  const Bytes& value() const;
  // Who was seen to have accepted the chosen ballot.
  bool accepted_by(const Replica& replica) const;
  const Ballot& highest_seen() const { return highest_seen_; }

 private:
  struct Group {
    std::set<Replica> replicas;
    Bytes value;
  };
  // Those who accepted the chosen ballot, if there is one.
  const Group* Chosen() const;

  Quorums quorums_;
  VoteSet answered_;
  std::map<Ballot, Group> by_ballot_;  // under no ballot: who had accepted nothing
  Ballot highest_seen_;
};

}  // namespace vlog::consensus

#endif  // VLOG_CONSENSUS_QUERY_TALLY_H_

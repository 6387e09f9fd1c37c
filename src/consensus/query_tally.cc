#include "consensus/query_tally.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::consensus {

QueryTally::QueryTally(std::vector<Replica> acceptors, Quorums quorums)
    : quorums_(quorums), answered_(std::move(acceptors)) {
  VLOG_CHECK(quorums_.valid() && quorums_.n == answered_.members().size(),
             "quorums that do not meet decide nothing");
}

void QueryTally::Step(const Replica& from, const PaxosReply& reply) {
  highest_seen_ = std::max(highest_seen_, reply.promised);
  if (reply.kind != PaxosRequest::Kind::kQuery || !answered_.IsMember(from)) return;
  answered_.Add(from);
  Group& group = by_ballot_[reply.accepted];
  group.replicas.insert(from);
  group.value = reply.value;
}

const QueryTally::Group* QueryTally::Chosen() const {
  // A value is chosen when a majority has accepted one proposal, that is one ballot (Paxos Made
  // Simple 2.2); the same value under two ballots proves nothing.
  for (const auto& [ballot, group] : by_ballot_) {
    if (!ballot.none() && group.replicas.size() >= quorums_.write) return &group;
  }
  return nullptr;
}

QueryTally::Verdict QueryTally::verdict() const {
  if (Chosen() != nullptr) return Verdict::kChosen;
  auto nothing = by_ballot_.find(Ballot());
  if (nothing != by_ballot_.end() && nothing->second.replicas.size() >= quorums_.read) {
    return Verdict::kNothing;
  }
  if (answered_.count() < std::max(quorums_.read, quorums_.write)) return Verdict::kWaiting;
  return Verdict::kUnclear;
}

const Bytes& QueryTally::value() const {
  const Group* chosen = Chosen();
  VLOG_CHECK(chosen != nullptr, "only a chosen value is the value");
  return chosen->value;
}

bool QueryTally::accepted_by(const Replica& replica) const {
  const Group* chosen = Chosen();
  return chosen != nullptr && chosen->replicas.contains(replica);
}

}  // namespace vlog::consensus

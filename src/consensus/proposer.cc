#include "consensus/proposer.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::consensus {

Proposer::Proposer(std::vector<Replica> acceptors, Quorums quorums)
    : quorums_(quorums), granted_(acceptors), refused_(acceptors) {
  VLOG_CHECK(quorums_.valid() && quorums_.n == granted_.members().size(),
             "quorums that do not meet decide nothing");
}

void Proposer::Begin(const Ballot& ballot) {
  VLOG_CHECK(ballot > ballot_, "a ballot is used once");
  VLOG_CHECK(phase_ != Phase::kChosen, "what is chosen is not proposed again");
  ballot_ = ballot;
  highest_seen_ = std::max(highest_seen_, ballot);
  granted_.Clear();
  refused_.Clear();
  inherited_ = {};
  value_ = {};
  phase_ = Phase::kPreparing;
  SendToAll({PaxosRequest::Kind::kPrepare, ballot_, {}});
}

void Proposer::Step(const Replica& from, const PaxosReply& reply) {
  highest_seen_ = std::max(highest_seen_, reply.promised);
  if (reply.ballot != ballot_ || !granted_.IsMember(from)) return;
  bool preparing = phase_ == Phase::kPreparing || phase_ == Phase::kPrepared;
  bool accepting = phase_ == Phase::kAccepting || phase_ == Phase::kChosen;
  if (preparing && reply.kind == PaxosRequest::Kind::kPrepare) {
    reply.granted ? OnPromise(from, reply) : OnRefused(from);
  } else if (accepting && reply.kind == PaxosRequest::Kind::kAccept) {
    reply.granted ? OnAccepted(from) : OnRefused(from);
  }
}

void Proposer::OnPromise(const Replica& from, const PaxosReply& reply) {
  // P2c: propose the value of the highest-numbered proposal that a read quorum accepted, and one of
  // one's own only if they accepted none (Paxos Made Simple 2.2).
  if (reply.accepted > inherited_.accepted) {
    inherited_.accepted = reply.accepted;
    inherited_.value = reply.value;
  }
  granted_.Add(from);
  if (granted_.count() >= quorums_.read) phase_ = Phase::kPrepared;
}

void Proposer::OnAccepted(const Replica& from) {
  granted_.Add(from);
  if (granted_.count() >= quorums_.write) phase_ = Phase::kChosen;
}

void Proposer::OnRefused(const Replica& from) {
  refused_.Add(from);
  size_t needed = phase_ == Phase::kPreparing ? quorums_.read : quorums_.write;
  if (phase_ != Phase::kPreparing && phase_ != Phase::kAccepting) return;
  if (quorums_.impossible(refused_.count(), needed)) phase_ = Phase::kRefused;
}

void Proposer::Propose(Bytes own) {
  VLOG_CHECK(phase_ == Phase::kPrepared, "phase 2 follows phase 1");
  value_ = inherits() ? inherited_.value : std::move(own);
  granted_.Clear();
  refused_.Clear();
  phase_ = Phase::kAccepting;
  SendToAll({PaxosRequest::Kind::kAccept, ballot_, value_});
}

void Proposer::SendToAll(const PaxosRequest& request) {
  // What the attempt before wanted to send is of no use any more.
  output_.clear();
  for (const Replica& replica : granted_.members()) output_.push_back({replica, request});
}

void Proposer::CheckInvariants() const {
  VLOG_CHECK(inherited_.accepted < ballot_ || ballot_.none(),
             "what is inherited was accepted below this ballot");
  VLOG_CHECK(highest_seen_ >= ballot_, "one's own ballot was seen");
}

}  // namespace vlog::consensus

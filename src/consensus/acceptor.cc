#include "consensus/acceptor.h"

#include <utility>

#include "base/check.h"

namespace vlog::consensus {

void PutAcceptorState(std::string* out, const AcceptorState& state) {
  PutBallot(out, state.promised);
  PutBallot(out, state.accepted);
  PutString(out, state.value.view());
}

AcceptorState GetAcceptorState(Decoder& in) {
  AcceptorState state;
  state.promised = GetBallot(in);
  state.accepted = GetBallot(in);
  state.value = Bytes::CopyOf(in.String());
  return state;
}

void Acceptor::Step(const PaxosRequest& request) {
  PaxosReply reply;
  reply.kind = request.kind;
  reply.ballot = request.ballot;
  reply.granted = Grant(request);
  reply.promised = state_.promised;
  if (request.kind != PaxosRequest::Kind::kAccept && reply.granted) {
    reply.accepted = state_.accepted;
    reply.value = state_.value;
  }
  output_.send.push_back(std::move(reply));
}

bool Acceptor::Grant(const PaxosRequest& request) {
  if (request.kind == PaxosRequest::Kind::kQuery) return true;
  // P1a: a proposal is accepted unless a higher ballot was promised (Paxos Made Simple 2.2).
  if (request.ballot.none() || request.ballot < state_.promised) return false;
  if (request.kind == PaxosRequest::Kind::kPrepare) {
    if (request.ballot == state_.promised) return true;  // the same word again
    state_.promised = request.ballot;
  } else {
    // A ballot carries one value. A second one shows that somebody used his ballot twice; what is
    // accepted is never overwritten by it.
    if (request.ballot == state_.accepted) return request.value == state_.value;
    state_.promised = request.ballot;
    state_.accepted = request.ballot;
    state_.value = request.value;
  }
  output_.persist = state_;
  return true;
}

AcceptorOutput Acceptor::TakeOutput() { return std::exchange(output_, {}); }

void Acceptor::CheckInvariants() const {
  VLOG_CHECK(state_.accepted <= state_.promised, "what is accepted was promised");
  VLOG_CHECK(!state_.accepted.none() || state_.value.empty(), "a value has a ballot");
}

}  // namespace vlog::consensus

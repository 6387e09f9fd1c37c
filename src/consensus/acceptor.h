// The acceptor of one Paxos slot (Paxos Made Simple 2.2, 2.5). Pure.
#ifndef VLOG_CONSENSUS_ACCEPTOR_H_
#define VLOG_CONSENSUS_ACCEPTOR_H_

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "consensus/ballot.h"

namespace vlog::consensus {

// What an acceptor remembers of one slot. Invariant: accepted <= promised; a value if and only if
// `accepted` is a ballot. Never goes back. Persist before replying.
struct AcceptorState {
  Ballot promised;  // nothing below it is promised or accepted any more
  Ballot accepted;  // of the value that was accepted last; none: nothing was
  Bytes value;

  bool empty() const { return promised.none(); }
  friend bool operator==(const AcceptorState&, const AcceptorState&) = default;
};
void PutAcceptorState(std::string* out, const AcceptorState& state);
// ok() of `in` tells whether it was one.
AcceptorState GetAcceptorState(Decoder& in);

// What a proposer asks.
struct PaxosRequest {
  enum class Kind : uint8_t {
    kQuery,    // what did you accept? Binds nobody
    kPrepare,  // phase 1a
    kAccept,   // phase 2a
  };
  Kind kind = Kind::kQuery;
  Ballot ballot;  // none in a query
  Bytes value;    // of an accept
};

struct PaxosReply {
  PaxosRequest::Kind kind = PaxosRequest::Kind::kQuery;
  Ballot ballot;  // of the request
  // Promised, accepted, or a query answered. False: `promised` is higher than the ballot.
  bool granted = false;
  Ballot promised;
  // What was accepted; in a promise or an answered query only.
  Ballot accepted;
  Bytes value;
};

// Effects, to be carried out in this order: first `persist` is made durable, then `send` goes out.
// Of two outputs the first is finished before anything of the second is sent: an answer never
// tells of what a crash could take back.
struct AcceptorOutput {
  std::optional<AcceptorState> persist;
  std::vector<PaxosReply> send;
};

// After a restart it goes on from what was persisted last; one that lost that must not vote.
class Acceptor {
 public:
  explicit Acceptor(AcceptorState recovered = {}) : state_(std::move(recovered)) {}

  void Step(const PaxosRequest& request);
  AcceptorOutput TakeOutput();

  // Runs ahead of what is durable by the outputs that are not carried out yet.
  const AcceptorState& state() const { return state_; }
  void CheckInvariants() const;

 private:
  bool Grant(const PaxosRequest& request);

  AcceptorState state_;
  AcceptorOutput output_;
};

}  // namespace vlog::consensus

#endif  // VLOG_CONSENSUS_ACCEPTOR_H_

// The acceptor of all slots of one loglet on one replica (Paxos Made Simple 2.2; Flexible Paxos).
// Pure; part of PaxosCore. Learners without a vote run it too, so that they follow a leader by the
// same messages; their answers say that they do not count.
//
// Rules, in release builds too:
// - A promise and an accept are answered only when they are durable (Paxos Made Live 5.1).
// - Nothing below the promise is promised or accepted.
// - Phase 1 is answered from this replica's own chosen point on: below it every slot is decided,
//   trimmed or not, and is never reported as empty (FAULTS race 35).
// - Who lost promises or accepts does not vote (DESIGN 6.3).
#ifndef VLOG_LOGLETS_PAXOS_ACCEPTOR_CORE_H_
#define VLOG_LOGLETS_PAXOS_ACCEPTOR_CORE_H_

#include <optional>
#include <utility>
#include <vector>

#include "loglets/paxos/replica_log_core.h"

namespace vlog::loglets::paxos {

// Where a reply goes: to another replica's request, or to this node's own proposer.
struct ReplyAddress {
  bool own = false;
  uint64_t id = 0;
};

class AcceptorCore {
 public:
  // `log` outlives it. `votes`: the group's parameters say that it is an acceptor.
  AcceptorCore(ReplicaLog& log, bool votes, size_t page_bytes)
      : log_(log), votes_(votes), page_bytes_(page_bytes) {}

  // Each is answered once, now or later.
  void Step(const Prepare& request, ReplyAddress to);
  // False: refused because a higher ballot is promised; true: it comes from the newest leader that
  // this acceptor knows.
  bool Step(const Accept& request, ReplyAddress to);

  struct Answered {
    ReplyAddress to;
    Reply reply;
  };
  // What can be answered now, in order of the requests of each kind.
  std::vector<Answered> TakeAnswers();
  // Bodies of accepted commands must be read back before a Prepare can be answered.
  bool wants_bodies() const { return wants_bodies_; }

  Standing standing() const;
  bool votes() const { return votes_ && !log_.impaired(); }

 private:
  struct WaitingPrepare {
    ReplyAddress to;
    Prepare request;
    Ticket after;
  };
  struct WaitingAccept {
    ReplyAddress to;
    Ballot ballot;
    std::vector<std::pair<Slot, Ballot>> slots;  // that must be durable
    Slot checkpoint;                             // that it must have moved to
    Ticket after;
    bool full;
  };
  std::optional<PrepareReply> Answer(const WaitingPrepare& waiting);
  AcceptReply Answer(const WaitingAccept& waiting) const;

  ReplicaLog& log_;
  bool votes_;
  size_t page_bytes_;
  bool wants_bodies_ = false;
  std::vector<WaitingPrepare> prepares_;
  std::vector<WaitingAccept> accepts_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_ACCEPTOR_CORE_H_

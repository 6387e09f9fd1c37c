// A leader's flow to one member: what was sent, what is unanswered, what the member reported, and
// when something is due. Pure; part of ProposerCore, which forms the messages.
//
// Invariants: at most `window` requests with entries and one beat are unanswered; after a failure
// one at a time until the member answers again.
#ifndef VLOG_LOGLETS_PAXOS_PEER_FLOW_CORE_H_
#define VLOG_LOGLETS_PAXOS_PEER_FLOW_CORE_H_

#include <cstdint>
#include <map>
#include <optional>

#include "loglets/paxos/messages.h"
#include "loglets/paxos/options.h"

namespace vlog::loglets::paxos {

class PeerFlow {
 public:
  struct Sent {
    Slot from;  // entries of [from, to); none if equal
    Slot to;
    size_t bytes = 0;
    uint64_t round = 0;  // of tail checks that began before it was sent
    Slot announced;
    bool beat = false;
  };

  PeerFlow() = default;
  PeerFlow(const PaxosOptions& options, Slot next, Instant now)
      : options_(options), next_(next), last_heard_(now) {}

  // --- What may be sent ---
  bool HasRoom(Instant now) const;
  bool MayBeat() const { return !beat_in_flight_ && !Stalled(); }
  void OnSent(uint64_t tag, const Sent& sent, Instant now);
  // A laggard's commands are being read from the journal. REQUIRES for Help(): idle().
  bool helping() const { return helping_; }
  void Help() {
    helping_ = true;
    next_ = reported_.slot;
  }
  void Helped() { helping_ = false; }

  // --- Answers. None: it belongs to an older leadership. ---
  std::optional<Sent> OnReply(uint64_t tag, Instant now);
  // The entries of `sent` must be sent again, after a pause.
  void Rewind(const Sent& sent, Instant now);
  // `reply` to `sent`: takes what the member reports. It lacks what it was told is chosen: the flow
  // goes back there.
  void OnReport(const Sent& sent, const AcceptReply& reply);

  Slot next() const { return next_; }
  Slot announced() const { return announced_; }
  ChosenPoint reported() const { return reported_; }
  // Of tail checks: the newest round that this voter has confirmed.
  uint64_t confirmed() const { return confirmed_; }
  uint64_t round_sent() const { return round_sent_; }
  Instant last_heard() const { return last_heard_; }
  Instant last_sent() const { return last_sent_; }
  Instant retry_at() const { return retry_at_; }
  bool idle() const { return in_flight_.empty(); }

  void CheckInvariants() const;

 private:
  bool Stalled() const { return failures_ > 0 && !in_flight_.empty(); }
  bool OnItsWay(Slot slot) const;

  PaxosOptions options_;
  Slot next_;
  ChosenPoint reported_;
  Slot announced_;
  uint64_t confirmed_ = 0;
  uint64_t round_sent_ = 0;
  std::map<uint64_t, Sent> in_flight_;
  size_t requests_ = 0;  // with entries, unanswered
  size_t bytes_ = 0;     // of entries, unanswered
  bool beat_in_flight_ = false;
  bool helping_ = false;
  uint32_t failures_ = 0;  // since the last answer
  Instant retry_at_;
  Instant last_heard_;
  Instant last_sent_;  // none yet: a new leader shows itself at once
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_PEER_FLOW_CORE_H_

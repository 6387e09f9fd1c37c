// What the roles of a Paxos loglet say to each other (DESIGN 6.3). Plain values; wire.h turns them
// into bytes.
//
//   slot     0      1        2       3       4 ...
//   command  no-op  a.1 x3   SEAL    b.1     ...      one command a slot, decided by Paxos
//                            ^ chosen point: the first slot that one does not know to be chosen
#ifndef VLOG_LOGLETS_PAXOS_MESSAGES_H_
#define VLOG_LOGLETS_PAXOS_MESSAGES_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/batch.h"
#include "base/crc32c.h"
#include "base/ids.h"
#include "consensus/ballot.h"
#include "loglets/replicated/applied_core.h"

namespace vlog::loglets::paxos {

using consensus::Ballot;

// Of one decision of the loglet, from 0. Not an offset: no-ops and void batches hold no record.
using Slot = Position<struct SlotTag>;

// What a slot may hold.
struct Command {
  enum class Kind : uint8_t { kNoOp = 0, kBatch = 1, kSeal = 2 };
  Kind kind = Kind::kNoOp;
  BatchHeader header;     // of a batch
  Bytes body;             // of a batch; of SEAL: the sealer's proposal
  uint32_t body_crc = 0;  // Crc32c(body)

  static Command OfBatch(Batch batch) {
    return {Kind::kBatch, batch.header, std::move(batch.body), batch.body_crc};
  }
  static Command OfSeal(std::string_view proposal) {
    return {Kind::kSeal, {}, Bytes::CopyOf(proposal), Crc32c(proposal)};
  }
  // Of the journal stream that it occupies: one for each record, and at least one.
  uint32_t positions() const { return kind == Kind::kBatch ? std::max(1u, header.count) : 1; }
  // The same command: every proposal of it is byte for byte the same.
  bool SameAs(const Command& other) const {
    return kind == other.kind && header == other.header && body_crc == other.body_crc;
  }
  Batch ToBatch() const { return {header, body, body_crc}; }
};

// A proposal: this leader's command for this slot. A ballot proposes one command a slot, ever.
struct SlotEntry {
  Slot slot;
  Ballot ballot;
  Command command;
};

// All slots below `slot` are chosen and hold the records below `offset`.
struct ChosenPoint {
  Slot slot;
  Offset offset;
  friend constexpr auto operator<=>(const ChosenPoint&, const ChosenPoint&) = default;
};

// Slots [from, to) are chosen, and whatever was proposed for one of them with `ballot` or above is
// its chosen command (Paxos Made Simple 2.2, P2b). So who holds a proposal of such a ballot holds
// the chosen command, and who holds one of a lower ballot may hold one that lost.
struct BallotRun {
  Slot from;
  Slot to;
  Ballot ballot;
  friend bool operator==(const BallotRun&, const BallotRun&) = default;
};

// What the chosen prefix below `slot` amounts to, for replicas that cannot be given its commands
// any more: all its records are trimmed. `promised` is at least every ballot below `slot`.
struct Checkpoint {
  Slot slot;
  Ballot promised;
  replicated::AppliedState applied;
};

// ---- requests; each gets one reply ----

// Has anybody heard of a leader? Binds nobody. Asked before a ballot is begun after silence, so
// that who is cut off from the leader alone does not disturb it.
struct Probe {};

// Phase 1a, for all slots from `from` on.
struct Prepare {
  Ballot ballot;
  Slot from;
};

// Phase 2a, and what else a leader tells: what is chosen, entries that a laggard lacks (below the
// announced chosen point; their ballots may be older), or a checkpoint. Empty: a heartbeat.
struct Accept {
  Ballot ballot;
  std::vector<BallotRun> chosen;
  std::vector<SlotEntry> entries;
  std::optional<Checkpoint> checkpoint;
};

// The chosen commands from this point on.
struct Fetch {
  ChosenPoint from;
};

using Request = std::variant<Probe, Prepare, Accept, Fetch>;

// ---- replies ----

// How a replica stands, in every reply.
struct Standing {
  bool votes = false;   // its promises and accepts count
  bool sealed = false;  // SEAL is below `chosen`
  Ballot promised;
  ChosenPoint chosen;
};

struct ProbeReply {
  Standing standing;
  bool leader_alive = false;  // heard of within the shortest silence
};

// Phase 1b.
struct PrepareReply {
  Standing standing;
  Ballot ballot;         // of the request
  bool granted = false;  // durably
  // What it accepted at its chosen point and above, from Prepare::from on, in order. Whatever it
  // accepted below `next` is here; `complete`: and nothing above.
  std::vector<SlotEntry> accepted;
  Slot next;
  bool complete = false;
};

// Phase 2b.
struct AcceptReply {
  Standing standing;
  Ballot ballot;
  // Nothing above `ballot` is promised here, and all entries of the request are durable here.
  bool granted = false;
  bool full = false;  // not granted only because the disk is full
};

struct FetchReply {
  Standing standing;
  std::vector<SlotEntry> chosen;  // from the point that was asked for, in order
  std::optional<Checkpoint> checkpoint;
};

using Reply = std::variant<ProbeReply, PrepareReply, AcceptReply, FetchReply>;

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_MESSAGES_H_

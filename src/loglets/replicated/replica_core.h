// One replica of one loglet whose order is agreed on by consensus, as its shell sees it: the pure
// core of a kind (Raft, Paxos), with its messages as bytes. The shell (replica.h) owns the journal
// stream, the connections and the clock, and knows nothing of terms or ballots.
//
// Effects come out of TakeOutput() and are carried out in the order persist, send, deliver; of two
// outputs the first is begun before the second. The shell takes one output for all that came in one
// turn of the executor. What tells of a state (a vote, an accept, an
// acknowledgement) is put out only after Persisted() for it.
//
// Thread rule: none; no clock, no randomness but what is passed in.
#ifndef VLOG_LOGLETS_REPLICATED_REPLICA_CORE_H_
#define VLOG_LOGLETS_REPLICATED_REPLICA_CORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/batch.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"
#include "storage/format.h"

namespace vlog::loglets::replicated {

using Ticket = uint64_t;   // of one entry on its way to the journal; chosen by the core, they grow
using CallId = uint64_t;   // of one request to a peer; chosen by the core, never used twice
using ReplyTo = uint64_t;  // of one request of a peer; chosen by the shell
using Token = uint64_t;    // of one request of a client; chosen by the shell

// A message between replicas. `bodies` are bodies of batches as they lie; the header holds their
// sizes and checksums, and whoever decodes the header verifies them. A received message has all
// bodies joined in one piece, or none.
struct PeerMessage {
  std::string header;
  BytesList bodies;
};

// What became of a client's request. Every request gets exactly one; see ReplicaCore.
struct Answer {
  Token token;
  // Of an append: its offset. Of a tail check or a seal: the tail. Of a trim: the trim point here.
  //   kAborted             not the leader, and nothing was done: ask leader(), or another
  //   kFailedPrecondition  sealed, and this batch is certainly not stored
  //   kInvalidArgument     out of order; certainly not stored
  //   kResourceExhausted   full; certainly not stored
  //   kUnavailable         certainly not done
  //   kUnknown             may be done: the leadership ended first; it is asked again of the next
  //   kOutOfRange          of an append that is older than its writer's newest kMaxAppendWindow
  //                        batches: may have been taken, nobody knows any more
  StatusOr<Offset> result;
};

class ReplicaCore {
 public:
  virtual ~ReplicaCore() = default;

  struct Persist {
    Ticket ticket;
    storage::Entry entry;  // without its stream
    bool control;          // storage::EntryClass::kControl, else kData
  };
  struct Send {
    CallId call;
    Replica to;
    PeerMessage message;
    Duration patience;
  };
  struct Reply {
    ReplyTo to;
    PeerMessage message;
  };
  // Entries of the stream in [from, to), about `max_bytes` of payload; answered by Loaded().
  struct Load {
    uint64_t id;
    uint64_t from;
    uint64_t to;
    size_t max_bytes;
  };
  struct Output {
    std::vector<Persist> persist;
    std::vector<Send> send;  // those to one replica leave in this order
    std::vector<Reply> replies;
    std::vector<Answer> answers;  // appends of one writer in the order of the calls
    std::vector<Load> loads;
  };
  virtual Output TakeOutput() = 0;

  // --- Time ---
  // Due at next_tick(), earlier does no harm. Instant::Max(): nothing is due (a sealed loglet with
  // nobody behind, or one that never heard of anybody, must cost nothing).
  virtual void Tick(Instant now) = 0;
  virtual Instant next_tick() const = 0;

  // --- Replicas ---
  // Each request gets one reply, later or at once; a malformed one an empty header, and nothing
  // else changes.
  virtual void OnRequest(const Replica& from, PeerMessage message, ReplyTo to, Instant now) = 0;
  // An error means that there is no answer: kUnavailable, certainly not sent; kNotFound, another
  // disk or process answers there; else it may have been carried out.
  virtual void OnReply(CallId call, StatusOr<PeerMessage> reply, Instant now) = 0;

  // --- Clients; each is answered through the output, now or later ---
  virtual void Append(Batch batch, Token token, Instant now) = 0;
  // Linearizable: a round that starts after this call.
  virtual void CheckTail(Token token, Instant now) = 0;
  virtual void Seal(std::string proposal, Token token, Instant now) = 0;
  // Of this replica alone: what it has applied, at most `to`. Durable when answered.
  virtual void Trim(Offset to, Token token, Instant now) = 0;
  // A client waits here and knows no leader: try to become it, without waiting for silence if
  // `at_once` (a new loglet's first leader). Sets the election clock going in any case.
  virtual void Campaign(bool at_once, Instant now) = 0;

  // --- What became of effects ---
  // Durable. REQUIRES: of the entries that were not refused, this is the oldest.
  virtual void Persisted(Ticket ticket, Instant now) = 0;
  // Certainly not done: the disk is full.
  virtual void Refused(Ticket ticket, Instant now) = 0;
  virtual void Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now) = 0;

  // --- Views ---
  // Decided and applied here, durable on a quorum: what may be shown to readers.
  virtual Offset applied_end() const = 0;
  virtual Offset trim_point() const = 0;
  virtual bool sealed() const = 0;  // SEAL is applied here
  virtual const std::string& proposal() const = 0;
  // Who leads, as far as this replica knows; node 0: nobody it knows of.
  virtual NodeId leader() const = 0;
  virtual std::string role() const = 0;  // "leader", "follower", "acceptor", "learner", ...
  // It lost its state or part of it and takes no part in votes: why; "" while it does.
  virtual std::string impaired() const = 0;
  virtual size_t bytes_in_memory() const = 0;

  // Where the records from `offset` on lie: positions of the stream to be read. Empty range: this
  // replica lacks `offset`; `next` is the next offset that it has, else kMaxOffset.
  struct Place {
    uint64_t from = 0;
    uint64_t to = 0;
    Offset next;
  };
  // REQUIRES: trim_point() <= from < to <= applied_end().
  virtual Place FindRecords(Offset from, Offset to) const = 0;
  // The batch of an entry that was read there, and its first offset; none: not a batch.
  virtual std::optional<std::pair<Offset, Batch>> ToBatch(const storage::Entry& entry) const = 0;

  // CHECKs the invariants of its kind, in release builds too.
  virtual void CheckInvariants() const = 0;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_REPLICA_CORE_H_

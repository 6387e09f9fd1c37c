// One loglet on one log server: what may be stored, what may be told, and when (DESIGN 6.2).
//
//                      durable tail            accepted tail
//   ..... durable ......|.... on the way ......|            stores at the accepted tail are taken,
//                                                           only the durable tail is ever told
// Rules, in release builds too:
// - A store is taken only at the accepted tail of an unsealed loglet; a held offset is never
//   overwritten; below it nothing is written and the durable tail answers; above it is a gap,
//   unless the known tail covers it: then the server skips, and remembers what it lacks.
// - A sealed server acknowledges no writer, not even a duplicate (FAULTS R5).
// - The seal is a journal entry behind the accepted stores; its answer is given when it is durable
//   and counts them. A repair seals first and is never an acknowledgement.
//
// Pure. Effects come out of TakeOutput() and are carried out in the order persist, send. The shell
// creates the loglet's stream when the first effect is a persist, and asks the tombstones before it
// makes or looks up a core.
#ifndef VLOG_LOGLETS_SEQUENCER_LOG_SERVER_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_LOG_SERVER_CORE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "loglets/sequencer/log_server_state_core.h"
#include "loglets/sequencer/messages.h"

namespace vlog::loglets::sequencer {

using Ticket = uint64_t;   // of one entry on its way to the journal
using ReplyTo = uint64_t;  // of one request, chosen by the shell; each gets exactly one answer

class LogServerCore {
 public:
  // `recovered`: a copy of the stream's state, or an empty one if there is no stream.
  LogServerCore(DiskId disk, LogServerState recovered);

  struct Persist {
    Ticket ticket;
    storage::Entry entry;  // without its stream
    bool control;          // storage::EntryClass::kControl, else kData
  };
  struct Reply {
    ReplyTo to;
    ServerWord word;
  };
  struct Output {
    std::vector<Persist> persist;  // to the journal, in this order
    std::vector<Reply> send;
  };
  Output TakeOutput() { return std::exchange(output_, {}); }

  // --- Requests; each is answered through the output, now or later ---
  void Step(StoreRequest request, ReplyTo to, Instant now);
  void Step(SealRequest request, ReplyTo to);
  void Step(RepairRequest request, ReplyTo to);
  void Step(const TrimRequest& request, ReplyTo to);
  void Step(const TailRequest& request, ReplyTo to);
  // What can be read now: the answer, complete unless it says kBatches; then the shell reads the
  // stream's entries in [request.from, next) and fills in the batches.
  ReadReply Plan(const ReadRequest& request) const;
  // The client does not wait any more: an answer to it is dropped.
  void Forget(ReplyTo to);

  // --- What became of the entries ---
  // Durable. REQUIRES: of the entries that were not refused, this is the oldest.
  void Persisted(Ticket ticket);
  // Certainly not done: the disk is full. Any entry on its way, in any order. (A journal that has
  // stopped stops the node; the core is not told.)
  void Refused(Ticket ticket);

  // The journal lost entries and this loglet was not found: it may have existed, with up to `bound`
  // records. Seals it so; REQUIRES: nothing was done with this core before.
  void SealAsLost(Offset bound);
  // A read of the journal found [from, to) unreadable.
  void NoteHole(Offset from, Offset to) { durable_.NoteHole(from, to); }
  // It was deleted: every request, those that wait too, is answered kGone from now on.
  void MarkGone();

  // --- For readers and waiters on this node ---
  ServerWord Word(ServerCode code = ServerCode::kOk) const;
  const LogServerState& durable() const { return durable_; }
  // When the sequencer was last heard; nothing before it was. Older than three heartbeats means
  // that the known tail may lag: ask another server as well.
  std::optional<Instant> sequencer_heard_at() const { return heard_at_; }
  // Bodies on their way to the journal.
  size_t bytes_in_flight() const;
  Offset accepted_tail() const { return std::max(journaled_, durable_.known_tail()); }

  void CheckInvariants() const;

 private:
  struct InFlight {
    Ticket ticket;
    storage::Entry entry;
    bool control;
  };
  struct PendingStore {
    ReplyTo to;
    Offset until;     // answered once this much is durable
    ServerCode code;  // kOk, or why the rest of the frame was not taken
  };
  struct PendingEntry {  // answered once this entry is durable
    ReplyTo to;
    Ticket ticket;
    ServerCode code;
  };
  struct Waiter {
    ReplyTo to;
    WaitFor what;
    Offset beyond;
  };

  bool Admit(DiskId disk, ReplyTo to);
  ServerCode TakeBatches(const std::vector<PlacedBatch>& batches, LogServerEntryType type,
                         Offset known, SequencerId from, Offset* end);
  static bool WellFormed(const std::vector<PlacedBatch>& batches);
  Ticket Write(storage::Entry entry, bool control);
  void Drop(const InFlight& refused);
  void SkipToKnown(Offset to);
  void EnsureSeal(const std::string& proposal);
  void AnswerStores();
  void AnswerWaiters();
  void Send(ReplyTo to, ServerCode code) { output_.send.push_back({to, Word(code)}); }
  bool sealing() const { return durable_.sealed() || seal_.has_value(); }

  DiskId disk_;
  LogServerState durable_;  // after the entries that are durable
  bool gone_ = false;

  // Accepted, not all of it durable.
  Offset journaled_;                      // the end of what entries cover, those on their way too
  std::deque<InFlight> in_flight_;        // oldest first
  std::optional<Ticket> seal_;            // on its way
  bool settle_ = false;                   // it counts stores that were refused
  std::optional<SequencerId> sequencer_;  // who may store
  bool refusing_ = false;                 // data was refused and some is still on its way
  Ticket next_ticket_ = 1;

  std::optional<Instant> heard_at_;
  std::vector<PendingStore> stores_;
  std::vector<PendingEntry> entries_;
  std::vector<Waiter> waiters_;
  Output output_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_LOG_SERVER_CORE_H_

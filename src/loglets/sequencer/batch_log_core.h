// What a sequencer has assigned and may still have to send, in memory. Pure.
//
//   |-- dropped --|---- committed, kept for slow servers ----|---- uncommitted ----|
//                 first_kept()                              committed()            next()
//
// Invariants: first_kept() <= committed() <= next(); batches follow each other; what is not
// committed is never dropped before the end of it all.
#ifndef VLOG_LOGLETS_SEQUENCER_BATCH_LOG_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_BATCH_LOG_CORE_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "loglets/sequencer/messages.h"

namespace vlog::loglets::sequencer {

// Of one append, chosen by the shell; each gets exactly one answer.
using AppendToken = uint64_t;

struct Slot {
  PlacedBatch placed;
  bool sent = false;                // to some server, or on its way there
  std::vector<AppendToken> tokens;  // who waits for it; empty once it is answered
};

class BatchLogCore {
 public:
  // Assigns the next offsets to the whole batch.
  Offset Append(Batch batch, AppendToken token);
  Offset first_kept() const { return slots_.empty() ? next_ : slots_.front().placed.first; }
  Offset committed() const { return committed_; }
  Offset next() const { return next_; }
  bool waiting() const { return committed_ < next_; }
  size_t waiting_batches() const { return slots_.size() - committed_slots_; }
  size_t waiting_bytes() const { return waiting_bytes_; }
  size_t kept_bytes() const { return kept_bytes_; }

  // `at` is kept and a batch begins there.
  bool BeginsBatch(Offset at) const;
  // The batches from the one that begins at `from` on, at least one, up to `max_bytes`; marks them
  // as sent. Empty if there are none. REQUIRES: first_kept() <= from, which is where a batch
  // begins.
  std::vector<PlacedBatch> Send(Offset from, size_t max_bytes);
  // The uncommitted slot that begins at `first`; null if there is none.
  Slot* FindUncommitted(Offset first);
  // Who waited for a batch that begins at `first`.
  struct Waiting {
    Offset first;
    std::vector<AppendToken> tokens;
  };
  // All below `tail` is committed. Returns who waited for it, in order. REQUIRES: `tail` is at most
  // next().
  std::vector<Waiting> Commit(Offset tail);
  // Drops the oldest committed batches while they take more than `bytes`.
  void DropKept(size_t bytes);
  // Takes back what was never sent: a suffix. next() falls.
  std::vector<Waiting> CutUnsent();
  // Ends it all: who waits for what is not committed, in order. The batches stay.
  std::vector<Waiting> TakeUncommitted();
  // Nothing is sent any more. REQUIRES: nobody waits.
  void DropAll();

  void CheckInvariants() const;

 private:
  size_t IndexOf(Offset first) const;

  std::deque<Slot> slots_;
  size_t committed_slots_ = 0;  // a prefix
  Offset committed_;
  Offset next_;
  size_t waiting_bytes_ = 0;  // of the uncommitted
  size_t kept_bytes_ = 0;     // of the committed
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_BATCH_LOG_CORE_H_

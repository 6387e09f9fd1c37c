// What one Raft replica has become: a pure state machine over its journal entries, the same while
// the journal runs and when it is recovered.
//
//              start()                 applied_index()            last()
//   ...trimmed...|...... applied ............|...... not yet ........|     entries of the log
//        the base: its records are trimmed
//
// A log entry (batch, no-op, SEAL) takes positions at the stream's end when it is written; one with
// an index that exists cuts that one and all behind it, unless they are applied. Each entry names
// the commit point that was known when it was written, so recovery applies all but the newest.
//
// A trim gives up the entries up to the base, a point at or below it whose applied state is kept
// (AppliedHistory). Who needs them is moved there by one control entry: {index, term, records,
// writers' table, SEAL}. All that follows the base is here, so nobody is moved further.
#ifndef VLOG_LOGLETS_RAFT_RAFT_STATE_CORE_H_
#define VLOG_LOGLETS_RAFT_RAFT_STATE_CORE_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loglets/raft/speculative_core.h"
#include "loglets/replicated/applied_history_core.h"
#include "loglets/replicated/log_map.h"
#include "storage/stream_table.h"

namespace vlog::loglets::raft {

enum RaftEntryType : uint16_t {
  kVoteEntry = 1,   // the term and whom this replica voted for in it
  kBatchEntry = 2,  // entries of the log
  kNoOpEntry = 3,
  kSealEntry = 4,
  kTrimEntry = 5,  // `first`: the trim point, an offset; with the base
  kMoveEntry = 6,  // what the log up to an index amounts to
};

// Durable before any answer tells of it (Raft, figure 2: persistent state).
struct HardState {
  Term term;
  Replica vote;  // node 0: nobody
  friend bool operator==(const HardState&, const HardState&) = default;
};

// An entry of the log as the journal has it.
struct StoredEntry {
  Index index;
  Offset begin;  // of its records, if it is taken
  Index commit;  // known when it was written
  LogEntry entry;
};

// Positions are those of the stream. Thread rule: none, plain data.
class RaftState final : public storage::StreamState {
 public:
  // The entry where everything begins: entries above it are here.
  struct Start {
    Index index;
    Term term;
    Offset end;
  };

  // --- Entries; the shell sets their stream ---
  static storage::Entry VoteEntry(const HardState& hard);
  // The next entry of the log, or one in place of those from `index` on.
  storage::Entry LogEntryAt(Index index, const LogEntry& entry, Index commit) const;
  static storage::Entry TrimEntry(Offset to, Index commit, Index base);
  // `state`: AppliedState, encoded.
  static storage::Entry MoveEntry(Index index, Term term, Bytes state);
  // Of what a log consists: batches, no-ops, SEAL.
  static bool IsLogEntry(uint16_t type);
  // kDataLoss: not an entry of the log.
  static StatusOr<StoredEntry> ToStored(const storage::Entry& entry);

  void Apply(const storage::Entry& entry) override;
  void Damaged(uint64_t lost) override;
  void SkipTo(uint64_t end) override;
  uint64_t trim() const override;
  uint64_t end() const override { return end_; }
  std::string Encode() const override;
  Status Decode(std::string_view data) override;

  // --- As Apply(), but nothing is applied that ApplyTo() does not say ---
  void Take(const storage::Entry& entry);
  // All up to `commit` is decided.
  void ApplyTo(Index commit);
  // What was taken from `index` on was refused by the disk; the stream ends at `end`.
  void CutFrom(Index index);
  void SetEnd(uint64_t end) { end_ = end; }
  // The base of a trim of the records below `to`, which are applied.
  Index ChooseBase(Offset to);

  const HardState& hard() const { return hard_; }
  const Start& start() const { return start_; }
  Index last() const { return log_.last(); }
  // Of an entry in [start().index, last()]; none for others.
  std::optional<Term> TermAt(Index index) const;
  Term last_term() const { return *TermAt(last()); }
  // The first entry at or above start() + 1 that has the term of `index`. REQUIRES: TermAt(index).
  Index FirstOfTerm(Index index) const;
  // The newest entry with this term at or below `index`; none if there is none above start().
  std::optional<Index> LastOfTerm(Term term, Index index) const;
  const SpeculativeState& log() const { return log_; }
  // What the log up to start() amounts to.
  const AppliedState& start_state() const { return *history_.base().state; }
  Offset trim_point() const { return trim_; }
  // Entries of this journal were lost: it does not know what it voted and acknowledged.
  bool impaired() const { return impaired_; }

  // Where the entry at `index`, which begins at `begin`, lies. None: not here any more.
  struct Place {
    uint64_t from;
    uint64_t to;  // the end of what follows it without a hole
    friend bool operator==(const Place&, const Place&) = default;
  };
  std::optional<Place> FindEntry(Index index, Offset begin) const;
  // Where the records from `from` on lie; none if they are not here, or trimmed.
  std::optional<Place> FindRecords(Offset from, Offset to) const;
  // The next record at or above `from` that is here; kMaxOffset if none is.
  Offset NextHeld(Offset from) const;

  void CheckInvariants() const;

 private:
  struct TermRun {
    Index first;
    Term term;
  };
  void TakeLogEntry(const storage::Entry& entry);
  void TakeTrim(Offset to, Index base);
  void TakeMove(const storage::Entry& entry);
  void ForgetBelowStart();

  HardState hard_;
  Start start_;
  std::deque<TermRun> terms_;  // of the entries above start_
  SpeculativeState log_;
  replicated::LogMap map_;
  replicated::AppliedHistory history_;  // its base is start_
  Offset trim_;
  uint64_t end_ = 0;
  bool impaired_ = false;
};

inline constexpr char kRaftStreamKind[] = "raft-replica";

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_RAFT_STATE_CORE_H_

// The log of one replica as it accepts entries: what is durable, what is on its way to the journal,
// and the bodies that are still in memory. Pure; part of RaftCore, which is the one to be used.
//
//   state().start()        applied        durable()          last()
//        |...... decided ......|..............|... on the way ...|
//                                     commit(): decided; it may be above durable(), when others
//                                     made a quorum; what is applied is decided and durable here
// Rules:
// - Entries are written in the order in which they are accepted; an entry that is cut while it is
//   on its way counts for nothing when it arrives.
// - A full disk refuses data. What is refused is cut, and nothing is written behind it before all
//   that waited with it has been refused, so that the stream has no holes. While no data is on its
//   way, entries without records go where control entries go.
#ifndef VLOG_LOGLETS_RAFT_RAFT_LOG_CORE_H_
#define VLOG_LOGLETS_RAFT_RAFT_LOG_CORE_H_

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "loglets/raft/raft_state_core.h"
#include "loglets/replicated/replica_core.h"

namespace vlog::loglets::raft {

using replicated::ReplicaCore;
using replicated::Ticket;

class RaftLog {
 public:
  // `cache_bytes`: of bodies that are durable and still kept, for followers that are a little
  // behind.
  RaftLog(RaftState recovered, size_t cache_bytes);

  // --- Writing; the effects are in TakePersists() ---
  void SetHardState(const HardState& hard);
  // At last() + 1. `urgent`: a control entry, if the order allows it. REQUIRES: may_write().
  void Append(LogEntry entry, bool urgent);
  // REQUIRES: commit() < index <= last().
  void CutFrom(Index index);
  // REQUIRES: may_write(), index > commit(), and `state` decodes.
  void MoveUp(Index index, Term term, Bytes state);
  // REQUIRES: the records below `to` are applied.
  Ticket Trim(Offset to);
  // What nothing can do without, and was refused: the hard state and a move.
  void WriteRefusedAgain();
  // All up to `index` is decided, as far as it is here.
  void Commit(Index index);
  std::vector<ReplicaCore::Persist> TakePersists() { return std::exchange(persists_, {}); }

  // --- What became of it ---
  void Persisted(Ticket ticket);
  // Returns the first entry that was cut by it, if any.
  std::optional<Index> Refused(Ticket ticket);

  // --- Views ---
  const RaftState& state() const { return state_; }
  // The trim point that survives a crash.
  Offset durable_trim() const { return durable_trim_; }
  const HardState& hard() const { return state_.hard(); }
  Index last() const { return state_.last(); }
  Term last_term() const { return state_.last_term(); }
  Index durable() const { return durable_; }
  Index commit() const { return commit_; }
  Index applied() const { return state_.log().applied_index(); }
  // Records that are decided.
  Offset committed_end() const { return state_.log().EndAt(commit_); }
  // No hard state is on its way, and none was refused.
  bool hard_durable() const { return hard_durable_; }
  bool may_write() const { return !refusing_ && !refused_move_; }
  // The disk refused data and has not taken any since.
  bool disk_suspect() const { return disk_suspect_; }
  size_t bytes_in_memory() const { return cache_bytes_; }

  // An entry that is in memory: all above durable(), and some below. Null: to be read back.
  struct Cached {
    LogEntry entry;
    Offset begin;
    Offset end;
    size_t bytes() const {
      return sizeof(Cached) + entry.batch.body.size() + entry.proposal.size();
    }
  };
  const Cached* Find(Index index) const;
  // How much is kept beside what must be.
  void set_cache_limit(size_t bytes);

  void CheckInvariants() const;

 private:
  enum class What { kHard, kLog, kMove, kTrim };
  struct InFlight {
    Ticket ticket;
    What what;
    Index index;       // of kLog and kMove; 0: cut
    uint64_t end = 0;  // of the stream, behind it
    bool control;
    storage::Entry again;  // of kTrim, which is taken when it is durable, and kMove
  };
  Ticket Write(What what, storage::Entry entry, Index index, bool control);
  Ticket Put(What what, storage::Entry entry, Index index, bool control);
  InFlight TakeInFlight(Ticket ticket);
  std::optional<Index> CutRefused(const InFlight& refused, std::optional<Index> before);
  bool data_on_its_way() const;
  bool hard_on_its_way() const;
  void ForgetFrom(Index index);
  void Apply() { state_.ApplyTo(std::min(commit_, durable_)); }
  void EvictCache();

  RaftState state_;  // as accepted
  Index durable_;
  Offset durable_trim_;
  Index commit_;
  bool hard_durable_ = true;
  std::deque<InFlight> in_flight_;  // oldest first
  uint64_t durable_end_;            // of the stream
  bool refusing_ = false;           // data was refused and some is still on its way
  bool disk_suspect_ = false;
  std::optional<storage::Entry> refused_move_;  // nothing can follow before it is written again
  Ticket next_ticket_ = 1;
  std::vector<ReplicaCore::Persist> persists_;

  std::deque<Cached> cache_;  // a suffix of the log
  Index cache_first_;
  size_t cache_bytes_ = 0;
  size_t cache_limit_;
};

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_RAFT_LOG_CORE_H_

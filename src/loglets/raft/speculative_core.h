// What the log amounts to: the applied state, and what becomes of the entries behind it once they
// are decided. The future of an entry depends on the entries before it only, so it is known as soon
// as the entry stands in the log. Pure.
//
//   index     ... applied_index()  |  +1    +2    +3   ... last()
//   state     AppliedState         |  headers: taken at offset o, or void
//
// Invariants: what an entry was said to become is what becomes of it; after SEAL nothing is taken.
#ifndef VLOG_LOGLETS_RAFT_SPECULATIVE_CORE_H_
#define VLOG_LOGLETS_RAFT_SPECULATIVE_CORE_H_

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/coding.h"
#include "loglets/raft/messages.h"
#include "loglets/replicated/applied_core.h"

namespace vlog::loglets::raft {

using replicated::AppliedState;

// An entry that is not applied yet, without its body.
struct Unapplied {
  EntryType type = EntryType::kNoOp;
  BatchHeader batch;
  std::string proposal;
  bool taken = false;      // a batch that gets offsets
  Offset begin;            // of the records before it; of its own if it is taken
  uint64_t position = 0;   // in the journal stream
  uint32_t positions = 1;  // that it occupies there

  Offset end() const { return taken ? begin + batch.count : begin; }
};

class SpeculativeState {
 public:
  SpeculativeState() = default;
  // All up to `index` amounts to `applied`.
  SpeculativeState(AppliedState applied, Index index)
      : applied_(std::move(applied)), applied_index_(index) {}

  const AppliedState& applied() const { return applied_; }
  Index applied_index() const { return applied_index_; }
  Index last() const { return applied_index_ + unapplied_.size(); }
  // Records of the whole log.
  Offset end() const { return unapplied_.empty() ? applied_.end() : unapplied_.back().end(); }
  // SEAL stands in the log, applied or not.
  bool sealed() const { return applied_.sealed() || seals_ > 0; }
  // Records up to and with the entry at `index`. REQUIRES: applied_index() <= index <= last().
  Offset EndAt(Index index) const;
  // REQUIRES: applied_index() < index <= last().
  const Unapplied& At(Index index) const;
  const std::deque<Unapplied>& unapplied() const { return unapplied_; }

  // What becomes of the batch if it is the next entry.
  AppliedState::Result Judge(const BatchHeader& batch) const;
  // The next entry; fills in `taken` and `begin`.
  const Unapplied& Append(Unapplied entry);
  // Takes back the entries from `index` on. REQUIRES: applied_index() < index.
  void CutFrom(Index index);
  // The next unapplied entry is decided. REQUIRES: there is one.
  void ApplyNext();

  void EncodeTo(std::string* out) const;
  static StatusOr<SpeculativeState> Decode(Decoder& in);
  void CheckInvariants() const;

 private:
  struct Taken {
    SeqNo first;
    uint32_t count;
    Offset offset;
    SeqNo last() const { return first + (count - 1); }
  };

  AppliedState applied_;
  Index applied_index_;
  std::deque<Unapplied> unapplied_;
  size_t seals_ = 0;                                 // among the unapplied
  std::map<WriterId, std::deque<Taken>> in_flight_;  // the taken ones among the unapplied
};

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_SPECULATIVE_CORE_H_

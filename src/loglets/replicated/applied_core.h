// What the decided prefix of a replicated log amounts to: a deterministic function of its commands,
// applied in order (DESIGN 6.3). The same on every replica, before and after a restart. Pure.
//
//   index    1       2        3       4       5        6        7
//   command  no-op   a.1 x3   b.1 x2  no-op   a.1 x3   a.2 x1   SEAL
//   offset   -       0..2     3..4    -       (void)   5        -        end: 6
//
// Invariants: only batches that are taken get offsets, without a hole; a batch is taken only if its
// `prev` is its writer's last (or it is marked as the writer's first here), so a leader that
// resurrects a lost batch behind its re-sent copy, or that fills a hole with a no-op, can neither
// double nor reorder a writer (FAULTS race 40); after SEAL everything is void.
#ifndef VLOG_LOGLETS_REPLICATED_APPLIED_CORE_H_
#define VLOG_LOGLETS_REPLICATED_APPLIED_CORE_H_

#include <string>

#include "base/batch.h"
#include "base/ids.h"
#include "base/status.h"
#include "loglets/writers_table.h"

namespace vlog::loglets::replicated {

class AppliedState {
 public:
  enum class Outcome {
    kTaken,       // at `offset`
    kDuplicate,   // taken before, at `offset`; the command is void
    kOutOfOrder,  // void: something before it is missing
    kTooOld,      // void, but an older copy of it may have been taken
    kSealed,      // void: it follows SEAL
  };
  struct Result {
    Outcome outcome;
    Offset offset;
  };

  // The next command is a batch.
  Result Apply(const BatchHeader& batch);
  // The next command is SEAL; the first one counts.
  void ApplySeal(std::string proposal);
  // What Apply() would say, without doing it.
  Result Judge(const BatchHeader& batch) const;

  // Records so far: the offset of the next batch that is taken. A sealed one's tail.
  Offset end() const { return end_; }
  bool sealed() const { return sealed_; }
  const std::string& proposal() const { return proposal_; }  // of the first SEAL
  size_t writers() const { return writers_.size(); }

  void EncodeTo(std::string* out) const;
  static StatusOr<AppliedState> Decode(std::string_view data);  // kDataLoss

 private:
  Offset end_;
  bool sealed_ = false;
  std::string proposal_;
  WritersTable writers_;  // empty once sealed: a sealed loglet never acknowledges a writer
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_APPLIED_CORE_H_

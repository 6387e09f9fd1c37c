// Who wrote what last, in one loglet: the table that makes appends exactly-once inside a loglet.
// Pure. It never evicts: forgetting a writer would let its retry be stored twice (FAULTS race 41).
//
// Of each writer it knows the newest kWindow batches one by one. That is enough for every writer
// that keeps to kMaxAppendWindow (loglet.h). Of what is older it says so: such a batch is never
// taken, and nobody may call it "not stored".
#ifndef VLOG_LOGLETS_WRITERS_TABLE_H_
#define VLOG_LOGLETS_WRITERS_TABLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/batch.h"
#include "base/ids.h"
#include "base/status.h"

namespace vlog::loglets {

enum class Judgement {
  kNext,        // follows the writer's last batch: take it
  kDuplicate,   // taken before, at `offset`
  kOutOfOrder,  // it was not taken: something before it is missing
  kTooOld,      // it may have been taken, before the newest kWindow batches of its writer
};

struct Verdict {
  Judgement judgement;
  Offset offset;  // for kDuplicate
};

class WritersTable {
 public:
  // As kMaxAppendWindow.
  static constexpr size_t kWindow = 16;

  Verdict Judge(const BatchHeader& batch) const;
  // REQUIRES: Judge(batch) says kNext.
  void Take(const BatchHeader& batch, Offset first);
  size_t size() const { return writers_.size(); }
  void Clear() { writers_.clear(); }

  void EncodeTo(std::string* out) const;
  static StatusOr<WritersTable> Decode(std::string_view data);

 private:
  struct Taken {
    SeqNo first;
    uint32_t count;
    Offset offset;
  };
  struct Writer {
    SeqNo last;
    std::vector<Taken> window;  // the newest kWindow batches, oldest first
  };
  std::map<WriterId, Writer> writers_;
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_WRITERS_TABLE_H_

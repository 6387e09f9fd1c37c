// Who wrote what last, in one loglet: the table that makes appends exactly-once inside a loglet.
// Pure. It never evicts: forgetting a writer would let its retry be stored twice (FAULTS race 41).
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
  kOutOfOrder,  // something before it is missing, or it is too old to tell where it is
};

struct Verdict {
  Judgement judgement;
  Offset offset;  // for kDuplicate
};

class WritersTable {
 public:
  // Batches a writer may have unresolved at once; duplicates of older ones cannot occur.
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
    std::vector<Taken> window;  // the newest kWindow batches
  };
  std::map<WriterId, Writer> writers_;
};

}  // namespace vlog::loglets

#endif  // VLOG_LOGLETS_WRITERS_TABLE_H_

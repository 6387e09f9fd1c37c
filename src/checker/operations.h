#ifndef VLOG_CHECKER_OPERATIONS_H_
#define VLOG_CHECKER_OPERATIONS_H_

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "checker/event.h"

namespace vlog::checker {

// Index into Operations. 32 bits: a history of four thousand million operations does not fit in
// memory anyway.
using OpIndex = uint32_t;
inline constexpr OpIndex kNoOp = std::numeric_limits<OpIndex>::max();

// When an operation began and ended, on the clock that the checker uses: the line numbers of the
// history. Line order is sound as a clock because an invocation is written before the request
// leaves and a completion after the answer came.
struct Operation {
  static constexpr uint64_t kOpen = std::numeric_limits<uint64_t>::max();
  uint64_t id = 0;
  uint64_t invoked = 0;
  uint64_t returned = kOpen;
  Op op = Op::kNote;
};

// The times of all operations seen so far, of every log; the rules refer to them by index and use
// them as evidence. Not thread-safe.
class Operations {
 public:
  OpIndex Open(uint64_t id, Op op, uint64_t line) {
    all_.push_back({id, line, Operation::kOpen, op});
    return static_cast<OpIndex>(all_.size() - 1);
  }
  // `line`: of any completion, info included.
  void Close(OpIndex op, uint64_t line) { all_[op].returned = line; }

  const Operation& at(OpIndex op) const { return all_[op]; }

  // For explanations: "append id 7 (lines 3 and 9)".
  std::string Describe(OpIndex op) const;
  // All lines of the given operations, ascending, each once; kNoOp is skipped.
  std::vector<uint64_t> Lines(std::initializer_list<OpIndex> ops) const;

 private:
  std::vector<Operation> all_;
};

// The word for an operation in the history format.
const char* OpName(Op op);

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_OPERATIONS_H_

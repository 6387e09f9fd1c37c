#ifndef VLOG_CHECKER_LINEARIZABILITY_H_
#define VLOG_CHECKER_LINEARIZABILITY_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "checker/event.h"
#include "checker/operations.h"
#include "checker/report.h"

namespace vlog::checker {

// Decides exactly, and in linear time, whether appends, tail checks and reads of one log can all
// have taken effect at single moments between their invocation and their return.
//
// An append's result is its place, so the order of the writes is given and only the moments x_p at
// which position p becomes written have to be found, with x_0 < x_1 < x_2 < ...
//
//   L_p, x_p is later:    the invocation of the append at p, of a tail check that answered p, of a
//                         read that found p unwritten
//   U_p, x_p is earlier:  the return of that append if acknowledged, of a tail check that answered
//                         p + 1, of a read that showed p
//
// Such moments exist if and only if max over q <= p of L_q is below U_p for every p. Turned around:
// with D_q = min over p >= q of U_p, no L_q may lie above D_q. D_q is the first moment at which any
// position at or above q was proved written. Events come in time order, so D_q is known and final
// as soon as it is passed, and each L_q is compared with it once: the test runs online, one step
// for each claim.
//
//   position    0    1    2    3    4
//   D (line)    4    4    9    9    -      line 4 proved all below 2, line 9 all below 4
//   an operation invoked on line 7 may not claim that position 1 was unwritten then
//
// Not thread-safe.
class Linearizability {
 public:
  enum class Proof : uint8_t { kAck, kTail, kRead, kTrim, kChain };  // what showed a position
  enum class Claim : uint8_t { kAppend, kTail, kUnwritten };         // what denies it

  // Both must outlive this.
  Linearizability(const Operations& operations, Verdict& verdict)
      : operations_(operations), verdict_(verdict) {}

  // All positions below `end` were written when `op` returned. REQUIRES: `op` has returned, and
  // calls come in the order of the returns. `end` costs memory, so the caller bounds it.
  void ShownWritten(Position end, OpIndex op, Proof proof);

  // `at` and all above it were unwritten at some moment after `op` was invoked: a violation if
  // anything at or above it was shown before that. `ack`, if not kNoOp, is an acknowledgement of
  // exactly `at`, which makes the better explanation when it counts.
  void ClaimUnwritten(Position at, OpIndex op, Claim claim, OpIndex ack);

  // First position that was never shown, directly or by a higher one.
  Position known_tail() const { return shown_.size(); }

  // Which unknown append stands at a position that nobody read? `unexplained`: positions below
  // known_tail() without a known value, ascending; `invoked`: lines at which records of unknown
  // outcome and place were invoked, ascending. D rises with the position, so giving the earliest
  // invocation to the lowest position succeeds whenever any assignment does.
  void MatchUnknown(const std::vector<Position>& unexplained, const std::vector<uint64_t>& invoked);

  // The violation of a position that was shown but that no append can have filled.
  static std::string_view UnexplainedName(Proof proof);

 private:
  struct Evidence {
    OpIndex op;
    Proof proof;
  };
  uint64_t ShownAt(Position at) const { return operations_.at(shown_[at].op).returned; }

  const Operations& operations_;
  Verdict& verdict_;
  // shown_[p] is the return that first proved a position at or above p, that is D_p.
  std::vector<Evidence> shown_;
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_LINEARIZABILITY_H_

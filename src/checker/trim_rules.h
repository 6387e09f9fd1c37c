#ifndef VLOG_CHECKER_TRIM_RULES_H_
#define VLOG_CHECKER_TRIM_RULES_H_

#include <cstdint>
#include <vector>

#include "checker/event.h"
#include "checker/operations.h"
#include "checker/report.h"

namespace vlog::checker {

using TrimIndex = uint32_t;

// I9: nothing is trimmed beyond what somebody asked for before. The test is sound and not complete:
// a trim may take effect late or, if its outcome is unknown, never, and a replica that missed it
// may still show a record. What one handle saw is checked where handles are kept (LogChecker).
// Not thread-safe.
class TrimRules {
 public:
  // Both must outlive this.
  TrimRules(const Operations& operations, Verdict& verdict)
      : operations_(operations), verdict_(verdict) {}

  // A trim of all positions below `to` was invoked.
  TrimIndex Invoke(OpIndex op, Position to);
  // It certainly trimmed nothing.
  void Fail(TrimIndex trim) { trims_[trim].failed = true; }
  // `op` has returned and showed that all positions below `end` are trimmed.
  void ShownTrimmed(Position end, OpIndex op);
  // Judges again without the trims that turned out to have failed.
  void Finish();

 private:
  struct Trim {
    OpIndex op;
    Position to;
    bool failed = false;
  };
  struct Shown {
    OpIndex op;
    Position end;
  };
  void FailShown(const Shown& shown, Position asked);

  const Operations& operations_;
  Verdict& verdict_;
  std::vector<Trim> trims_;  // in the order of their invocations
  Position asked_ = 0;       // the highest `to`, failed or not
  // In the order of the returns. Only the ones that exceed all before: the first to show a trim
  // point is the hardest to explain.
  std::vector<Shown> shown_;
};

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_TRIM_RULES_H_

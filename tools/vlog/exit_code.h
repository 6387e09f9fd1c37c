// How a command ends, and how it says so.
#ifndef VLOG_TOOLS_VLOG_EXIT_CODE_H_
#define VLOG_TOOLS_VLOG_EXIT_CODE_H_

#include <string>

#include "base/status.h"
#include "stop_signals/stop_signals.h"

namespace vlog::cli {

enum ExitCode : int {
  kDone = 0,
  kNotDone = 1,         // certainly not done
  kUsage = 2,           // wrong arguments, or a file given that cannot be used
  kUnknownOutcome = 3,  // it may have been done
  kDamage = 4,          // damage, a gap or a violation was found
  kInterrupted = tools::kInterruptedExit,
  kOutputClosed = 141,  // whoever read standard output has gone
};

ExitCode ExitCodeOf(const Status& status);

// One line on standard error, after "vlog: ".
void Say(const std::string& message);
// Says what went wrong and what to do next; returns the exit code for it.
// REQUIRES: not OK.
ExitCode Fail(const Status& status);
// The same with another word on what to do next.
ExitCode Fail(const Status& status, const std::string& next_step);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_EXIT_CODE_H_

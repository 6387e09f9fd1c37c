#ifndef VLOG_CHECKER_HISTORY_H_
#define VLOG_CHECKER_HISTORY_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "checker/checker.h"
#include "checker/report.h"

namespace vlog::checker {

// Parses and judges a whole history, one JSON object a line (docs/history.md); empty lines are
// skipped. OK: the report, which may tell a violation. kInvalidArgument: a line is malformed; the
// message begins with its number. A history whose last line was cut off by a crash is malformed
// too: the caller drops a last line that has no newline.
absl::StatusOr<Report> CheckHistory(std::string_view lines, Options options = {});

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_HISTORY_H_

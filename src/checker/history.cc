#include "checker/history.h"

#include <algorithm>
#include <cstdint>

#include "checker/event.h"
#include "checker/history_format.h"

namespace vlog::checker {

absl::StatusOr<Report> CheckHistory(std::string_view lines, Options options) {
  EventParser parser;
  Checker checker(options);
  Event event;
  uint64_t number = 0;
  while (!lines.empty()) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    ++number;
    if (line.empty()) continue;
    absl::Status parsed = parser.Parse(line, number, event);
    if (!parsed.ok()) return parsed;
    checker.Add(event);
  }
  return checker.Finish();
}

}  // namespace vlog::checker

#ifndef VLOG_CHECKER_HISTORY_FORMAT_H_
#define VLOG_CHECKER_HISTORY_FORMAT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "checker/event.h"

namespace vlog::checker {

// Reads histories: one JSON object a line, as docs/history.md defines it. Keeps its buffers from
// line to line. Not thread-safe.
class EventParser {
 public:
  EventParser();
  ~EventParser();
  EventParser(const EventParser&) = delete;
  EventParser& operator=(const EventParser&) = delete;

  // Parses one line, without its newline, and sets event.line to `line_number` (1-based). Unknown
  // keys are ignored; a key that the event's kind needs must be there.
  //
  //   OK                `event` is overwritten; strings and vectors keep their storage
  //   kInvalidArgument  not such an object; the message begins with the line number; `event` is
  //                     in an unspecified state
  absl::Status Parse(std::string_view line, uint64_t line_number, Event& event);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

// The line for `event`, without a newline; Parse gives back an equal event but for `line`. Text
// that is not valid UTF-8 is printed as {"b64":...}, which only record values allow: proc, sess,
// log, segment kinds and proposals must be UTF-8.
std::string PrintEvent(const Event& event);

}  // namespace vlog::checker

#endif  // VLOG_CHECKER_HISTORY_FORMAT_H_

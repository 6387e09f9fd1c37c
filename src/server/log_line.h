// The text of one log line. Pure.
#ifndef VLOG_SERVER_LOG_LINE_H_
#define VLOG_SERVER_LOG_LINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "server/log.h"

namespace vlog::server {

// No value of a field is longer; the rest is cut off and "..." says so.
inline constexpr size_t kMaxLogValueBytes = 2048;

// "2026-01-02T03:04:05.678Z"
std::string TimeText(WallTime time);
const char* LevelName(LogLevel level);

struct LogLine {
  WallTime time;
  LogLevel level = LogLevel::kInfo;
  std::string_view component;
  std::string_view message;
  std::vector<const LogField*> fields;
};

// With its line feed.
std::string LogfmtLine(const LogLine& line);
std::string JsonLine(const LogLine& line);

}  // namespace vlog::server

#endif  // VLOG_SERVER_LOG_LINE_H_

// Structured log lines for operators. One line an event, one component a part of the node:
//
//   time=2026-01-02T03:04:05.678Z level=warning component=rpc msg="closed a connection" peer=7
//
// or the same fields as one JSON object. Text from outside is quoted and escaped, so that no peer
// can forge a line, and cut, so that none can flood the log.
//
// Thread rule: one thread, the loop's. No globals: a Logger is passed along, by value.
#ifndef VLOG_SERVER_LOG_H_
#define VLOG_SERVER_LOG_H_

#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kLogfmt, kJson };

// By the names that the configuration has. REQUIRES: one of them.
LogLevel ParseLogLevel(std::string_view name);
LogFormat ParseLogFormat(std::string_view name);

// A key, [a-z_] and digits, and a value. Lives as long as the call that it is an argument of.
struct LogField {
  LogField(std::string_view k, std::string_view text) : key(k), value(text) {}
  LogField(std::string_view k, const char* text) : key(k), value(text) {}
  LogField(std::string_view k, const std::string& text) : key(k), value(text) {}
  LogField(std::string_view k, bool b) : key(k), value(b ? "true" : "false"), bare(true) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) LogField(std::string_view k, T number)
      : key(k), value(std::to_string(number)), bare(true) {}
  template <typename Tag>
  LogField(std::string_view k, Id<Tag> id) : LogField(k, id.value()) {}
  template <typename Tag>
  LogField(std::string_view k, Position<Tag> position) : LogField(k, position.value()) {}
  LogField(std::string_view k, const Status& status);
  LogField(std::string_view k, Duration duration);

  std::string_view key;
  std::string value;
  bool bare = false;  // a number or truth value, not quoted in JSON
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
  // Of lines with one level, component and message, at most `burst` are written in each `window`.
  // Before the next line of any kind that comes after it, one with suppressed=N tells how many were
  // left out.
  uint32_t burst = 10;
  Duration window = std::chrono::seconds(10);
};

// Gets whole lines, with their line feed.
using LogSink = absl::AnyInvocable<void(std::string_view)>;
using WallClock = absl::AnyInvocable<WallTime()>;

// Writes each line to stderr, in one call. What cannot be written is lost.
LogSink StderrSink();

class LogWriter;  // what all loggers of a node share

class Logger {
 public:
  // `now` may jump: a jump at worst begins a new window early.
  Logger(LogOptions options, LogSink sink, WallClock now);

  // The same log, for another part of the node.
  Logger Component(std::string name) const;

  using Fields = std::initializer_list<LogField>;
  // `message` is a constant sentence without a full stop; what varies goes into fields.
  void Debug(std::string_view message, Fields fields = {}) const;
  void Info(std::string_view message, Fields fields = {}) const;
  void Warning(std::string_view message, Fields fields = {}) const;
  void Error(std::string_view message, Fields fields = {}) const;
  void Log(LogLevel level, std::string_view message, Fields fields) const;

  // False: a line of this level would not be written, so its fields need not be made.
  bool Enabled(LogLevel level) const;
  // Tells what was left out and not yet told; before the process ends.
  void Flush() const;

 private:
  Logger(std::shared_ptr<LogWriter> writer, std::string component)
      : writer_(std::move(writer)), component_(std::move(component)) {}

  std::shared_ptr<LogWriter> writer_;
  std::string component_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_LOG_H_

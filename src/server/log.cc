#include "server/log.h"

#include <cstdio>
#include <map>
#include <tuple>

#include "base/check.h"
#include "server/config_values.h"
#include "server/log_line.h"

namespace vlog::server {

LogLevel ParseLogLevel(std::string_view name) {
  for (LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (name == LevelName(level)) return level;
  }
  VLOG_CHECK(false, "the configuration knows the same levels");
}

LogFormat ParseLogFormat(std::string_view name) {
  VLOG_CHECK(name == "json" || name == "logfmt", "the configuration knows the same formats");
  return name == "json" ? LogFormat::kJson : LogFormat::kLogfmt;
}

LogField::LogField(std::string_view k, const Status& status)
    : key(k),
      value(status.ok()
                ? "OK"
                : absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message())) {}

LogField::LogField(std::string_view k, Duration duration)
    : key(k),
      value(duration < Duration(0) ? "-" + DurationText(-duration) : DurationText(duration)) {}

LogSink StderrSink() {
  return [](std::string_view line) {
    // A log that cannot be written must not stop the node.
    [[maybe_unused]] size_t written = std::fwrite(line.data(), 1, line.size(), stderr);
  };
}

class LogWriter {
 public:
  LogWriter(LogOptions options, LogSink sink, WallClock now)
      : options_(options), sink_(std::move(sink)), now_(std::move(now)) {}

  bool Enabled(LogLevel level) const { return level >= options_.level; }

  void Log(LogLevel level, std::string_view component, std::string_view message,
           Logger::Fields fields) {
    if (!Enabled(level)) return;
    WallTime now = now_();
    TellOver(now);
    if (!Admit(now, {level, std::string(component), std::string(message)})) return;
    LogLine line{now, level, component, message, {}};
    for (const LogField& field : fields) line.fields.push_back(&field);
    Write(line);
  }

  void Flush() {
    WallTime now = now_();
    for (const auto& [kind, window] : windows_) TellSuppressed(now, kind, window.suppressed);
    windows_.clear();
  }

 private:
  using Kind = std::tuple<LogLevel, std::string, std::string>;  // with component and message
  struct Window {
    WallTime begin;
    uint32_t written = 0;
    uint64_t suppressed = 0;
  };
  // Messages are constants of the program, so this many is a defect; then the windows end early.
  static constexpr size_t kMaxKinds = 4096;

  bool IsOver(const Window& window, WallTime now) const {
    int64_t age = now.unix_millis - window.begin.unix_millis;
    return age < 0 || std::chrono::milliseconds(age) >= options_.window;
  }

  bool Admit(WallTime now, const Kind& kind) {
    if (windows_.size() >= kMaxKinds) Flush();
    auto [it, fresh] = windows_.emplace(kind, Window{now});
    if (it->second.written < options_.burst) {
      ++it->second.written;
      return true;
    }
    ++it->second.suppressed;
    return false;
  }

  // Ends the windows that are over. Looked at once a second at most: it goes over all of them.
  void TellOver(WallTime now) {
    int64_t since = now.unix_millis - looked_.unix_millis;
    bool soon = since >= 0 && since < kLookMillis &&
                std::chrono::milliseconds(kLookMillis) < options_.window;
    if (soon) return;
    looked_ = now;
    for (auto it = windows_.begin(); it != windows_.end();) {
      if (!IsOver(it->second, now)) {
        ++it;
        continue;
      }
      TellSuppressed(now, it->first, it->second.suppressed);
      it = windows_.erase(it);
    }
  }

  void TellSuppressed(WallTime now, const Kind& kind, uint64_t suppressed) {
    if (suppressed == 0) return;
    const auto& [level, component, message] = kind;
    LogField count("suppressed", suppressed);
    Write(LogLine{now, level, component, message, {&count}});
  }

  void Write(const LogLine& line) {
    sink_(options_.format == LogFormat::kJson ? JsonLine(line) : LogfmtLine(line));
  }

  static constexpr int64_t kLookMillis = 1000;

  LogOptions options_;
  LogSink sink_;
  WallClock now_;
  WallTime looked_;
  std::map<Kind, Window> windows_;
};

Logger::Logger(LogOptions options, LogSink sink, WallClock now)
    : writer_(std::make_shared<LogWriter>(options, std::move(sink), std::move(now))) {}

Logger Logger::Component(std::string name) const { return Logger(writer_, std::move(name)); }

bool Logger::Enabled(LogLevel level) const { return writer_->Enabled(level); }

void Logger::Flush() const { writer_->Flush(); }

void Logger::Log(LogLevel level, std::string_view message, Fields fields) const {
  writer_->Log(level, component_, message, fields);
}

void Logger::Debug(std::string_view message, Fields fields) const {
  Log(LogLevel::kDebug, message, fields);
}

void Logger::Info(std::string_view message, Fields fields) const {
  Log(LogLevel::kInfo, message, fields);
}

void Logger::Warning(std::string_view message, Fields fields) const {
  Log(LogLevel::kWarning, message, fields);
}

void Logger::Error(std::string_view message, Fields fields) const {
  Log(LogLevel::kError, message, fields);
}

}  // namespace vlog::server

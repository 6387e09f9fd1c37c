#include "server/log_line.h"

#include <algorithm>
#include <chrono>

#include "base/json_text.h"

namespace vlog::server {
namespace {

// At most `kMaxLogValueBytes`, whole code points.
std::string Cut(std::string_view value) {
  if (value.size() <= kMaxLogValueBytes) return std::string(value);
  size_t end = kMaxLogValueBytes;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return std::string(value.substr(0, end)) + "...";
}

bool IsPlain(std::string_view value) {
  if (value.empty()) return false;
  return std::all_of(value.begin(), value.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

// Plain words as they are, all else in quotes with JSON's escapes.
std::string LogfmtValue(std::string_view value) {
  std::string cut = Cut(value);
  return IsPlain(cut) ? cut : JsonString(cut);
}

}  // namespace

std::string TimeText(WallTime time) {
  using std::chrono::days;
  using std::chrono::milliseconds;
  milliseconds since_epoch(time.unix_millis);
  std::chrono::sys_days day{std::chrono::floor<days>(since_epoch)};
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(since_epoch - std::chrono::floor<days>(since_epoch));
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                         static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                         clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                         clock.subseconds().count());
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

std::string LogfmtLine(const LogLine& line) {
  std::string out = "time=" + TimeText(line.time) + " level=" + LevelName(line.level);
  if (!line.component.empty()) out += " component=" + LogfmtValue(line.component);
  out += " msg=" + LogfmtValue(line.message);
  for (const LogField* field : line.fields) {
    out += " " + std::string(field->key) + "=" + LogfmtValue(field->value);
  }
  return out + "\n";
}

std::string JsonLine(const LogLine& line) {
  JsonObject out;
  out.Text("time", TimeText(line.time)).Text("level", LevelName(line.level));
  if (!line.component.empty()) out.Text("component", line.component);
  out.Text("msg", Cut(line.message));
  for (const LogField* field : line.fields) {
    if (field->bare) {
      out.Raw(field->key, field->value);
    } else {
      out.Text(field->key, Cut(field->value));
    }
  }
  return out.Finish() + "\n";
}

}  // namespace vlog::server

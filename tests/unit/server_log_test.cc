// Log lines: their form, what nobody can forge, and what is left out when lines repeat.
#include "server/log.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/json_text.h"
#include "server/config_keys.h"
#include "server/log_line.h"

namespace vlog::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A log into memory, with a clock that the test moves.
struct Recorder {
  explicit Recorder(LogOptions options = {})
      : logger(
            options, [this](std::string_view line) { lines.emplace_back(line); },
            [this] { return now; }) {}

  void Pass(Duration time) {
    now.unix_millis += std::chrono::duration_cast<milliseconds>(time).count();
  }

  WallTime now{1'767'323'045'678};  // 2026-01-02T03:04:05.678Z
  std::vector<std::string> lines;
  Logger logger;
};

LogOptions Options(LogFormat format) {
  LogOptions options;
  options.format = format;
  return options;
}

TEST_CASE("Log: a line is exactly this") {
  Recorder log;
  Logger rpc = log.logger.Component("rpc");
  rpc.Warning("closed a connection", {{"peer", NodeId(7)},
                                      {"address", "10.0.0.1:7400"},
                                      {"open", false},
                                      {"bytes", -5},
                                      {"offset", Offset(9)},
                                      {"after", Duration(milliseconds(1500))},
                                      {"why", absl::UnavailableError("reset by \"peer\"")}});
  log.logger.Info("started");
  REQUIRE(log.lines.size() == 2);
  CHECK(log.lines[0] ==
        "time=2026-01-02T03:04:05.678Z level=warning component=rpc msg=\"closed a connection\" "
        "peer=7 address=10.0.0.1:7400 open=false bytes=-5 offset=9 after=1500ms "
        "why=\"UNAVAILABLE: reset by \\\"peer\\\"\"\n");
  CHECK(log.lines[1] == "time=2026-01-02T03:04:05.678Z level=info msg=started\n");
}

TEST_CASE("Log: the same line as JSON is exactly this") {
  Recorder log(Options(LogFormat::kJson));
  log.logger.Component("rpc").Error(
      "closed", {{"peer", NodeId(7)}, {"open", true}, {"text", "a \"b\""}, {"number", "5"}});
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0] ==
        "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"error\",\"component\":\"rpc\","
        "\"msg\":\"closed\",\"peer\":7,\"open\":true,\"text\":\"a \\\"b\\\"\",\"number\":\"5\"}\n");
}

TEST_CASE("Log: times before, at and after the epoch") {
  CHECK(TimeText(WallTime{0}) == "1970-01-01T00:00:00.000Z");
  CHECK(TimeText(WallTime{-1}) == "1969-12-31T23:59:59.999Z");
  CHECK(TimeText(WallTime{951'782'400'000}) == "2000-02-29T00:00:00.000Z");
  CHECK(TimeText(WallTime{4'102'444'799'999}) == "2099-12-31T23:59:59.999Z");
}

TEST_CASE("Log: lines below the level are not written and cost no clock") {
  for (int least = 0; least < 4; ++least) {
    LogOptions options;
    options.level = static_cast<LogLevel>(least);
    Recorder log(options);
    log.logger.Debug("a");
    log.logger.Info("b");
    log.logger.Warning("c");
    log.logger.Error("d");
    CHECK(log.lines.size() == static_cast<size_t>(4 - least));
    CHECK(log.logger.Enabled(LogLevel::kError));
    CHECK(log.logger.Enabled(LogLevel::kDebug) == (least == 0));
  }
}

TEST_CASE("Log: the configuration's names are the log's") {
  for (const auto& row : NodeRows()) {
    for (const std::string& choice : row.key.choices) {
      if (row.key.key == "logging.level") CHECK(LevelName(ParseLogLevel(choice)) == choice);
      if (row.key.key == "logging.format") (void)ParseLogFormat(choice);
    }
  }
  CHECK(ParseLogFormat("json") == LogFormat::kJson);
  CHECK(ParseLogFormat("logfmt") == LogFormat::kLogfmt);
}

TEST_CASE("Log: text from outside can neither forge a line nor break one") {
  std::string hostile("x\nlevel=error msg=forged \"\\ \r\x1b[31m \x7f \xff");
  for (LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    Recorder log(Options(format));
    log.logger.Info("heard", {{"text", hostile}, {"nothing", ""}, {"zero", std::string(1, '\0')}});
    REQUIRE(log.lines.size() == 1);
    const std::string& line = log.lines[0];
    CAPTURE(line);
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
    CHECK(line.back() == '\n');
    CHECK(IsUtf8(line));
    CHECK(std::none_of(line.begin(), line.end() - 1,
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    CHECK(line.find("\\nlevel=error msg=forged \\\"\\\\ ") != std::string::npos);
  }
  Recorder log;
  log.logger.Info("heard", {{"text", "a=b"}, {"empty", ""}, {"plain", "a/b:c"}});
  CHECK(log.lines[0].find(" text=\"a=b\" empty=\"\" plain=a/b:c\n") != std::string::npos);
}

TEST_CASE("Log: a long value is cut between two characters") {
  for (size_t shift = 0; shift < 4; ++shift) {
    std::string value(shift, 'a');
    while (value.size() < 100'000) value += "€";
    for (LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
      Recorder log(Options(format));
      log.logger.Info("heard", {{"text", value}});
      CHECK(log.lines.at(0).size() < kMaxLogValueBytes + 200);
      CHECK(log.lines[0].find("€...\"") != std::string::npos);
      CHECK(log.lines[0].find("fffd") == std::string::npos);
    }
  }
}

// --- Repeated lines -----------------------------------------------------------------------------

TEST_CASE("Log: of a line that repeats a burst is written, and later how many were not") {
  LogOptions options;
  options.burst = 3;
  options.window = seconds(10);
  Recorder log(options);
  Logger rpc = log.logger.Component("rpc");
  for (int i = 0; i < 100; ++i) {
    rpc.Warning("refused", {{"i", i}});
    log.Pass(milliseconds(10));
  }
  CHECK(log.lines.size() == 3);
  // Other lines are not held up: another level, component or message.
  log.logger.Warning("refused");
  rpc.Error("refused");
  rpc.Warning("closed");
  CHECK(log.lines.size() == 6);
  log.Pass(seconds(10));
  rpc.Info("something else");
  REQUIRE(log.lines.size() == 8);
  CHECK(log.lines[6].find("level=warning component=rpc msg=refused suppressed=97\n") !=
        std::string::npos);
  CHECK(log.lines[7].find("something else") != std::string::npos);
  rpc.Warning("refused", {{"i", 100}});
  CHECK(log.lines.back().find("i=100") != std::string::npos);
  CHECK(log.lines.size() == 9);
}

TEST_CASE("Log: lines that are rare are all written") {
  LogOptions options;
  options.burst = 1;
  options.window = seconds(1);
  Recorder log(options);
  for (int i = 0; i < 50; ++i) {
    log.logger.Info("tick");
    log.Pass(seconds(1));
  }
  CHECK(log.lines.size() == 50);
}

TEST_CASE("Log: at the end it is told what was left out") {
  LogOptions options;
  options.burst = 1;
  Recorder log(options);
  for (int i = 0; i < 5; ++i) log.logger.Info("tick");
  log.logger.Info("tock");
  log.logger.Flush();
  REQUIRE(log.lines.size() == 3);
  CHECK(log.lines[2].find("msg=tick suppressed=4\n") != std::string::npos);
  log.logger.Flush();
  CHECK(log.lines.size() == 3);
}

TEST_CASE("Log: a clock that jumps back or ahead silences nothing for long") {
  LogOptions options;
  options.burst = 1;
  Recorder log(options);
  for (Duration jump : {Duration(std::chrono::hours(-1000)), Duration(std::chrono::hours(1000))}) {
    size_t before = log.lines.size();
    log.logger.Info("tick");
    log.logger.Info("tick");
    CHECK(log.lines.size() == before + 1);
    log.Pass(jump);
    log.logger.Info("tick");
    CHECK(log.lines.size() == before + 3);  // with the one that tells of the one left out
    log.Pass(seconds(20));
  }
}

TEST_CASE("Log: any number of different messages is written, in bounded memory") {
  Recorder log;
  for (int i = 0; i < 10'000; ++i) log.logger.Info("message " + std::to_string(i));
  CHECK(log.lines.size() == 10'000);
}

}  // namespace
}  // namespace vlog::server

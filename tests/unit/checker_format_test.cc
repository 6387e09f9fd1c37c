// The history format: what is printed is read back, bad lines are refused, the documentation holds.

#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <string>

#include "checker/history.h"
#include "checker/history_format.h"

namespace vlog::checker {
namespace {

std::string Error(const std::string& line) {
  EventParser parser;
  Event event;
  absl::Status status = parser.Parse(line, 7, event);
  return status.ok() ? "" : std::string(status.message());
}

// Parses what was printed, with a parser that has read something else before.
Event RoundTrip(const Event& event) {
  EventParser parser;
  Event out;
  REQUIRE(parser
              .Parse(R"({"t":1,"type":"ok","id":1,"op":"read","log":"l","sess":"s","seq":4,)"
                     R"("stale":true,"loglet":1,"chainver":2,"res":[[0,"rest"],[1,"rest"]]})",
                     1, out)
              .ok());
  INFO(PrintEvent(event));
  absl::Status status = parser.Parse(PrintEvent(event), event.line, out);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return out;
}

TEST_CASE("History: every kind of event survives printing and parsing") {
  Event append{.t = -5, .op = Op::kAppend, .id = 1, .proc = "p", .log = "l", .sess = "s", .seq = 9};
  append.values = {"one"};
  CHECK(RoundTrip(append) == append);
  append.values = {"",
                   "quote \" backslash \\ newline \n nul " + std::string(1, '\0'),
                   "\xff\xfe",
                   "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                   "\xed\xa0\x80",
                   "\xc0\x80"};
  CHECK(RoundTrip(append) == append);
  Event acked{.t = 1,
              .type = EventType::kOk,
              .op = Op::kAppend,
              .id = 1,
              .loglet = 0,
              .chainver = 3,
              .position = 18446744073709551614u};
  CHECK(RoundTrip(acked) == acked);
  Event tail{.type = EventType::kOk, .op = Op::kTail, .id = 2, .stale = true, .position = 4};
  CHECK(RoundTrip(tail) == tail);
  Event range{.op = Op::kRead, .id = 3, .from = 1, .to = 5};
  CHECK(RoundTrip(range) == range);
  Event to_the_end{.op = Op::kRead, .id = 3, .from = 1};
  CHECK(RoundTrip(to_the_end) == to_the_end);
  Event read{.type = EventType::kOk, .op = Op::kRead, .id = 3};
  CHECK(RoundTrip(read) == read);
  read.items = {ReadItem::Trimmed(0, 2), ReadItem::Record(2, "\x80"), ReadItem::DataLoss(3, 5),
                ReadItem::Unwritten(5)};
  CHECK(RoundTrip(read) == read);
  Event trim{.op = Op::kTrim, .id = 4, .position = 6};
  CHECK(RoundTrip(trim) == trim);
  Event chain{.type = EventType::kOk, .op = Op::kChain, .id = 5};
  chain.chain = {.version = 3,
                 .segments = {{0, 1, 4, "raft"}, {1, 4, {}, "a \"kind\""}},
                 .trim_point = 2,
                 .ended = false};
  CHECK(RoundTrip(chain) == chain);
  chain.chain.ended = true;
  chain.chain.trim_point.reset();
  CHECK(RoundTrip(chain) == chain);
  Event won{.type = EventType::kOk, .op = Op::kReconfigure, .id = 6, .proposal = "p"};
  won.chain.version = 8;
  CHECK(RoundTrip(won) == won);
  for (Op op : {Op::kAppend, Op::kRead, Op::kTrim, Op::kChain, Op::kSeal, Op::kNote}) {
    Event unknown{.type = EventType::kInfo, .op = op, .id = op == Op::kNote ? 0u : 7u};
    CHECK(RoundTrip(unknown) == unknown);
  }
}

TEST_CASE("History: unknown keys are ignored and names may be numbers") {
  EventParser parser;
  Event event;
  REQUIRE(parser
              .Parse(R"({"x":[{}],"t":1,"type":"ok","proc":3,"sess":4,"id":1,"op":"tail","res":2})",
                     5, event)
              .ok());
  CHECK(event.proc == "3");
  CHECK(event.sess == "4");
  CHECK(event.position == 2);
  CHECK(event.line == 5);
}

TEST_CASE("History: a malformed line is refused with its number") {
  CHECK_THAT(Error(""), Catch::StartsWith("line 7: not JSON"));
  CHECK_THAT(Error(R"({"t":1)"), Catch::StartsWith("line 7: not JSON"));
  CHECK_THAT(Error("{} {}"), Catch::StartsWith("line 7: not JSON"));
  CHECK_THAT(Error("[1]"), Catch::StartsWith("line 7: not a JSON object"));
  for (
      const char* rest : {
          R"("type":"ok","id":1,"op":"tail","res":1)",
          R"("t":1,"id":1,"op":"tail","res":1)",
          R"("t":1,"type":"ok","id":1,"res":1)",
          R"("t":1,"type":"ok","op":"tail","res":1)",
          R"("t":1,"type":"ok","id":1,"op":"tail")",
          R"("t":1.5,"type":"ok","id":1,"op":"tail","res":1)",
          R"("t":1,"type":"done","id":1,"op":"tail","res":1)",
          R"("t":1,"type":"ok","id":1,"op":"apend","res":1)",
          R"("t":1,"type":"ok","id":1,"op":"tail","res":-1)",
          R"("t":1,"type":"ok","id":1,"op":"tail","res":1,"stale":1)",
          R"("t":1,"type":"ok","id":1,"op":"tail","res":1,"seq":"x")",
          R"("t":1,"type":"invoke","id":1,"op":"append")",
          R"("t":1,"type":"invoke","id":1,"op":"append","arg":[])",
          R"("t":1,"type":"invoke","id":1,"op":"append","arg":5)",
          R"("t":1,"type":"invoke","id":1,"op":"append","arg":{"b64":"*"})",
          R"("t":1,"type":"invoke","id":1,"op":"read","arg":[1,2,3])",
          R"("t":1,"type":"invoke","id":1,"op":"read","arg":1)",
          R"("t":1,"type":"ok","id":1,"op":"read","res":[[1]])",
          R"("t":1,"type":"ok","id":1,"op":"read","res":[{"gap":[0,1]}])",
          R"("t":1,"type":"ok","id":1,"op":"read","res":[{"gap":[0,1],"reason":"gone"}])",
          R"("t":1,"type":"ok","id":1,"op":"read","res":[{}])",
          R"("t":1,"type":"ok","id":1,"op":"chain","res":{"version":1})",
          R"("t":1,"type":"ok","id":1,"op":"chain","res":{"version":1,"segments":[]})",
          R"("t":1,"type":"ok","id":1,"op":"chain","res":{"segments":[{"index":0,"base":0,"kind":"x"}]})",
          R"("t":1,"type":"ok","id":1,"op":"chain","res":{"version":1,"segments":[{"index":0,"kind":"x"}]})",
          R"("t":1,"type":"ok","id":1,"op":"chain","res":{"version":1,"segments":[{"index":0,"base":0}]})",
      }) {
    INFO(rest);
    std::string error = Error(std::string("{") + rest + "}");
    CHECK_THAT(error, Catch::StartsWith("line 7: "));
  }
}

TEST_CASE("History: the first malformed line of a text is named and a parser goes on after it") {
  absl::StatusOr<Report> report = CheckHistory(
      "{\"t\":1,\"type\":\"invoke\",\"id\":1,\"op\":\"tail\"}\n\n{\"t\":2,\"type\":\"ok\"}\n");
  CHECK(report.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK_THAT(std::string(report.status().message()), Catch::StartsWith("line 3: "));
  EventParser parser;
  Event event;
  CHECK_FALSE(parser.Parse("{\"t\":", 1, event).ok());
  CHECK(parser.Parse(R"({"t":1,"type":"invoke","id":1,"op":"tail"})", 2, event).ok());
}

TEST_CASE("History: long records and long batches are read") {
  Event event{.op = Op::kAppend, .id = 1};
  for (int i = 0; i < 5000; ++i) event.values.push_back(std::to_string(i));
  event.values.push_back(std::string(300'000, 'x') + "\n");
  CHECK(RoundTrip(event) == event);
}

TEST_CASE("History: every line of the documentation parses and together they are accepted") {
  std::ifstream file(HISTORY_DOC_PATH);
  REQUIRE(file.good());
  std::string history;
  std::set<std::string> kinds;
  EventParser parser;
  Event event;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] != '{') continue;
    INFO(line);
    absl::Status status = parser.Parse(line, 1, event);
    INFO(status.ToString());
    CHECK(status.ok());
    kinds.insert(std::to_string(static_cast<int>(event.type)) + OpName(event.op));
    history += line + "\n";
  }
  // invoke and ok of seven operations, a note, and an append that fails and one that is unknown.
  CHECK(kinds.size() == 17);
  absl::StatusOr<Report> report = CheckHistory(history);
  REQUIRE(report.ok());
  INFO(report->explanation);
  CHECK(report->violation == "");
  CHECK(report->counts.acked_records == 3);
}

}  // namespace
}  // namespace vlog::checker

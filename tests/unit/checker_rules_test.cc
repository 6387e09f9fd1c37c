// For each rule about records and positions a tiny history that keeps it and one that breaks it.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "checker_history.h"

namespace vlog::checker {
namespace {

using H = HistoryText;

constexpr char kA[] = R"("a")";
constexpr char kB[] = R"("b")";
constexpr char kC[] = R"("c")";

TEST_CASE("Checker: an empty history is fine and counts nothing") {
  absl::StatusOr<Report> report = CheckHistory("");
  REQUIRE(report.ok());
  CHECK(report->ok);
  CHECK(report->counts.events == 0);
  CHECK(report->counts.logs == 0);
}

TEST_CASE("Checker: an acknowledged append stays readable") {
  H good = H().Append(1, kA, 0).Read(2, "[0,2]", R"([[0,"a"],{"unwritten":1}])");
  CHECK(Judge(good) == "");
  H bad = H().Append(1, kA, 0).Read(2, "[0,2]", R"([{"unwritten":0}])");
  CHECK(Judge(bad) == violation::kLost);
  H behind = H().Append(1, kA, 0).Append(2, kB, 1).Read(3, "[0,2]", R"([{"unwritten":0}])");
  CHECK(Judge(behind) == violation::kLost);
  // The read may have been answered before the append took effect.
  H overlap = H().Invoke(2, "read", "[0,2]").Append(1, kA, 0).Ok(2, "read", R"([{"unwritten":0}])");
  CHECK(Judge(overlap) == "");
}

TEST_CASE("Checker: a violation tells the lines that show it") {
  H bad = H().Append(1, kA, 0).Tail(2, 1).Read(3, "[0,2]", R"([{"unwritten":0}])");
  absl::StatusOr<Report> report = CheckHistory(bad.text());
  REQUIRE(report.ok());
  CHECK_FALSE(report->ok);
  CHECK(report->lines == std::vector<uint64_t>{1, 2, 5, 6});
  CHECK_THAT(report->explanation, Catch::Contains("append id 1 (lines 1 and 2)"));
}

TEST_CASE("Checker: a position has one value for ever and for every reader") {
  H good = H().Append(1, kA, 0).Read(2, "[0,1]", R"([[0,"a"]])").Read(3, "[0]", R"([[0,"a"]])");
  CHECK(Judge(good) == "");
  H two_acks = H().Append(1, kA, 0).Append(2, kB, 0);
  CHECK(Judge(two_acks) == violation::kTwoValues);
  H other_read = H().Append(1, kA, 0).Invoke(2, "append", kB).Read(3, "[0,1]", R"([[0,"b"]])");
  CHECK(Judge(other_read) == violation::kTwoValues);
  H two_readers = H().Invoke(1, "append", kA)
                      .Invoke(2, "append", kB)
                      .Read(3, "[0,1]", R"([[0,"a"]])")
                      .Read(4, "[0,1]", R"([[0,"b"]])");
  CHECK(Judge(two_readers) == violation::kTwoValues);
}

TEST_CASE("Checker: appends keep the order of real time") {
  H good =
      H().Invoke(1, "append", kA).Invoke(2, "append", kB).Ok(1, "append", "1").Ok(2, "append", "0");
  CHECK(Judge(good) == "");
  H bad = H().Invoke(3, "append", kC).Append(1, kA, 1).Append(2, kB, 0).Ok(3, "append", "2");
  CHECK(Judge(bad) == violation::kRealTime);
  // The prefix counts: position 2 was acknowledged before id 3 began, so that cannot be at 0.
  H prefix =
      H().Invoke(1, "append", kA).Invoke(4, "append", R"("d")").Append(2, kB, 2).Append(3, kC, 0);
  CHECK(Judge(prefix) == violation::kRealTime);
}

TEST_CASE("Checker: nothing is invented") {
  H good = H().Invoke(1, "append", kA).Read(2, "[0,1]", R"([[0,"a"]])");
  CHECK(Judge(good) == "");
  H bad = H().Append(1, kA, 0).Read(2, "[0,1]", R"([[0,"x"]])");
  CHECK(Judge(bad) == violation::kInvented);
  H early = H().Invoke(1, "append", kB).Read(2, "[0,1]", R"([[0,"a"]])").Append(3, kA, 0);
  CHECK(Judge(early) == violation::kInvented);
  H hole = H().Invoke(1, "append", kB).Append(2, kA, 1).Fail(1, "append");
  CHECK(Judge(hole) == violation::kUnexplained);
  H far = H().Append(1, kA, 1000000000);
  CHECK(Judge(far) == violation::kUnexplained);
  CHECK(Judge(far, Options{.allow_data_loss = true}) == violation::kUnexplained);
  // A gap that damage left may cover positions that were never used.
  H unused =
      H().Append(1, kA, 3).Read(2, "[0,4]", R"([{"gap":[0,3],"reason":"data_loss"},[3,"a"]])");
  CHECK(Judge(unused) == violation::kUnexplained);
  CHECK(Judge(unused, Options{.allow_data_loss = true}) == "");
  H far_read = H().Invoke(1, "append", kA).Read(2, "[1000000000]", R"([[1000000000,"a"]])");
  CHECK(Judge(far_read) == violation::kUnexplained);
}

TEST_CASE("Checker: a failed append appears nowhere") {
  H good = H().Invoke(1, "append", kA).Fail(1, "append").Append(2, kB, 0).Tail(3, 1);
  CHECK(Judge(good) == "");
  H after = H().Invoke(1, "append", kA)
                .Fail(1, "append")
                .Invoke(2, "append", kB)
                .Read(3, "[0,1]", R"([[0,"a"]])");
  CHECK(Judge(after) == violation::kFailedAppears);
  H before = H().Invoke(1, "append", kA).Read(3, "[0,1]", R"([[0,"a"]])").Fail(1, "append");
  CHECK(Judge(before) == violation::kFailedAppears);
}

TEST_CASE("Checker: a record stands at one position at most") {
  H read = H().Invoke(2, "append", kB).Append(1, kA, 0).Read(3, "[1,2]", R"([[1,"a"]])");
  CHECK(Judge(read) == violation::kRecordTwice);
  H unknown = H().Invoke(1, "append", kA)
                  .Info(1, "append")
                  .Invoke(2, "append", kB)
                  .Read(3, "[0,2]", R"([[0,"a"],[1,"a"]])");
  CHECK(Judge(unknown) == violation::kRecordTwice);
}

TEST_CASE("Checker: a batch stands whole at consecutive positions") {
  H good = H().Append(1, R"(["a","b"])", 0)
               .Append(2, kC, 2)
               .Read(3, "[0,3]", R"([[0,"a"],[1,"b"],[2,"c"]])");
  CHECK(Judge(good) == "");
  H unknown = H().Invoke(1, "append", R"(["a","b"])")
                  .Info(1, "append")
                  .Read(3, "[0,2]", R"([[0,"a"],[1,"b"]])")
                  .Append(2, kC, 2);
  CHECK(Judge(unknown) == "");
  H torn = H().Invoke(1, "append", R"(["a","b"])")
               .Invoke(2, "append", kC)
               .Read(3, "[0,2]", R"([[0,"a"],[1,"c"]])");
  CHECK(Judge(torn) == violation::kTwoValues);
  H apart = H().Invoke(1, "append", R"(["a","b"])")
                .Invoke(2, "append", kC)
                .Read(3, "[0,1]", R"([[0,"a"]])")
                .Read(4, "[2,3]", R"([[2,"b"]])");
  CHECK(Judge(apart) == violation::kRecordTwice);
  H headless = H().Invoke(1, "append", R"(["a","b"])").Read(3, "[0,1]", R"([[0,"b"]])");
  CHECK(Judge(headless) == violation::kRecordTwice);
}

TEST_CASE("Checker: an append of unknown outcome may appear late or never") {
  H never = H().Invoke(1, "append", kA).Info(1, "append").Append(2, kB, 0).Tail(3, 1);
  CHECK(Judge(never) == "");
  H late = H().Invoke(1, "append", kA)
               .Info(1, "append")
               .Append(2, kB, 0)
               .Tail(3, 1)
               .Read(4, "[0,3]", R"([[0,"b"],[1,"a"],{"unwritten":2}])");
  CHECK(Judge(late) == "");
  // It explains a position that nobody read, but only from its invocation on.
  H explains = H().Invoke(1, "append", kA).Info(1, "append").Append(2, kB, 1);
  CHECK(Judge(explains) == "");
  H too_late = H().Invoke(3, "append", kC)
                   .Append(2, kB, 1)
                   .Invoke(1, "append", kA)
                   .Info(1, "append")
                   .Fail(3, "append");
  CHECK(Judge(too_late) == violation::kUnexplained);
  // Seen by a reader, it began after a higher position was acknowledged.
  H order = H().Invoke(3, "append", kC)
                .Append(2, kB, 1)
                .Invoke(1, "append", kA)
                .Info(1, "append")
                .Read(4, "[0,2]", R"([[0,"a"],[1,"b"]])");
  CHECK(Judge(order) == violation::kRealTime);
  H vanishes =
      H().Invoke(1, "append", kA).Info(1, "append").Read(2, "[0,1]", R"([[0,"a"]])").Tail(3, 0);
  CHECK(Judge(vanishes) == violation::kTailBack);
}

TEST_CASE("Checker: a tail check covers what was acknowledged and no more than was invoked") {
  H good = H().Append(1, kA, 0).Invoke(2, "append", kB).Tail(3, 2).Ok(2, "append", "1");
  CHECK(Judge(good) == "");
  H low = H().Append(1, kA, 0).Tail(2, 0);
  CHECK(Judge(low) == violation::kTailLow);
  H high = H().Append(1, kA, 0).Tail(2, 2);
  CHECK(Judge(high) == violation::kTailHigh);
  H high_failed = H().Invoke(1, "append", kA).Tail(2, 1).Fail(1, "append");
  CHECK(Judge(high_failed) == violation::kTailHigh);
  H shown = H().Invoke(3, "append", kC).Tail(2, 1).Invoke(1, "append", kA).Ok(1, "append", "0");
  CHECK(Judge(shown) == violation::kBelowTail);
}

TEST_CASE("Checker: tail checks never go back") {
  H good = H().Invoke(1, "append", kA).Invoke(2, "tail").Tail(3, 1).Ok(2, "tail", "0");
  CHECK(Judge(good) == "");
  H bad = H().Invoke(1, "append", kA).Tail(2, 1).Tail(3, 0);
  CHECK(Judge(bad) == violation::kTailBack);
}

TEST_CASE("Checker: a stale tail may be low but never higher than what exists") {
  H good = H().Append(1, kA, 0).Tail(2, 0, R"("stale":true)").Tail(3, 1, R"("stale":true)");
  CHECK(Judge(good) == "");
  H bad = H().Append(1, kA, 0).Tail(2, 2, R"("stale":true)");
  CHECK(Judge(bad) == violation::kTailHigh);
  H proof = H().Invoke(1, "append", kA).Tail(2, 1, R"("stale":true)").Tail(3, 0);
  CHECK(Judge(proof) == violation::kTailBack);
}

TEST_CASE("Checker: reads are gapless and what they showed does not vanish") {
  H two = H().Append(1, kA, 0).Append(2, kB, 1);
  CHECK(Judge(H(two).Read(3, "[0]", R"([[0,"a"]])").Read(4, "[1]", R"([[1,"b"]])")) == "");
  CHECK(Judge(H(two).Read(3, "[0,2]", "[]")) == "");
  CHECK(Judge(H(two).Read(3, "[0,2]", R"([[1,"b"]])")) == violation::kNotGapless);
  CHECK(Judge(H(two).Read(3, "[0,2]", R"([[0,"a"],[0,"a"]])")) == violation::kNotGapless);
  CHECK(Judge(H(two).Read(3, "[0,1]", R"([[0,"a"],[1,"b"]])")) == violation::kNotGapless);
  H prefix = H().Invoke(1, "append", kA)
                 .Invoke(2, "append", kB)
                 .Read(3, "[0,2]", R"([{"unwritten":0},[1,"b"]])");
  CHECK(Judge(prefix) == violation::kNotGapless);
  H vanished = H().Invoke(1, "append", kA)
                   .Read(2, "[0,1]", R"([[0,"a"]])")
                   .Read(3, "[0,1]", R"([{"unwritten":0}])");
  CHECK(Judge(vanished) == violation::kVanished);
  H stale = H().Append(1, kA, 0)
                .Invoke(2, "read", "[0,1]")
                .Ok(2, "read", R"([{"unwritten":0}])", R"("stale":true)");
  CHECK(Judge(stale) == "");
}

TEST_CASE("Checker: a data loss gap needs injected damage") {
  H lost = H().Append(1, kA, 0).Append(2, kB, 1).Read(
      3, "[0,2]", R"([{"gap":[0,1],"reason":"data_loss"},[1,"b"]])");
  CHECK(Judge(lost) == violation::kDataLoss);
  CHECK(Judge(lost, Options{.allow_data_loss = true}) == "");
}

TEST_CASE("Checker: positions of one handle rise with its sequence numbers") {
  H good = H().Append(1, kA, 0, "", R"("sess":"w","seq":1)")
               .Append(2, R"(["b","c"])", 1, "", R"("sess":"w","seq":2)")
               .Append(3, R"("d")", 3, "", R"("sess":"w","seq":4)");
  CHECK(Judge(good) == "");
  H pipelined = H().Invoke(1, "append", kA, R"("sess":"w","seq":1)")
                    .Invoke(2, "append", kB, R"("sess":"w","seq":2)")
                    .Ok(1, "append", "1")
                    .Ok(2, "append", "0");
  CHECK(Judge(pipelined) == violation::kFifo);
  H unknown = H().Invoke(1, "append", kA, R"("sess":"w","seq":1)")
                  .Invoke(2, "append", kB, R"("sess":"w","seq":2)")
                  .Info(1, "append")
                  .Read(3, "[0,2]", R"([[0,"b"],[1,"a"]])");
  CHECK(Judge(unknown) == violation::kFifo);
  H handles = H().Invoke(1, "append", kA, R"("sess":"v","seq":1)")
                  .Invoke(2, "append", kB, R"("sess":"w","seq":2)")
                  .Ok(1, "append", "1")
                  .Ok(2, "append", "0");
  CHECK(Judge(handles) == "");
}

TEST_CASE("Checker: a record id names one record and a retry finds its position") {
  const std::string id = R"("sess":"w","seq":1)";
  H reused = H().Append(1, kA, 0, "", id).Append(2, kB, 1, "", id);
  CHECK(Judge(reused) == violation::kRecordId);
  H overlap =
      H().Append(1, R"(["a","b"])", 0, "", id).Append(2, kC, 2, "", R"("sess":"w","seq":2)");
  CHECK(Judge(overlap) == violation::kRecordId);
  H retry = H().Invoke(1, "append", kA, id)
                .Info(1, "append")
                .Append(2, kA, 0, "", id)
                .Append(3, kA, 0, "", id)
                .Tail(4, 1);
  CHECK(Judge(retry) == "");
  H moved = H().Invoke(9, "append", kC).Append(1, kA, 0, "", id).Append(2, kA, 1, "", id);
  CHECK(Judge(moved) == violation::kRetryMoved);
  H again = H().Invoke(1, "append", kA, id).Fail(1, "append").Append(2, kA, 0, "", id);
  CHECK(Judge(again) == "");
  // The first attempt failed, so the record cannot be older than the second one.
  H younger = H().Invoke(1, "append", kA, id)
                  .Invoke(9, "append", kC)
                  .Append(2, kB, 1)
                  .Append(3, kA, 0, "", id)
                  .Fail(1, "append");
  CHECK(Judge(younger) == violation::kRealTime);
  H no_retry = H().Append(1, kA, 0).Append(2, kA, 1);
  CHECK(Judge(no_retry) == violation::kMalformed);
  H same_batch = H().Append(1, R"(["a","a"])", 0);
  CHECK(Judge(same_batch) == violation::kMalformed);
}

TEST_CASE("Checker: trims cover every trimmed position and never go back for one handle") {
  const std::string gap = R"([{"gap":[0,1],"reason":"trimmed"},[1,"b"]])";
  const std::string reader = R"("sess":"r")";
  H two = H().Append(1, kA, 0).Append(2, kB, 1);
  CHECK(Judge(H(two).Trim(3, 1, 1).Read(4, "[0,2]", gap)) == "");
  CHECK(Judge(H(two).Invoke(3, "trim", "1").Read(4, "[0,2]", gap).Info(3, "trim")) == "");
  CHECK(Judge(H(two).Read(4, "[0,2]", gap)) == violation::kTrimInvented);
  CHECK(Judge(H(two).Read(4, "[0,2]", gap).Trim(3, 1, 1)) == violation::kTrimInvented);
  CHECK(Judge(H(two).Trim(3, 1, 2)) == violation::kTrimInvented);
  H failed = H(two).Invoke(3, "trim", "1").Read(4, "[0,2]", gap).Fail(3, "trim");
  CHECK(Judge(failed) == violation::kTrimInvented);
  CHECK(Judge(H(two).Trim(3, 9, 2)) == "");
  CHECK(Judge(H(two).Trim(3, 9, 3)) == violation::kTrimAhead);
  H other = H(two).Trim(3, 1, 1).Read(4, "[0,1]", R"([[0,"a"]])", reader);
  CHECK(Judge(other) == "");
  H shown =
      H(two).Trim(3, 1, 1).Read(4, "[0,2]", gap, reader).Read(5, "[0,1]", R"([[0,"a"]])", reader);
  CHECK(Judge(shown) == violation::kTrimBack);
  H fell = H(two).Trim(3, 2, 2, reader).Trim(4, 1, 1, reader);
  CHECK(Judge(fell) == violation::kTrimBack);
  CHECK(Judge(fell, Options{.allow_data_loss = true}) == "");
  CHECK(Judge(H(two).Trim(3, 2, 2).Trim(4, 1, 1)) == "");
}

TEST_CASE("Checker: logs of one history are judged apart") {
  H good = H().Append(1, kA, 0, R"("log":"x")", R"("log":"x")")
               .Append(2, kA, 0, R"("log":"y")", R"("log":"y")");
  absl::StatusOr<Report> report = CheckHistory(good.text());
  REQUIRE(report.ok());
  CHECK(report->ok);
  CHECK(report->counts.logs == 2);
  H bad = H(good).Append(3, kB, 0, R"("log":"y")", R"("log":"y")");
  report = CheckHistory(bad.text());
  REQUIRE(report.ok());
  CHECK(report->violation == violation::kTwoValues);
  CHECK(report->log == "y");
}

TEST_CASE("Checker: a history that cannot be judged is refused") {
  CHECK(Judge(H().Ok(1, "tail", "0")) == violation::kMalformed);
  CHECK(Judge(H().Invoke(1, "tail").Invoke(1, "tail")) == violation::kMalformed);
  CHECK(Judge(H().Invoke(1, "append", kA).Ok(1, "tail", "0")) == violation::kMalformed);
  CHECK(Judge(H().Invoke(1, "tail").Ok(1, "tail", "0").Ok(1, "tail", "0")) ==
        violation::kMalformed);
  CHECK(Judge(H().Invoke(1, "tail").Ok(1, "tail", "0", R"("log":"x")")) == violation::kMalformed);
  Checker back;
  back.Add({.t = 2});
  back.Add({.t = 1});
  CHECK(back.Finish().violation == violation::kMalformed);
}

TEST_CASE("Checker: a violation is found at once where that is cheap") {
  Checker checker;
  checker.Add({.type = EventType::kInvoke, .op = Op::kAppend, .id = 1, .values = {"a"}});
  checker.Add({.type = EventType::kOk, .op = Op::kAppend, .id = 1, .position = 0});
  checker.Add({.type = EventType::kInvoke, .op = Op::kTail, .id = 2});
  CHECK(checker.ok());
  checker.Add({.type = EventType::kOk, .op = Op::kTail, .id = 2, .position = 0});
  CHECK_FALSE(checker.ok());
  CHECK(checker.Finish().violation == violation::kTailLow);
  CHECK(checker.Finish().lines == std::vector<uint64_t>{1, 2, 3, 4});
}

TEST_CASE("Checker: a gap without a trim is found at once") {
  Checker checker;
  checker.Add({.type = EventType::kInvoke, .op = Op::kAppend, .id = 1, .values = {"a"}});
  checker.Add({.type = EventType::kInvoke, .op = Op::kRead, .id = 2, .from = 0});
  checker.Add(
      {.type = EventType::kOk, .op = Op::kRead, .id = 2, .items = {ReadItem::Trimmed(0, 1)}});
  CHECK_FALSE(checker.ok());
  CHECK(checker.Finish().violation == violation::kTrimInvented);
}

TEST_CASE("Checker: the report counts what the history exercised") {
  H history = H().Append(1, R"(["a","b"])", 0)
                  .Invoke(2, "append", kC)
                  .Info(2, "append")
                  .Invoke(3, "append", R"("d")")
                  .Fail(3, "append")
                  .Invoke(4, "append", R"("e")")
                  .Tail(5, 2)
                  .Tail(6, 1, R"("stale":true)")
                  .Trim(7, 1, 1)
                  .Read(8, "[0,2]", R"([{"gap":[0,1],"reason":"trimmed"},[1,"b"]])")
                  .Chain(9, 1, Segment(0, 0))
                  .Chain(10, 2, Segment(0, 0) + "," + Segment(1, 2));
  absl::StatusOr<Report> report = CheckHistory(history.text());
  REQUIRE(report.ok());
  CHECK(report->violation == "");
  const Counts& counts = report->counts;
  CHECK(counts.events == 19);
  CHECK(counts.acked_appends == 1);
  CHECK(counts.acked_records == 2);
  CHECK(counts.unknown_appends == 2);
  CHECK(counts.failed_appends == 1);
  CHECK(counts.tails == 1);
  CHECK(counts.stale_tails == 1);
  CHECK(counts.trims == 1);
  CHECK(counts.reads == 1);
  CHECK(counts.records_read == 1);
  CHECK(counts.gaps == 1);
  CHECK(counts.chain_observations == 2);
  CHECK(counts.chain_changes == 1);
}

}  // namespace
}  // namespace vlog::checker

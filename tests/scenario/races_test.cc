// The races that a virtual log must win, by name (FAULTS.md section 4).
#include <algorithm>
#include <catch2/catch.hpp>

#include "scenario/race_world.h"

namespace vlog::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

size_t Count(const std::vector<std::string>& texts, const std::string& text) {
  return static_cast<size_t>(std::count(texts.begin(), texts.end(), text));
}

// The batch "x" lies on store 0 alone, and nobody has acknowledged it.
AppendOutcome LeaveOnOneStore(RaceWorld& race, const std::string& client) {
  race.cluster.SetStoreDeaf(1, true);
  race.cluster.SetStoreDeaf(2, true);
  AppendOutcome append = race.StartAppend(client, "x");
  race.Pass(milliseconds(30));
  CHECK_FALSE(append->has_value());
  return append;
}

TEST_CASE("Race 1: two sealers learn different tails and the chain picks one") {
  int with = 0;
  int without = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    RaceWorld race(seed);
    race.Append("writer", "before");
    race.Log("a");
    race.Log("b");
    AppendOutcome x = LeaveOnOneStore(race, "writer");
    race.cluster.Cut(race.Life("a"), 2);  // sees "x" on store 0
    race.cluster.Cut(race.Life("b"), 0);  // does not
    auto one = race.StartSwap("a", "by a");
    auto two = race.StartSwap("b", "by b");
    REQUIRE(race.Until([&] { return one->has_value() && two->has_value(); }));
    auto chain = race.ReadChain("a");
    Lsn end = *chain->EndOf(SegmentIndex(0));
    CHECK((end == Lsn(1) || end == Lsn(2)));
    ++(end == Lsn(2) ? with : without);
    REQUIRE(race.Until([&] { return x->has_value(); }));
    REQUIRE((*x)->ok());
    CHECK(Count(race.ReadAll("b"), "x") == 1);
    CHECK(race.Judge().empty());
  }
  CHECK(with > 5);
  CHECK(without > 5);
}

TEST_CASE("Race 2: whoever swaps may die at any step and somebody else finishes") {
  for (uint64_t steps = 0; steps < 160; ++steps) {
    CAPTURE(steps);
    RaceWorld race(7);
    race.Append("writer", "one");
    race.Log("swapper");
    auto swap = race.StartSwap("swapper", "planned");
    for (uint64_t i = 0; i < steps; ++i) race.world.Step();
    bool done = swap->has_value();
    race.Crash("swapper");
    race.Append("writer", "two");
    auto chain = race.ReadChain("writer");
    if (done) CHECK(chain->last().made.reason == "planned");
    // A swap that was declared is the one that happens, whoever finishes it.
    if (chain->segments().size() > 1) {
      CHECK(chain->segments()[1].made.reason.substr(0, 7) == "planned");
    }
    CHECK(race.Judge().empty());
  }
}

TEST_CASE("Race 3: an append is acknowledged just while the seal reaches its quorum") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    RaceWorld race(seed);
    race.Append("writer", "zero");
    race.Log("swapper");
    std::vector<AppendOutcome> appends;
    auto swap = race.StartSwap("swapper", "under load");
    for (int i = 0; i < 20; ++i) {
      appends.push_back(race.StartAppend("writer", "r" + std::to_string(i)));
      race.Pass(std::chrono::microseconds(100));
    }
    for (AppendOutcome& append : appends) {
      REQUIRE(race.Until([&] { return append->has_value(); }));
      INFO((*append)->status().ToString());
      CHECK((*append)->ok());
    }
    REQUIRE(race.Until([&] { return swap->has_value(); }));
    CHECK(race.Judge().empty());
  }
}

TEST_CASE("Race 4: a batch on a minority is repaired before the swap, or sent again after it") {
  for (int cut : {0, 2}) {
    CAPTURE(cut);
    RaceWorld race(3);
    race.Append("writer", "before");
    race.Log("swapper");
    AppendOutcome x = LeaveOnOneStore(race, "writer");
    race.cluster.Cut(race.Life("swapper"), cut);
    race.Swap("swapper");
    REQUIRE(race.Until([&] { return x->has_value(); }));
    REQUIRE((*x)->ok());
    CHECK(**x->operator->() == Lsn(1));
    Lsn end = *race.ReadChain("swapper")->EndOf(SegmentIndex(0));
    CHECK(end == (cut == 2 ? Lsn(2) : Lsn(1)));
    CHECK(Count(race.ReadAll("swapper"), "x") == 1);
    CHECK(race.Judge().empty());
  }
}

TEST_CASE("Race 5: a client whose chain is many versions old is right in all it does") {
  RaceWorld race(5);
  race.Append("old", "a");
  for (int i = 0; i < 6; ++i) {
    race.Swap("new", "swap " + std::to_string(i));
    race.Append("new", "n" + std::to_string(i));
  }
  SECTION("append") { CHECK(race.Append("old", "b") == Lsn(7)); }
  SECTION("tail") { CHECK(race.Tail("old") == Lsn(7)); }
  SECTION("read") { CHECK(race.ReadAll("old").size() == 7); }
  SECTION("trim") {
    CHECK(race.Trim("old", Lsn(4)) == Lsn(4));
    CHECK(race.ReadAll("new").size() == 3);
  }
  SECTION("swap") { race.Swap("old"); }
  CHECK(race.Judge().empty());
}

TEST_CASE("Race 12: a reader that is parked at the end of a sealed segment wakes up") {
  RaceWorld race(12);
  race.Append("writer", "a");
  auto reader = race.Log("reader").NewReader(Lsn(1));
  auto next = StartTask(race.Env("reader"), reader->Next());
  race.Pass(milliseconds(50));
  CHECK_FALSE(next->has_value());
  race.Swap("swapper");
  race.Append("writer", "b");
  REQUIRE(race.Until([&] { return next->has_value(); }, seconds(5)));
  REQUIRE((*next)->ok());
  CHECK((**next)->runs.front().begin == Lsn(1));
  CHECK(race.Judge().empty());
}

TEST_CASE("Race 13: a client that has not learnt the tail trims what it was asked to") {
  RaceWorld race(13);
  for (int i = 0; i < 5; ++i) race.Append("writer", std::to_string(i));
  CHECK(race.Trim("stranger", Lsn(3)) == Lsn(3));
  CHECK(race.ReadAll("writer").size() == 2);
  CHECK(race.Judge().empty());
}

TEST_CASE("Race 14: a trim past a segment's end, and past the tail") {
  RaceWorld race(14);
  for (int i = 0; i < 3; ++i) race.Append("writer", std::to_string(i));
  race.Swap("writer");
  for (int i = 3; i < 6; ++i) race.Append("writer", std::to_string(i));
  CHECK(race.Trim("writer", Lsn(4)) == Lsn(4));
  CHECK(race.ReadChain("writer")->segments().size() == 1);
  CHECK(race.Trim("writer", Lsn(100)) == Lsn(6));
  CHECK(race.Append("writer", "next") == Lsn(6));
  CHECK(race.Judge().empty());
}

TEST_CASE("Race 15: a truncate overtakes a slow reader, who is told so") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    RaceWorld race(seed);
    for (int i = 0; i < 12; ++i) {
      race.Append("writer", std::to_string(i));
      if (i % 4 == 3) race.Swap("writer");
    }
    auto reader = race.Log("reader").NewReader(Lsn(0));
    reader->set_read_bytes(1);
    REQUIRE(race.Run("reader", reader->Next()).ok());
    auto reading = StartTask(race.Env("reader"), reader->Next());
    auto trim = StartTask(race.Env("writer"), race.Log("writer").Trim(Lsn(9)));
    uint64_t id = race.history.InvokeTrim("races", "t", Lsn(9));
    REQUIRE(race.Until([&] { return reading->has_value() && trim->has_value(); }));
    race.history.Ok("races", checker::Op::kTrim, id, ***trim);
    Lsn last = reader->position();
    bool told = (**reading)->gap.has_value();
    while (reader->position() < Lsn(12)) {
      StatusOr<virtuallog::ReadItem> item = race.Run("reader", reader->Next());
      REQUIRE(item.ok());
      if (item->gap) {
        CHECK(item->gap->begin == last);
        CHECK(item->gap->end <= Lsn(9));
        told = true;
      } else {
        CHECK(item->runs.front().begin == last);
      }
      last = reader->position();
    }
    CHECK(told);
    CHECK(race.Judge().empty());
  }
}

TEST_CASE("Race 25: what one replica calls sealed is resolved, not told as failed") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    RaceWorld race(seed);
    race.Append("writer", "a");
    std::vector<AppendOutcome> appends;
    for (int i = 0; i < 3; ++i) {
      appends.push_back(race.StartAppend("writer", "x" + std::to_string(i)));
    }
    race.Pass(std::chrono::microseconds(300));
    race.SealOnly("sealer");
    for (AppendOutcome& append : appends) {
      REQUIRE(race.Until([&] { return append->has_value(); }));
      CHECK((*append)->ok());
    }
    std::vector<std::string> all = race.ReadAll("writer");
    for (int i = 0; i < 3; ++i) CHECK(Count(all, "x" + std::to_string(i)) == 1);
    CHECK(race.Judge().empty());
  }
}

TEST_CASE("Race 42: the range that would resolve an append was trimmed") {
  RaceWorld race(42);
  race.Append("writer", "a");
  race.Log("swapper");
  AppendOutcome x = LeaveOnOneStore(race, "writer");
  // The writer cannot reach a store to look, while the others swap and trim everything.
  for (int number = 0; number < kStores; ++number) {
    race.cluster.SetStoreDeaf(number, false);
    race.cluster.Cut(race.Life("writer"), number);
  }
  race.Swap("swapper");
  Lsn tail = race.Tail("swapper");
  race.Append("swapper", "b");
  race.Swap("swapper");
  race.Append("swapper", "c");
  race.Trim("swapper", tail + 1);
  race.cluster.Mend();
  REQUIRE(race.Until([&] { return x->has_value(); }));
  // It was found in time, appended again, or cannot be told: never "not appended", never twice.
  CHECK(((*x)->ok() || absl::IsUnknown((*x)->status())));
  CHECK(Count(race.ReadAll("swapper"), "x") <= 1);
  CHECK(race.Judge().empty());
}

TEST_CASE("Race 43: the raised tail of a sealed and repaired server is no proof") {
  int told_of_first = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    RaceWorld race(seed);
    race.Append("writer", "a");
    race.Log("loser");
    race.Log("winner");
    race.Log("looker");
    AppendOutcome x = LeaveOnOneStore(race, "writer");
    // The loser repairs "x" to a sealed server; the winner publishes the shorter end.
    race.cluster.Cut(race.Life("loser"), 2);
    race.cluster.Cut(race.Life("winner"), 0);
    auto lost = race.StartSwap("loser", "longer");
    auto won = race.StartSwap("winner", "shorter");
    // Of a later segment it may tell of "x" before the writer has heard.
    Lsn seen_of_first;
    while (!lost->has_value() || !won->has_value()) {
      Lsn seen = race.Tail("looker");
      bool of_first = race.Log("looker").known_chain()->last().index == SegmentIndex(0);
      if (of_first) seen_of_first = std::max(seen_of_first, seen);
      told_of_first += of_first ? 1 : 0;
      race.Pass(std::chrono::microseconds(100));
    }
    Lsn end = *race.ReadChain("looker")->EndOf(SegmentIndex(0));
    CHECK(seen_of_first <= end);
    CHECK(race.Judge().empty());
  }
  CHECK(told_of_first > 10);
}

TEST_CASE("Race 48: sixty-four helpers at once leave one successor") {
  RaceWorld race(48);
  race.Append("c0", "first");
  std::vector<std::unique_ptr<virtuallog::Appender>> handles;
  race.SealOnly("sealer");
  std::vector<AppendOutcome> appends;
  for (int i = 0; i < 64; ++i) {
    appends.push_back(race.StartAppend("c" + std::to_string(i % 8), "h" + std::to_string(i)));
  }
  for (int i = 0; i < 56; ++i) {
    auto reader = race.Log("c" + std::to_string(i % 8)).CheckTail();
    StartTask(race.Env("c" + std::to_string(i % 8)), std::move(reader));
  }
  for (AppendOutcome& append : appends) {
    REQUIRE(race.Until([&] { return append->has_value(); }));
    CHECK((*append)->ok());
  }
  CHECK(race.ReadChain("c0")->segments().size() == 2);
  CHECK(race.ReadAll("c0").size() == 65);
  CHECK(race.Judge().empty());
}

TEST_CASE("Race 49: an intent from long ago does not bind today's fail-over") {
  RaceWorld race(49);
  race.Append("writer", "a");
  race.Log("planner");
  auto swap = race.StartSwap("planner", "last month's plan");
  REQUIRE(race.Until([&] { return race.cluster.chain("races")->intent().has_value(); }));
  race.Crash("planner");
  REQUIRE(race.ReadChain("writer")->intent().has_value());
  REQUIRE(race.ReadChain("writer")->segments().size() == 1);
  race.Pass(seconds(60));
  race.SealOnly("sealer");
  race.Append("writer", "b");
  std::string reason = race.ReadChain("writer")->last().made.reason;
  CHECK(reason.find("last month") == std::string::npos);
  CHECK(race.Judge().empty());
}

TEST_CASE("Race 50: a truncate between intent and compare-and-set spoils neither") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    RaceWorld race(seed);
    for (int i = 0; i < 3; ++i) {
      race.Append("writer", std::to_string(i));
      race.Swap("writer");
    }
    race.Log("swapper");
    auto swap = race.StartSwap("swapper", "planned");
    uint64_t steps = race.world.RandomBelow(60);
    for (uint64_t i = 0; i < steps; ++i) race.world.Step();
    CHECK(race.Trim("writer", Lsn(2)) == Lsn(2));
    REQUIRE(race.Until([&] { return swap->has_value(); }));
    INFO((*swap)->ToString());
    CHECK((*swap)->ok());
    CHECK(race.ReadAll("swapper").size() == 1);
    CHECK(race.Judge().empty());
  }
}

}  // namespace
}  // namespace vlog::testing

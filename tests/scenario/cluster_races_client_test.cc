// Races of readers, writers and old chains on a whole cluster.
#include <algorithm>
#include <catch2/catch.hpp>

#include "scenario/cluster_scene.h"
#include "testing/sim.h"

namespace vlog::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 12;

void SwapNow(ClusterScene& scene, SceneClient& client) {
  Outcome<Status> swapped = scene.StartSwap(client);
  REQUIRE(scene.Until([&] { return swapped->has_value(); }));
  REQUIRE((*swapped)->ok());
}

Task<StatusOr<virtuallog::ReadItem>> ReadNext(virtuallog::Reader* reader, Instant deadline) {
  co_return co_await reader->Next(deadline);
}

TEST_CASE(
    "Race 5: a client of a cluster whose chain is many versions old is right in all it does") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto active = scene.NewClient("active");
    auto stale = scene.NewClient("stale");
    REQUIRE(scene.AppendNow(*stale).ok());
    scene.fabric().Isolate({"stale"});
    for (int round = 0; round < 6; ++round) {
      REQUIRE(scene.AppendNow(*active).ok());
      SwapNow(scene, *active);
    }
    REQUIRE(scene.AppendNow(*active).ok());
    auto known = stale->log->known_chain();
    auto newest = scene.Run(*active, active->log->ReadChain());
    REQUIRE(newest.ok());
    REQUIRE((*newest)->last().index.value() >= known->last().index.value() + 6);
    scene.fabric().HealAll();
    // All at once, so that nothing is learnt from what came before.
    AppendedAt appended = scene.Append(*stale);
    auto trimmed = StartTask(*stale->env, stale->log->Trim(Lsn(3)));
    auto tail = scene.CheckTail(*stale);
    REQUIRE(tail.ok());
    CHECK(*tail >= Lsn(8));
    REQUIRE(scene.Until([&] { return appended->has_value() && trimmed->has_value(); }));
    REQUIRE((*appended)->ok());
    CHECK((*appended)->value() >= Lsn(8));
    REQUIRE((*trimmed)->ok());
    CHECK((*trimmed)->value() == Lsn(3));
    auto reader = stale->log->NewReader(Lsn(3));
    Instant deadline = scene.world().now() + seconds(10);
    auto item = scene.Run(*stale, ReadNext(reader.get(), deadline));
    REQUIRE(item.ok());
    CHECK(HistoryRecorder::Items(*item).front() == checker::ReadItem::Record(3, "active.2"));
  }
}

TEST_CASE("Race 12: a reader of a cluster that is parked at a sealed tail wakes up") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto reading = scene.NewClient("reading");
    auto writer = scene.NewClient("writer");
    StatusOr<Lsn> at = scene.AppendNow(*writer);
    REQUIRE(at.ok());
    auto reader = reading->log->NewReader(*at + 1);
    auto next = StartTask(*reading->env, ReadNext(reader.get(), Instant::Max()));
    scene.RunFor(milliseconds(100 * static_cast<int64_t>(seed)));
    for (int swap = 0; swap < 3; ++swap) SwapNow(scene, *writer);
    scene.RunFor(milliseconds(50 * static_cast<int64_t>(seed)));
    CHECK_FALSE(next->has_value());
    REQUIRE(scene.AppendNow(*writer).ok());
    Instant appended = scene.world().now();
    REQUIRE(scene.Until([&] { return next->has_value(); }));
    CHECK(scene.world().now() - appended < seconds(1));
    REQUIRE((*next)->ok());
    CHECK(HistoryRecorder::Items((*next)->value()).front() ==
          checker::ReadItem::Record(at->value() + 1, "writer.1"));
    reader.reset();
  }
}

TEST_CASE("Race 25: a client of a cluster that hears of a seal instead of an answer appends once") {
  int stored_before = 0;
  for (uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    auto sealer = scene.NewClient("sealer");
    REQUIRE(scene.AppendNow(*writer).ok());
    // The answer does not come; what was asked may have arrived.
    AppendedAt lost = scene.Append(*writer);
    scene.Step(seed);
    for (const char* node : {"n1", "n2", "n3"}) scene.fabric().Cut(node, "writer");
    AppendedAt behind = scene.Append(*writer);
    scene.RunFor(milliseconds(50));
    Outcome<Status> sealed = scene.StartFailOver(*sealer);
    REQUIRE(scene.Until([&] { return sealed->has_value(); }));
    CHECK_FALSE(lost->has_value());
    scene.fabric().HealAll();
    REQUIRE(scene.Until([&] { return lost->has_value() && behind->has_value(); }));
    REQUIRE((*lost)->ok());
    REQUIRE((*behind)->ok());
    CHECK((*lost)->value() < (*behind)->value());
    auto chain = scene.Run(*sealer, sealer->log->ReadChain());
    REQUIRE(chain.ok());
    stored_before += (*lost)->value() < *(*chain)->EndOf(SegmentIndex(0));
    std::vector<std::string> records = scene.ReadAll(*sealer);
    CHECK(std::count(records.begin(), records.end(), "writer.1") == 1);
    CHECK(std::count(records.begin(), records.end(), "writer.2") == 1);
    CHECK(scene.Verdict() == "");
  }
  CHECK(stored_before > 0);
}

TEST_CASE("Race 29: a run of a cluster in which nothing happened is told by its counts") {
  SimScenario idle = *FindSimScenario("cluster");
  idle.steps_a_life = 1;
  SimVerdict verdict = RunSim(idle, 29, false);
  CHECK(verdict.acked < 10);
  CHECK(verdict.swaps_under_load == 0);
  CHECK(verdict.faults["crash"] == 0);
  // And one in which it did.
  SimVerdict busy = RunSim(*FindSimScenario("cluster"), 29, false);
  CHECK(busy.ok);
  CHECK(busy.acked > 200);
}

}  // namespace
}  // namespace vlog::testing

// Races of seals, tails and repairs on a whole cluster.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "scenario/cluster_scene.h"

namespace vlog::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 12;

// How many segments the newest chain has ever had.
uint64_t Segments(ClusterScene& scene, SceneClient& client) {
  auto chain = scene.Run(client, client.log->ReadChain());
  REQUIRE(chain.ok());
  return (*chain)->last().index.value() + 1;
}

// A batch of `client` lies on node 1, the sequencer's, and maybe on others, and is not committed:
// node 1 hears nobody, and only `reached` of the others hear it.
AppendedAt AppendOnMinority(ClusterScene& scene, SceneClient& client,
                            const std::set<uint64_t>& reached) {
  for (uint64_t node : {2, 3}) {
    scene.fabric().Cut(NodeWorld::Host(node), "n1");
    if (!reached.contains(node)) scene.fabric().Cut("n1", NodeWorld::Host(node));
  }
  AppendedAt appended = scene.Append(client);
  scene.RunFor(milliseconds(20));
  return appended;
}

TEST_CASE("Race 1: of two sealers on a cluster with different tails the chain picks one") {
  int with = 0;
  int without = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    auto one = scene.NewClient("one");
    auto other = scene.NewClient("other");
    REQUIRE(scene.AppendNow(*writer).ok());
    AppendedAt late = AppendOnMinority(scene, *writer, {});
    CHECK_FALSE(late->has_value());
    // One sealer hears of the batch on node 1, the other one does not.
    scene.Cut("one", "n2");
    scene.Cut("other", "n1");
    Outcome<Status> first = scene.StartFailOver(*one);
    Outcome<Status> second = scene.StartFailOver(*other);
    CHECK(scene.Until([&] { return second->has_value(); }));
    scene.fabric().HealAll();
    CHECK(scene.Until([&] { return first->has_value() && late->has_value(); }));
    REQUIRE((*late)->ok());
    auto chain = scene.Run(*other, other->log->ReadChain());
    REQUIRE(chain.ok());
    // The first segment holds one record, or also the one that lay on a minority.
    ++(*(*chain)->EndOf(SegmentIndex(0)) == Lsn(1) ? without : with);
    CHECK(scene.Verdict() == "");
  }
  CHECK(with + without == kSeeds);
  CHECK(without > 0);
}

TEST_CASE("Race 3: an append on a cluster is acknowledged while the seal reaches its quorum") {
  int meanwhile = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    auto sealer = scene.NewClient("sealer");
    scene.Load(*writer);
    scene.RunFor(milliseconds(100 + 7 * static_cast<int64_t>(seed)));
    uint64_t before = scene.acked();
    Outcome<Status> sealed = scene.StartFailOver(*sealer);
    CHECK(scene.Until([&] { return sealed->has_value(); }));
    CHECK((*sealed)->ok());
    meanwhile += scene.acked() > before;
    CHECK(Segments(scene, *sealer) == 2);
    scene.RunFor(milliseconds(200));
    writer.reset();
    CHECK(scene.Verdict() == "");
  }
  CHECK(meanwhile > 0);
}

TEST_CASE("Race 4: a batch on a minority of a cluster is repaired, or sent again after the swap") {
  for (bool repaired : {true, false}) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      CAPTURE(repaired, seed);
      ClusterScene scene(seed);
      auto writer = scene.NewClient("writer");
      auto sealer = scene.NewClient("sealer");
      REQUIRE(scene.AppendNow(*writer).ok());
      std::set<uint64_t> reached;
      if (repaired) reached = {2};
      AppendedAt late = AppendOnMinority(scene, *writer, reached);
      scene.Cut("sealer", "n1");
      scene.Cut("writer", "n2");
      scene.Cut("writer", "n3");
      Outcome<Status> sealed = scene.StartFailOver(*sealer);
      REQUIRE(scene.Until([&] { return sealed->has_value(); }));
      auto chain = scene.Run(*sealer, sealer->log->ReadChain());
      REQUIRE(chain.ok());
      CHECK((*chain)->EndOf(SegmentIndex(0)) == Lsn(repaired ? 2 : 1));
      scene.fabric().HealAll();
      REQUIRE(scene.Until([&] { return late->has_value(); }));
      CHECK((*late)->ok());
      // Once, wherever it is.
      std::vector<std::string> records = scene.ReadAll(*sealer);
      CHECK(std::count(records.begin(), records.end(), "writer.1") == 1);
      CHECK(scene.Verdict() == "");
    }
  }
}

TEST_CASE("Race 6: seals on alternating majorities of a cluster do not go on for ever") {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    auto one = scene.NewClient("one");
    auto other = scene.NewClient("other");
    scene.Load(*writer);
    scene.Cut("one", "n3");
    scene.Cut("other", "n1");
    scene.Cut("n1", "n3");
    for (int round = 0; round < 4; ++round) {
      Outcome<Status> first = scene.StartFailOver(*one);
      Outcome<Status> second = scene.StartFailOver(*other);
      CHECK(scene.Until([&] { return first->has_value() && second->has_value(); }));
    }
    // With the same cuts the log goes on.
    uint64_t before = scene.acked();
    CHECK(scene.Until([&] { return scene.acked() > before + 20; }));
    CHECK(Segments(scene, *writer) < 40);
    writer.reset();
    CHECK(scene.Verdict() == "");
  }
}

TEST_CASE("Race 31: on a cluster a zombie sends again what a repair copied, and is not heard") {
  int unheard = 0;
  for (uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    auto loser = scene.NewClient("loser");
    auto winner = scene.NewClient("winner");
    REQUIRE(scene.AppendNow(*writer).ok());
    AppendedAt late = AppendOnMinority(scene, *writer, {});
    // One sealer copies the batch from node 1 to node 3; the other one hears only of 2 and 3.
    scene.Cut("loser", "n2");
    scene.Cut("winner", "n1");
    Outcome<Status> first = scene.StartFailOver(*loser);
    Outcome<Status> second = scene.StartFailOver(*winner);
    // The sequencer reaches node 3 again in the middle of it, at a moment that the seed chooses.
    scene.Step(25 * seed);
    scene.fabric().Heal("n1", "n3");
    scene.fabric().Heal("n3", "n1");
    CHECK(scene.Until([&] { return second->has_value(); }));
    auto chain = scene.Run(*winner, winner->log->ReadChain());
    REQUIRE(chain.ok());
    unheard += (*chain)->EndOf(SegmentIndex(0)) == Lsn(1);
    scene.RunFor(milliseconds(500));
    scene.fabric().HealAll();
    REQUIRE(scene.Until([&] { return late->has_value(); }));
    REQUIRE((*late)->ok());
    std::vector<std::string> records = scene.ReadAll(*winner);
    CHECK(std::count(records.begin(), records.end(), "writer.1") == 1);
    CHECK(scene.Verdict() == "");
  }
  CHECK(unheard > 0);
}

TEST_CASE("Race 43: the tails of servers that a dead sealer repaired are no proof on a cluster") {
  int died = 0;
  for (uint64_t seed = 1; seed <= 3 * kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    auto sealer = scene.NewClient("sealer");
    auto reader = scene.NewClient("reader");
    REQUIRE(scene.AppendNow(*writer).ok());
    AppendedAt late = AppendOnMinority(scene, *writer, {2});
    scene.Cut("sealer", "n1");
    scene.Cut("reader", "n2");
    Outcome<Status> sealed = scene.StartFailOver(*sealer);
    scene.Step(25 * seed);
    died += !sealed->has_value();
    sealer.reset();
    scene.fabric().Heal("n1", "n3");
    scene.fabric().Heal("n3", "n1");
    // Whoever comes next sees the same tail for ever, whether or not he hears of the batch.
    StatusOr<Lsn> tail = scene.CheckTail(*reader);
    std::vector<std::string> records = scene.ReadAll(*reader);
    if (tail.ok() && !records.empty()) CHECK(records.size() >= tail->value());
    scene.fabric().HealAll();
    REQUIRE(scene.Until([&] { return late->has_value(); }));
    CHECK(scene.Verdict() == "");
  }
  CHECK(died > 0);
}

TEST_CASE("Race 44: a tail check on a cluster does not join a round that began before it") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto client = scene.NewClient("client");
    for (const char* node : {"n2", "n3"}) {
      scene.fabric().SetDelay(node, "client", milliseconds(40), milliseconds(60));
    }
    for (int i = 0; i < 20; ++i) {
      // Two servers have answered the first round, and their answers are on their way, when an
      // append is acknowledged.
      auto early = StartTask(*client->env, client->log->CheckTail());
      scene.RunFor(milliseconds(3));
      StatusOr<Lsn> at = scene.AppendNow(*client);
      REQUIRE(at.ok());
      StatusOr<Lsn> tail = scene.CheckTail(*client);
      REQUIRE(tail.ok());
      CHECK(*tail > *at);
      CHECK(scene.Until([&] { return early->has_value(); }));
    }
    client.reset();
    CHECK(scene.Verdict() == "");
  }
}

}  // namespace
}  // namespace vlog::testing

// The races of FAULTS.md that concern Raft, by name, on whole simulated nodes. The finer ones are
// told in tests/golden/raft/.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "loglets/raft/raft_replica.h"
#include "scenario/replicated_world.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::Sealed;
using loglets::Tail;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 20;

// Three nodes, of which node 1 leads, and two clients.
struct Scene {
  explicit Scene(uint64_t seed)
      : w(seed, 3, loglets::raft::RaftReplicaKind()),
        one(w.NewClient("c1")),
        two(w.NewClient("c2")) {
    params = w.Propose(*one);
    log = w.Open(*one, params);
    other = w.Open(*two, params);
  }
  void Fill(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) REQUIRE(w.Append(*log, 1, i).value() == Offset(i));
  }
  StatusOr<Tail> CheckTail() { return w.Run(*two, other->CheckTail()); }
  void CheckAll(uint64_t from, uint64_t to) {
    StatusOr<std::vector<std::string>> all = w.ReadAll(*two, *other, from, to);
    REQUIRE(all.ok());
    REQUIRE(all->size() == to - from);
    for (uint64_t i = from; i < to; ++i) CHECK((*all)[i - from] == "w1." + std::to_string(i));
  }
  void CutOff(uint64_t node) {
    for (uint64_t peer = 1; peer <= 3; ++peer) {
      if (peer == node) continue;
      w.fabric.Cut(w.Host(node), w.Host(peer));
      w.fabric.Cut(w.Host(peer), w.Host(node));
    }
  }

  ReplicatedWorld w;
  std::unique_ptr<ReplicatedClient> one;
  std::unique_ptr<ReplicatedClient> two;
  std::string params;
  std::shared_ptr<Loglet> log;
  std::shared_ptr<Loglet> other;
};

TEST_CASE("Raft race 19: the leader is cut off while it seals") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 5);
    s.CutOff(1);
    // The cut-off leader can still be asked; nothing that it begins is ever decided by it.
    Appended append = StartAppend(*s.log, MakeBatch(1, 5, 1));
    StatusOr<Sealed> sealed = s.w.Run(*s.two, s.other->Seal("two"));
    REQUIRE(sealed.ok());
    CHECK(sealed->proposal == "two");
    StatusOr<Offset> appended = s.w.Wait(append);
    // An append that was acknowledged lies below the tail, whoever acknowledged it.
    CHECK(sealed->tail >= Offset(5));
    if (appended.ok()) CHECK(*appended < sealed->tail);
    s.w.fabric.HealAll();
    s.CheckAll(0, sealed->tail.value());
    StatusOr<Sealed> again = s.w.Run(*s.one, s.log->Seal("one"));
    REQUIRE(again.ok());
    CHECK(again->tail == sealed->tail);
    CHECK(again->proposal == "two");
  }
}

TEST_CASE("Raft race 19: a leader that was cut off answers no tail check of its own") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 3);
    s.CutOff(1);
    s.w.fabric.Cut("c2", "n1");
    REQUIRE(s.w.Append(*s.other, 2, 0).ok());  // by a new leader
    StatusOr<Tail> tail = s.w.Run(*s.one, s.log->CheckTail());
    if (tail.ok()) CHECK(tail->offset == Offset(4));
  }
}

TEST_CASE("Raft race 38: a follower comes back behind what was trimmed, and catches up") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 3);
    s.w.CrashNode(3);
    s.Fill(3, 20);
    REQUIRE(s.w.Run(*s.one, s.log->Trim(Offset(12))).ok());
    s.w.StartNode(3);
    s.Fill(20, 25);
    // It is one of the two that go on.
    REQUIRE(s.w.Until([&] { return s.w.RowOf(3) && s.w.RowOf(3)->tail == Offset(25); }));
    s.w.CrashNode(2);
    for (uint64_t i = 25; i < 30; ++i) REQUIRE(s.w.Append(*s.log, 1, i).ok());
    CHECK(s.CheckTail()->offset == Offset(30));
    s.CheckAll(12, 30);
  }
}

TEST_CASE("Raft race 40: a writer's pipelined batches are neither doubled nor reordered") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.w.fabric.SetLoss(0.02, milliseconds(200));
    std::vector<Appended> appends;
    for (uint64_t i = 0; i < 60; ++i) {
      if (i >= 8) REQUIRE(s.w.Wait(appends[i - 8]).ok());
      appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      if (i % 20 != 10) continue;
      uint64_t leader = s.w.Leader();
      if (leader == 0) continue;
      uint64_t steps = s.w.world.RandomBelow(100);
      s.w.Until([&] { return steps-- == 0; });
      s.w.RestartNode(leader);
    }
    for (uint64_t i = 0; i < 60; ++i) CHECK(s.w.Wait(appends[i]).value() == Offset(i));
    s.w.fabric.SetLoss(0);
    s.CheckAll(0, 60);
  }
}

TEST_CASE("Raft race 41: the writers' table survives trims, restarts and moves") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 2);
    s.w.CrashNode(3);
    s.Fill(2, 10);
    REQUIRE(s.w.Run(*s.one, s.log->Trim(Offset(10))).ok());
    s.w.StartNode(3);
    REQUIRE(s.w.Until([&] { return s.w.RowOf(3) && s.w.RowOf(3)->tail == Offset(10); }));
    for (uint64_t node = 1; node <= 3; ++node) s.w.RestartNode(node);
    // Node 3 was moved up; it must know as well as the others who wrote what.
    s.w.CrashNode(1 + seed % 2);
    auto fresh = s.w.Open(*s.two, s.params);
    CHECK(s.w.Append(*fresh, 1, 9).value() == Offset(9));
    CHECK(s.w.Append(*fresh, 1, 10).value() == Offset(10));
  }
}

TEST_CASE(
    "Raft race 46: power is lost everywhere, again and again, and nothing is lost or doubled") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    std::vector<Appended> appends;
    for (uint64_t i = 0; i < 20; ++i) {
      appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      if (i % 5 == 3) {
        uint64_t steps = s.w.world.RandomBelow(150);
        s.w.Until([&] { return steps-- == 0; });
        for (uint64_t node = 1; node <= 3; ++node) s.w.CrashNode(node);
        for (uint64_t node = 1; node <= 3; ++node) s.w.StartNode(node);
      }
      REQUIRE(s.w.Wait(appends[i]).ok());
    }
    for (uint64_t i = 0; i < 20; ++i) CHECK(s.w.Wait(appends[i]).value() == Offset(i));
    s.CheckAll(0, 20);
  }
}

TEST_CASE("Raft race 8: a node whose disk was replaced votes for nobody") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 5);
    s.w.CrashNode(3);
    s.w.WipeNode(3);
    s.Fill(5, 10);
    s.w.CrashNode(2);
    // One replica of three is left, whatever node 3 says.
    Appended lonely = StartAppend(*s.log, MakeBatch(1, 10, 1));
    s.w.RunFor(seconds(3));
    CHECK_FALSE((lonely->has_value() && (*lonely)->ok()));
    s.w.StartNode(2);
    CHECK(s.w.Wait(lonely).ok());
    s.CheckAll(0, 11);
  }
}

TEST_CASE("Raft: when the leader dies, appends go on in less than half a second, without a swap") {
  std::vector<Duration> pauses;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 5);
    s.w.RunFor(milliseconds(seed * 3));
    s.w.CrashNode(s.w.Leader());
    Instant died = s.w.world.now();
    REQUIRE(s.w.Append(*s.log, 1, 5).value() == Offset(5));
    pauses.push_back(s.w.world.now() - died);
  }
  std::sort(pauses.begin(), pauses.end());
  CHECK(pauses[pauses.size() / 2] < milliseconds(500));
  CHECK(pauses.back() < seconds(2));
}

TEST_CASE("Raft: a sealed loglet that all have seen costs nothing") {
  Scene s(1);
  s.Fill(0, 5);
  REQUIRE(s.w.Run(*s.two, s.other->Seal("next")).ok());
  s.w.RunFor(seconds(1));
  for (uint64_t node = 1; node <= 3; ++node) CHECK(s.w.RowOf(node)->sealed);
  // Nobody leads after restarts, and none is needed.
  for (uint64_t node = 1; node <= 3; ++node) s.w.RestartNode(node);
  REQUIRE(s.w.AwaitNodes());
  s.CheckAll(0, 5);
  CHECK(s.w.Leader() == 0);
}

}  // namespace
}  // namespace vlog::testing

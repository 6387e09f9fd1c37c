// The races of FAULTS.md that concern Paxos loglets, with nodes, disks and a network. What single
// messages do to each other is told in tests/golden/paxos/.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "loglets/paxos/paxos_kind.h"
#include "scenario/replicated_world.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::Sealed;
using loglets::Tail;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 8;

struct Scene {
  explicit Scene(uint64_t seed, uint64_t nodes = 3, const std::string& roles = "")
      : w(seed, nodes, loglets::paxos::PaxosReplicaKind()) {
    w.options().roles = roles;
    one = w.NewClient("c1");
    two = w.NewClient("c2");
    params = w.Propose(*one);
    log = w.Open(*one, params);
    other = w.Open(*two, params);
  }
  void Fill(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      StatusOr<Offset> offset = w.Append(*log, 1, i);
      INFO("record " << i << ": " << offset.status().ToString());
      REQUIRE(offset.ok());
      REQUIRE(offset->value() == i);
    }
  }
  StatusOr<Tail> CheckTail() { return w.Run(*two, other->CheckTail()); }
  // Each of writer 1's records [from, to) once and in order.
  void CheckAll(uint64_t from, uint64_t to) {
    StatusOr<Tail> tail = CheckTail();
    REQUIRE(tail.ok());
    CHECK(tail->offset == Offset(to));
    StatusOr<std::vector<std::string>> all = w.ReadAll(*two, *other, from, to);
    INFO(all.status().ToString());
    REQUIRE(all.ok());
    for (uint64_t i = from; i < to; ++i) CHECK((*all)[i - from] == "w1." + std::to_string(i));
  }
  void AwaitLeader() { REQUIRE(w.AwaitLeader()); }

  ReplicatedWorld w;
  std::unique_ptr<ReplicatedClient> one;
  std::unique_ptr<ReplicatedClient> two;
  std::string params;
  std::shared_ptr<Loglet> log;
  std::shared_ptr<Loglet> other;
};

TEST_CASE("Paxos race 40: leaders die, and one writer's pipelined batches stay single, in order") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.w.fabric.SetStragglers(0.2, milliseconds(20));
    std::vector<Appended> appends;
    constexpr uint64_t kRecords = 90;
    uint64_t deaths = 0;
    for (uint64_t i = 0; i < kRecords; ++i) {
      if (i >= 8) REQUIRE(s.w.Wait(appends[i - 8]).ok());
      appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      if (i % 30 != 10) continue;
      uint64_t steps = s.w.world.RandomBelow(100);
      s.w.Until([&] { return steps-- == 0; });
      uint64_t leader = s.w.Leader();
      if (leader == 0) continue;
      ++deaths;
      s.w.RestartNode(leader);
    }
    for (uint64_t i = 0; i < kRecords; ++i) {
      StatusOr<Offset> offset = s.w.Wait(appends[i]);
      REQUIRE(offset.ok());
      CHECK(offset->value() == i);
    }
    CHECK(deaths > 0);
    s.CheckAll(0, kRecords);
  }
}

TEST_CASE("Paxos race 20: a leader that is cut off and its successor never disagree") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 5);
    s.AwaitLeader();
    uint64_t old = s.w.Leader();
    // Client 1 stays with the old leader, client 2 with the others.
    s.w.fabric.Isolate({ReplicatedWorld::Host(old), "c1"});
    Appended stranded = StartAppend(*s.log, MakeBatch(1, 5, 1));
    StatusOr<Offset> elsewhere = s.w.Append(*s.other, 2, 0);
    REQUIRE(elsewhere.ok());
    CHECK(s.CheckTail()->offset >= Offset(6));
    s.w.fabric.HealAll();
    StatusOr<Offset> settled = s.w.Wait(stranded);
    REQUIRE(settled.ok());
    CHECK(*settled != *elsewhere);
    CHECK(std::max(*settled, *elsewhere) == Offset(6));
    CHECK(s.CheckTail()->offset == Offset(7));
  }
}

TEST_CASE("Paxos race 20: sealers on both sides of a partition learn one tail") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 5);
    s.AwaitLeader();
    s.w.fabric.Isolate({ReplicatedWorld::Host(s.w.Leader()), "c1"});
    auto first = StartTask(s.one->env, s.log->Seal("one"));
    StatusOr<Sealed> second = s.w.Run(*s.two, s.other->Seal("two"));
    REQUIRE(second.ok());
    s.w.fabric.HealAll();
    REQUIRE(s.w.Until([&] { return first->has_value(); }));
    if ((*first)->ok()) {
      CHECK((*first)->value().tail == second->tail);
      CHECK((*first)->value().proposal == second->proposal);
    }
    CHECK(second->tail == Offset(5));
    StatusOr<Offset> late = s.w.Append(*s.log, 1, 5);
    CHECK_FALSE(late.ok());
    CHECK(s.CheckTail()->sealed);
  }
}

TEST_CASE("Paxos races 35 and 41: a laggard behind the trim point leads and doubles nothing") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 10);
    s.w.CrashNode(3);
    s.Fill(10, 80);
    StatusOr<Offset> trimmed = s.w.Run(*s.one, s.log->Trim(Offset(60)));
    REQUIRE(trimmed.ok());
    CHECK(*trimmed == Offset(60));
    s.w.StartNode(3);
    REQUIRE(s.w.AwaitNodes());
    // Node 1 goes; node 3 lags unless it was helped, and must not take what it lacks for empty.
    s.w.CrashNode(1);
    StatusOr<Offset> again = s.w.Append(*s.log, 1, 79);
    REQUIRE(again.ok());
    CHECK(*again == Offset(79));
    s.Fill(80, 85);
    s.w.StartNode(1);
    REQUIRE(s.w.AwaitNodes());
    s.CheckAll(60, 85);
  }
}

TEST_CASE("Paxos race 46: leaders restart over and over, and no slot changes") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    uint64_t next = 0;
    for (int round = 0; round < 4; ++round) {
      s.Fill(next, next + 3);
      next += 3;
      for (uint64_t node = 1; node <= 3; ++node) s.w.CrashNode(node);
      for (uint64_t node = 1; node <= 3; ++node) s.w.StartNode(node);
      REQUIRE(s.w.AwaitNodes());
      s.CheckAll(0, next);
    }
  }
}

TEST_CASE("Paxos race 25: a node whose disk was wiped does not vote") {
  Scene s(1);
  s.Fill(0, 5);
  s.w.CrashNode(3);
  s.w.WipeNode(3);
  s.w.CrashNode(2);
  Appended waiting = StartAppend(*s.log, MakeBatch(1, 5, 1));
  s.w.RunFor(seconds(1));
  CHECK_FALSE((waiting->has_value() && (*waiting)->ok()));
  s.w.StartNode(2);
  CHECK(s.w.Until([&] { return waiting->has_value(); }));
  REQUIRE(s.w.Append(*s.log, 1, 5).ok());
  s.CheckAll(0, 6);
}

TEST_CASE("Paxos race 24: a leader that hears nobody gives way") {
  Scene s(1);
  s.Fill(0, 5);
  s.AwaitLeader();
  uint64_t old = s.w.Leader();
  for (uint64_t node = 1; node <= 3; ++node) {
    if (node != old) s.w.fabric.Cut(ReplicatedWorld::Host(node), ReplicatedWorld::Host(old));
  }
  s.Fill(5, 10);
  s.AwaitLeader();
  CHECK(s.w.Leader() != old);
  s.w.fabric.HealAll();
  s.Fill(10, 15);
  s.CheckAll(0, 15);
}

TEST_CASE("Paxos: who is cut off from the leader alone does not disturb it") {
  Scene s(1);
  s.Fill(0, 5);
  s.AwaitLeader();
  uint64_t leader = s.w.Leader();
  uint64_t outsider = leader % 3 + 1;
  s.w.fabric.Cut(ReplicatedWorld::Host(leader), ReplicatedWorld::Host(outsider));
  s.w.fabric.Cut(ReplicatedWorld::Host(outsider), ReplicatedWorld::Host(leader));
  for (uint64_t i = 5; i < 15; ++i) {
    s.Fill(i, i + 1);
    s.w.RunFor(milliseconds(200));
  }
  CHECK(s.w.Leader() == leader);
}

TEST_CASE("Paxos: with its leader gone appends resume in less than half a second") {
  std::vector<Duration> pauses;
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    Scene s(seed);
    s.Fill(0, 5);
    s.AwaitLeader();
    s.w.CrashNode(s.w.Leader());
    Instant died = s.w.world.now();
    s.Fill(5, 6);
    pauses.push_back(s.w.world.now() - died);
  }
  std::sort(pauses.begin(), pauses.end());
  CHECK(pauses[pauses.size() / 2] < milliseconds(500));
}

TEST_CASE("Paxos: acceptors, proposers and learners live on different nodes") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed, 5, "acceptors=2,3 learners=4,5");
    s.Fill(0, 20);
    // The only node with all roles goes: a learner without a vote leads.
    s.w.CrashNode(1);
    s.Fill(20, 30);
    s.AwaitLeader();
    CHECK(s.w.Leader() >= 4);
    s.CheckAll(0, 30);
    s.w.StartNode(1);
    REQUIRE(s.w.AwaitNodes());
    s.w.RunFor(seconds(1));
    s.w.CrashNode(2);
    s.Fill(30, 40);
    StatusOr<Sealed> sealed = s.w.Run(*s.two, s.other->Seal("next"));
    REQUIRE(sealed.ok());
    CHECK(sealed->tail == Offset(40));
    StatusOr<std::vector<std::string>> all = s.w.ReadAll(*s.two, *s.other, 0, 40);
    REQUIRE(all.ok());
  }
}

}  // namespace
}  // namespace vlog::testing

// Leader changes inside loglets, as their clients live through them: the same scenes for each kind.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "loglets/paxos/paxos_kind.h"
#include "loglets/raft/raft_kind.h"
#include "loglets/replicated/leader_search.h"
#include "scenario/replicated_world.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::Sealed;
using loglets::Tail;
using loglets::replicated::ReplicaKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 15;

std::vector<ReplicaKind> Kinds() {
  return {loglets::raft::RaftReplicaKind(), loglets::paxos::PaxosReplicaKind()};
}

// Three nodes and two clients.
struct Scene {
  Scene(uint64_t seed, const ReplicaKind& kind)
      : w(seed, 3, kind), one(w.NewClient("c1")), two(w.NewClient("c2")) {
    params = w.Propose(*one);
    REQUIRE(w.Run(*one, one->kind->Prepare(w.id, params)).ok());
    log = w.Open(*one, params);
    other = w.Open(*two, params);
  }
  void Fill(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) REQUIRE(w.Append(*log, 1, i)->value() == i);
  }
  uint64_t Leader() {
    REQUIRE(w.AwaitLeader());
    return w.Leader();
  }
  std::vector<uint64_t> Followers(uint64_t leader) const {
    std::vector<uint64_t> followers;
    for (uint64_t node = 1; node <= 3; ++node) {
      if (node != leader) followers.push_back(node);
    }
    return followers;
  }
  StatusOr<Tail> CheckTail() { return w.Run(*two, other->CheckTail()); }
  StatusOr<Sealed> Seal(const std::string& proposal = "") {
    return w.Run(*two, other->Seal(proposal));
  }
  // Each of writer 1's records [0, to) once and in order.
  void CheckAll(uint64_t to) {
    StatusOr<std::vector<std::string>> all = w.ReadAll(*two, *other, 0, to);
    INFO(all.status().ToString());
    REQUIRE(all.ok());
    for (uint64_t i = 0; i < to; ++i) CHECK((*all)[i] == "w1." + std::to_string(i));
  }

  ReplicatedWorld w;
  std::unique_ptr<ReplicatedClient> one;
  std::unique_ptr<ReplicatedClient> two;
  std::string params;
  std::shared_ptr<Loglet> log;
  std::shared_ptr<Loglet> other;
};

template <typename Run>
void ForEachKind(Run run) {
  for (const ReplicaKind& kind : Kinds()) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      CAPTURE(kind.name, seed);
      run(kind, seed);
    }
  }
}

TEST_CASE("Fail-over: a prepared loglet is led by its first leader") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    CHECK(s.w.Leader() == 1);
    s.Fill(0, 3);
    CHECK(s.CheckTail()->offset == Offset(3));
  });
}

TEST_CASE("Fail-over: a loglet that was never prepared works all the same") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    ReplicatedWorld w(seed, 3, kind);
    auto client = w.NewClient("c1");
    std::shared_ptr<Loglet> log = w.Open(*client, w.Propose(*client, 2));
    Instant begun = w.world.now();
    REQUIRE(w.Append(*log, 1, 0)->value() == 0);
    CHECK(w.world.now() - begun < seconds(2));
  });
}

TEST_CASE("Fail-over: appends go on when the leader dies, within half a second in the median") {
  for (const ReplicaKind& kind : Kinds()) {
    std::vector<Duration> gaps;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      CAPTURE(kind.name, seed);
      Scene s(seed, kind);
      s.w.fabric.SetCrashNews(env::CrashNews::kReset);
      s.Fill(0, 5);
      std::vector<Appended> pipelined;
      for (uint64_t i = 5; i < 12; ++i) {
        pipelined.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      }
      uint64_t steps = s.w.world.RandomBelow(150);
      s.w.Until([&] { return steps-- == 0; });
      s.w.CrashNode(s.Leader());
      Instant died = s.w.world.now();
      REQUIRE(s.w.Append(*s.log, 1, 12)->value() == 12);
      gaps.push_back(s.w.world.now() - died);
      for (uint64_t i = 5; i < 12; ++i) CHECK(s.w.Wait(pipelined[i - 5])->value() == i);
      CHECK(s.CheckTail()->offset == Offset(13));
      s.CheckAll(13);
    }
    std::sort(gaps.begin(), gaps.end());
    CAPTURE(kind.name, gaps[gaps.size() / 2].count(), gaps.back().count());
    CHECK(gaps[gaps.size() / 2] < milliseconds(500));
    CHECK(gaps.back() < seconds(3));
  }
}

TEST_CASE("Race 21: a leader that was paused is left, and acknowledges nothing when it wakes") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 3);
    uint64_t leader = s.Leader();
    Appended before = StartAppend(*s.log, MakeBatch(1, 3, 1));
    s.w.PauseNode(leader, seconds(5));
    Instant paused = s.w.world.now();
    REQUIRE(s.w.Wait(before)->value() == 3);
    REQUIRE(s.w.Append(*s.log, 1, 4)->value() == 4);
    CHECK(s.w.world.now() - paused < seconds(3));
    CHECK(s.CheckTail()->offset == Offset(5));
    s.w.RunFor(seconds(6));
    s.Fill(5, 8);
    CHECK(s.CheckTail()->offset == Offset(8));
    s.CheckAll(8);
  });
}

TEST_CASE("Fail-over: answers about a leader that failed meanwhile do not end the search") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 1);
    auto client = std::make_shared<loglets::replicated::ReplicaClient>(
        s.two->env, s.two->peers, kind.base, s.w.id, *loglets::replicated::DecodeParams(s.params),
        loglets::replicated::ClientTiming());
    auto search = std::make_shared<loglets::replicated::LeaderSearch>(client);
    search->Doubt();
    s.w.RunFor(milliseconds(20));
    search->Failed(0);
    s.w.RunFor(milliseconds(300));
    CHECK_FALSE(search->leader().has_value());  // nobody wanted one
    search->Want();
    CHECK(s.w.Until([&] { return search->leader() == 0; }));
  });
}

TEST_CASE("Race 24: a leader that clients reach and followers do not is left") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 3);
    uint64_t leader = s.Leader();
    for (uint64_t follower : s.Followers(leader)) {
      s.w.fabric.Cut(ReplicatedWorld::Host(leader), ReplicatedWorld::Host(follower));
      if (seed % 2 == 0) {
        s.w.fabric.Cut(ReplicatedWorld::Host(follower), ReplicatedWorld::Host(leader));
      }
    }
    Instant cut = s.w.world.now();
    REQUIRE(s.w.Append(*s.log, 1, 3)->value() == 3);
    CHECK(s.w.world.now() - cut < seconds(10));
    CHECK(s.CheckTail()->offset == Offset(4));
    s.w.fabric.HealAll();
    s.Fill(4, 8);
    s.CheckAll(8);
  });
}

TEST_CASE("Race 28: after a partition heals, appends go on") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 3);
    s.w.fabric.Isolate({"n1"});
    s.w.fabric.Isolate({"n2"});
    s.w.fabric.Isolate({"n3"});
    Appended append = StartAppend(*s.log, MakeBatch(1, 3, 1));
    s.w.RunFor(seconds(8));
    CHECK_FALSE(append->has_value());
    CHECK(absl::IsUnavailable(s.CheckTail().status()));
    s.w.fabric.HealAll();
    Instant healed = s.w.world.now();
    REQUIRE(s.w.Wait(append)->value() == 3);
    CHECK(s.w.world.now() - healed < seconds(5));
    s.CheckAll(4);
  });
}

TEST_CASE("Race 40: nodes restart one after the other under load, and no writer is reordered") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    std::vector<Appended> appends;
    constexpr uint64_t kRecords = 90;
    for (uint64_t i = 0; i < kRecords; ++i) {
      if (i >= 8) REQUIRE(s.w.Wait(appends[i - 8]).ok());
      appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      if (i % 15 != 7) continue;
      uint64_t steps = s.w.world.RandomBelow(300);
      s.w.Until([&] { return steps-- == 0; });
      uint64_t node = s.w.Leader() != 0 ? s.w.Leader() : 1 + s.w.world.RandomBelow(3);
      s.w.RestartNode(node);
    }
    for (uint64_t i = 0; i < kRecords; ++i) CHECK(s.w.Wait(appends[i])->value() == i);
    CHECK(s.CheckTail()->offset == Offset(kRecords));
    s.CheckAll(kRecords);
  });
}

TEST_CASE("Race 13: the network is bad all the time, and appends are stored once and in order") {
  uint64_t faults = 0;
  ForEachKind([&faults](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.w.fabric.SetLoss(0.01, seconds(1));
    s.w.fabric.SetDuplication(0.05);
    s.w.fabric.SetStragglers(0.5, milliseconds(50));
    std::vector<Appended> appends;
    constexpr uint64_t kRecords = 80;
    for (uint64_t i = 0; i < kRecords; ++i) {
      if (i >= 8) REQUIRE(s.w.Wait(appends[i - 8]).ok());
      appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      if (i % 20 == 10) s.w.fabric.ResetConnections("c1", "n1");
      if (i % 20 == 15) s.w.fabric.ResetConnections("n1", "n2");
    }
    for (uint64_t i = 0; i < kRecords; ++i) CHECK(s.w.Wait(appends[i])->value() == i);
    for (const auto& [fault, count] : s.w.fabric.fault_counts()) faults += count;
    s.w.fabric.SetLoss(0);
    s.CheckAll(kRecords);
  });
  CHECK(faults > kSeeds);
}

TEST_CASE(
    "Race 19: a loglet is sealed while its leader is dead or cut off, and its tail is exact") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 4);
    std::vector<Appended> pipelined;
    for (uint64_t i = 4; i < 10; ++i) {
      pipelined.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
    }
    uint64_t steps = s.w.world.RandomBelow(200);
    s.w.Until([&] { return steps-- == 0; });
    uint64_t leader = s.Leader();
    if (seed % 2 == 0) {
      s.w.CrashNode(leader);
    } else {
      s.w.fabric.Isolate({ReplicatedWorld::Host(leader)});
    }
    StatusOr<Sealed> sealed = s.Seal("next");
    REQUIRE(sealed.ok());
    CHECK(sealed->proposal == "next");
    s.w.fabric.HealAll();
    if (!s.w.IsUp(leader)) s.w.StartNode(leader);
    for (uint64_t i = 4; i < 10; ++i) {
      StatusOr<Offset> offset = s.w.Wait(pipelined[i - 4]);
      if (offset.ok()) CHECK(*offset < sealed->tail);
      if (absl::IsFailedPrecondition(offset.status())) CHECK(sealed->tail <= Offset(i));
    }
    CHECK(s.CheckTail()->sealed);
    StatusOr<Sealed> again = s.w.Run(*s.one, s.log->Seal("other"));
    REQUIRE(again.ok());
    CHECK(again->tail == sealed->tail);
    CHECK(again->proposal == "next");
    s.CheckAll(sealed->tail.value());
  });
}

TEST_CASE(
    "Race 12: a sealed segment is read after all nodes have restarted, with nobody asked for "
    "its tail") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 6);
    REQUIRE(s.Seal().ok());
    for (uint64_t node = 1; node <= 3; ++node) s.w.CrashNode(node);
    for (uint64_t node = 1; node <= 3; ++node) s.w.StartNode(node);
    REQUIRE(s.w.AwaitNodes());
    std::shared_ptr<Loglet> old = s.w.Open(*s.two, s.params, Offset(6));
    CHECK(old->TailHint() == Offset(6));
    StatusOr<std::vector<std::string>> all = s.w.ReadAll(*s.two, *old, 0, 6);
    INFO(all.status().ToString());
    REQUIRE(all.ok());
    CHECK(all->back() == "w1.5");
    StatusOr<Offset> trimmed = s.w.Run(*s.two, old->Trim(Offset(4)));
    INFO(trimmed.status().ToString());
    REQUIRE(trimmed.ok());
    CHECK(trimmed->value() == 4);
  });
}

TEST_CASE("Race 25: one node is down: appends, trims, reads and tail checks go on") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 10);
    uint64_t down = s.Followers(s.Leader())[seed % 2];
    s.w.CrashNode(down);
    s.Fill(10, 30);
    StatusOr<Offset> trimmed = s.w.Run(*s.two, s.other->Trim(Offset(20)));
    REQUIRE(trimmed.ok());
    CHECK(trimmed->value() == 20);
    CHECK(s.CheckTail()->offset == Offset(30));
    s.w.StartNode(down);
    REQUIRE(s.w.AwaitNodes());
    s.Fill(30, 35);
    // It catches up, and then carries the log with one of the others.
    REQUIRE(s.w.Until([&] {
      std::optional<loglets::HostedLoglet> row = s.w.RowOf(down);
      return row && row->tail == Offset(35);
    }));
    for (uint64_t node = 1; node <= 3; ++node) {
      if (node == down) continue;
      s.w.CrashNode(node);
      break;
    }
    s.Fill(35, 38);
    StatusOr<std::vector<std::string>> rest = s.w.ReadAll(*s.two, *s.other, 20, 38);
    REQUIRE(rest.ok());
    CHECK(rest->front() == "w1.20");
  });
}

TEST_CASE("Race 25: a member that lost its disk does not vote, and the others go on") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 10);
    uint64_t leader = s.Leader();
    s.w.CrashNode(leader);
    s.w.WipeNode(leader);
    s.Fill(10, 15);
    CHECK_FALSE(s.w.RowOf(leader).has_value());
    s.CheckAll(15);
    // With another one gone no quorum is left, whatever the wiped one says.
    s.w.CrashNode(s.Followers(leader)[0]);
    Appended append = StartAppend(*s.log, MakeBatch(1, 15, 1));
    s.w.RunFor(seconds(5));
    CHECK_FALSE(append->has_value());
    CHECK(absl::IsUnavailable(s.CheckTail().status()));
    s.w.StartNode(s.Followers(leader)[0]);
    REQUIRE(s.w.AwaitNodes());
    REQUIRE(s.w.Wait(append)->value() == 15);
  });
}

TEST_CASE("Fail-over: a reader who waits hears of an append at once, at whichever replica") {
  ForEachKind([](const ReplicaKind& kind, uint64_t seed) {
    Scene s(seed, kind);
    s.Fill(0, 2);
    Instant far = s.two->env.scheduler().Now() + seconds(60);
    auto news = StartTask(s.two->env, s.other->AwaitTail(Offset(2), far));
    s.w.RunFor(milliseconds(50) * static_cast<int>(s.w.world.RandomBelow(40)));
    CHECK_FALSE(news->has_value());
    Instant before = s.w.world.now();
    s.Fill(2, 3);
    REQUIRE(s.w.Until([&] { return news->has_value(); }));
    CHECK(s.w.world.now() - before < milliseconds(100));
    CHECK(s.w.ReadAll(*s.two, *s.other, 0, 3).ok());
  });
}

}  // namespace
}  // namespace vlog::testing

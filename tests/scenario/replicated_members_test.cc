// What single members of a replicated loglet are asked: whether they have a record, and whether
// they would lead. The same scenes for each kind that can play them.
#include <algorithm>
#include <catch2/catch.hpp>

#include "loglets/paxos/paxos_kind.h"
#include "loglets/raft/raft_kind.h"
#include "scenario/replicated_world.h"

namespace vlog::testing {
namespace {

using loglets::CopyWord;
using loglets::Loglet;
using std::chrono::seconds;
using State = CopyWord::State;

constexpr uint64_t kSeeds = 6;

struct Scene {
  Scene(uint64_t seed, uint64_t nodes, const loglets::replicated::ReplicaKind& kind,
        const std::string& roles = "", uint64_t first_leader = 1)
      : w(seed, nodes, kind) {
    w.options().roles = roles;
    client = w.NewClient("c1");
    params = w.Propose(*client, first_leader);
    Status prepared = w.Run(*client, client->kind->Prepare(w.id, params));
    INFO(prepared.ToString());
    REQUIRE(prepared.ok());
    log = w.Open(*client, params);
  }
  void Fill(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      StatusOr<Offset> offset = w.Append(*log, 1, i);
      INFO("record " << i << ": " << offset.status().ToString());
      REQUIRE(offset.ok());
      REQUIRE(offset->value() == i);
    }
  }
  std::vector<CopyWord> Ask(uint64_t offset) {
    return w.Run(*client, client->kind->AskCopies(w.id, params, Offset(offset)));
  }
  bool AllHave(uint64_t end) {
    return w.Until([this, end] {
      for (uint64_t node = 1; node <= 3; ++node) {
        std::optional<loglets::HostedLoglet> row = w.RowOf(node);
        if (w.IsUp(node) && (!row || row->tail < Offset(end))) return false;
      }
      return true;
    });
  }

  ReplicatedWorld w;
  std::unique_ptr<ReplicatedClient> client;
  std::string params;
  std::shared_ptr<Loglet> log;
};

TEST_CASE("Members: each says whether it has a record, and one of them that it leads") {
  for (const auto& kind : {loglets::raft::RaftReplicaKind(), loglets::paxos::PaxosReplicaKind()}) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      CAPTURE(kind.name, seed);
      Scene s(seed, 3, kind);
      s.Fill(0, 10);
      REQUIRE(s.AllHave(10));
      REQUIRE(s.w.AwaitLeader());
      uint64_t leader = s.w.Leader();
      std::vector<CopyWord> words = s.Ask(7);
      REQUIRE(words.size() == 3);
      for (uint64_t node = 1; node <= 3; ++node) {
        const CopyWord& word = words[node - 1];
        CAPTURE(node, word.detail);
        CHECK(word.life.node == NodeId(node));
        CHECK(word.state == State::kHolds);
        CHECK(word.leads == (node == leader));
      }
      CHECK(s.Ask(10)[0].state == State::kLacks);

      uint64_t away = leader % 3 + 1;
      uint64_t wiped = away % 3 + 1;
      s.w.CrashNode(away);
      CHECK(s.Ask(7)[away - 1].state == State::kSilent);
      s.Fill(10, 12);
      REQUIRE(s.w.Run(*s.client, s.log->Trim(Offset(5))).ok());
      CHECK(s.Ask(4)[leader - 1].state == State::kTrimmed);
      CHECK(s.Ask(5)[leader - 1].state == State::kHolds);
      s.w.StartNode(away);
      s.w.CrashNode(wiped);
      s.w.WipeNode(wiped);
      REQUIRE(s.w.AwaitNodes());
      // The first question finds that the old connection is gone.
      for (int round = 0; round < 3; ++round) words = s.Ask(7);
      CHECK(words[wiped - 1].state == State::kGone);
      CHECK_FALSE(words[wiped - 1].leads);
      CHECK(words[leader - 1].state == State::kHolds);
    }
  }
}

// Acceptors, and apart from them those that lead and serve: only the latter are asked to lead.
TEST_CASE("Members: without a leader those that serve are asked, though they have no vote") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed, 5, loglets::paxos::PaxosReplicaKind(), "acceptors=1,2,3 learners=4,5", 4);
    s.Fill(0, 10);
    REQUIRE(s.w.AwaitLeader());
    uint64_t leader = s.w.Leader();
    CHECK(leader >= 4);
    std::vector<CopyWord> words = s.Ask(3);
    REQUIRE(words.size() == 5);
    CHECK(words[leader - 1].leads);
    CHECK(words[leader - 1].state == State::kHolds);
    s.w.CrashNode(leader);
    s.Fill(10, 20);
    REQUIRE(s.w.AwaitLeader());
    CHECK(s.w.Leader() == 9 - leader);
    CHECK(s.w.ReadAll(*s.client, *s.log, 0, 20).ok());
    // One acceptor less is no matter; whoever leads may change meanwhile.
    s.w.StartNode(leader);
    s.w.CrashNode(1);
    s.Fill(20, 25);
    // After a restart of all nobody leads or thinks of it until a client asks.
    for (uint64_t node = 1; node <= 5; ++node) s.w.CrashNode(node);
    for (uint64_t node = 1; node <= 5; ++node) s.w.StartNode(node);
    REQUIRE(s.w.AwaitNodes());
    s.Fill(25, 30);
    StatusOr<loglets::Sealed> sealed = s.w.Run(*s.client, s.log->Seal("next"));
    REQUIRE(sealed.ok());
    CHECK(sealed->tail == Offset(30));
  }
}

}  // namespace
}  // namespace vlog::testing

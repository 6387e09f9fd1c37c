// When a log needs another loglet although nobody asked for one.
#include "virtuallog/monitor_core.h"

#include <catch2/catch.hpp>
#include <map>

#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog::virtuallog {
namespace {

using loglets::Needs;
using loglets::NodeLife;

NodeLife Life(uint64_t node) { return {NodeId(node), Incarnation(7)}; }

Needs ThreeServers() {
  Needs needs;
  needs.all_of = {Life(1)};
  needs.some_of = {Life(1), Life(2), Life(3)};
  needs.least = 2;
  return needs;
}

LivenessOf Script(std::map<uint64_t, Liveness> states) {
  return [states](const NodeLife& life) {
    auto it = states.find(life.node.value());
    return it == states.end() ? Liveness::kAlive : it->second;
  };
}

Chain ChainOf(uint32_t fail_overs, int64_t made_at) {
  Proposal made;
  made.id = ProposalId(1);
  made.kind = "any";
  made.fail_overs = fail_overs;
  return Chain::Begin(made, WallTime{made_at});
}

TEST_CASE("Monitor: the sequencer decides at once, log servers when too few are left") {
  Needs needs = ThreeServers();
  CHECK(Diagnose(needs, Script({})).state == Liveness::kAlive);
  CHECK(Diagnose(Needs(), Script({})).state == Liveness::kAlive);
  CHECK(Diagnose(needs, Script({{1, Liveness::kDead}})).state == Liveness::kDead);
  CHECK(Diagnose(needs, Script({{1, Liveness::kSuspected}})).state == Liveness::kSuspected);
  // One of three log servers is no reason to act.
  CHECK(Diagnose(needs, Script({{2, Liveness::kDead}})).state == Liveness::kAlive);
  CHECK(Diagnose(needs, Script({{2, Liveness::kDead}, {3, Liveness::kDead}})).state ==
        Liveness::kDead);
  Diagnosis mixed = Diagnose(needs, Script({{2, Liveness::kDead}, {3, Liveness::kSuspected}}));
  CHECK(mixed.state == Liveness::kSuspected);
  CHECK(mixed.reason == "only 1 answer of 3 log servers, 2 are needed");
}

TEST_CASE("Monitor: a suspicion counts if a majority of the log servers share it") {
  Needs needs = ThreeServers();
  LivenessOf of = Script({{1, Liveness::kSuspected}});
  CHECK(SuspectsOf(needs, of) == std::vector<NodeLife>{Life(1)});
  CHECK(WitnessesOf(NodeId(2), needs, of) == std::vector<NodeId>{NodeId(3)});
  auto state = [&](uint64_t self, std::vector<Testimony> testimonies) {
    return DiagnoseConfirmed(NodeId(self), needs, of, testimonies).state;
  };
  Testimony silent{NodeId(3), {Life(1)}};
  Testimony hears{NodeId(3), {}};
  CHECK(state(2, {silent}) == Liveness::kSuspected);
  CHECK(state(2, {hears}) == Liveness::kAlive);
  // Nobody answered; or one node twice; or one that is no log server.
  CHECK(state(2, {}) == Liveness::kAlive);
  CHECK(state(9, {silent, silent}) == Liveness::kAlive);
  CHECK(state(2, {{NodeId(9), {Life(1)}}}) == Liveness::kAlive);
  CHECK(state(9, {silent, {NodeId(2), {Life(1)}}}) == Liveness::kSuspected);
  // Another life of the node is another matter.
  CHECK(state(2, {{NodeId(3), {{NodeId(1), Incarnation(6)}}}}) == Liveness::kAlive);
}

TEST_CASE("Monitor: a suspect is no witness, so of two copies the other one decides") {
  Needs needs = ThreeServers();
  needs.some_of.pop_back();
  LivenessOf of = Script({{1, Liveness::kSuspected}});
  CHECK(DiagnoseConfirmed(NodeId(2), needs, of, {}).state == Liveness::kSuspected);
  CHECK(DiagnoseConfirmed(NodeId(9), needs, of, {}).state == Liveness::kAlive);
}

TEST_CASE("Monitor: what is proven needs no witness, what has no log servers neither") {
  Needs needs = ThreeServers();
  LivenessOf dead = Script({{1, Liveness::kDead}});
  CHECK(DiagnoseConfirmed(NodeId(2), needs, dead, {}).state == Liveness::kDead);
  needs.some_of.clear();
  needs.least = 0;
  LivenessOf silent = Script({{1, Liveness::kSuspected}});
  CHECK(DiagnoseConfirmed(NodeId(2), needs, silent, {}).state == Liveness::kSuspected);
}

TEST_CASE("Monitor: the worst of several reasons is the one that is told") {
  Diagnosis diagnosis =
      Diagnose(ThreeServers(), Script({{1, Liveness::kDead}, {2, Liveness::kSuspected}}));
  CHECK(diagnosis.state == Liveness::kDead);
  CHECK(diagnosis.reason == "the sequencer on node 1 is gone");
}

TEST_CASE("Monitor: fail-overs in a row are counted until the log has been calm") {
  CHECK(NextFailOver(ChainOf(0, 1000), WallTime{2000}) == 1);
  CHECK(NextFailOver(ChainOf(3, 1000), WallTime{2000}) == 4);
  CHECK(NextFailOver(ChainOf(3, 1000), WallTime{1000 + 30'001}) == 1);
}

TEST_CASE("Monitor: the pause grows on suspicion, and nobody waits for the dead") {
  CHECK(MillisToWait(ChainOf(0, 1000), Liveness::kSuspected, WallTime{1000}) == 0);
  CHECK(MillisToWait(ChainOf(1, 1000), Liveness::kSuspected, WallTime{1000}) == 50);
  CHECK(MillisToWait(ChainOf(1, 1000), Liveness::kSuspected, WallTime{1030}) == 20);
  CHECK(MillisToWait(ChainOf(2, 1000), Liveness::kSuspected, WallTime{1000}) == 200);
  CHECK(MillisToWait(ChainOf(3, 1000), Liveness::kSuspected, WallTime{1000}) == 1000);
  CHECK(MillisToWait(ChainOf(4, 1000), Liveness::kSuspected, WallTime{1000}) == 5000);
  CHECK(MillisToWait(ChainOf(99, 1000), Liveness::kSuspected, WallTime{1000}) == 5000);
  CHECK(MillisToWait(ChainOf(99, 1000), Liveness::kDead, WallTime{1000}) == 0);
  // The clock went back: not longer than the pause itself.
  CHECK(MillisToWait(ChainOf(2, 1'000'000), Liveness::kSuspected, WallTime{1000}) == 200);
}

TEST_CASE("Monitor: the first of the living takes the first turn") {
  Needs needs = ThreeServers();
  CHECK(TurnOf(NodeId(1), needs, Script({})) == Duration());
  CHECK(TurnOf(NodeId(2), needs, Script({})) > Duration());
  CHECK(TurnOf(NodeId(3), needs, Script({})) == 2 * TurnOf(NodeId(2), needs, Script({})));
  CHECK(TurnOf(NodeId(2), needs, Script({{1, Liveness::kDead}})) == Duration());
}

Needs ThreeVoters() {
  Needs needs;
  for (uint64_t node : {1, 2, 3}) {
    needs.some_of.push_back({NodeId(node), Incarnation(), DiskId(node)});
  }
  needs.least = 2;
  return needs;
}

TEST_CASE("Monitor: only a loglet that can do without each of its nodes elects its leaders") {
  CHECK(ElectsItsLeader(ThreeVoters()));
  CHECK_FALSE(ElectsItsLeader(ThreeServers()));
  CHECK_FALSE(ElectsItsLeader(Needs()));
  // It needs no help while most of it is there.
  CHECK(Diagnose(ThreeVoters(), Script({{1, Liveness::kDead}})).state == Liveness::kAlive);
}

TEST_CASE("Monitor: a member may be away for a time, and for longer if it used to come back") {
  using std::chrono::seconds;
  Absences absences(seconds(10));
  Needs needs = ThreeVoters();
  auto at = [](int64_t second) { return Instant() + seconds(second); };
  auto away = [&](int64_t second) {
    absences.Note(needs, Script({{2, Liveness::kSuspected}}), at(second));
    return absences.Overdue(at(second));
  };
  auto back = [&](int64_t second) { absences.Note(needs, Script({}), at(second)); };
  CHECK(away(100).empty());
  CHECK(away(109).empty());
  CHECK(away(110) == std::vector<NodeLife>{needs.some_of[1]});
  CHECK(absences.TimeAway(needs.some_of[1], at(112)) == seconds(12));
  back(115);
  CHECK(absences.Overdue(at(500)).empty());
  // It needed 15 s to come back: now it gets 30.
  CHECK(away(200).empty());
  CHECK(away(229).empty());
  CHECK(away(230).size() == 1);
  back(1200);
  // Nobody is waited for for ever.
  CHECK(away(2000).empty());
  CHECK(away(2059).empty());
  CHECK(away(2060).size() == 1);
  // Whoever is no member any more is nobody's business.
  needs.some_of.erase(needs.some_of.begin() + 1);
  CHECK(away(2061).empty());
}

TEST_CASE("Monitor: who replaces a member lives, holds no copy, and is preferred by the policy") {
  Needs needs = ThreeVoters();
  std::vector<NodeLife> gone = {needs.some_of[1]};
  auto spares = [&](std::map<uint64_t, Liveness> states, std::vector<NodeId> preferred) {
    return Replaced(needs, gone, {NodeId(1), NodeId(2), NodeId(4), NodeId(5)}, preferred,
                    Script(states));
  };
  using Nodes = std::vector<NodeId>;
  CHECK(spares({}, {}) == Nodes{NodeId(1), NodeId(3), NodeId(4)});
  CHECK(spares({}, {NodeId(5)}) == Nodes{NodeId(1), NodeId(3), NodeId(5)});
  CHECK(spares({{4, Liveness::kSuspected}}, {}) == Nodes{NodeId(1), NodeId(3), NodeId(5)});
  CHECK(spares({{4, Liveness::kDead}, {5, Liveness::kDead}}, {}).empty());
}

TEST_CASE("Monitor: with fewer spares than members that are gone a log keeps its width") {
  Needs needs = ThreeVoters();
  needs.some_of.push_back({NodeId(4), Incarnation(), DiskId(4)});
  needs.some_of.push_back({NodeId(5), Incarnation(), DiskId(5)});
  std::vector<NodeLife> gone = {needs.some_of[1], needs.some_of[4]};
  using Nodes = std::vector<NodeId>;
  CHECK(Replaced(needs, gone, {NodeId(6)}, {}, Script({})) ==
        Nodes{NodeId(1), NodeId(3), NodeId(4), NodeId(6), NodeId(2)});
  CHECK(Replaced(needs, gone, {}, {}, Script({})).empty());
}

TEST_CASE("Chain: a chain of the first format is read, without counts of fail-overs") {
  std::string data;
  PutFixed(&data, uint32_t{1});  // format
  PutFixed(&data, uint32_t{1});  // segments
  PutFixed(&data, uint64_t{4});  // index
  PutFixed(&data, uint64_t{70});
  PutFixed(&data, uint64_t{9});  // proposal
  for (const char* text : {"local", "params", "reason", "who"}) PutString(&data, text);
  PutFixed(&data, int64_t{1000});
  PutFixed(&data, uint8_t{0});   // no intent
  PutFixed(&data, uint32_t{0});  // no recent proposals
  PutFixed(&data, Crc32c(data));
  StatusOr<Chain> chain = Chain::Decode(data);
  REQUIRE(chain.ok());
  CHECK(chain->last().index == SegmentIndex(4));
  CHECK(chain->last().made.who == "who");
  CHECK(chain->last().made.fail_overs == 0);
  CHECK(Chain::Decode(ChainOf(5, 1000).Encode())->last().made.fail_overs == 5);
}

}  // namespace
}  // namespace vlog::virtuallog

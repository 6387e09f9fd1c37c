// Where the copies of a sealed sequencer loglet are to be, by plain calls.
#include "loglets/sequencer/rehome_core.h"

#include "unit/sequencer_fixture.h"

namespace vlog::loglets::sequencer {
namespace {

// Nodes that answer, each with the disk that ThreeServers() knows.
Answers Answering(std::vector<uint64_t> nodes) {
  Answers answers;
  for (uint64_t node : nodes) {
    answers[NodeId(node)] = {NodeId(node), Incarnation(1), DiskId(100 + node)};
  }
  return answers;
}

HomeWanted Wanting(std::vector<uint64_t> in_service) {
  HomeWanted wanted;
  wanted.from = ThreeServers();
  for (uint64_t node : in_service) wanted.in_service.emplace_back(node);
  return wanted;
}

std::vector<uint64_t> NodesOf(const Params& params) {
  std::vector<uint64_t> nodes;
  for (const Replica& replica : params.replicas) nodes.push_back(replica.node.value());
  return nodes;
}

using Nodes = std::vector<uint64_t>;

TEST_CASE("Home: servers that live and are in service stay") {
  StatusOr<Home> home = ChooseHome(Wanting({1, 2, 3, 4}), Answering({1, 2, 3, 4}));
  REQUIRE(home.ok());
  CHECK(home->params == ThreeServers());
  CHECK(home->what.empty());
  CHECK(home->leaving.empty());
  CHECK(home->comes == std::vector<bool>(3, false));
}

TEST_CASE("Home: a silent server is replaced, unless it is to keep its place") {
  HomeWanted wanted = Wanting({1, 2, 3, 4, 5});
  StatusOr<Home> home = ChooseHome(wanted, Answering({1, 3, 4, 5}));
  REQUIRE(home.ok());
  CHECK(NodesOf(home->params) == Nodes{1, 4, 3});
  CHECK(home->params.write_quorum == 2);
  CHECK(home->params.sequencer == kSequencer);
  CHECK(home->comes == std::vector<bool>{false, true, false});
  CHECK(home->leaving.empty());
  CHECK(home->what == "node 2 does not answer, node 4 takes its place");
  wanted.preferred = {NodeId(9), NodeId(5)};
  CHECK(NodesOf(ChooseHome(wanted, Answering({1, 3, 4, 5}))->params) == Nodes{1, 5, 3});
  wanted.replace_silent = false;
  home = ChooseHome(wanted, Answering({1, 3, 4, 5}));
  REQUIRE(home.ok());
  CHECK(home->params == ThreeServers());
  CHECK(home->lives == std::vector<bool>{true, false, true});
}

TEST_CASE("Home: a drained server is read from once somebody takes its place") {
  StatusOr<Home> home = ChooseHome(Wanting({1, 2, 4}), Answering({1, 2, 3, 4}));
  REQUIRE(home.ok());
  CHECK(NodesOf(home->params) == Nodes{1, 2, 4});
  CHECK(home->leaving == std::vector<Replica>{{NodeId(3), DiskId(103)}});
  // With nobody else it stays.
  home = ChooseHome(Wanting({1, 2}), Answering({1, 2, 3, 4}));
  REQUIRE(home.ok());
  CHECK(home->params == ThreeServers());
  CHECK(home->leaving.empty());
}

TEST_CASE("Home: a node with a new disk takes the place of its old one, but not while drained") {
  Answers answers = Answering({1, 2, 3, 4});
  answers[NodeId(3)].disk = DiskId(999);
  StatusOr<Home> home = ChooseHome(Wanting({1, 2, 3, 4}), answers);
  REQUIRE(home.ok());
  CHECK(home->params.replicas[2] == Replica{NodeId(3), DiskId(999)});
  CHECK(home->comes[2]);
  CHECK(home->leaving.empty());  // nobody can read what is gone
  home = ChooseHome(Wanting({1, 2, 4}), answers);
  REQUIRE(home.ok());
  CHECK(NodesOf(home->params) == Nodes{1, 2, 4});
}

TEST_CASE("Home: a server that cannot be made whole is replaced if somebody can take its place") {
  HomeWanted wanted = Wanting({1, 2, 3, 4});
  wanted.unfit = {NodeId(2), NodeId(3)};
  StatusOr<Home> home = ChooseHome(wanted, Answering({1, 2, 3, 4}));
  REQUIRE(home.ok());
  CHECK(NodesOf(home->params) == Nodes{1, 4, 3});
  CHECK(home->leaving == std::vector<Replica>{{NodeId(2), DiskId(102)}});
}

TEST_CASE("Home: fewer than W living servers are none") {
  CHECK(absl::IsUnavailable(ChooseHome(Wanting({1, 2, 3, 4}), Answering({1})).status()));
  // One of the old and a new one are two.
  CHECK(ChooseHome(Wanting({1, 2, 3, 4}), Answering({1, 4})).ok());
  // A disk that is another one does not count, nor does a node that may take nothing.
  Answers other = Answering({1, 2});
  other[NodeId(2)].disk = DiskId(999);
  CHECK(absl::IsUnavailable(ChooseHome(Wanting({1}), other).status()));
}

}  // namespace
}  // namespace vlog::loglets::sequencer

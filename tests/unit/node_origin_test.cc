// What one node concludes about who votes first, from what the others say.
#include <catch2/catch.hpp>

#include "server/origin_core.h"

namespace vlog::server {
namespace {

using Nodes = std::vector<NodeId>;
using Answers = std::map<NodeId, OriginAnswer>;

const Nodes kThree{NodeId(1), NodeId(2), NodeId(3)};

Replica R(uint64_t node, uint64_t disk) { return {NodeId(node), DiskId(disk)}; }

OriginAnswer Unsettled(uint64_t disk, Nodes configured = kThree) {
  return {DiskId(disk), {std::move(configured), {}}};
}

OriginAnswer Settled(uint64_t disk, std::vector<Replica> list) {
  return {DiskId(disk), {kThree, std::move(list)}};
}

bool Says(const OriginVerdict& verdict, const std::string& text) {
  CAPTURE(verdict.waiting);
  CHECK(verdict.first_acceptors.empty());
  bool says = verdict.waiting.find(text) != std::string::npos;
  CHECK(says);
  return says;
}

TEST_CASE("Origin: the lowest node makes the list, once all have said that they have none") {
  Answers answers{{NodeId(2), Unsettled(20)}, {NodeId(3), Unsettled(30)}};
  OriginVerdict verdict = SettleOrigin(R(1, 10), kThree, answers);
  CHECK(verdict.settled_here);
  CHECK(verdict.first_acceptors == std::vector<Replica>{R(1, 10), R(2, 20), R(3, 30)});
  answers.erase(NodeId(3));
  verdict = SettleOrigin(R(1, 10), kThree, answers);
  Says(verdict, "waiting for the first start of node 3");
  CHECK_FALSE(verdict.conflict);
}

TEST_CASE("Origin: every other node waits for the lowest one") {
  Answers answers{{NodeId(1), Unsettled(10)}, {NodeId(3), Unsettled(30)}};
  OriginVerdict verdict = SettleOrigin(R(2, 20), kThree, answers);
  Says(verdict, "waiting for node 1");
  CHECK_FALSE(verdict.conflict);
}

TEST_CASE("Origin: a single node begins alone") {
  OriginVerdict verdict = SettleOrigin(R(7, 70), {NodeId(7)}, {});
  CHECK(verdict.first_acceptors == std::vector<Replica>{R(7, 70)});
}

TEST_CASE("Origin: a list that any node has counts, whoever is missing") {
  std::vector<Replica> list{R(1, 10), R(2, 20), R(3, 30)};
  // Also for the lowest node, whose disk was replaced: it does not make another list.
  for (uint64_t disk : {10, 11}) {
    OriginVerdict verdict = SettleOrigin(R(1, disk), kThree, {{NodeId(3), Settled(30, list)}});
    CHECK(verdict.first_acceptors == list);
    CHECK_FALSE(verdict.settled_here);
  }
  Answers both{{NodeId(2), Unsettled(21)}, {NodeId(3), Settled(30, list)}};
  CHECK(SettleOrigin(R(1, 10), kThree, both).first_acceptors == list);
}

TEST_CASE("Origin: nodes that were told of different peers begin nothing") {
  Answers answers{{NodeId(2), Unsettled(20, {NodeId(1), NodeId(2)})}, {NodeId(3), Unsettled(30)}};
  OriginVerdict verdict = SettleOrigin(R(1, 10), kThree, answers);
  Says(verdict, "node 2 is configured with nodes 1, 2, this node with 1, 2, 3");
  CHECK(verdict.conflict);
}

TEST_CASE("Origin: a node that began alone is not followed by the others") {
  Answers answers{{NodeId(1), Unsettled(10)}, {NodeId(3), Settled(30, {R(3, 30)})}};
  OriginVerdict verdict = SettleOrigin(R(2, 20), kThree, answers);
  Says(verdict, "node 3 began the cluster with nodes 3, this node is configured with 1, 2, 3");
  CHECK(verdict.conflict);
}

TEST_CASE("Origin: a cluster of which most of the peers are members is joined") {
  std::vector<Replica> list{R(1, 10), R(2, 20), R(3, 30)};
  Nodes five{NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)};
  CHECK(SettleOrigin(R(4, 40), five, {{NodeId(2), Settled(20, list)}}).first_acceptors == list);
  // Also by a node with the lowest number.
  Nodes two{NodeId(1), NodeId(9)};
  std::vector<Replica> single{R(9, 90)};
  CHECK(SettleOrigin(R(1, 10), two, {{NodeId(9), Settled(90, single)}}).first_acceptors == single);
}

TEST_CASE("Origin: two lists in one cluster are reported and none is taken") {
  Answers answers{{NodeId(1), Settled(10, {R(1, 10), R(2, 20)})},
                  {NodeId(2), Settled(20, {R(2, 20), R(3, 30)})}};
  OriginVerdict verdict = SettleOrigin(R(3, 30), kThree, answers);
  Says(verdict, "nodes 1 and 2 began two clusters");
  CHECK(verdict.conflict);
}

}  // namespace
}  // namespace vlog::server

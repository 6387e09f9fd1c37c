// Which sealed segment is moved next, by plain calls.
#include "virtuallog/sealed_copies_core.h"

#include <catch2/catch.hpp>

namespace vlog::virtuallog {
namespace {

using std::chrono::seconds;

constexpr Duration kPatience = seconds(60);

Proposal Propose(uint64_t id) {
  Proposal proposal;
  proposal.id = ProposalId(id);
  proposal.kind = "some";
  return proposal;
}

// #0 and #1 are sealed, #0 perhaps with a flag; all on nodes 1 to 3.
Chain Sealed(uint32_t least_copies = 0) {
  Chain chain = Chain::Begin(Propose(1), WallTime{});
  chain = *chain.Extend(SegmentIndex(0), Lsn(10), Propose(2), WallTime{}, least_copies);
  return *chain.Extend(SegmentIndex(1), Lsn(20), Propose(3), WallTime{});
}

loglets::Needs ThreeNodes(const Segment&) {
  loglets::Needs needs;
  for (uint64_t node : {1, 2, 3}) {
    needs.some_of.push_back({NodeId(node), Incarnation(), DiskId(node)});
  }
  needs.all_of = {{NodeId(9), Incarnation(4), DiskId(9)}};
  needs.least = 2;
  return needs;
}

struct Nodes {
  std::map<NodeId, Liveness> states;
  LivenessOf Of() {
    return [this](const loglets::NodeLife& life) { return states[life.node]; };
  }
};

Instant After(Duration time) { return Instant() + time; }

TEST_CASE("Sealed copies: nobody is replaced before the patience has passed") {
  SealedCopies copies(NodeId(1), kPatience);
  Nodes nodes;
  nodes.states[NodeId(9)] = Liveness::kDead;  // the old sequencer, which nobody needs any more
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(0))));
  nodes.states[NodeId(3)] = Liveness::kDead;
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(10))));
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(69))));
  auto due = copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(70)));
  REQUIRE(due.has_value());
  CHECK(due->index == SegmentIndex(0));
  CHECK(due->reason == "node 3 is away for 60 s");
  REQUIRE(due->gone.size() == 1);
  CHECK(due->needs.all_of.empty());
  // After an attempt the next one has its turn.
  copies.Tried(SegmentIndex(0), After(seconds(70)));
  due = copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(71)));
  REQUIRE(due.has_value());
  CHECK(due->index == SegmentIndex(1));
  copies.Tried(SegmentIndex(1), After(seconds(71)));
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(72))));
  CHECK(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(85))));
  // Who comes back begins anew.
  nodes.states[NodeId(3)] = Liveness::kAlive;
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(90))));
  nodes.states[NodeId(3)] = Liveness::kSuspected;
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(91))));
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(140))));
}

TEST_CASE("Sealed copies: while one is away that may come back nobody is replaced") {
  SealedCopies copies(NodeId(1), kPatience);
  Nodes nodes;
  nodes.states[NodeId(3)] = Liveness::kDead;
  copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(0)));
  nodes.states[NodeId(2)] = Liveness::kDead;
  CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(100))));
  auto due = copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(160)));
  REQUIRE(due.has_value());
  CHECK(due->gone.size() == 2);
}

TEST_CASE("Sealed copies: a flagged segment is due as soon as enough live, and nobody leaves it") {
  SealedCopies copies(NodeId(1), kPatience);
  Nodes nodes;
  nodes.states[NodeId(2)] = Liveness::kDead;
  nodes.states[NodeId(3)] = Liveness::kDead;
  CHECK_FALSE(copies.Look(Sealed(1), ThreeNodes, nodes.Of(), After(seconds(0))));
  nodes.states[NodeId(2)] = Liveness::kAlive;
  auto due = copies.Look(Sealed(1), ThreeNodes, nodes.Of(), After(seconds(1)));
  REQUIRE(due.has_value());
  CHECK(due->index == SegmentIndex(0));
  CHECK(due->gone.empty());
  CHECK(due->reason == "too few lived when it was sealed");
}

TEST_CASE("Sealed copies: the first of a segment's living servers acts, nobody else") {
  Nodes nodes;
  nodes.states[NodeId(1)] = Liveness::kDead;
  for (uint64_t self : {1, 2, 3, 4}) {
    SealedCopies copies(NodeId(self), kPatience);
    CHECK_FALSE(copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(0))));
    auto due = copies.Look(Sealed(), ThreeNodes, nodes.Of(), After(seconds(60)));
    CHECK(due.has_value() == (self == 2));
  }
}

TEST_CASE("Sealed copies: a place is taken by a node without a copy, or by the same one anew") {
  DueSegment due;
  due.needs = ThreeNodes(Segment());
  due.gone = {due.needs.some_of[2]};
  Nodes nodes;
  CHECK_FALSE(AnyCanTake(due, {NodeId(1), NodeId(2)}, nodes.Of()));
  CHECK(AnyCanTake(due, {NodeId(1), NodeId(2), NodeId(4)}, nodes.Of()));
  CHECK(AnyCanTake(due, {NodeId(1), NodeId(3)}, nodes.Of()));  // with another disk
  nodes.states[NodeId(4)] = Liveness::kSuspected;
  nodes.states[NodeId(3)] = Liveness::kDead;
  CHECK_FALSE(AnyCanTake(due, {NodeId(1), NodeId(3), NodeId(4)}, nodes.Of()));
}

}  // namespace
}  // namespace vlog::virtuallog

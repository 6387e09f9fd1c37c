// Which nodes a new replicated loglet lives on.
#include <catch2/catch.hpp>

#include "loglets/replicated/placement_core.h"

namespace vlog::loglets::replicated {
namespace {

Census Answering(std::initializer_list<uint64_t> nodes) {
  Census census;
  for (uint64_t node : nodes) census[NodeId(node)] = {DiskId(100 + node), Incarnation(7)};
  return census;
}

std::vector<NodeId> Nodes(std::initializer_list<uint64_t> numbers) {
  std::vector<NodeId> nodes;
  for (uint64_t number : numbers) nodes.emplace_back(number);
  return nodes;
}

std::vector<NodeId> MembersOf(const Params& params) {
  std::vector<NodeId> nodes;
  for (const Member& member : params.members) nodes.push_back(member.replica.node);
  return nodes;
}

StatusOr<Params> Choose(const Wanted& wanted, const std::vector<NodeId>& spares,
                        const Census& census) {
  return ChooseParams(wanted, Candidates(wanted, spares), census);
}

Params Previous(std::initializer_list<uint64_t> nodes) {
  std::vector<Replica> replicas;
  for (uint64_t node : nodes) replicas.push_back({NodeId(node), DiskId(100 + node)});
  return *MakeParams(replicas);
}

TEST_CASE("Replicated placement: a new log lives on all nodes that answer") {
  StatusOr<Params> params = Choose(Wanted(), Nodes({1, 2, 3}), Answering({1, 2, 3}));
  REQUIRE(params.ok());
  CHECK(MembersOf(*params) == Nodes({1, 2, 3}));
  CHECK(params->write_quorum == 2);
  CHECK(params->first_leader == NodeId(1));
  CHECK(params->members[1].replica.disk == DiskId(102));
  CHECK(params->members[1].born == Incarnation(7));
}

TEST_CASE("Replicated placement: a wish names the nodes, the quorum and who leads first") {
  Wanted wanted;
  wanted.wish = {Nodes({2, 3, 4}), 3, NodeId(4)};
  StatusOr<Params> params = Choose(wanted, Nodes({1, 2, 3, 4}), Answering({1, 2, 3, 4}));
  REQUIRE(params.ok());
  CHECK(MembersOf(*params) == Nodes({2, 3, 4}));
  CHECK(params->write_quorum == 3);
  CHECK(params->first_leader == NodeId(4));
  wanted.wish.write_quorum = 4;
  CHECK(absl::IsInvalidArgument(Choose(wanted, {}, Answering({2, 3, 4})).status()));
  wanted.wish = {Nodes({2, 3, 4}), 0, NodeId(1)};
  CHECK(absl::IsInvalidArgument(Choose(wanted, {}, Answering({1, 2, 3, 4})).status()));
}

TEST_CASE("Replicated placement: silent nodes are replaced, or stay if nobody can replace them") {
  Wanted wanted;
  wanted.previous = Previous({1, 2, 3});
  StatusOr<Params> params = Choose(wanted, Nodes({1, 2, 3, 4}), Answering({1, 3, 4}));
  REQUIRE(params.ok());
  CHECK(MembersOf(*params) == Nodes({1, 3, 4}));
  params = Choose(wanted, Nodes({1, 2, 3}), Answering({2, 3}));
  REQUIRE(params.ok());
  CHECK(MembersOf(*params) == Nodes({2, 3, 1}));
  CHECK(params->write_quorum == 2);
  CHECK(params->first_leader == NodeId(2));
  CHECK(params->members[2].replica.disk == DiskId(101));
  CHECK(params->members[2].born == Incarnation());  // nobody knows its life
}

TEST_CASE(
    "Replicated placement: with too few alive there is no successor, unless the policy says") {
  Wanted wanted;
  wanted.previous = Previous({1, 2, 3});
  CHECK(absl::IsUnavailable(Choose(wanted, {}, Answering({3})).status()));
  wanted.policy.least_copies = 1;
  StatusOr<Params> params = Choose(wanted, {}, Answering({3}));
  REQUIRE(params.ok());
  CHECK(MembersOf(*params) == Nodes({3}));
  CHECK(params->write_quorum == 1);
  wanted.previous = Previous({1, 2, 3, 4, 5});
  wanted.policy.least_copies = 2;
  params = Choose(wanted, {}, Answering({2, 3}));
  REQUIRE(params.ok());
  CHECK(MembersOf(*params) == Nodes({2, 3}));
  CHECK(params->write_quorum == 2);
}

TEST_CASE("Replicated placement: a smaller successor's quorum is a majority, as SEAL needs it") {
  Wanted wanted;
  wanted.previous = Previous({1, 2, 3, 4, 5});
  wanted.policy.copies = 3;
  StatusOr<Params> params = Choose(wanted, {}, Answering({1, 2, 3, 4, 5}));
  REQUIRE(params.ok());
  CHECK(params->write_quorum == 2);
  // A kind that knows majorities only has one although the policy was made for another kind.
  wanted.policy.write_quorum = 3;
  CHECK(Choose(wanted, {}, Answering({1, 2, 3, 4, 5}))->write_quorum == 3);
  wanted.majority = true;
  CHECK(Choose(wanted, {}, Answering({1, 2, 3, 4, 5}))->write_quorum == 2);
  // Of a new loglet the operator is told: the kind refuses it.
  wanted.previous.reset();
  CHECK(Choose(wanted, Nodes({1, 2, 3}), Answering({1, 2, 3}))->write_quorum == 3);
}

TEST_CASE("Replicated placement: a quorum that nobody can be elected with is not proposed") {
  // 1 of 5 acknowledges, so an election needs all 5.
  Wanted wanted;
  wanted.previous = Previous({1, 2, 3, 4, 5});
  wanted.previous->write_quorum = 1;
  CHECK(absl::IsUnavailable(Choose(wanted, {}, Answering({1, 2, 3, 4})).status()));
  CHECK(Choose(wanted, {}, Answering({1, 2, 3, 4, 5})).ok());
  CHECK_FALSE(IsEnough(wanted, Answering({1, 2, 3, 4})));
  CHECK(IsEnough(wanted, Answering({1, 2, 3, 4, 5})));
}

TEST_CASE("Replicated placement: the policy's candidates come first, out of service only holders") {
  Wanted wanted;
  wanted.previous = Previous({1, 2});
  wanted.policy.candidates = Nodes({9, 4, 1});
  CHECK(Candidates(wanted, Nodes({3, 4})) == Nodes({4, 1, 2, 3}));
  wanted.policy.copies = 3;
  StatusOr<Params> params = Choose(wanted, Nodes({3, 4}), Answering({1, 2, 3, 4}));
  REQUIRE(params.ok());
  CHECK(MembersOf(*params) == Nodes({4, 1, 2}));
  CHECK(params->first_leader == NodeId(1));
}

TEST_CASE("Replicated placement: roles are read, kept from the predecessor, and can change") {
  StatusOr<Roles> roles = ParseRoles("acceptors=1,2 learners=4");
  REQUIRE(roles.ok());
  CHECK(roles->acceptors.size() == 2);
  Wanted wanted;
  wanted.roles = *roles;
  StatusOr<Params> params = Choose(wanted, Nodes({1, 2, 3, 4}), Answering({1, 2, 3, 4}));
  REQUIRE(params.ok());
  CHECK(params->voters() == 3);
  CHECK(params->write_quorum == 2);
  CHECK_FALSE(params->members[0].serves);
  CHECK_FALSE(params->members[3].votes);
  Wanted next;
  next.previous = *params;
  StatusOr<Params> successor = Choose(next, {}, Answering({1, 2, 3, 4}));
  REQUIRE(successor.ok());
  CHECK(*successor == *params);
  next.roles = *ParseRoles("learners=1");
  successor = Choose(next, {}, Answering({1, 2, 3, 4}));
  REQUIRE(successor.ok());
  CHECK_FALSE(successor->members[0].votes);
  CHECK(successor->members[1].serves);
  CHECK(successor->first_leader == NodeId(3));
}

TEST_CASE("Replicated placement: whoever is only an acceptor never leads, a learner may") {
  Wanted wanted;
  wanted.roles = *ParseRoles("acceptors=1,2,3 learners=4");
  StatusOr<Params> params = Choose(wanted, Nodes({1, 2, 3, 4}), Answering({1, 2, 3, 4}));
  REQUIRE(params.ok());
  CHECK(params->first_leader == NodeId(4));
  wanted.wish.sequencer = NodeId(2);
  params = Choose(wanted, Nodes({1, 2, 3, 4}), Answering({1, 2, 3, 4}));
  CHECK(absl::IsInvalidArgument(params.status()));
  // With nobody left who may lead it waits for one.
  wanted.wish.sequencer = NodeId();
  params = Choose(wanted, Nodes({1, 2, 3, 4}), Answering({1, 2, 3}));
  CHECK_FALSE(params.ok());
}

TEST_CASE("Replicated placement: too few acceptors, nobody to lead and strangers are refused") {
  Census all = Answering({1, 2, 3});
  auto refused = [&all](const std::string& roles, uint32_t quorum) {
    Wanted wanted;
    wanted.wish.options = roles;
    wanted.wish.write_quorum = quorum;
    wanted.roles = *ParseRoles(roles);
    StatusOr<Params> params = Choose(wanted, Nodes({1, 2, 3}), all);
    CHECK((params.ok() || absl::IsInvalidArgument(params.status())));
    return Message(params.status());
  };
  CHECK(refused("acceptors=1,2 learners=3", 0).empty());
  CHECK(refused("learners=1,2", 2).find("too few acceptors: 1 of nodes 1, 2, 3") == 0);
  CHECK(refused("learners=1,2,3", 0).find("too few acceptors: 0 of") == 0);
  CHECK(refused("acceptors=1,2,3", 0).find("every node would be only an acceptor") == 0);
  CHECK(refused("acceptors=9", 0).find("node 9 is given a role and holds no copy") == 0);
}

TEST_CASE("Replicated placement: everybody does everything again if that is asked for") {
  Wanted wanted;
  wanted.roles = *ParseRoles("acceptors=1 learners=2");
  StatusOr<Params> apart = Choose(wanted, Nodes({1, 2, 3}), Answering({1, 2, 3}));
  REQUIRE(apart.ok());
  Wanted next;
  next.previous = *apart;
  next.roles = *ParseRoles("all");
  StatusOr<Params> params = Choose(next, {}, Answering({1, 2, 3}));
  REQUIRE(params.ok());
  CHECK(params->voters() == 3);
  for (const Member& member : params->members) CHECK(member.serves);
}

TEST_CASE("Replicated placement: roles that make no sense are refused") {
  CHECK(ParseRoles("").ok());
  for (const char* bad : {"learners", "learners=", "readers=1", "learners=x", "learners=0",
                          "learners=1x", "acceptors=1 learners=1", "learners=-1"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(ParseRoles(bad).status()));
  }
}

}  // namespace
}  // namespace vlog::loglets::replicated

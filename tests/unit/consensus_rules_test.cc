// The rules of Paxos, one test each, on the cores of src/consensus (Paxos Made Simple, "PMS").
#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "consensus/acceptor.h"
#include "consensus/proposer.h"
#include "consensus/query_tally.h"
#include "consensus/quorum.h"

namespace vlog::consensus {
namespace {

using Kind = PaxosRequest::Kind;

constexpr Replica kA{NodeId(1), DiskId(11)};
constexpr Replica kB{NodeId(2), DiskId(12)};
constexpr Replica kC{NodeId(3), DiskId(13)};
constexpr Replica kStranger{NodeId(1), DiskId(99)};  // node 1 with a new disk

Ballot B(uint64_t round, uint64_t node = 1) { return {round, NodeId(node), Incarnation(5)}; }
Bytes V(const char* text) { return Bytes::CopyOf(text); }

PaxosReply Answer(Acceptor& acceptor, const PaxosRequest& request) {
  acceptor.Step(request);
  acceptor.CheckInvariants();
  AcceptorOutput output = acceptor.TakeOutput();
  REQUIRE(output.send.size() == 1);
  return output.send[0];
}

PaxosReply Promise(const Ballot& ballot, const Ballot& accepted = {}, Bytes value = {}) {
  return {Kind::kPrepare, ballot, true, ballot, accepted, std::move(value)};
}
PaxosReply Accepted(const Ballot& ballot) { return {Kind::kAccept, ballot, true, ballot, {}, {}}; }
PaxosReply Refused(Kind kind, const Ballot& ballot, const Ballot& promised) {
  return {kind, ballot, false, promised, {}, {}};
}
PaxosReply Told(const Ballot& accepted, Bytes value) {
  return {Kind::kQuery, {}, true, accepted, accepted, std::move(value)};
}

Proposer NewProposer() { return Proposer({kA, kB, kC}, Quorums::OfMajority(3)); }

TEST_CASE("Ballots: ordered by round, then node, then incarnation, and none is the lowest") {
  CHECK(B(1, 9) < B(2, 1));
  CHECK(B(2, 1) < B(2, 2));
  CHECK(Ballot{2, NodeId(1), Incarnation(1)} < Ballot{2, NodeId(1), Incarnation(2)});
  CHECK(Ballot().none());
  CHECK(Ballot() < B(1, 0));
}

TEST_CASE("Ballots: a maker gives each out once and above what was seen (PMS 2.2)") {
  BallotMaker maker(NodeId(1), Incarnation(1));
  BallotMaker next_life(NodeId(1), Incarnation(2));
  std::set<Ballot> made;
  Ballot seen;
  for (int i = 0; i < 20; ++i) {
    Ballot mine = maker.Next(seen);
    CHECK(mine > seen);
    CHECK(made.insert(mine).second);
    // Below what the maker made already: it still grows.
    CHECK(made.insert(maker.Next(B(1))).second);
    seen = next_life.Next(mine);
    CHECK(made.insert(seen).second);
  }
}

TEST_CASE("Quorums: a write and a read quorum always share a member") {
  for (size_t n = 1; n <= 7; ++n) {
    CHECK(Quorums::OfMajority(n).valid());
    for (size_t write = 1; write <= n; ++write) {
      Quorums quorums = Quorums::OfWrite(n, write);
      REQUIRE(quorums.valid());
      // By looking at every pair of sets; one member less would not do.
      auto all_meet = [&](size_t a, size_t b) {
        for (unsigned x = 0; x < 1U << n; ++x) {
          for (unsigned y = 0; y < 1U << n; ++y) {
            bool are_quorums = static_cast<size_t>(__builtin_popcount(x)) == a &&
                               static_cast<size_t>(__builtin_popcount(y)) == b;
            if (are_quorums && (x & y) == 0) return false;
          }
        }
        return true;
      };
      CHECK(all_meet(quorums.write, quorums.read));
      CHECK(Intersect(n, quorums.write, quorums.read));
      CHECK_FALSE(all_meet(quorums.write, quorums.read - 1));
    }
  }
  CHECK_FALSE(Quorums{4, 2, 2}.valid());
  CHECK(Majority(4) == 3);
}

TEST_CASE("Quorums: what a count of servers reaches") {
  CHECK(HighestReachedBy({5, 9, 7}, 2) == 7);
  CHECK(HighestReachedBy({5, 9, 7}, 3) == 5);
  CHECK(HighestReachedBy({5, 9, 7}, 1) == 9);
  CHECK(HighestReachedBy({4, 4, 4, 9}, 2) == 4);
  CHECK(HighestReachedBy({5, 9}, 3) == std::nullopt);
}

TEST_CASE("Acceptor: promises and accepts nothing below its promise (PMS 2.2, P1a)") {
  Acceptor acceptor;
  CHECK(Answer(acceptor, {Kind::kPrepare, B(5), {}}).granted);
  PaxosReply lower = Answer(acceptor, {Kind::kPrepare, B(4), {}});
  CHECK_FALSE(lower.granted);
  CHECK(lower.promised == B(5));
  CHECK_FALSE(Answer(acceptor, {Kind::kAccept, B(4), V("old")}).granted);
  CHECK(acceptor.state().accepted.none());
  CHECK(Answer(acceptor, {Kind::kAccept, B(5), V("x")}).granted);
  // An acceptance without a promise is allowed, and promises.
  CHECK(Answer(acceptor, {Kind::kAccept, B(7), V("y")}).granted);
  CHECK_FALSE(Answer(acceptor, {Kind::kPrepare, B(6), {}}).granted);
}

TEST_CASE("Acceptor: a promise tells the proposal that was accepted last (PMS 2.2, phase 1b)") {
  Acceptor acceptor;
  Answer(acceptor, {Kind::kAccept, B(2), V("x")});
  Answer(acceptor, {Kind::kAccept, B(3), V("y")});
  PaxosReply reply = Answer(acceptor, {Kind::kPrepare, B(9), {}});
  CHECK(reply.accepted == B(3));
  CHECK(reply.value == V("y"));
}

TEST_CASE("Acceptor: what an answer rests on is persisted before it (PMS 2.5)") {
  Acceptor acceptor;
  acceptor.Step({Kind::kPrepare, B(3), {}});
  AcceptorOutput promised = acceptor.TakeOutput();
  REQUIRE(promised.persist.has_value());
  CHECK(promised.persist->promised == B(3));
  acceptor.Step({Kind::kAccept, B(3), V("x")});
  AcceptorOutput accepted = acceptor.TakeOutput();
  REQUIRE(accepted.persist.has_value());

  std::string stored;
  PutAcceptorState(&stored, *accepted.persist);
  Decoder in(stored);
  Acceptor restarted(GetAcceptorState(in));
  REQUIRE(in.done());
  CHECK(restarted.state() == acceptor.state());
  CHECK_FALSE(Answer(restarted, {Kind::kPrepare, B(2), {}}).granted);
  CHECK(Answer(restarted, {Kind::kPrepare, B(4), {}}).value == V("x"));
}

TEST_CASE("Acceptor: the same request again is answered alike and writes nothing") {
  Acceptor acceptor;
  Answer(acceptor, {Kind::kPrepare, B(3), {}});
  Answer(acceptor, {Kind::kAccept, B(3), V("x")});
  for (const PaxosRequest& again :
       {PaxosRequest{Kind::kPrepare, B(3), {}}, PaxosRequest{Kind::kAccept, B(3), V("x")},
        PaxosRequest{Kind::kQuery, {}, {}}}) {
    acceptor.Step(again);
    AcceptorOutput output = acceptor.TakeOutput();
    CHECK(output.send.at(0).granted);
    CHECK_FALSE(output.persist.has_value());
  }
}

TEST_CASE("Acceptor: a second value under one ballot never replaces the first") {
  Acceptor acceptor;
  Answer(acceptor, {Kind::kAccept, B(3), V("x")});
  CHECK_FALSE(Answer(acceptor, {Kind::kAccept, B(3), V("y")}).granted);
  CHECK(acceptor.state().value == V("x"));
}

TEST_CASE("Proposer: takes over the value of the highest ballot (PMS 2.2, P2c)") {
  Proposer proposer = NewProposer();
  proposer.Begin(B(9));
  proposer.Step(kA, Promise(B(9), B(2), V("low")));
  proposer.Step(kB, Promise(B(9), B(4), V("high")));
  REQUIRE(proposer.phase() == Proposer::Phase::kPrepared);
  CHECK(proposer.inherits());
  proposer.Propose(V("own"));
  CHECK(proposer.value() == V("high"));
  for (const Outgoing& out : proposer.TakeOutput()) CHECK(out.request.value == V("high"));
  proposer.CheckInvariants();
}

TEST_CASE("Proposer: proposes its own value only if a quorum accepted none (PMS 2.2, P2c)") {
  Proposer proposer = NewProposer();
  proposer.Begin(B(9));
  proposer.Step(kA, Promise(B(9)));
  CHECK(proposer.phase() == Proposer::Phase::kPreparing);
  proposer.Step(kC, Promise(B(9)));
  REQUIRE(proposer.phase() == Proposer::Phase::kPrepared);
  // One promise more than needed binds as well while nothing was proposed.
  proposer.Step(kB, Promise(B(9), B(1), V("half")));
  proposer.Propose(V("own"));
  CHECK(proposer.value() == V("half"));

  Proposer other = NewProposer();
  other.Begin(B(9));
  other.Step(kA, Promise(B(9)));
  other.Step(kC, Promise(B(9)));
  other.Propose(V("own"));
  CHECK(other.value() == V("own"));
  other.Step(kA, Accepted(B(9)));
  CHECK(other.phase() == Proposer::Phase::kAccepting);
  other.Step(kB, Accepted(B(9)));
  CHECK(other.phase() == Proposer::Phase::kChosen);
  CHECK(other.accepted_by(kB));
  CHECK_FALSE(other.accepted_by(kC));
}

TEST_CASE("Proposer: doubled answers, strangers and old ballots make no quorum (PMS 2.2)") {
  Proposer proposer = NewProposer();
  proposer.Begin(B(3));
  proposer.Begin(B(4));
  proposer.Step(kA, Promise(B(4)));
  proposer.Step(kA, Promise(B(4)));
  proposer.Step(kStranger, Promise(B(4)));
  proposer.Step(kB, Promise(B(3)));
  proposer.Step(kB, Accepted(B(4)));
  CHECK(proposer.phase() == Proposer::Phase::kPreparing);
  proposer.Step(kB, Promise(B(4)));
  REQUIRE(proposer.phase() == Proposer::Phase::kPrepared);
  proposer.Propose(V("x"));
  proposer.Step(kA, Accepted(B(4)));
  proposer.Step(kA, Accepted(B(4)));
  proposer.Step(kB, Promise(B(4)));
  proposer.Step(kStranger, Accepted(B(4)));
  CHECK(proposer.phase() == Proposer::Phase::kAccepting);
}

TEST_CASE("Proposer: gives a ballot up when no quorum can grant it any more") {
  Proposer proposer = NewProposer();
  proposer.Begin(B(3));
  proposer.Step(kA, Refused(Kind::kPrepare, B(3), B(8)));
  CHECK(proposer.phase() == Proposer::Phase::kPreparing);
  proposer.Step(kB, Refused(Kind::kPrepare, B(3), B(6)));
  CHECK(proposer.phase() == Proposer::Phase::kRefused);
  CHECK(proposer.highest_seen() == B(8));
  proposer.Step(kC, Promise(B(3)));
  proposer.Step(kB, Promise(B(3)));
  CHECK(proposer.phase() == Proposer::Phase::kRefused);
}

TEST_CASE("Proposer: flexible quorums prepare with more and accept with fewer") {
  Proposer proposer({kA, kB, kC}, Quorums::OfWrite(3, 1));
  proposer.Begin(B(1));
  proposer.Step(kA, Promise(B(1)));
  proposer.Step(kB, Promise(B(1)));
  CHECK(proposer.phase() == Proposer::Phase::kPreparing);
  proposer.Step(kC, Promise(B(1)));
  REQUIRE(proposer.phase() == Proposer::Phase::kPrepared);
  proposer.Propose(V("x"));
  proposer.Step(kB, Accepted(B(1)));
  CHECK(proposer.phase() == Proposer::Phase::kChosen);
}

TEST_CASE("Query: nothing accepted on a read quorum proves that nothing was chosen before") {
  QueryTally tally({kA, kB, kC}, Quorums::OfMajority(3));
  tally.Step(kA, Told({}, {}));
  tally.Step(kA, Told({}, {}));
  tally.Step(kStranger, Told({}, {}));
  CHECK(tally.verdict() == QueryTally::Verdict::kWaiting);
  tally.Step(kB, Told(B(3), V("half")));
  CHECK(tally.verdict() == QueryTally::Verdict::kUnclear);
  tally.Step(kC, Told({}, {}));
  CHECK(tally.verdict() == QueryTally::Verdict::kNothing);
}

TEST_CASE("Query: one ballot on a majority is chosen, one value under two ballots is not") {
  QueryTally tally({kA, kB, kC}, Quorums::OfMajority(3));
  tally.Step(kA, Told(B(3), V("x")));
  tally.Step(kB, Told(B(5), V("x")));
  CHECK(tally.verdict() == QueryTally::Verdict::kUnclear);
  tally.Step(kC, Told(B(5), V("x")));
  REQUIRE(tally.verdict() == QueryTally::Verdict::kChosen);
  CHECK(tally.value() == V("x"));
  CHECK(tally.accepted_by(kC));
  CHECK_FALSE(tally.accepted_by(kA));
  CHECK(tally.highest_seen() == B(5));
}

}  // namespace
}  // namespace vlog::consensus

// The rules of the replicated register, one test each, on its cores (DESIGN 7).
#include <catch2/catch.hpp>
#include <deque>
#include <map>

#include "metastore/paxos/acceptor_core.h"
#include "metastore/paxos/operation_core.h"

namespace vlog::metastore {
namespace {

using consensus::Ballot;
using consensus::BallotMaker;
using consensus::PaxosRequest;
using Kind = PaxosRequest::Kind;
using Outcome = RegisterReply::Outcome;

constexpr char kLog[] = "orders";
constexpr ClusterId kCluster(77);

Replica R(uint64_t node) { return {NodeId(node), DiskId(100 + node)}; }
const std::vector<Replica> kThree = {R(1), R(2), R(3)};

ClusterRecord RecordOf(uint64_t node) { return {kCluster, R(node), kThree}; }

// Five acceptors, of which 1, 2 and 3 vote first, and a network that the test drives.
struct Cluster {
  Cluster() {
    for (uint64_t node = 1; node <= 5; ++node) {
      AcceptorChange format;
      format.record = RecordOf(node);
      acceptors[R(node)].Apply(format);
    }
  }

  RegisterReply Ask(const Replica& to, const RegisterRequest& request) {
    REQUIRE(Validate(request).ok());
    AcceptorCore& core = acceptors[to];
    AcceptorCore::Output output = core.Step(request);
    writes += output.persist.empty() ? 0 : 1;
    StatusOr<std::vector<AcceptorChange>> stored =
        DecodeChanges(EncodeChanges(output.persist).view());
    REQUIRE(stored.ok());
    for (const AcceptorChange& change : *stored) core.Apply(change);
    core.CheckInvariants();
    return output.send;
  }

  // Carries every message until the operation ends or nothing moves, but none to or from `down`.
  void Run(OperationCore& core, const std::set<uint64_t>& down = {}) {
    std::deque<RegisterOutgoing> queue;
    for (;;) {
      OperationCore::Output output = core.TakeOutput();
      paused |= output.pause;
      queue.insert(queue.end(), output.send.begin(), output.send.end());
      if (queue.empty()) return;
      RegisterOutgoing out = queue.front();
      queue.pop_front();
      ++sent;
      if (down.contains(out.to.node.value())) continue;
      RegisterReply reply = Ask(out.to, out.request);
      core.Step(out.to, reply);
      core.CheckInvariants();
    }
  }

  OperationCore NewWrite(const Chosen& known, uint64_t id, std::string user, uint64_t expected) {
    return OperationCore::Write(kLog, known, &ballots,
                                {Version(expected), ProposalId(id), std::move(user), {}});
  }
  // Writes for sure; the register's newest state.
  Chosen MustWrite(const Chosen& known, uint64_t id, std::string user) {
    OperationCore core = NewWrite(known, id, std::move(user), known.version.value());
    core.Start();
    Run(core);
    REQUIRE(core.result().has_value());
    REQUIRE(core.result()->ok());
    return core.known();
  }
  Chosen MustRead(const Chosen& known) {
    OperationCore core = OperationCore::Read(kLog, known, &ballots);
    core.Start();
    Run(core);
    if (!core.result()) {
      core.Tick();
      Run(core);
    }
    REQUIRE(core.result().has_value());
    REQUIRE(core.result()->ok());
    return core.known();
  }

  std::map<Replica, AcceptorCore> acceptors;
  BallotMaker ballots{NodeId(0), Incarnation(1)};
  BallotMaker other_ballots{NodeId(0), Incarnation(2)};
  int sent = 0;
  int writes = 0;
  bool paused = false;
};

const Chosen kBegin = Bootstrap(kThree);

RegisterRequest Request(const Chosen& known, PaxosRequest paxos) {
  RegisterRequest request;
  request.log = kLog;
  request.slot = Version(known.version.value() + 1);
  request.previous = known.value.proposal;
  request.paxos = std::move(paxos);
  return request;
}

// A value for the slot after `known`, accepted by one acceptor only.
RegisterValue HalfAccept(Cluster& cluster, const Chosen& known, uint64_t node, uint64_t id,
                         std::string user) {
  RegisterValue value = NextValue(known, ProposalId(id), std::move(user));
  Ballot ballot = cluster.other_ballots.Next({});
  RegisterReply reply =
      cluster.Ask(R(node), Request(known, {Kind::kAccept, ballot, EncodeRegisterValue(value)}));
  REQUIRE(reply.paxos.granted);
  return value;
}

TEST_CASE("Register value: survives encoding, and nothing malformed passes for one") {
  RegisterValue value = NextValue(Bootstrap(kThree), ProposalId(9), "chain");
  Bytes bytes = EncodeRegisterValue(value);
  CHECK(*DecodeRegisterValue(bytes.view()) == value);
  CHECK(ProposalOf(bytes.view()) == ProposalId(9));
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK_FALSE(DecodeRegisterValue(bytes.view().substr(0, length)).ok());
  }
  std::vector<Replica> twice = {R(1), {NodeId(1), DiskId(5)}};
  CHECK_FALSE(NormalizeAcceptors(&twice).ok());
}

TEST_CASE("Register: remembers who won each of the last 64 versions") {
  Chosen now = kBegin;
  for (uint64_t i = 1; i <= 100; ++i) {
    now = {Version(i), NextValue(now, ProposalId(1000 + i), "")};
  }
  CHECK(ProposalAt(now, Version(100)) == ProposalId(1100));
  CHECK(ProposalAt(now, Version(37)) == ProposalId(1037));
  CHECK(ProposalAt(now, Version(36)) == std::nullopt);
}

TEST_CASE("Register: a read is one round trip and writes nothing at the acceptors") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  int sent = cluster.sent;
  int writes = cluster.writes;
  CHECK(cluster.MustRead(one).value.user == "one");
  CHECK(cluster.sent == sent + 3);
  CHECK(cluster.writes == writes);
}

TEST_CASE("Register: whoever is behind jumps to the newest version") {
  Cluster cluster;
  Chosen now = kBegin;
  for (uint64_t i = 1; i <= 10; ++i) now = cluster.MustWrite(now, i, "v" + std::to_string(i));
  int sent = cluster.sent;
  Chosen read = cluster.MustRead(kBegin);
  CHECK(read.version == Version(10));
  CHECK(read.value.user == "v10");
  CHECK(cluster.sent <= sent + 6);
}

TEST_CASE("Register: a writer whose version is old is told so and proposes nothing") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  OperationCore late = cluster.NewWrite(kBegin, 2, "late", 0);
  late.Start();
  cluster.Run(late);
  CHECK(absl::IsAborted(late.result()->status()));
  CHECK_FALSE(late.may_be_written());
  OperationCore early = cluster.NewWrite(kBegin, 3, "early", 5);
  early.Start();
  cluster.Run(early);
  CHECK(absl::IsAborted(early.result()->status()));
  CHECK(cluster.MustRead(one).value.user == "one");
}

TEST_CASE("Register: a half accepted value is completed by a reader after a pause (PMS 2.2)") {
  Cluster cluster;
  RegisterValue half = HalfAccept(cluster, kBegin, 1, 5, "half");
  // Acceptor 3 is away: 1 and 2 alone cannot tell whether the value is chosen.
  OperationCore read = OperationCore::Read(kLog, kBegin, &cluster.ballots);
  read.Start();
  cluster.Run(read, {3});
  CHECK_FALSE(read.result().has_value());
  CHECK(cluster.paused);
  read.Tick();
  cluster.Run(read, {3});
  REQUIRE(read.result().has_value());
  CHECK(read.known().version == Version(1));
  CHECK(read.known().value == half);
}

TEST_CASE("Register: a value that another wrote is not one's own, even if the bytes are") {
  Cluster cluster;
  HalfAccept(cluster, kBegin, 1, 5, "same");
  HalfAccept(cluster, kBegin, 2, 5, "same");
  // Chosen, and nobody was told. The second writer finds it in phase 1 and completes it.
  OperationCore second = cluster.NewWrite(kBegin, 6, "same", 0);
  second.Start();
  cluster.Run(second);
  second.Tick();  // its first ballot was too low
  cluster.Run(second);
  REQUIRE(second.result().has_value());
  CHECK(absl::IsAborted(second.result()->status()));
  CHECK_FALSE(second.may_be_written());
  CHECK(cluster.MustRead(kBegin).value.proposal == ProposalId(5));
}

TEST_CASE("Register: a write that somebody else completed is a success of its writer") {
  Cluster cluster;
  OperationCore write = cluster.NewWrite(kBegin, 5, "mine", 0);
  write.Start();
  // Only acceptor 1 hears of phase 2.
  std::deque<RegisterOutgoing> queue;
  auto take = [&] {
    for (RegisterOutgoing& out : write.TakeOutput().send) queue.push_back(std::move(out));
  };
  for (take(); !queue.empty(); take()) {
    RegisterOutgoing out = queue.front();
    queue.pop_front();
    if (out.request.paxos.kind == Kind::kAccept) {
      cluster.Ask(R(1), out.request);
      break;
    }
    write.Step(out.to, cluster.Ask(out.to, out.request));
  }
  CHECK(write.may_be_written());
  // Another client completes it and writes two versions on top.
  Cluster& c = cluster;
  OperationCore reader = OperationCore::Read(kLog, kBegin, &c.other_ballots);
  reader.Start();
  c.Run(reader, {3});
  reader.Tick();
  c.Run(reader, {3});
  REQUIRE(reader.result()->ok());
  REQUIRE(reader.known().value.proposal == ProposalId(5));
  Chosen now = reader.known();
  for (uint64_t id : {8, 9}) now = c.MustWrite(now, id, "later");
  // The writer's answers never came; it asks again and learns what became of its slot.
  write.Tick();
  c.Run(write);
  REQUIRE(write.result().has_value());
  REQUIRE(write.result()->ok());
  CHECK(write.result()->value() == Version(1));
}

TEST_CASE("Register: a decided slot never looks empty, however much was collected") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  cluster.MustWrite(one, 2, "two");
  Ballot high{99, NodeId(9), Incarnation(9)};
  for (Kind kind : {Kind::kQuery, Kind::kPrepare, Kind::kAccept}) {
    RegisterValue zombie = NextValue(kBegin, ProposalId(66), "zombie");
    RegisterReply reply =
        cluster.Ask(R(1), Request(kBegin, {kind, high, EncodeRegisterValue(zombie)}));
    CHECK(reply.outcome == Outcome::kSuperseded);
    CHECK(reply.version == Version(2));
    CHECK(DecodeRegisterValue(reply.chosen.view())->user == "two");
  }
}

TEST_CASE("Register: the floor survives restarts, and what was promised above it too") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  HalfAccept(cluster, one, 2, 7, "half");
  AcceptorCore restarted;
  REQUIRE(restarted.Decode(cluster.acceptors[R(2)].Encode()).ok());
  CHECK(restarted.record() == RecordOf(2));
  CHECK(restarted.version(kLog) == Version(1));
  RegisterReply reply = restarted.Step(Request(one, {Kind::kQuery, {}, {}})).send;
  CHECK(reply.outcome == Outcome::kAnswered);
  CHECK(ProposalOf(reply.paxos.value.view()) == ProposalId(7));
  std::string encoded = restarted.Encode();
  for (size_t length = 0; length < encoded.size(); ++length) {
    AcceptorCore broken;
    Status status = broken.Decode(std::string_view(encoded).substr(0, length));
    // A cut between two registers is not seen here; the checkpoint has its own checksum.
    if (status.ok()) CHECK(broken.version(kLog) == Version());
  }
}

TEST_CASE("Register: an acceptor that is behind asks for the value before it votes") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  cluster.acceptors[R(3)] = AcceptorCore();
  AcceptorChange format;
  format.record = RecordOf(3);
  cluster.acceptors[R(3)].Apply(format);
  Ballot ballot = cluster.ballots.Next({});
  RegisterReply behind = cluster.Ask(R(3), Request(one, {Kind::kPrepare, ballot, {}}));
  CHECK(behind.outcome == Outcome::kBehind);
  CHECK(behind.version == Version());
  RegisterRequest with_value = Request(one, {Kind::kPrepare, ballot, {}});
  with_value.chosen = EncodeRegisterValue(one.value);
  CHECK(cluster.Ask(R(3), with_value).paxos.granted);
  CHECK(cluster.acceptors[R(3)].version(kLog) == Version(1));
}

TEST_CASE("Register: only a chosen value names the acceptors of the next slot") {
  Cluster cluster;
  OperationCore move = OperationCore::Write(
      kLog, kBegin, &cluster.ballots, {Version(0), ProposalId(1), "moved", {R(3), R(4), R(5)}});
  move.Start();
  cluster.Run(move);
  REQUIRE(move.result()->ok());
  Chosen moved = move.known();
  CHECK(moved.value.acceptors == std::vector<Replica>{R(3), R(4), R(5)});
  // The next write needs two of 3, 4, 5; 1 and 2 are of no use.
  OperationCore blocked = cluster.NewWrite(moved, 2, "x", 1);
  blocked.Start();
  cluster.Run(blocked, {4, 5});
  CHECK_FALSE(blocked.result().has_value());
  OperationCore next = cluster.NewWrite(moved, 3, "y", 1);
  next.Start();
  cluster.Run(next, {1, 2, 3});
  REQUIRE(next.result()->ok());
  // A former acceptor sends who asks it there to the new place, and votes no more.
  RegisterReply former = cluster.Ask(R(1), Request(kBegin, {Kind::kQuery, {}, {}}));
  CHECK(former.outcome == Outcome::kSuperseded);
  Ballot ballot = cluster.ballots.Next({});
  CHECK(cluster.Ask(R(1), Request(moved, {Kind::kPrepare, ballot, {}})).outcome ==
        Outcome::kNoVote);
  CHECK(cluster.MustRead(kBegin).value.user == "y");
}

TEST_CASE("Register: an acceptor that lost its memory does not vote but knows what is decided") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  cluster.acceptors[R(1)].LoseMemory();
  Ballot ballot = cluster.ballots.Next({});
  CHECK(cluster.Ask(R(1), Request(one, {Kind::kPrepare, ballot, {}})).outcome == Outcome::kNoVote);
  CHECK(cluster.Ask(R(1), Request(one, {Kind::kQuery, {}, {}})).outcome == Outcome::kNoVote);
  CHECK(cluster.Ask(R(1), Request(kBegin, {Kind::kQuery, {}, {}})).outcome == Outcome::kSuperseded);
  AcceptorCore restarted;
  REQUIRE(restarted.Decode(cluster.acceptors[R(1)].Encode()).ok());
  CHECK_FALSE(restarted.votes());
  // Two others are enough.
  CHECK(cluster.MustWrite(one, 2, "two").version == Version(2));
}

TEST_CASE("Register: another disk of the same node is a stranger") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  AcceptorChange format;
  format.record = {kCluster, {NodeId(1), DiskId(555)}, kThree};
  AcceptorCore wiped;
  wiped.Apply(format);
  RegisterRequest request = Request(one, {Kind::kPrepare, cluster.ballots.Next({}), {}});
  request.chosen = EncodeRegisterValue(one.value);
  CHECK(wiped.Step(request).send.outcome == Outcome::kNoVote);
  RegisterRequest directory = Request(kBegin, {Kind::kQuery, {}, {}});
  directory.log = kDirectoryLog;
  CHECK(wiped.Step(directory).send.outcome == Outcome::kNoVote);
}

TEST_CASE("Register: a reservation leaves one round trip for the write") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  OperationCore reserve = OperationCore::Reserve(kLog, one, &cluster.ballots, Version(1));
  reserve.Start();
  cluster.Run(reserve);
  REQUIRE(reserve.result()->ok());
  int sent = cluster.sent;
  OperationCore write =
      OperationCore::Write(kLog, one, &cluster.ballots, {Version(1), ProposalId(2), "two", {}},
                           reserve.TakeReservation());
  write.Start();
  cluster.Run(write);
  REQUIRE(write.result()->ok());
  CHECK(cluster.sent == sent + 6);  // accept, and the *chosen* message
  // One that another proposer has overtaken is good for a try, not for a lie.
  OperationCore stale = OperationCore::Reserve(kLog, write.known(), &cluster.ballots, Version(2));
  stale.Start();
  cluster.Run(stale);
  Chosen three = cluster.MustWrite(write.known(), 3, "three");
  OperationCore loser =
      OperationCore::Write(kLog, write.known(), &cluster.ballots,
                           {Version(2), ProposalId(4), "lost", {}}, stale.TakeReservation());
  loser.Start();
  cluster.Run(loser);
  CHECK(absl::IsAborted(loser.result()->status()));
  CHECK(cluster.MustRead(three).value.user == "three");
}

TEST_CASE("Register: requests that make no sense are refused before they reach the core") {
  Cluster cluster;
  Chosen one = cluster.MustWrite(kBegin, 1, "one");
  Ballot ballot = cluster.ballots.Next({});
  RegisterRequest good = Request(one, {Kind::kPrepare, ballot, {}});
  CHECK(Validate(good).ok());
  RegisterRequest bad = good;
  bad.slot = Version(0);
  CHECK_FALSE(Validate(bad).ok());
  bad = good;
  bad.log.clear();
  CHECK_FALSE(Validate(bad).ok());
  bad = good;
  bad.paxos.ballot = {};
  CHECK_FALSE(Validate(bad).ok());
  bad = Request(one, {Kind::kAccept, ballot, Bytes::CopyOf("rubbish")});
  CHECK_FALSE(Validate(bad).ok());
  bad = good;
  bad.chosen = EncodeRegisterValue(NextValue(one, ProposalId(123), "not the previous one"));
  CHECK_FALSE(Validate(bad).ok());
}

}  // namespace
}  // namespace vlog::metastore

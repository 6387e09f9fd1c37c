// One test for each safety rule of the Paxos loglet, with the paper's section. The stories are in
// tests/golden/paxos/.
#include <catch2/catch.hpp>

#include "loglets/paxos/phase1_core.h"
#include "unit/paxos_loglet_cluster.h"

namespace vlog::loglets::paxos {
namespace {

Ballot MakeBallot(uint64_t round, uint64_t node) { return {round, NodeId(node), Incarnation(1)}; }

Group GroupOf(size_t voters, uint32_t write_quorum) {
  Group group;
  for (size_t i = 0; i < voters; ++i) {
    group.members.push_back({{NodeId(i + 1), DiskId(100 + i)}, true, true});
  }
  group.write_quorum = write_quorum;
  return group;
}

SlotEntry EntryOf(uint64_t slot, Ballot ballot, char writer) {
  return {Slot(slot), ballot, Command::OfBatch(MakeBatch(writer, 0, 1, std::nullopt))};
}

PrepareReply PromiseOf(Ballot ballot, std::vector<SlotEntry> accepted) {
  PrepareReply reply;
  reply.standing.votes = true;
  reply.ballot = ballot;
  reply.granted = true;
  reply.complete = true;
  reply.accepted = std::move(accepted);
  return reply;
}

bool OK(const PaxosCluster& cluster, replicated::Token token, uint64_t offset) {
  std::optional<StatusOr<Offset>> result = cluster.Result(token);
  return result && result->ok() && **result == Offset(offset);
}

bool Said(const PaxosCluster& cluster, replicated::Token token, absl::StatusCode code) {
  std::optional<StatusOr<Offset>> result = cluster.Result(token);
  return result && result->status().code() == code;
}

TEST_CASE("Paxos: the command of the highest ballot is proposed (Paxos Made Simple 2.2, P2c)") {
  Group group = GroupOf(5, 3);
  Phase1 phase(group, MakeBallot(9, 1), Slot(0));
  phase.OnPromise(0, PromiseOf(MakeBallot(9, 1), {}));
  phase.OnPromise(1, PromiseOf(MakeBallot(9, 1), {EntryOf(0, MakeBallot(5, 3), 'n')}));
  CHECK_FALSE(phase.complete());
  phase.OnPromise(2, PromiseOf(MakeBallot(9, 1), {EntryOf(0, MakeBallot(4, 2), 'o')}));
  REQUIRE(phase.complete());
  std::vector<SlotEntry> recovered = phase.Recovered(Slot(0));
  REQUIRE(recovered.size() == 1);
  CHECK(recovered[0].command.header.writer == WriterId('n'));
  CHECK(recovered[0].ballot == MakeBallot(9, 1));
}

TEST_CASE("Paxos: holes between recovered slots become no-ops (Paxos Made Simple 3)") {
  Group group = GroupOf(3, 2);
  Phase1 phase(group, MakeBallot(2, 1), Slot(4));
  phase.OnPromise(0, PromiseOf(MakeBallot(2, 1), {EntryOf(6, MakeBallot(1, 2), 'a')}));
  phase.OnPromise(1, PromiseOf(MakeBallot(2, 1), {}));
  std::vector<SlotEntry> recovered = phase.Recovered(Slot(4));
  REQUIRE(recovered.size() == 3);
  CHECK(recovered[0].command.kind == Command::Kind::kNoOp);
  CHECK(recovered[1].command.kind == Command::Kind::kNoOp);
  CHECK(recovered[2].slot == Slot(6));
  CHECK(recovered[2].command.kind == Command::Kind::kBatch);
}

TEST_CASE("Paxos: phase 1 needs a quorum that meets every write quorum (Flexible Paxos 3)") {
  Group group = GroupOf(4, 2);
  Phase1 phase(group, MakeBallot(2, 1), Slot(0));
  phase.OnPromise(0, PromiseOf(MakeBallot(2, 1), {}));
  phase.OnPromise(1, PromiseOf(MakeBallot(2, 1), {}));
  phase.OnPromise(1, PromiseOf(MakeBallot(2, 1), {}));
  CHECK_FALSE(phase.complete());
  phase.OnPromise(2, PromiseOf(MakeBallot(2, 1), {}));
  CHECK(phase.complete());
}

TEST_CASE("Paxos: a write quorum of one is chosen at once, and found by all (Flexible Paxos 3)") {
  PaxosCluster cluster("bbb", 1);
  cluster.Lead(0);
  cluster.Run();
  replicated::Token first = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  CHECK(OK(cluster, first, 0));
  cluster.LoseLink(0, 1);
  cluster.LoseLink(0, 2);
  // Phase 1 needs all three: without the one that has it nobody leads.
  cluster.Crash(0);
  cluster.Lead(1);
  cluster.Run();
  CHECK_FALSE(cluster.core(1).leading());
  cluster.Start(0);
  cluster.Wait(std::chrono::milliseconds(600));
  replicated::Token again = cluster.Append(1, MakeBatch('a', 0, 1, std::nullopt));
  cluster.Run();
  if (cluster.core(1).leading()) CHECK(OK(cluster, again, 0));
  CHECK(cluster.violation() == "");
}

TEST_CASE("Paxos: an acceptor ignores what is below its promise (Paxos Made Simple 2.2)") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.Lead(2);
  cluster.DeliverLink(2, 1);
  replicated::Token token = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  cluster.DeliverLink(0, 1);
  CHECK(cluster.core(1).log().AcceptedFrom(Slot(0), 100)->entries.empty());
  cluster.Run();
  CHECK(Said(cluster, token, absl::StatusCode::kUnknown));
  CHECK(cluster.violation() == "");
}

TEST_CASE("Paxos: a promise is told when it is durable (Paxos Made Live 5.1)") {
  PaxosCluster cluster("bbb");
  cluster.node(1).slow = true;
  cluster.Lead(0);
  cluster.DeliverLink(0, 1);
  CHECK(cluster.DeliverLink(1, 0) == 0);
  cluster.Sync(1);
  CHECK(cluster.DeliverLink(1, 0) == 1);
  CHECK(cluster.core(0).leading());
}

TEST_CASE("Paxos: an accept is told when it is durable (Paxos Made Live 5.1)") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.node(1).slow = true;
  replicated::Token token = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  cluster.LoseLink(0, 2);
  cluster.DeliverLink(0, 1);
  CHECK(cluster.DeliverLink(1, 0) == 0);
  CHECK_FALSE(cluster.Result(token).has_value());
  cluster.Sync(1);
  cluster.DeliverLink(1, 0);
  CHECK(OK(cluster, token, 0));
}

TEST_CASE("Paxos: nothing is proposed with a ballot that its own node may forget (race 46)") {
  PaxosCluster cluster("bbb");
  cluster.node(0).slow = true;
  cluster.Lead(0);
  cluster.Run();
  CHECK_FALSE(cluster.core(0).leading());
  cluster.Sync(0);
  CHECK(cluster.core(0).leading());
}

TEST_CASE("Paxos: an append is acknowledged when all lower slots are chosen") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.node(0).slow = true;
  replicated::Token a = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  replicated::Token b = cluster.Append(0, MakeBatch('b', 0, 1, std::nullopt));
  cluster.LoseLink(0, 2);
  uint64_t first = cluster.wires().front().id;
  uint64_t second = cluster.wires()[1].id;
  cluster.Deliver(second);
  cluster.Sync(0);
  cluster.DeliverLink(1, 0);
  CHECK_FALSE(cluster.Result(b).has_value());  // chosen in slot 1, behind a hole
  cluster.Deliver(first);
  cluster.DeliverLink(1, 0);
  CHECK(OK(cluster, a, 0));
  CHECK(OK(cluster, b, 1));
}

TEST_CASE("Paxos: a tail check does not join a round that began before it (race 44)") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  // An answer is on its way to the leader when somebody asks.
  replicated::Token old = cluster.CheckTail(0);
  cluster.DeliverLink(0, 1);
  cluster.LoseLink(0, 2);
  replicated::Token check = cluster.CheckTail(0);
  // Now another leader acknowledges an append.
  cluster.Lead(2);
  cluster.DeliverLink(2, 1);
  cluster.DeliverLink(1, 2);
  replicated::Token append = cluster.Append(2, MakeBatch('a', 0, 1, std::nullopt));
  cluster.DeliverLink(2, 1);
  cluster.DeliverLink(1, 2);
  CHECK(OK(cluster, append, 0));
  cluster.DeliverLink(1, 0);
  CHECK(OK(cluster, old, 0));
  CHECK_FALSE((cluster.Result(check) && cluster.Result(check)->ok()));
}

TEST_CASE("Paxos: a new leader answers for the tail when what it recovered is applied") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  replicated::Token append = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  cluster.LoseLink(0, 2);
  cluster.DeliverLink(0, 1);
  cluster.DeliverLink(1, 0);
  CHECK(OK(cluster, append, 0));
  cluster.Crash(0);
  cluster.Lead(2);
  replicated::Token check = cluster.CheckTail(2);
  cluster.Run();
  CHECK(OK(cluster, check, 1));
}

TEST_CASE("Paxos: what reached nobody is unknown when the leadership ends, and never doubled") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  Batch batch = MakeBatch('a', 0, 1, std::nullopt);
  replicated::Token token = cluster.Append(0, batch);
  cluster.LoseLink(0, 1);
  cluster.LoseLink(0, 2);
  cluster.Lead(1);
  cluster.Run();
  CHECK(Said(cluster, token, absl::StatusCode::kUnknown));
  replicated::Token again = cluster.Append(1, batch);
  cluster.Wait(std::chrono::milliseconds(60));
  CHECK(OK(cluster, again, 0));
  replicated::Token third = cluster.Append(1, batch);
  CHECK(OK(cluster, third, 0));
  CHECK(cluster.violation() == "");
}

TEST_CASE("Paxos: what another leader got chosen in one's slot is not one's own proposal") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  replicated::Token lost = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  cluster.LoseLink(0, 1);
  cluster.LoseLink(0, 2);
  cluster.cut = {{0, 1}, {0, 2}, {1, 0}, {2, 0}};
  cluster.Lead(1);
  cluster.Run();
  replicated::Token won = cluster.Append(1, MakeBatch('b', 0, 1, std::nullopt));
  cluster.Run();
  CHECK(OK(cluster, won, 0));
  // The first message that gets through tells the old leader of the command and that it is chosen.
  auto tells_all = [](const Wire& wire) {
    const Accept* accept = wire.request ? std::get_if<Accept>(&*wire.request) : nullptr;
    return accept != nullptr && !accept->entries.empty() && !accept->chosen.empty();
  };
  bool told = false;
  for (int i = 0; i < 100 && !told; ++i) {
    cluster.Pass(std::chrono::milliseconds(10));
    cluster.Tick(1);
    for (const Wire& wire : std::vector<Wire>(cluster.wires())) {
      if (wire.to == 0 && tells_all(wire)) {
        cluster.cut.clear();
        told = true;
      }
      cluster.Deliver(wire.id);
    }
  }
  CHECK(told);
  CHECK(Said(cluster, lost, absl::StatusCode::kUnknown));
  CHECK(cluster.core(0).log().applied().end() == Offset(1));
  CHECK(cluster.violation() == "");
}

TEST_CASE("Paxos: a leader that was outbid calls nothing certainly not stored") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.cut = {{0, 1}, {0, 2}, {1, 0}, {2, 0}};
  cluster.Lead(1);
  cluster.Run();
  cluster.Append(1, MakeBatch('a', 0, 1, std::nullopt));
  cluster.Append(1, MakeBatch('a', 1, 1, 0));
  cluster.Run();
  REQUIRE(cluster.core(1).log().applied().end() == Offset(2));
  // The old leader knows nothing of a's first batch.
  replicated::Token again = cluster.Append(0, MakeBatch('a', 1, 1, 0));
  CHECK_FALSE(cluster.Result(again).has_value());
  cluster.Wait(std::chrono::milliseconds(400));
  CHECK(Said(cluster, again, absl::StatusCode::kAborted));
}

TEST_CASE("Paxos: a SEAL that is not chosen ends no append") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  replicated::Token seal = cluster.Seal(0, "next");
  replicated::Token append = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  cluster.LoseLink(0, 1);
  cluster.LoseLink(0, 2);
  cluster.cut = {{0, 1}, {0, 2}, {1, 0}, {2, 0}};
  cluster.Lead(1);
  cluster.Run();
  cluster.cut.clear();
  cluster.Wait(std::chrono::milliseconds(100));
  CHECK(Said(cluster, seal, absl::StatusCode::kUnknown));
  CHECK(Said(cluster, append, absl::StatusCode::kAborted));
}

TEST_CASE("Paxos: nothing is stored behind SEAL") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.Append(0, MakeBatch('a', 0, 2, std::nullopt));
  replicated::Token seal = cluster.Seal(0, "next");
  replicated::Token late = cluster.Append(0, MakeBatch('a', 2, 1, 1));
  cluster.Run();
  CHECK(OK(cluster, seal, 2));
  CHECK(Said(cluster, late, absl::StatusCode::kFailedPrecondition));
  cluster.Wait(std::chrono::milliseconds(50));
  for (size_t i = 0; i < 3; ++i) {
    CHECK(cluster.core(i).log().applied().end() == Offset(2));
    CHECK(cluster.core(i).log().applied().proposal() == "next");
    CHECK(cluster.core(i).next_tick() == Instant::Max());
  }
}

TEST_CASE("Paxos: an acceptor that lost entries does not vote (DESIGN 6.3)") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.Crash(1);
  cluster.node(1).damaged = 3;
  cluster.Start(1);
  cluster.Crash(2);
  replicated::Token token = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  cluster.Wait(std::chrono::milliseconds(100));
  CHECK_FALSE((cluster.Result(token) && cluster.Result(token)->ok()));
  CHECK(cluster.core(1).impaired() != "");
}

TEST_CASE("Paxos: what its leader cannot read a laggard fetches from others") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.Crash(2);
  for (uint64_t i = 0; i < 6; ++i) {
    cluster.Append(0, MakeBatch('a', i, 1, i == 0 ? std::nullopt : std::optional(i - 1)));
    cluster.Run();
  }
  cluster.Wait(std::chrono::milliseconds(100));
  // Without its memory the leader must read, and one command is damaged since.
  cluster.Crash(0);
  cluster.Start(0);
  cluster.Lead(0);
  cluster.Run();
  std::erase_if(cluster.node(0).synced, [](const storage::Entry& entry) {
    StatusOr<SlotEntry> read = PaxosState::ToSlotEntry(entry);
    return read.ok() && read->slot == Slot(3);
  });
  cluster.Start(2);
  cluster.Wait(std::chrono::seconds(3));
  CHECK(cluster.core(0).leading());
  CHECK(cluster.core(2).log().mapped().begin() == ChosenPoint());
  CHECK(cluster.core(2).log().mapped().end().offset == Offset(6));
  CHECK(cluster.violation() == "");
}

TEST_CASE("Paxos: a leader whose disk hangs lets others lead") {
  PaxosCluster cluster("bbb");
  cluster.Lead(0);
  cluster.Run();
  cluster.node(0).slow = true;
  replicated::Token token = cluster.Append(0, MakeBatch('a', 0, 1, std::nullopt));
  cluster.Wait(std::chrono::milliseconds(500));
  CHECK(OK(cluster, token, 0));
  CHECK(cluster.core(0).leading());
  cluster.Wait(std::chrono::milliseconds(1500));
  CHECK_FALSE(cluster.core(0).leading());
  CHECK((cluster.core(1).leading() || cluster.core(2).leading()));
  CHECK(cluster.violation() == "");
}

TEST_CASE("Paxos: a full disk refuses, keeps what it has, and goes on") {
  PaxosCluster cluster("b");
  cluster.Lead(0);
  cluster.Run();
  cluster.node(0).slow = true;
  cluster.Append(0, MakeBatch('a', 0, 2, std::nullopt));
  cluster.Refuse(0);
  replicated::Token refused = cluster.Append(0, MakeBatch('b', 0, 1, std::nullopt));
  CHECK(Said(cluster, refused, absl::StatusCode::kResourceExhausted));
  cluster.node(0).slow = false;
  cluster.Wait(std::chrono::milliseconds(300));
  replicated::Token later = cluster.Append(0, MakeBatch('b', 0, 1, std::nullopt));
  cluster.Run();
  CHECK(OK(cluster, later, 2));
}

}  // namespace
}  // namespace vlog::loglets::paxos

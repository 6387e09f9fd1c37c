// Sealing and repair, rule by rule; the log servers are real cores with journals that the test
// controls, the messages are the test's.
#include <memory>
#include <set>
#include <string>

#include "loglets/sequencer/seal_core.h"
#include "unit/sequencer_fixture.h"

namespace vlog::loglets::sequencer {
namespace {

// One sealer and the servers of the loglet.
struct Cluster {
  explicit Cluster(size_t count = 3, uint32_t write_quorum = 2) {
    std::vector<Replica> replicas;
    for (uint64_t i = 1; i <= count; ++i) {
      servers.push_back(std::make_unique<TestServer>(i));
      replicas.push_back({NodeId(i), servers.back()->disk});
    }
    params = *MakeParams(replicas, write_quorum, kSequencer);
  }
  // Stores [0, tail) as batches of one record; the last store's known tail is `known`.
  void Fill(size_t server, uint64_t tail, uint64_t known = 0) {
    for (uint64_t at = 0; at < tail; ++at) servers[server]->Store(0, {Placed(at)});
    servers[server]->Store(known, {});
    servers[server]->Sync();
  }
  void Begin(bool ask_sequencer = false) {
    core = std::make_unique<SealCore>(params, options, "mine", ask_sequencer, now);
  }
  TestServer& at(size_t server) { return *servers[server]; }

  // Carries all messages there and back until none is left; servers in `down` answer nothing.
  void Exchange() {
    for (bool moved = true; moved;) {
      SealCore::Output output = core->TakeOutput();
      asked_sequencer = asked_sequencer || output.hand_over;
      for (const SealCore::Seal& seal : output.seals) {
        if (down.contains(seal.server)) continue;
        at(seal.server).core.Step(seal.request, ++at(seal.server).last);
        ServerWord word = Finish(seal.server);
        core->OnSealReply(seal.server, seal.attempt, word, {}, now);
      }
      for (const RepairCore::Read& read : output.reads) {
        ++reads;
        if (down.contains(read.server)) continue;
        core->OnRead(output.attempt, read.id, Read(read.server, read.request), now);
      }
      for (const RepairCore::Write& write : output.writes) {
        ++writes;
        // K, never T.
        CHECK(write.request.known_tail < Offset(100));
        if (down.contains(write.server)) continue;
        CHECK(at(write.server).core.durable().sealed());
        at(write.server).core.Step(write.request, ++at(write.server).last);
        ServerWord word = Finish(write.server);
        core->OnWritten(output.attempt, write.id, word, now);
      }
      moved = !output.seals.empty() || !output.reads.empty() || !output.writes.empty();
    }
  }
  ServerWord Finish(size_t server) {
    at(server).Flush();
    at(server).Sync();
    return at(server).answer(at(server).last);
  }
  ReadReply Read(size_t server, const ReadRequest& request) {
    ReadReply reply = at(server).core.Plan(request);
    if (reply.code != ReadCode::kBatches) return reply;
    for (const storage::Entry& entry : at(server).synced) {
      bool batch = entry.type == kStoreEntry || entry.type == kRepairEntry;
      if (!batch || Offset(entry.first) < request.from || Offset(entry.first) >= reply.next)
        continue;
      reply.batches.push_back(*LogServerState::ToBatch(entry));
    }
    return reply;
  }
  void Wait(int millis) {
    now = now + std::chrono::milliseconds(millis);
    core->Tick(now);
    Exchange();
  }
  SealResult result() const {
    REQUIRE(core->result());
    INFO(core->result()->status().ToString());
    REQUIRE(core->result()->ok());
    return **core->result();
  }
  Status error() const {
    REQUIRE(core->result());
    return core->result()->status();
  }

  Params params;
  SealOptions options;
  std::vector<std::unique_ptr<TestServer>> servers;
  std::unique_ptr<SealCore> core;
  std::set<size_t> down;
  Instant now = At(1000);
  int reads = 0;
  int writes = 0;
  bool asked_sequencer = false;
};

TEST_CASE("Seal: W answers of the highest tail need no repair") {
  Cluster cluster;
  for (size_t server : {0, 1, 2}) cluster.Fill(server, 4, 2);
  cluster.down = {1};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(4));
  CHECK(cluster.result().proposal == "mine");
  CHECK_FALSE(cluster.result().under_replicated());
  CHECK(cluster.writes == 0);
}

TEST_CASE("Seal: R2, the tail is the highest of a seal quorum and repaired before it is told") {
  Cluster cluster;
  cluster.Fill(0, 2, 1);
  cluster.Fill(1, 5, 2);
  cluster.down = {2};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(5));
  CHECK(cluster.at(0).durable() == Offset(5));
  CHECK(cluster.at(0).Plan(2, 5).next == Offset(5));
  // Race 4: no known tail rises above K.
  CHECK(cluster.at(0).core.durable().known_tail() == Offset(2));
  CHECK(cluster.at(1).core.durable().known_tail() == Offset(2));
  CHECK_FALSE(cluster.result().under_replicated());
}

TEST_CASE("Seal: race 1, two sealers may learn different tails, both cover what W servers hold") {
  Cluster cluster;
  cluster.Fill(0, 3);
  cluster.Fill(1, 3);
  cluster.Fill(2, 4);
  cluster.down = {2};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(3));
  cluster.down = {1};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(4));
}

TEST_CASE("Seal: an answer that does not say sealed counts for nothing") {
  Cluster cluster;
  cluster.Begin();
  ServerWord word;
  word.durable_tail = word.possible_tail = Offset(3);
  cluster.core->OnSealReply(0, 1, word, {}, cluster.now);
  cluster.core->OnSealReply(1, 1, word, {}, cluster.now);
  CHECK_FALSE(cluster.core->result());
  // Nor does one of an older attempt.
  word.sealed = true;
  cluster.core->OnSealReply(0, 0, word, {}, cluster.now);
  cluster.core->OnSealReply(1, 0, word, {}, cluster.now);
  CHECK_FALSE(cluster.core->result());
}

TEST_CASE("Seal: batches that came with the answers are not read again") {
  Cluster cluster;
  cluster.Fill(0, 0);
  cluster.Fill(1, 2);
  cluster.Begin();
  SealCore::Output output = cluster.core->TakeOutput();
  for (size_t server : {0, 1}) {
    cluster.at(server).core.Step(output.seals[server].request, ++cluster.at(server).last);
    std::vector<PlacedBatch> held;
    if (server == 1) held = {Placed(0), Placed(1)};
    cluster.core->OnSealReply(server, 1, cluster.Finish(server), held, cluster.now);
  }
  cluster.down = {2};
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(2));
  CHECK(cluster.reads == 0);
  CHECK(cluster.writes == 1);
}

TEST_CASE("Seal: sources complete each other, batch by batch") {
  // Server 0 lost a batch to damage, server 1 is behind and has it.
  Cluster cluster(5, 3);
  cluster.Fill(0, 6);
  cluster.at(0).core.NoteHole(Offset(2), Offset(3));
  cluster.Fill(1, 4);
  cluster.Fill(2, 1);
  cluster.Fill(3, 0);
  cluster.down = {4};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(6));
  for (size_t server : {1, 2, 3}) CHECK(cluster.at(server).Plan(0, 6).next == Offset(6));
  CHECK_FALSE(cluster.result().under_replicated());
}

TEST_CASE(
    "Seal: race 47, with fewer than W servers alive all that answer are repaired and it says so") {
  Cluster cluster(5, 4);  // S = 2
  cluster.Fill(0, 3);
  cluster.Fill(1, 1);
  cluster.down = {2, 3, 4};
  cluster.Begin();
  cluster.Exchange();
  CHECK_FALSE(cluster.core->result());  // somebody may still come
  CHECK(cluster.at(1).durable() == Offset(3));
  cluster.Wait(300);
  CHECK(cluster.result().tail == Offset(3));
  CHECK(cluster.result().under_replicated());
  CHECK(cluster.result().least_copies == 2);
}

TEST_CASE("Seal: a server that answers late is repaired too") {
  Cluster cluster(5, 4);
  cluster.Fill(0, 3);
  cluster.Fill(1, 3);
  cluster.Fill(2, 3);
  cluster.down = {3, 4};
  cluster.Begin();
  cluster.Exchange();
  CHECK_FALSE(cluster.core->result());
  cluster.down = {4};
  cluster.Wait(100);
  CHECK(cluster.result().tail == Offset(3));
  CHECK_FALSE(cluster.result().under_replicated());
  CHECK(cluster.at(3).durable() == Offset(3));
}

TEST_CASE("Seal: a source that is lost leads to another seal, whose tail may be lower") {
  Cluster cluster;
  cluster.Fill(0, 2);
  cluster.Fill(1, 5);
  cluster.Fill(2, 2);
  cluster.Begin();
  SealCore::Output output = cluster.core->TakeOutput();
  for (size_t server : {0, 1}) {
    cluster.at(server).core.Step(output.seals[server].request, ++cluster.at(server).last);
    cluster.core->OnSealReply(server, 1, cluster.Finish(server), {}, cluster.now);
  }
  cluster.down = {1};
  cluster.Exchange();
  CHECK_FALSE(cluster.core->result());
  cluster.Wait(300);  // the read is given up
  cluster.Wait(50);
  CHECK(cluster.result().tail == Offset(2));
}

TEST_CASE("Seal: damage does not lower the tail while the others cannot seal alone") {
  Cluster cluster;
  cluster.Fill(0, 4);
  cluster.at(0).core.NoteHole(Offset(2), Offset(4));
  cluster.Fill(1, 2);
  cluster.down = {2};
  cluster.Begin();
  cluster.Exchange();
  for (int i = 0; i < 20 && !cluster.core->result(); ++i) cluster.Wait(300);
  CHECK(absl::IsUnavailable(cluster.error()));
  CHECK(Message(cluster.error()).find("[2, 4)") != std::string::npos);
}

TEST_CASE("Seal: servers that know exactly what they acknowledged seal without a damaged one") {
  Cluster cluster;
  LogServerState state;
  state.Damaged(9);
  cluster.at(0).core = LogServerCore(cluster.at(0).disk, state);
  cluster.Fill(1, 2);
  cluster.Fill(2, 3);
  cluster.down = {2};
  cluster.Begin();
  cluster.Exchange();
  CHECK_FALSE(cluster.core->result());
  cluster.down = {};
  cluster.Wait(100);
  CHECK(cluster.result().tail == Offset(3));
}

TEST_CASE("Seal: three failures in a row end in an error that names the range") {
  Cluster cluster;
  for (size_t server : {0, 1, 2}) {
    cluster.Fill(server, 3);
    cluster.at(server).core.NoteHole(Offset(1), Offset(2));
  }
  cluster.Begin();
  cluster.Exchange();
  for (int i = 0; i < 20 && !cluster.core->result(); ++i) cluster.Wait(300);
  CHECK(absl::IsDataLoss(cluster.error()));
  CHECK(Message(cluster.error()).find("[1, 3)") != std::string::npos);
}

TEST_CASE("Seal: damage everywhere does not stop it while the servers have it all together") {
  Cluster cluster;
  for (size_t server : {0, 1, 2}) {
    cluster.Fill(server, 4);
    cluster.at(server).core.NoteHole(Offset(server), Offset(server + 1));
  }
  cluster.down = {2};
  cluster.Begin();
  cluster.Exchange();
  CHECK_FALSE(cluster.core->result());
  cluster.Wait(300);
  CHECK(cluster.result().tail == Offset(4));
  // No server has all of it, so some record may be on one of them only.
  CHECK(cluster.result().least_copies == 1);
  CHECK(cluster.writes == 0);
}

TEST_CASE("Seal: race 27, what is trimmed meanwhile need not be repaired and the seal ends") {
  Cluster cluster;
  cluster.Fill(0, 0);
  cluster.Fill(1, 4);
  cluster.down = {2};
  cluster.Begin();
  SealCore::Output output = cluster.core->TakeOutput();
  for (size_t server : {0, 1}) {
    cluster.at(server).core.Step(output.seals[server].request, ++cluster.at(server).last);
    cluster.core->OnSealReply(server, 1, cluster.Finish(server), {}, cluster.now);
  }
  cluster.at(1).Trim(3, 3);
  cluster.at(1).Sync();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(4));
  CHECK(cluster.at(0).durable() == Offset(4));
  CHECK(cluster.at(0).core.durable().known_tail() == Offset(3));
  // All of it trimmed: nothing is left to do.
  Cluster empty;
  empty.Fill(0, 0);
  empty.Fill(1, 4);
  empty.at(1).Trim(4, 4);
  empty.at(1).Sync();
  empty.down = {2};
  empty.Begin();
  empty.Exchange();
  CHECK(empty.result().tail == Offset(4));
  CHECK(empty.writes == 0);
}

TEST_CASE("Seal: fewer answers than a seal quorum end in an error, and sealing again is safe") {
  Cluster cluster;
  cluster.Fill(0, 3);
  cluster.down = {1, 2};
  cluster.Begin();
  cluster.Exchange();
  cluster.Wait(9999);
  CHECK_FALSE(cluster.core->result());
  cluster.Wait(1);
  CHECK(absl::IsUnavailable(cluster.error()));
  CHECK(Message(cluster.error()).find("only 1 of the 2") != std::string::npos);
  cluster.down = {};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(3));
}

TEST_CASE("Seal: the first proposal that the servers kept is told") {
  Cluster cluster;
  cluster.at(1).Seal("theirs");
  cluster.at(1).Sync();
  cluster.down = {0};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().proposal == "theirs");
}

TEST_CASE("Seal: a loglet that is gone says so") {
  Cluster cluster;
  cluster.at(2).core.MarkGone();
  cluster.down = {0, 1};
  cluster.Begin();
  cluster.Exchange();
  CHECK(absl::IsFailedPrecondition(cluster.error()));
}

TEST_CASE("Seal: the sequencer is asked first, the servers after a hedge or its refusal") {
  Cluster cluster;
  for (size_t server : {0, 1, 2}) cluster.Fill(server, 2);
  cluster.Begin(true);
  cluster.Exchange();
  CHECK(cluster.asked_sequencer);
  CHECK_FALSE(cluster.at(0).core.durable().sealed());
  CHECK(cluster.core->next_tick() == cluster.now + cluster.options.hedge);
  SECTION("it hands over") {
    cluster.core->OnHandOver(HandOver{Offset(7), "kept"}, cluster.now);
    CHECK(cluster.result().tail == Offset(7));
    CHECK(cluster.result().proposal == "kept");
    CHECK(cluster.core->next_tick() == Instant::Max());
  }
  SECTION("it refuses") {
    cluster.core->OnHandOver(absl::UnavailableError("dead"), cluster.now);
    cluster.Exchange();
    CHECK(cluster.result().tail == Offset(2));
  }
  SECTION("it is silent") {
    cluster.Wait(50);
    CHECK(cluster.result().tail == Offset(2));
    cluster.core->OnHandOver(HandOver{Offset(9), ""}, cluster.now);
    CHECK(cluster.result().tail == Offset(2));  // the first answer stands
  }
}

TEST_CASE("Seal: race 6, sealers on alternating majorities all end") {
  Cluster cluster;
  cluster.Fill(0, 1);
  cluster.Fill(1, 3);
  cluster.Fill(2, 5);
  Offset highest;
  for (size_t i = 0; i < 6; ++i) {
    cluster.down = {i % 3};
    cluster.Begin();
    cluster.Exchange();
    highest = std::max(highest, cluster.result().tail);
  }
  CHECK(highest == Offset(5));
}

TEST_CASE("Repair: chunks are bounded and a target that fails is left out") {
  Cluster cluster;
  cluster.options.repair.chunk_bytes = 1;
  cluster.Fill(0, 0);
  cluster.Fill(1, 6);
  cluster.down = {2};
  cluster.Begin();
  cluster.Exchange();
  CHECK(cluster.result().tail == Offset(6));
  CHECK(cluster.writes == 6);
}

}  // namespace
}  // namespace vlog::loglets::sequencer

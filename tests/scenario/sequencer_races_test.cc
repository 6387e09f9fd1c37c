// The sequencer kind in the simulated world, with its shipped shells: nodes crash, pause, lose
// their disks, links are cut one way or both. The numbers are those of the catalogue of races.
#include <catch2/catch.hpp>

#include "loglets/sequencer/log_server_state_core.h"
#include "loglets/sequencer/wire.h"
#include "scenario/cluster_world.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::ReadResult;
using loglets::Sealed;
using loglets::Tail;
using loglets::sequencer::LogServerState;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kSeeds = 40;

// A cluster with the sequencer on node 1, a client "c1" that appends and a client "c2".
struct Scene {
  explicit Scene(uint64_t seed, uint64_t nodes = 3) : w(seed, nodes) {
    one = w.NewClient("c1");
    two = w.NewClient("c2");
    params = w.Propose(*one, 1);
    log = w.Open(*one, params);
    other = w.Open(*two, params);
  }

  StatusOr<Tail> CheckTail() { return w.Run(*two, other->CheckTail()); }
  StatusOr<Sealed> Seal(const std::string& proposal = "s") {
    return w.Run(*two, other->Seal(proposal));
  }
  StatusOr<std::vector<std::string>> ReadAll(uint64_t to) { return w.ReadAll(*two, *other, 0, to); }
  // `records` single ones by writer 1, one after the other.
  void Fill(uint64_t records) {
    for (uint64_t i = 0; i < records; ++i) REQUIRE(w.Append(*log, 1, i).ok());
  }
  // Appends of writer 1 that are not waited for.
  void Pipeline(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      pipelined.push_back(StartAppend(*log, MakeBatch(1, i, 1)));
    }
  }
  bool AllAnswered() {
    return w.Until([this] {
      for (const Appended& each : pipelined) {
        if (!each->has_value()) return false;
      }
      return true;
    });
  }
  // Every answer that was given holds of the tail that counts. Returns how many were OK.
  int CheckAnswers(uint64_t tail) {
    REQUIRE(AllAnswered());
    StatusOr<std::vector<std::string>> all = ReadAll(tail);
    INFO(all.status().ToString());
    REQUIRE(all.ok());
    int acknowledged = 0;
    for (size_t i = 0; i < pipelined.size(); ++i) {
      const StatusOr<Offset>& answer = **pipelined[i];
      std::string payload = "w1." + std::to_string(i);
      auto copies = std::count(all->begin(), all->end(), payload);
      CHECK(copies <= 1);
      if (answer.ok()) {
        ++acknowledged;
        REQUIRE(answer->value() < tail);
        CHECK((*all)[answer->value()] == payload);
      } else if (!absl::IsUnknown(answer.status())) {
        CHECK(copies == 0);  // "not stored" is never said of what is there
      }
    }
    return acknowledged;
  }
  const LogServerState& State(uint64_t node) {
    static const LogServerState none;
    std::string key = loglets::sequencer::LogServerStreamKey(w.id);
    storage::Stream* stream = w.node(node)->journal->streams().Find(key);
    return stream == nullptr ? none : static_cast<const LogServerState&>(*stream->state);
  }
  // Seals one log server behind everybody's back.
  void SealServer(uint64_t node) {
    loglets::sequencer::SealRequest request;
    request.disk = DiskId(100 + node);
    rpc::Message message = loglets::sequencer::Encode(w.id, request);
    rpc::Call call(loglets::sequencer::kSealMethod, message.header, rpc::Payload(), Instant::Max());
    auto sealed = w.Run(*two, two->peers.To(NodeId(node))->Run(std::move(call)));
    REQUIRE(sealed.ok());
  }
  // Asks a node as a client does that was connected to it; again if it has restarted since.
  StatusOr<rpc::Reply> Ask(uint64_t node, rpc::Method method, const rpc::Message& message) {
    for (;;) {
      rpc::Call call(method, message.header, message.payload, Instant::Max());
      auto reply = w.Run(*two, two->peers.To(NodeId(node))->Run(std::move(call)));
      if (reply.ok() || !env::DisconnectOf(reply.status())) return reply;
    }
  }
  // Whether this log server calls the loglet sealed.
  bool SealedAt(uint64_t node, const LogletId& id) {
    loglets::sequencer::TimedTailRequest request;
    request.tail.disk = DiskId(100 + node);
    StatusOr<rpc::Reply> reply =
        Ask(node, loglets::sequencer::kTailMethod, loglets::sequencer::Encode(id, request));
    REQUIRE(reply.ok());
    return loglets::sequencer::DecodeServerAnswer(reply->header, reply->payload)->word.sealed;
  }
  // In the middle of what the node's journal holds. REQUIRES: the node is down.
  void FlipBit(uint64_t node) {
    std::string segment;
    for (const std::string& name : w.image(node).names()) {
      if (segment.empty() && name.ends_with(".seg")) segment = name;
    }
    REQUIRE_FALSE(segment.empty());
    w.image(node).FlipBit(segment, 3000);
  }
  void RunSome(uint64_t most_steps) {
    uint64_t steps = w.world.RandomBelow(most_steps);
    w.Until([&] { return steps-- == 0; });
  }

  ClusterWorld w;
  std::unique_ptr<ClusterClient> one;
  std::unique_ptr<ClusterClient> two;
  std::string params;
  std::shared_ptr<Loglet> log;
  std::shared_ptr<Loglet> other;
  std::vector<Appended> pipelined;
};

Task<bool> Refresh(std::shared_ptr<loglets::Loglet> loglet) {
  co_await loglet->RefreshTailHint();
  co_return true;
}

TEST_CASE("Race 7: a sequencer that restarts never gives an offset out again") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(3);
    s.w.RestartNode(1);
    StatusOr<Offset> again = s.w.Append(*s.log, 1, 3);
    CHECK_FALSE(again.ok());
    CHECK_FALSE(s.w.Append(*s.other, 2, 0).ok());
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    CHECK(sealed->tail == Offset(3));
    CHECK(s.ReadAll(3)->back() == "w1.2");
  }
}

TEST_CASE("Race 7: a process refuses to be the sequencer that another life of its node was") {
  Scene s(2);
  s.Fill(3);
  s.w.RestartNode(1);
  loglets::sequencer::SequencerRequest request{s.w.id, s.params, MakeBatch(9, 0, 1), ""};
  rpc::Message message = loglets::sequencer::Encode(request);
  // Without the incarnation that rpc would check.
  auto reply = s.Ask(1, loglets::sequencer::kAppendMethod, message);
  CHECK(absl::IsAborted(reply.status()));
}

TEST_CASE("Race 8: a server that comes back with an empty disk counts for nothing") {
  Scene s(1);
  s.Fill(5);
  s.w.CrashNode(2);
  s.w.WipeNode(2);
  REQUIRE(s.w.Append(*s.log, 1, 5).ok());
  s.w.CrashNode(3);
  // One of the three replicas is left: neither a tail check nor a seal is possible.
  CHECK(absl::IsUnavailable(s.CheckTail().status()));
  CHECK(absl::IsUnavailable(s.Seal().status()));
  s.w.StartNode(3);
  REQUIRE(s.w.AwaitNodes());
  StatusOr<Sealed> sealed = s.Seal();
  REQUIRE(sealed.ok());
  CHECK(sealed->tail == Offset(6));
  CHECK(s.ReadAll(6)->size() == 6);
}

TEST_CASE("Race 8: a node that comes back with an empty disk is not the sequencer it was") {
  Scene s(1);
  s.Fill(5);
  s.w.CrashNode(1);
  s.w.WipeNode(1);
  REQUIRE(s.w.AwaitNodes());
  // Its new disk counts its lives from one, as the old one did.
  CHECK_FALSE(s.w.Append(*s.log, 1, 5).ok());
  CHECK(absl::IsFailedPrecondition(s.w.Append(*s.log, 1, 6).status()));
  CHECK(s.w.node(1)->host->Loglets().empty());
  StatusOr<Sealed> sealed = s.Seal();
  REQUIRE(sealed.ok());
  CHECK(sealed->tail == Offset(5));
}

TEST_CASE("Race 9: a seal or a trim that was told survives that everything crashes") {
  int sealed = 0;
  int trimmed = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(4);
    auto trim = StartTask(s.one->env, s.log->Trim(Offset(2)));
    auto seal = StartTask(s.two->env, s.other->Seal("kept"));
    s.RunSome(300);
    bool was_sealed = seal->has_value() && (*seal)->ok();
    bool was_trimmed = trim->has_value() && (*trim)->ok();
    for (uint64_t node = 1; node <= 3; ++node) s.w.CrashNode(node);
    for (uint64_t node = 1; node <= 3; ++node) s.w.StartNode(node);
    REQUIRE(s.w.AwaitNodes());
    auto late = s.w.NewClient("c3");
    std::shared_ptr<Loglet> loglet = s.w.Open(*late, s.params);
    StatusOr<Tail> tail = s.w.Run(*late, loglet->CheckTail());
    REQUIRE(tail.ok());
    if (was_sealed) {
      ++sealed;
      CHECK(tail->sealed);
      CHECK(s.w.Run(*late, loglet->Seal("other"))->proposal == "kept");
    }
    if (was_trimmed) {
      ++trimmed;
      CHECK(*s.w.Run(*late, loglet->Trim(Offset(0))) == Offset(2));
    }
  }
  CHECK(sealed > 0);
  CHECK(sealed < kSeeds);
  CHECK(trimmed > 0);
}

TEST_CASE("Race 10: a tail check does not wait for a dead sequencer for ever") {
  Scene s(3);
  s.Fill(2);
  s.w.RunFor(seconds(1));
  // A batch gets to server 2 and to no other; then sequencer and server 1 are gone.
  s.w.fabric.Cut("n1", "n3");
  s.w.image(1).SetLatency(seconds(1), seconds(1));
  s.Pipeline(2, 3);
  REQUIRE(s.w.Until([&] { return s.State(2).journal_end() == Offset(3); }));
  s.w.CrashNode(1);
  CHECK(absl::IsUnavailable(s.CheckTail().status()));
  StatusOr<Sealed> sealed = s.Seal();
  REQUIRE(sealed.ok());
  CHECK(sealed->tail == Offset(3));
  CHECK(s.ReadAll(3)->back() == "w1.2");
  CHECK(s.CheckTail()->sealed);
}

TEST_CASE("Race 11: a reader learns the last append although no more traffic comes") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(1);
    auto news = StartTask(s.two->env, s.other->AwaitTail(Offset(1), Instant::Max()));
    s.w.RunFor(seconds(2));
    CHECK_FALSE(news->has_value());
    REQUIRE(s.w.Append(*s.log, 1, 1).ok());
    Instant appended = s.w.world.now();
    REQUIRE(s.w.Until([&] { return news->has_value(); }));
    CHECK((**news)->offset == Offset(2));
    CHECK(s.w.world.now() - appended < milliseconds(50));
  }
}

TEST_CASE("Race 21: a sequencer that was paused for longer than a fail-over acknowledges nothing") {
  int acknowledged = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Pipeline(0, 10);
    s.RunSome(600);
    s.w.PauseNode(1, seconds(10));
    s.Pipeline(10, 20);
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    s.w.RunFor(seconds(15));
    s.Pipeline(20, 22);
    acknowledged += s.CheckAnswers(sealed->tail.value());
    CHECK_FALSE((*s.pipelined.back())->ok());
  }
  CHECK(acknowledged > 0);
}

TEST_CASE("Race 22: a flipped bit below the synced mark is repaired from the others") {
  Scene s(5);
  for (uint64_t i = 0; i < 40; ++i) REQUIRE(s.w.Append(*s.log, 1, i * 4, 4).ok());
  s.w.RunFor(seconds(1));
  s.w.CrashNode(2);
  s.FlipBit(2);
  s.w.StartNode(2);
  REQUIRE(s.w.AwaitNodes());
  CHECK(s.State(2).sealed());  // it may have lost its seal, so it is sealed
  StatusOr<Sealed> sealed = s.Seal();
  REQUIRE(sealed.ok());
  CHECK(sealed->tail == Offset(160));
  s.w.CrashNode(1);
  StatusOr<std::vector<std::string>> all = s.ReadAll(160);
  REQUIRE(all.ok());
  for (uint64_t i = 0; i < 160; ++i) CHECK((*all)[i] == "w1." + std::to_string(i));
}

TEST_CASE("Race 22: after damage only a loglet that was prepared counts as new") {
  Scene s(5);
  for (uint64_t i = 0; i < 40; ++i) REQUIRE(s.w.Append(*s.log, 1, i * 4, 4).ok());
  s.w.RunFor(seconds(1));
  s.w.CrashNode(2);
  s.FlipBit(2);
  s.w.StartNode(2);
  REQUIRE(s.w.AwaitNodes());
  std::string params = s.w.Propose(*s.two, 1);
  LogletId strange{"races", SegmentIndex(8), ProposalId(1)};
  LogletId prepared{"races", SegmentIndex(9), ProposalId(2)};
  REQUIRE(s.w.Run(*s.two, s.two->kind->Prepare(prepared, params)).ok());
  for (int round = 0; round < 2; ++round) {
    CHECK(s.SealedAt(2, strange));
    CHECK_FALSE(s.SealedAt(2, prepared));
    auto second = *s.w.Run(*s.two, s.two->kind->Open(prepared, params, std::nullopt));
    StatusOr<Tail> tail = s.w.Run(*s.two, second->CheckTail());
    REQUIRE(tail.ok());
    CHECK_FALSE(tail->sealed);
    s.w.RunFor(seconds(1));
    s.w.RestartNode(2);
  }
}

TEST_CASE("Race 22: a server whose disk is full or whose sync fails holds nobody up") {
  for (bool full : {true, false}) {
    Scene s(6);
    s.Fill(3);
    if (full) s.w.image(2).SetCapacity(0);
    if (!full) s.w.image(2).FailNextSync();
    for (uint64_t i = 3; i < 30; ++i) CHECK(s.w.Append(*s.log, 1, i).ok());
    s.w.image(2).SetCapacity(UINT64_MAX);
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    CHECK(sealed->tail == Offset(30));
    CHECK(s.ReadAll(30)->size() == 30);
  }
}

TEST_CASE("Race 24: a sequencer that reaches no server is given up by its clients") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Pipeline(0, 3);
    REQUIRE(s.AllAnswered());
    s.w.fabric.Cut("n1", "n2");
    s.w.fabric.Cut("n1", "n3");
    Instant cut = s.w.world.now();
    s.Pipeline(3, 6);
    REQUIRE(s.AllAnswered());
    CHECK(s.w.world.now() - cut < seconds(3));
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    CHECK(s.CheckAnswers(sealed->tail.value()) >= 3);
  }
}

TEST_CASE("Race 27: a seal ends although the loglet is trimmed and a server is gone for good") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Pipeline(0, 12);
    s.RunSome(1500);
    s.w.CrashNode(1 + s.w.world.RandomBelow(3));
    auto seal = StartTask(s.two->env, s.other->Seal(""));
    auto trim = StartTask(s.one->env, s.log->Trim(Offset(s.w.world.RandomBelow(12))));
    REQUIRE(s.w.Until([&] { return seal->has_value() && trim->has_value(); }));
    REQUIRE((*seal)->ok());
    Offset tail = (**seal)->tail;
    Offset from = (*trim)->ok() ? (*trim)->value() : s.log->TrimHint();
    REQUIRE(s.AllAnswered());
    if (from < tail) {
      auto rest = s.w.ReadAll(*s.two, *s.other, from.value(), tail.value());
      INFO(rest.status().ToString());
      CHECK((rest.ok() || absl::IsOutOfRange(rest.status())));
    }
  }
}

TEST_CASE("Race 28: after a partition heals, appends resume within a second and a half") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(2);
    bool client = seed % 2 == 0;
    if (client) {
      s.w.fabric.Isolate({"c1"});
      s.Pipeline(2, 3);
    } else {
      s.w.fabric.Isolate({"n1"});
    }
    s.w.RunFor(seconds(20));
    s.w.fabric.HealAll();
    Instant healed = s.w.world.now();
    if (!client) s.Pipeline(2, 3);
    REQUIRE(s.AllAnswered());
    CHECK((*s.pipelined.back())->ok());
    CHECK(s.w.world.now() - healed < milliseconds(1500));
  }
}

TEST_CASE("Race 30: no tail is handed over below what the servers have proved") {
  int proved = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(2);
    // The servers hear the sequencer; it hears nothing of them.
    s.w.fabric.Cut("n2", "n1");
    s.w.fabric.Cut("n3", "n1");
    s.Pipeline(2, 5);
    s.RunSome(1000);
    StatusOr<Tail> tail = s.CheckTail();
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    if (tail.ok() && !tail->sealed) {
      proved += tail->offset > Offset(2);
      CHECK(sealed->tail >= tail->offset);
    }
    CHECK(s.ReadAll(sealed->tail.value())->size() == sealed->tail.value());
  }
  CHECK(proved > 0);
}

TEST_CASE("Race 32: a dropped loglet is never made again") {
  Scene s(7);
  s.Fill(3);
  for (uint64_t node = 1; node <= 3; ++node) {
    auto dropped = StartTask(s.w.env(node),
                             s.w.node(node)->host->Drop("races", SegmentIndex(2), SegmentIndex(5)));
    REQUIRE(s.w.Until([&] { return dropped->has_value(); }));
    REQUIRE((*dropped)->ok());
  }
  for (int round = 0; round < 2; ++round) {
    CHECK_FALSE(s.w.Append(*s.log, 1, 3).ok());
    auto stale = s.w.Open(*s.two, s.params);
    CHECK_FALSE(s.w.Append(*stale, 9, 0).ok());
    CHECK(s.CheckTail()->sealed);
    CHECK(absl::IsFailedPrecondition(s.Seal().status()));
    CHECK_FALSE(s.w.Run(*s.two, s.two->kind->Prepare(s.w.id, s.params)).ok());
    CHECK(absl::IsOutOfRange(s.ReadAll(3).status()));
    for (uint64_t node = 1; node <= 3; ++node) {
      CHECK(s.State(node).journal_end() == Offset(0));
      CHECK(s.w.node(node)->host->Loglets().empty());
      s.w.RestartNode(node);
    }
  }
}

TEST_CASE("Race 33: a sequencer that has ended is not made again in its process") {
  Scene s(8);
  s.Fill(3);
  REQUIRE(s.Seal()->tail == Offset(3));
  for (uint64_t writer = 2; writer < 6; ++writer) {
    CHECK(absl::IsFailedPrecondition(s.w.Append(*s.log, writer, 0).status()));
  }
  CHECK(absl::IsAborted(s.w.Run(*s.two, s.two->kind->Prepare(s.w.id, s.params))));
  CHECK(s.Seal()->tail == Offset(3));
}

TEST_CASE("Race 45: what is told as not stored is not there, whoever sealed what") {
  int acknowledged = 0;
  int refused = 0;
  for (uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    // This sealer cannot ask the sequencer, so it seals the servers under the appends.
    if (seed % 2 == 0) {
      s.w.fabric.Cut("c2", "n1");
      s.w.fabric.Cut("n1", "c2");
    }
    s.Pipeline(0, 30);
    s.RunSome(1500);
    auto seal = StartTask(s.two->env, s.other->Seal("s"));
    s.Pipeline(30, 50);
    REQUIRE(s.w.Until([&] { return seal->has_value(); }));
    REQUIRE((*seal)->ok());
    s.w.fabric.HealAll();
    acknowledged += s.CheckAnswers((**seal)->tail.value());
    refused += absl::IsFailedPrecondition((*s.pipelined.back())->status());
  }
  CHECK(acknowledged > 0);
  CHECK(refused > 0);
}

TEST_CASE("Race 47: a seal works with fewer than W servers alive") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    loglets::ProposeRequest request;
    request.wish.sequencer = NodeId(1);
    request.wish.write_quorum = 3;
    s.params = *s.w.Run(*s.one, s.one->kind->ProposeParams(request));
    s.log = s.w.Open(*s.one, s.params);
    s.other = s.w.Open(*s.two, s.params);
    s.Pipeline(0, 10);
    s.RunSome(1500);
    s.w.CrashNode(1);
    s.w.CrashNode(2);
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    s.CheckAnswers(sealed->tail.value());
  }
}

TEST_CASE("Race 51: a reset connection is retried and seals nothing") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Pipeline(0, 10);
    s.RunSome(300);
    s.w.fabric.ResetConnections("c1", "n1");
    s.RunSome(300);
    s.w.fabric.ResetConnections("n1", "n2");
    s.Pipeline(10, 16);
    REQUIRE(s.AllAnswered());
    StatusOr<Tail> tail = s.CheckTail();
    REQUIRE(tail.ok());
    CHECK_FALSE(tail->sealed);
    CHECK(s.CheckAnswers(16) == 16);
  }
}

TEST_CASE("Race 52: with one server sealed and one down the sequencer does not hang") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Pipeline(0, 3);
    REQUIRE(s.AllAnswered());
    s.w.CrashNode(3);
    s.Pipeline(3, 8);
    s.RunSome(300);
    s.SealServer(2);
    s.Pipeline(8, 12);
    Instant sealed_at = s.w.world.now();
    REQUIRE(s.AllAnswered());
    CHECK(s.w.world.now() - sealed_at < seconds(3));
    CHECK_FALSE((*s.pipelined.back())->ok());
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    s.CheckAnswers(sealed->tail.value());
  }
}

TEST_CASE("Race 53: a reader is not stranded at a server that is cut off from the sequencer") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(1);
    s.w.fabric.Cut("n1", "n3");
    s.w.fabric.Cut("n3", "n1");
    auto news = StartTask(s.two->env, s.other->AwaitTail(Offset(1), Instant::Max()));
    s.w.RunFor(seconds(1));
    REQUIRE(s.w.Append(*s.log, 1, 1).ok());
    Instant appended = s.w.world.now();
    REQUIRE(s.w.Until([&] { return news->has_value(); }));
    CHECK((**news)->offset == Offset(2));
    CHECK(s.w.world.now() - appended < seconds(1));
  }
}

TEST_CASE("Sequencer: lost, doubled and late messages make no answer wrong") {
  int acknowledged = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.w.fabric.SetLoss(0.02, seconds(2));
    s.w.fabric.SetDuplication(0.1);
    s.w.fabric.SetStragglers(0.3, seconds(1));
    s.Pipeline(0, 10);
    s.RunSome(2000);
    s.w.fabric.ResetConnections("n1", "n2");
    s.Pipeline(10, 14);
    s.RunSome(2000);
    StatusOr<Sealed> sealed = s.Seal();
    INFO(sealed.status().ToString());
    REQUIRE(sealed.ok());
    s.w.fabric.SetLoss(0);
    s.w.fabric.SetDuplication(0);
    acknowledged += s.CheckAnswers(sealed->tail.value());
  }
  CHECK(acknowledged > kSeeds);
}

TEST_CASE("Sequencer: a handle that was idle has the tail told anew by one log server") {
  Scene s(5);
  s.Fill(10);
  s.w.RunFor(seconds(1));  // the log servers hear the last commit with the heartbeat
  CHECK(s.other->TailHint() == Offset(0));
  auto refresh = [&] {
    Outcome<bool> done = StartTask<bool>(s.two->env, Refresh(s.other));
    Instant begin = s.w.world.now();
    REQUIRE(s.w.Until([&] { return done->has_value(); }));
    CHECK(s.w.world.now() - begin <= milliseconds(20));
  };
  refresh();
  CHECK(s.other->TailHint() == Offset(10));
  // Nobody answers: it goes on with what it knows.
  for (uint64_t node = 1; node <= 3; ++node) s.w.CrashNode(node);
  refresh();
  CHECK(s.other->TailHint() == Offset(10));
}

TEST_CASE("Sequencer: a node that stops in good order answers what it has and lets readers go") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Pipeline(0, 5);
    auto news = StartTask(s.two->env, s.other->AwaitTail(Offset(100), Instant::Max()));
    s.RunSome(600);
    auto stopped = StartTask(s.w.env(1), ClusterNode::Stop(*s.w.node(1)));
    s.Pipeline(5, 8);
    REQUIRE(s.w.Until([&] { return stopped->has_value(); }));
    CHECK((*stopped)->ok());
    s.w.CrashNode(1);
    StatusOr<Sealed> sealed = s.Seal();
    REQUIRE(sealed.ok());
    s.CheckAnswers(sealed->tail.value());
    REQUIRE(s.w.Until([&] { return news->has_value(); }));
    CHECK((**news)->sealed);
  }
}

}  // namespace
}  // namespace vlog::testing

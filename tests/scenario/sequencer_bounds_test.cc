// What the sequencer kind keeps in memory, and what it gives back: under overload, after the end of
// a loglet, and for whoever asks for what is not there.
#include <catch2/catch.hpp>

#include "loglets/sequencer/log_server_host.h"
#include "loglets/sequencer/log_server_state_core.h"
#include "scenario/cluster_world.h"

namespace vlog::testing {
namespace {

using loglets::HostedLoglet;
using loglets::Loglet;
using loglets::Sealed;
using loglets::Tail;
using loglets::sequencer::SequencerOptions;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kBody = 64 << 10;

// One record of kBody bytes.
Batch LargeBatch(uint64_t writer, uint64_t first) {
  BatchBuilder builder{WriterId(writer), SeqNo(first)};
  std::string payload = "w" + std::to_string(writer) + "." + std::to_string(first);
  payload.resize(kBody, '.');
  builder.Add(payload);
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = first == 0;
  if (first > 0) batch.header.prev = SeqNo(first - 1);
  return batch;
}

// A cluster whose sequencer is on node 1, and a client.
struct Stage {
  explicit Stage(uint64_t seed, SequencerOptions options = {})
      : w(seed, 3, options), client(w.NewClient("c1")) {
    params = w.Propose(*client, 1);
    log = w.Open(*client, params);
  }
  void Fill(uint64_t records) {
    for (uint64_t i = 0; i < records; ++i) {
      REQUIRE(w.Wait(StartAppend(*log, LargeBatch(1, i))).ok());
    }
  }
  std::optional<HostedLoglet> Row(uint64_t node, const std::string& role) {
    for (HostedLoglet& row : w.node(node)->host->Loglets()) {
      if (row.role == role) return std::move(row);
    }
    return std::nullopt;
  }
  int SealedServers() {
    int sealed = 0;
    for (uint64_t node = 1; node <= 3; ++node) {
      std::optional<HostedLoglet> row = Row(node, "log server");
      sealed += row && row->sealed;
    }
    return sealed;
  }

  ClusterWorld w;
  std::unique_ptr<ClusterClient> client;
  std::string params;
  std::shared_ptr<Loglet> log;
};

TEST_CASE(
    "Sequencer: its batches are given back when it ends, later itself, and never made again") {
  Stage s(1);
  s.Fill(20);
  CHECK(s.Row(1, "sequencer")->bytes_in_memory >= 20 * kBody);
  REQUIRE(s.w.Run(*s.client, s.log->Seal(""))->tail == Offset(20));
  s.w.RunFor(milliseconds(10));
  CHECK(s.Row(1, "sequencer")->bytes_in_memory == 0);
  // It still tells what was sent from what was not.
  CHECK(absl::IsFailedPrecondition(s.w.Append(*s.log, 2, 0).status()));
  s.w.RunFor(seconds(21));
  CHECK_FALSE(s.Row(1, "sequencer"));
  auto other = s.w.Open(*s.client, s.params);
  CHECK(absl::IsFailedPrecondition(s.w.Append(*other, 3, 0).status()));
  CHECK(absl::IsAborted(s.w.Run(*s.client, s.client->kind->Prepare(s.w.id, s.params))));
  CHECK_FALSE(s.Row(1, "sequencer"));
  CHECK(s.w.Run(*s.client, other->Seal(""))->tail == Offset(20));
}

// Many more appends are on their way than the sequencer keeps.
struct Flood {
  explicit Flood(Stage& stage) : s(stage) {
    for (uint64_t writer = 1; writer <= kWriters; ++writer) {
      logs.push_back(s.w.Open(*s.client, s.params));
      answers.emplace_back();
      for (uint64_t i = 0; i < kEach; ++i) {
        answers.back().push_back(StartAppend(*logs.back(), LargeBatch(writer, i)));
      }
    }
  }
  bool Done() {
    if (std::optional<HostedLoglet> row = s.Row(1, "sequencer")) {
      most = std::max(most, row->bytes_in_memory);
    }
    for (const auto& each : answers) {
      if (!each.back()->has_value()) return false;
    }
    return true;
  }
  // Each once, in the order of its writer.
  void CheckAll() {
    std::set<uint64_t> offsets;
    for (const auto& each : answers) {
      uint64_t last = 0;
      for (const Appended& answer : each) {
        REQUIRE(answer->has_value());
        INFO((*answer)->status().ToString());
        REQUIRE((*answer)->ok());
        CHECK(offsets.insert((**answer)->value()).second);
        CHECK((&answer == &each.front() || (**answer)->value() > last));
        last = (**answer)->value();
      }
    }
    CHECK(*offsets.rbegin() == kWriters * kEach);  // one was there before
  }

  static constexpr uint64_t kWriters = 8;
  static constexpr uint64_t kEach = loglets::kMaxAppendWindow;
  Stage& s;
  std::vector<std::shared_ptr<Loglet>> logs;
  std::vector<std::vector<Appended>> answers;
  size_t most = 0;
};

SequencerOptions Small() {
  SequencerOptions options;
  options.max_waiting_bytes = 16 * kBody;
  options.max_kept_bytes = 4 * kBody;
  return options;
}
constexpr size_t kBound = (16 + 4 + 1) * kBody;

TEST_CASE(
    "Sequencer: log servers that are slow and stall press back on clients, and lose nothing") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Stage s(seed, Small());
    REQUIRE(s.w.Append(*s.log, 99, 0).ok());
    for (uint64_t node = 1; node <= 3; ++node) {
      s.w.image(node).SetLatency(milliseconds(1), milliseconds(10));
    }
    Flood flood(s);
    Instant stall = s.w.world.now();
    REQUIRE(s.w.Until([&] {
      if (s.w.world.now() >= stall) {
        s.w.PauseNode(2, milliseconds(300));
        s.w.PauseNode(3, milliseconds(300));
        stall = s.w.world.now() + milliseconds(600);
      }
      return flood.Done();
    }));
    CHECK(flood.most <= kBound);
    CHECK(flood.most >= 8 * kBody);  // it was full
    flood.CheckAll();
  }
}

TEST_CASE("Sequencer: what waits for a connection is bounded too, and comes again") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Stage s(seed, Small());
    REQUIRE(s.w.Append(*s.log, 99, 0).ok());
    s.w.CrashNode(2);
    s.w.CrashNode(3);
    s.w.RunFor(seconds(3));  // their silence is noticed
    Flood flood(s);
    Instant back = s.w.world.now() + milliseconds(300);
    s.w.world.RunUntil([&] { return flood.Done(); }, back);
    CHECK(flood.most >= 8 * kBody);
    s.w.StartNode(2);
    s.w.StartNode(3);
    REQUIRE(s.w.Until([&] {
      s.w.node(2);
      s.w.node(3);
      return flood.Done();
    }));
    CHECK(flood.most <= kBound);
    flood.CheckAll();
  }
}

TEST_CASE("Sequencer: one that stops by itself has the seal finished") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Stage s(seed);
    REQUIRE(s.w.Append(*s.log, 1, 0).ok());
    // It reaches no other log server for long enough.
    s.w.fabric.Cut("n1", "n2");
    s.w.fabric.Cut("n1", "n3");
    Appended cut = StartAppend(*s.log, MakeBatch(1, 1, 1));
    REQUIRE(s.w.Until([&] { return cut->has_value(); }));
    CHECK_FALSE((*cut)->ok());
    CHECK(s.SealedServers() < 2);
    s.w.fabric.HealAll();
    s.w.RunFor(seconds(8));
    CHECK(s.SealedServers() >= 2);
    // All that the seal's tail covers is there.
    StatusOr<Sealed> sealed = s.w.Run(*s.client, s.log->Seal(""));
    REQUIRE(sealed.ok());
    CHECK(s.w.ReadAll(*s.client, *s.log, 0, sealed->tail.value())->front() == "w1.0");
  }
}

TEST_CASE(
    "Sequencer: a reader that waits where all disks are others does not ask without a pause") {
  Stage s(3);
  s.Fill(1);
  for (uint64_t node = 1; node <= 3; ++node) {
    s.w.CrashNode(node);
    s.w.WipeNode(node);
  }
  auto other = s.w.NewClient("c2");
  auto stale = s.w.Open(*other, s.params);
  auto ask = [&](Offset beyond) {
    uint64_t before = s.w.world.steps();
    Instant deadline = s.w.world.now() + seconds(2);
    StatusOr<Tail> tail = s.w.Run(*other, stale->AwaitTail(beyond, deadline));
    CHECK(absl::IsDeadlineExceeded(tail.status()));
    return s.w.world.steps() - before;
  };
  CHECK(ask(Offset(0)) < 20'000);
}

// ---- log servers ----

// A host of log servers on a node's journal, beside the node's own; asked from within.
struct Inside {
  Inside()
      : w(5),
        env(w.env(1)),
        dispatcher(env),
        peers(env, NodeIdentity(env, {NodeId(1), DiskId(101)}, Incarnation(1)), &dispatcher,
              rpc::PeersOptions()),
        context{env, *w.node(1)->journal, dispatcher, peers},
        host(context) {
    host.Start();
  }
  ClusterWorld w;
  env::SimEnv& env;
  rpc::Dispatcher dispatcher;
  rpc::Peers peers;
  loglets::HostContext context;
  loglets::sequencer::LogServerHost host;
};

TEST_CASE("Log server: a read that was asked before the loglet was dropped is told so") {
  namespace sequencer = loglets::sequencer;
  Inside i;
  auto serving = std::make_shared<sequencer::ServingContext>(i.context);
  LogletId id{"a", SegmentIndex(1), ProposalId(1)};
  auto loglet = std::make_shared<sequencer::ServedLoglet>(serving, id);
  loglet->Recover(true);
  sequencer::StoreRequest store;
  store.disk = DiskId(101);
  store.sequencer = {NodeId(1), Incarnation(1), DiskId(101)};
  store.batches.push_back({Offset(0), MakeBatch(1, 0, 2)});
  loglet->Store(store, rpc::Responder([](const StatusOr<rpc::Message>&) {}));
  REQUIRE(i.w.Until([&] { return loglet->core().durable().durable_tail() == Offset(2); }));
  for (bool dropped : {false, true}) {
    std::optional<sequencer::ReadCode> code;
    auto answered = [&code](StatusOr<rpc::Message> reply) {
      REQUIRE(reply.ok());
      Bytes body = reply->payload.pieces.empty() ? Bytes() : reply->payload.pieces[0];
      code = sequencer::DecodeReadReply(reply->header, body)->code;
    };
    loglet->Read({DiskId(101), Offset(0), Offset(2), 1000}, rpc::Responder(answered));
    if (dropped) loglet->MarkGone();
    REQUIRE(i.w.Until([&] { return code.has_value(); }));
    CHECK(*code == (dropped ? sequencer::ReadCode::kGone : sequencer::ReadCode::kBatches));
  }
}

TEST_CASE("Log server: whoever waits for news of loglets that do not exist leaves nothing behind") {
  Inside i;
  size_t answered = 0;
  for (uint64_t segment = 1; segment <= 50; ++segment) {
    loglets::sequencer::TimedTailRequest request;
    request.tail.disk = DiskId(101);
    request.tail.wait = loglets::sequencer::WaitFor::kKnown;
    request.wait = milliseconds(200);
    LogletId id{"none", SegmentIndex(segment), ProposalId(1)};
    rpc::Message message = loglets::sequencer::Encode(id, request);
    rpc::Call call(loglets::sequencer::kTailMethod, message.header, rpc::Payload(), Instant::Max());
    i.peers.To(NodeId(1))->Start(std::move(call), [&answered](StatusOr<rpc::Reply> reply) {
      CHECK(reply.ok());
      ++answered;
    });
  }
  REQUIRE(i.w.Until([&] { return i.host.objects() == 50; }));
  REQUIRE(i.w.Until([&] { return answered == 50; }));
  CHECK(i.host.objects() == 0);
  CHECK(i.host.Loglets().empty());
}

}  // namespace
}  // namespace vlog::testing

// Sealed sequencer loglets are moved: servers die for good, come back, lose their disks, and so do
// those who move them.
#include <catch2/catch.hpp>

#include "loglets/sequencer/log_server_state_core.h"
#include "scenario/cluster_world.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::Rehomed;
using loglets::RehomeRequest;
using loglets::Sealed;
using loglets::sequencer::LogServerState;
using loglets::sequencer::Params;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 10;

// Copies on nodes 1 to 3 of five, the sequencer on node 1.
struct Scene {
  explicit Scene(uint64_t seed, uint32_t write_quorum = 2, uint64_t nodes = 5) : w(seed, nodes) {
    w.options().rehome.repair.chunk_bytes = 64;
    w.options().rehome.pace = milliseconds(1);
    client = w.NewClient("c1");
    loglets::ProposeRequest request;
    request.wish.nodes = {NodeId(1), NodeId(2), NodeId(3)};
    request.wish.write_quorum = write_quorum;
    request.wish.sequencer = NodeId(1);
    params = *w.Run(*client, client->kind->ProposeParams(request));
    log = w.Open(*client, params);
  }
  // Batches of 1 to 3 records of writer 1.
  void Fill(uint64_t batches) {
    for (uint64_t i = 0; i < batches; ++i) {
      auto count = static_cast<uint32_t>(1 + i % 3);
      REQUIRE(w.Append(*log, 1, records, count).ok());
      records += count;
    }
  }
  Sealed Seal() {
    StatusOr<Sealed> sealed = w.Run(*client, log->Seal("s"));
    REQUIRE(sealed.ok());
    least = sealed->least_copies;
    end = sealed->tail;
    return *sealed;
  }
  RehomeRequest Request() {
    RehomeRequest request;
    request.id = w.id;
    request.params = params;
    request.end = end;
    request.least_copies = least;
    return request;
  }
  StatusOr<Rehomed> Rehome() { return w.Run(*client, client->kind->Rehome(Request())); }
  // The same, and takes over what came of it.
  Rehomed MustRehome() {
    StatusOr<Rehomed> rehomed = Rehome();
    INFO(rehomed.status().ToString());
    REQUIRE(rehomed.ok());
    params = rehomed->params;
    least = rehomed->least_copies;
    return *rehomed;
  }
  std::vector<uint64_t> Nodes() {
    std::vector<uint64_t> nodes;
    Params decoded = *loglets::sequencer::DecodeParams(params);
    for (const Replica& each : decoded.replicas) nodes.push_back(each.node.value());
    return nodes;
  }
  // All records from `from` on are read by a new handle.
  void CheckAll(uint64_t from = 0) {
    std::shared_ptr<Loglet> now = w.Open(*client, params, end);
    StatusOr<std::vector<std::string>> all = w.ReadAll(*client, *now, from, end.value());
    INFO(all.status().ToString());
    REQUIRE(all.ok());
    REQUIRE(all->size() == end.value() - from);
    for (size_t i = 0; i < all->size(); ++i) CHECK((*all)[i] == "w1." + std::to_string(from + i));
  }
  const LogServerState& State(uint64_t node) {
    static const LogServerState none;
    std::string key = loglets::sequencer::LogServerStreamKey(w.id);
    storage::Stream* stream = w.node(node)->journal->streams().Find(key);
    return stream == nullptr ? none : static_cast<const LogServerState&>(*stream->state);
  }

  ClusterWorld w;
  std::unique_ptr<ClusterClient> client;
  std::string params;
  std::shared_ptr<Loglet> log;
  uint64_t records = 0;
  Offset end;
  uint32_t least = 0;
};

TEST_CASE("Rehome: what one server alone had when it was sealed comes to those that return") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed, 3);
    s.Fill(5);
    s.w.CrashNode(2);
    s.w.CrashNode(3);
    // Only node 1 takes this one.
    Appended unknown = StartAppend(*s.log, MakeBatch(1, s.records, 4));
    s.w.RunFor(milliseconds(200));
    Sealed sealed = s.Seal();
    REQUIRE(sealed.tail == Offset(s.records + 4));
    REQUIRE(sealed.least_copies == 1);
    for (uint64_t node : {1, 2, 3}) s.w.RestartNode(node);  // the sequencer brings it to nobody
    s.w.RunFor(seconds(5));                                 // connections are made again
    // Whoever asks for the trim point tells the end; that must not look like something skipped.
    std::shared_ptr<Loglet> knows = s.w.Open(*s.client, s.params, s.end);
    REQUIRE(s.w.Run(*s.client, knows->Trim(Offset())).ok());
    Rehomed rehomed = s.MustRehome();
    CHECK(rehomed.least_copies == 0);
    CHECK(rehomed.bytes > 0);
    CHECK(rehomed.what.empty());
    CHECK(s.Nodes() == std::vector<uint64_t>{1, 2, 3});
    CHECK(s.MustRehome().bytes == 0);  // a repeat finds all of it there
    s.w.CrashNode(1);
    s.w.CrashNode(2);
    s.CheckAll();
  }
}

TEST_CASE("Rehome: a server that lacks records in the middle is replaced while the flag is up") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed, 3);
    s.Fill(5);
    s.w.CrashNode(2);
    s.w.CrashNode(3);
    Appended unknown = StartAppend(*s.log, MakeBatch(1, s.records, 4));
    s.w.RunFor(milliseconds(200));
    REQUIRE(s.Seal().least_copies == 1);
    for (uint64_t node : {1, 2, 3}) s.w.RestartNode(node);  // the sequencer brings it to nobody
    s.w.RunFor(seconds(5));
    // Trimmed beyond what they have: to them the rest counts as skipped, and cannot be filled in.
    std::shared_ptr<Loglet> knows = s.w.Open(*s.client, s.params, s.end);
    uint64_t to = s.records + 2;
    REQUIRE(s.w.Run(*s.client, knows->Trim(Offset(to))).ok());
    Rehomed rehomed = s.MustRehome();
    CHECK(rehomed.least_copies == 0);
    CHECK(s.Nodes() == std::vector<uint64_t>{1, 4, 5});
    s.w.CrashNode(1);
    s.CheckAll(to);
  }
}

TEST_CASE("Rehome: a flag stays while fewer than W servers hold all, and nobody can take a place") {
  Scene s(2, 3, 3);
  s.Fill(5);
  s.w.CrashNode(2);
  s.w.CrashNode(3);
  Appended unknown = StartAppend(*s.log, MakeBatch(1, s.records, 4));
  s.w.RunFor(milliseconds(200));
  REQUIRE(s.Seal().least_copies == 1);
  for (uint64_t node : {1, 2, 3}) s.w.RestartNode(node);
  s.w.RunFor(seconds(5));
  std::shared_ptr<Loglet> knows = s.w.Open(*s.client, s.params, s.end);
  REQUIRE(s.w.Run(*s.client, knows->Trim(Offset(s.records + 2))).ok());
  CHECK(s.MustRehome().least_copies == 1);
  CHECK(s.Nodes() == std::vector<uint64_t>{1, 2, 3});
}

TEST_CASE("Rehome: what a server had that is gone for good comes to another one, whole") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    uint64_t victim = 1 + seed % 3;
    s.Fill(40);
    s.Seal();
    s.w.CrashNode(victim);
    bool wiped = seed % 2 == 0;
    if (wiped) s.w.WipeNode(victim);
    s.w.RunFor(seconds(5));
    Rehomed rehomed = s.MustRehome();
    CHECK(rehomed.least_copies == 0);
    std::vector<uint64_t> nodes = s.Nodes();
    uint64_t comes = wiped ? victim : 4;
    CHECK(nodes[victim - 1] == comes);
    CHECK(rehomed.what.find(wiped ? "has another disk" : "does not answer") != std::string::npos);
    CHECK(s.State(comes).sealed());
    // The new one alone has all that any of them has.
    for (uint64_t node : nodes) {
      if (node != comes) s.w.CrashNode(node);
    }
    s.CheckAll();
  }
}

TEST_CASE("Rehome: nothing above the chain's end is copied") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(20);
    Offset chosen(s.records);
    s.Fill(5);
    s.Seal();
    REQUIRE(s.end > chosen);
    s.end = chosen;  // of another sealer, whose compare-and-set won
    s.w.CrashNode(2);
    s.MustRehome();
    CHECK(s.Nodes() == std::vector<uint64_t>{1, 4, 3});
    CHECK(s.State(4).journal_end() == chosen);
    CHECK(s.State(4).known_tail() <= chosen);
    s.CheckAll();
  }
}

TEST_CASE("Rehome: what is trimmed stays trimmed, to the record, and is not copied") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(20);
    s.Seal();
    uint64_t to = seed == kSeeds ? s.end.value() : 3 * seed + seed % 3;
    std::shared_ptr<Loglet> knows = s.w.Open(*s.client, s.params, s.end);
    REQUIRE(s.w.Run(*s.client, knows->Trim(Offset(to))).ok());
    s.w.CrashNode(3);
    s.MustRehome();
    CHECK(s.Nodes() == std::vector<uint64_t>{1, 2, 4});
    CHECK(s.State(4).trim_point() == Offset(to));
    CHECK(s.State(4).journal_end() == s.end);
    s.w.CrashNode(1);
    s.w.CrashNode(2);
    std::shared_ptr<Loglet> moved = s.w.Open(*s.client, s.params, s.end);
    CHECK(absl::IsOutOfRange(s.w.Run(*s.client, moved->Read(Offset(to - 1), s.end, 100)).status()));
    if (to < s.end.value()) s.CheckAll(to);
  }
}

TEST_CASE("Rehome: a trim that comes in between counts on the new servers as well") {
  for (uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(60);
    s.Seal();
    s.w.CrashNode(3);
    auto rehomed = StartTask(s.client->env, s.client->kind->Rehome(s.Request()));
    s.w.RunFor(milliseconds(2 * seed));
    bool early = !rehomed->has_value();
    std::shared_ptr<Loglet> knows = s.w.Open(*s.client, s.params, s.end);
    StatusOr<Offset> trimmed = s.w.Run(*s.client, knows->Trim(Offset(50)));
    REQUIRE(trimmed.ok());
    REQUIRE(s.w.Until([&] { return rehomed->has_value(); }));
    REQUIRE((*rehomed)->ok());
    s.params = (**rehomed)->params;
    if (early) CHECK(s.State(4).journal_end() == s.end);
    s.CheckAll(50);
  }
}

TEST_CASE("Rehome: whoever moves it may die anywhere, and the next one goes on") {
  int repeated = 0;
  int saved = 0;
  for (uint64_t seed = 1; seed <= 3 * kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(60);
    s.Seal();
    s.w.CrashNode(2);
    std::unique_ptr<ClusterClient> first = s.w.NewClient("c2");
    auto lost = StartTask(first->env, first->kind->Rehome(s.Request()));
    s.w.RunFor(milliseconds(4 * seed));
    if (!lost->has_value()) ++repeated;
    first.reset();
    if (seed % 3 == 0) s.w.RestartNode(4);
    bool some = s.State(4).journal_end() > Offset();
    Rehomed rehomed = s.MustRehome();
    CHECK(s.Nodes() == std::vector<uint64_t>{1, 4, 3});
    if (some) {
      ++saved;
      CHECK(rehomed.bytes < 60 * 20);
    }
    s.w.CrashNode(1);
    s.w.CrashNode(3);
    s.CheckAll();
  }
  CHECK(repeated > 5);
  CHECK(saved > 5);
}

TEST_CASE("Rehome: two who move it at once both come to an end, and each home holds all") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(40);
    s.Seal();
    s.w.CrashNode(2);
    std::unique_ptr<ClusterClient> other = s.w.NewClient("c2");
    RehomeRequest request = s.Request();
    request.policy.candidates = {NodeId(5)};
    auto second = StartTask(other->env, other->kind->Rehome(request));
    auto first = StartTask(s.client->env, s.client->kind->Rehome(s.Request()));
    REQUIRE(s.w.Until([&] { return first->has_value() && second->has_value(); }));
    REQUIRE((*first)->ok());
    REQUIRE((*second)->ok());
    CHECK((**first)->params != (**second)->params);
    s.w.CrashNode(1);
    s.w.CrashNode(3);
    s.params = (**first)->params;
    s.CheckAll();
    s.params = (**second)->params;
    s.CheckAll();
  }
}

TEST_CASE("Rehome: one that was dropped is not made again where nodes know of it") {
  Scene s(3);
  s.Fill(5);
  s.Seal();
  for (uint64_t node = 1; node <= 5; ++node) {
    auto& host = *s.w.node(node)->host;
    Task<Status> dropping = host.Drop("races", SegmentIndex(0), SegmentIndex(5));
    REQUIRE(RunTask(s.w.world, s.w.env(node), std::move(dropping))->ok());
  }
  s.w.CrashNode(2);
  CHECK(absl::IsFailedPrecondition(s.Rehome().status()));
}

TEST_CASE("Rehome: with nobody to take its place a silent server keeps it, and with too few none") {
  Scene s(4, 2, 3);
  s.Fill(5);
  s.Seal();
  std::string before = s.params;
  s.w.CrashNode(3);
  Rehomed rehomed = s.MustRehome();
  CHECK(s.params == before);
  CHECK(rehomed.what.empty());
  s.w.CrashNode(2);
  CHECK(absl::IsUnavailable(s.Rehome().status()));
}

TEST_CASE("Rehome: records that no server has any more are lost, with their range") {
  Scene s(5, 1);
  s.Fill(5);
  s.Seal();
  s.w.RunFor(milliseconds(100));
  // Two lose their disks, and the chain knows of more than the third has.
  s.w.CrashNode(2);
  s.w.WipeNode(2);
  s.w.CrashNode(3);
  s.w.WipeNode(3);
  Offset had = s.end;
  s.end = had + 5;
  Status lost = s.Rehome().status();
  CHECK(absl::IsDataLoss(lost));
  CHECK(Message(lost).find(absl::StrCat("[", had.value(), ", ", s.end.value(), ")")) !=
        std::string::npos);
}

}  // namespace
}  // namespace vlog::testing

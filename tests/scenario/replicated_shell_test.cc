// What the shell of a replicated loglet promises whatever its core is, under the least core there
// can be: nothing is told before it is durable, nothing is doubled, what is gone stays gone.
#include <catch2/catch.hpp>
#include <vector>

#include "scenario/replicated_solo.h"
#include "scenario/replicated_world.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::ReadResult;
using loglets::Sealed;
using loglets::Tail;
using loglets::replicated::Code;
using loglets::replicated::ReplicaReply;
using loglets::replicated::ReplicaRequest;
using loglets::replicated::Verb;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 20;

// One node and two clients.
struct Scene {
  explicit Scene(uint64_t seed)
      : w(seed, 1, SoloKind()), one(w.NewClient("c1")), two(w.NewClient("c2")) {
    params = w.Propose(*one);
    log = w.Open(*one, params);
    other = w.Open(*two, params);
  }
  void Fill(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) REQUIRE(w.Append(*log, 1, i)->value() == i);
  }
  StatusOr<Tail> CheckTail() { return w.Run(*two, other->CheckTail()); }
  // Each of writer 1's records [0, to) once and in order.
  void CheckAll(uint64_t to) {
    StatusOr<std::vector<std::string>> all = w.ReadAll(*two, *other, 0, to);
    REQUIRE(all.ok());
    for (uint64_t i = 0; i < to; ++i) CHECK((*all)[i] == "w1." + std::to_string(i));
  }
  StatusOr<ReplicaReply> Ask(Verb verb, ReplicaRequest request) {
    rpc::Message message = Encode(request);
    rpc::Call call(kSoloBase + verb, message.header, message.payload, Instant::Max());
    auto reply = w.Run(*two, two->peers.To(NodeId(1))->Run(std::move(call)));
    VLOG_RETURN_IF_ERROR(reply);
    return loglets::replicated::DecodeReply(verb, reply->header, reply->payload);
  }
  ReplicaRequest About(const LogletId& id) const {
    ReplicaRequest request;
    request.loglet = id;
    request.disk = DiskId(101);
    request.params = params;
    return request;
  }
  void FlipBit() {
    std::string segment;
    for (const std::string& name : w.image(1).names()) {
      if (segment.empty() && name.ends_with(".seg")) segment = name;
    }
    REQUIRE_FALSE(segment.empty());
    w.image(1).FlipBit(segment, 3000);
  }

  ReplicatedWorld w;
  std::unique_ptr<ReplicatedClient> one;
  std::unique_ptr<ReplicatedClient> two;
  std::string params;
  std::shared_ptr<Loglet> log;
  std::shared_ptr<Loglet> other;
};

TEST_CASE("Replicated shell: nothing is acknowledged or shown before it is durable") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 2);
    s.w.image(1).SetLatency(seconds(3), seconds(3));
    Appended slow = StartAppend(*s.log, MakeBatch(1, 2, 1));
    s.w.RunFor(milliseconds(800));
    CHECK_FALSE(slow->has_value());
    CHECK(s.CheckTail()->offset == Offset(2));
    s.w.image(1).SetLatency(Duration(0), milliseconds(1));
    s.w.RestartNode(1);  // power was lost: nobody knows whether it was written
    REQUIRE(s.w.Wait(slow).ok());
    CHECK((*slow)->value() == Offset(2));
    CHECK(s.CheckTail()->offset == Offset(3));
    s.CheckAll(3);
  }
}

TEST_CASE(
    "Replicated shell: whatever the network does to them, appends are stored once, in order") {
  uint64_t faults = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.w.fabric.SetLoss(0.02, seconds(1));
    s.w.fabric.SetDuplication(0.05);
    s.w.fabric.SetStragglers(0.5, milliseconds(50));
    std::vector<Appended> appends;
    constexpr uint64_t kRecords = 120;
    for (uint64_t i = 0; i < kRecords; ++i) {
      if (i >= loglets::kMaxAppendWindow) {
        REQUIRE(s.w.Wait(appends[i - loglets::kMaxAppendWindow]).ok());
      }
      appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      if (i % 40 == 20) s.w.fabric.ResetConnections("c1", "n1");
      if (i == 70) {
        s.w.fabric.Cut("n1", "c1");  // requests arrive, answers do not
        s.w.RunFor(milliseconds(300));
        s.w.fabric.Heal("n1", "c1");
      }
    }
    for (uint64_t i = 0; i < kRecords; ++i) {
      StatusOr<Offset> offset = s.w.Wait(appends[i]);
      REQUIRE(offset.ok());
      CHECK(offset->value() == i);
    }
    for (const auto& [fault, count] : s.w.fabric.fault_counts()) faults += count;
    s.w.fabric.SetLoss(0);
    CHECK(s.CheckTail()->offset == Offset(kRecords));
    s.CheckAll(kRecords);
  }
  CHECK(faults > kSeeds);
}

TEST_CASE("Replicated shell: crashes in between change nothing of what was acknowledged") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    std::vector<Appended> appends;
    for (uint64_t i = 0; i < 60; ++i) {
      if (i >= 8) REQUIRE(s.w.Wait(appends[i - 8]).ok());
      appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
      if (i % 15 != 7) continue;
      uint64_t steps = s.w.world.RandomBelow(200);
      s.w.Until([&] { return steps-- == 0; });
      s.w.RestartNode(1);
    }
    for (uint64_t i = 0; i < 60; ++i) CHECK(s.w.Wait(appends[i])->value() == i);
    s.CheckAll(60);
  }
}

TEST_CASE("Replicated shell: a full disk refuses appends, serves the rest and recovers in order") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 5);
    s.w.image(1).SetCapacity(s.w.image(1).used());
    std::vector<Appended> appends;
    // More than fits what is still free in the segment.
    BatchBuilder large{WriterId(2), SeqNo(0)};
    large.Add(std::string(900 << 10, 'x'));
    Batch filler = std::move(large).Finish();
    bool full = false;
    for (uint64_t i = 0; i < 12 && !full; ++i) {
      filler.header.writer = WriterId(100 + i);
      Appended append = StartAppend(*s.log, filler);
      s.w.RunFor(milliseconds(500));
      full = !append->has_value();
    }
    REQUIRE(full);
    for (uint64_t i = 5; i < 9; ++i) appends.push_back(StartAppend(*s.log, MakeBatch(1, i, 1)));
    s.w.RunFor(seconds(2));
    CHECK(s.w.ReadAll(*s.two, *s.other, 0, 5).ok());
    CHECK(s.w.Run(*s.two, s.other->Trim(Offset(3)))->value() == 3);
    s.w.image(1).SetCapacity(UINT64_MAX);
    uint64_t last = 0;
    for (Appended& append : appends) {
      StatusOr<Offset> offset = s.w.Wait(append);
      REQUIRE(offset.ok());
      CHECK(offset->value() > last);
      last = offset->value();
    }
  }
}

TEST_CASE(
    "Replicated shell: a sealed loglet says so, to appends that were never sent for certain") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 3);
    StatusOr<Sealed> sealed = s.w.Run(*s.two, s.other->Seal("next"));
    REQUIRE(sealed.ok());
    CHECK(sealed->tail == Offset(3));
    CHECK(absl::IsFailedPrecondition(s.w.Append(*s.log, 1, 3).status()));
    s.w.RestartNode(1);
    // Nobody leads after the restart: none is needed.
    auto again = s.w.Open(*s.two, s.params);
    CHECK(s.w.Run(*s.two, again->CheckTail())->sealed);
    CHECK(s.w.Run(*s.two, again->Seal("other"))->proposal == "next");
    CHECK(s.w.RowOf(1)->role == "idle");
  }
}

TEST_CASE(
    "Replicated shell: an append whose first copy may have been taken is unknown, not refused") {
  int unknown = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 3);
    s.w.fabric.Cut("n1", "c1");
    Appended lost = StartAppend(*s.log, MakeBatch(1, 3, 1));
    s.w.RunFor(milliseconds(100));
    StatusOr<Sealed> sealed = s.w.Run(*s.two, s.other->Seal(""));
    REQUIRE(sealed.ok());
    CHECK(sealed->tail == Offset(4));
    s.w.fabric.ResetConnections("c1", "n1");
    s.w.fabric.Heal("n1", "c1");
    StatusOr<Offset> answer = s.w.Wait(lost);
    // Or the first answer came after all.
    if (answer.ok()) {
      CHECK(*answer == Offset(3));
    } else {
      CHECK(absl::IsUnknown(answer.status()));
      ++unknown;
    }
    s.CheckAll(4);
  }
  CHECK(unknown > 0);
}

TEST_CASE("Replicated shell: another disk is another replica, and its records are lost with it") {
  Scene s(3);
  s.Fill(0, 4);
  s.w.CrashNode(1);
  s.w.WipeNode(1);
  CHECK(absl::IsUnavailable(s.CheckTail().status()));
  StatusOr<ReadResult> read = s.w.Run(*s.one, s.log->Read(Offset(0), Offset(4), 1000));
  REQUIRE(read.ok());
  CHECK(read->batches.empty());
  CHECK(read->lost_end == Offset(4));
  // A request that names the old disk is refused by the replica too, not only by rpc.
  CHECK(s.Ask(loglets::replicated::kStatusVerb, s.About(s.w.id))->word.code == Code::kLost);
  CHECK_FALSE(s.w.RowOf(1).has_value());
}

TEST_CASE("Replicated shell: a node that is silent is no loss") {
  Scene s(3);
  s.Fill(0, 4);
  s.w.CrashNode(1);
  CHECK(absl::IsUnavailable(s.w.Run(*s.two, s.other->Read(Offset(0), Offset(4), 1000)).status()));
  CHECK(absl::IsUnavailable(s.CheckTail().status()));
}

TEST_CASE("Race 32: a replicated loglet that was dropped is gone for all verbs, and stays so") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 4);
    Appended late = StartAppend(*s.log, MakeBatch(1, 4, 1));
    uint64_t steps = s.w.world.RandomBelow(60);
    s.w.Until([&] { return steps-- == 0; });
    auto dropped =
        StartTask(s.w.env(1), s.w.node(1)->host->Drop("races", SegmentIndex(0), SegmentIndex(5)));
    REQUIRE(s.w.Until([&] { return dropped->has_value(); }));
    REQUIRE((*dropped)->ok());
    StatusOr<Offset> answer = s.w.Wait(late);
    CHECK((answer.ok() || absl::IsFailedPrecondition(answer.status()) ||
           absl::IsUnknown(answer.status())));
    for (int round = 0; round < 2; ++round) {
      std::shared_ptr<Loglet> again = s.w.Open(*s.two, s.params);
      Status refused = s.w.Append(*again, 9, 0).status();
      // After a restart the first copy is lost with the connection.
      CHECK((absl::IsFailedPrecondition(refused) || (round > 0 && absl::IsUnknown(refused))));
      CHECK(s.w.Run(*s.two, again->CheckTail())->sealed);
      CHECK(absl::IsOutOfRange(s.w.Run(*s.two, again->Read(Offset(0), Offset(4), 1000)).status()));
      CHECK(absl::IsFailedPrecondition(s.w.Run(*s.two, again->Seal("")).status()));
      CHECK_FALSE(s.w.RowOf(1).has_value());
      CHECK(s.w.node(1)->replicas().objects() == 0);
      s.w.RestartNode(1);
    }
  }
}

TEST_CASE("Replicated shell: questions about loglets that do not exist leave nothing behind") {
  Scene s(3);
  for (uint64_t i = 0; i < 50; ++i) {
    LogletId strange{"races", SegmentIndex(100 + i), ProposalId(i)};
    for (Verb verb : {loglets::replicated::kStatusVerb, loglets::replicated::kTailVerb,
                      loglets::replicated::kTrimVerb, loglets::replicated::kWatchVerb}) {
      ReplicaRequest request = s.About(strange);
      request.wait = milliseconds(20);
      CHECK(s.Ask(verb, request).ok());
    }
  }
  s.w.RunFor(seconds(1));
  CHECK(s.w.node(1)->replicas().objects() == 0);
}

TEST_CASE("Replicated shell: strangers cannot speak as replicas, nor change the parameters") {
  Scene s(3);
  s.Fill(0, 1);
  CHECK(s.Ask(loglets::replicated::kPeerVerb, s.About(s.w.id))->word.code == Code::kMalformed);
  ReplicaRequest request = s.About(s.w.id);
  loglets::replicated::Params other = *loglets::replicated::DecodeParams(s.params);
  other.members[0].born = Incarnation(99);
  request.params = EncodeParams(other);
  CHECK(absl::IsInvalidArgument(s.Ask(loglets::replicated::kStatusVerb, request).status()));
  other.members[0].replica = {NodeId(2), DiskId(101)};
  other.first_leader = NodeId(2);
  request.params = EncodeParams(other);
  request.loglet.segment = SegmentIndex(50);
  CHECK(absl::IsInvalidArgument(s.Ask(loglets::replicated::kStatusVerb, request).status()));
}

TEST_CASE(
    "Race 22: after damage a replica that is not found is lost, unless it was proposed since") {
  Scene s(5);
  s.Fill(0, 40);
  s.w.RunFor(seconds(1));
  std::string before = s.params;
  s.w.CrashNode(1);
  s.FlipBit();
  s.w.StartNode(1);
  REQUIRE(s.w.AwaitNodes());
  REQUIRE(s.w.node(1)->journal->streams().lost_bound().has_value());
  // It may have voted in life 1 for what was proposed then.
  LogletId old{"races", SegmentIndex(8), ProposalId(1)};
  LogletId fresh{"races", SegmentIndex(9), ProposalId(2)};
  std::string after = s.w.Propose(*s.one);
  REQUIRE(after != before);
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    s.params = before;
    CHECK(s.Ask(loglets::replicated::kStatusVerb, s.About(old))->word.code == Code::kLost);
    s.params = after;
    CHECK(s.Ask(loglets::replicated::kStatusVerb, s.About(fresh))->word.code == Code::kOk);
    s.w.RunFor(seconds(1));
    s.w.RestartNode(1);
  }
  // Of two that were proposed in the first life after the damage, only the one that was seen then.
  LogletId unseen{"races", SegmentIndex(10), ProposalId(3)};
  CHECK(s.Ask(loglets::replicated::kStatusVerb, s.About(unseen))->word.code == Code::kLost);
}

TEST_CASE("Replicated shell: a node that stops answers what it has taken, then nothing") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 2);
    Appended last = StartAppend(*s.log, MakeBatch(1, 2, 1));
    Instant far = s.two->env.scheduler().Now() + seconds(30);
    auto news = StartTask(s.two->env, s.other->AwaitTail(Offset(50), far));
    uint64_t steps = s.w.world.RandomBelow(100);
    s.w.Until([&] { return steps-- == 0; });
    auto stopped = StartTask(s.w.env(1), ReplicatedNode::Stop(*s.w.node(1)));
    Instant begun = s.w.world.now();
    REQUIRE(s.w.Until([&] { return stopped->has_value(); }));
    CHECK((*stopped)->ok());
    CHECK(s.w.world.now() - begun < seconds(3));
    bool acknowledged = last->has_value();
    s.w.RestartNode(1);
    REQUIRE(s.w.Wait(last)->value() == 2);
    if (acknowledged) CHECK(s.CheckTail()->offset == Offset(3));
    s.CheckAll(3);
  }
}

TEST_CASE("Replicated shell: a reader at a node that stops sees no record as trimmed") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Scene s(seed);
    s.Fill(0, 2);
    auto read = StartTask(s.two->env, s.other->Read(Offset(0), Offset(2), 1000));
    uint64_t steps = s.w.world.RandomBelow(12);
    s.w.Until([&] { return steps-- == 0 || read->has_value(); });
    auto stopped = StartTask(s.w.env(1), ReplicatedNode::Stop(*s.w.node(1)));
    REQUIRE(s.w.Until([&] { return stopped->has_value(); }));
    s.w.RestartNode(1);
    REQUIRE(s.w.Until([&] { return read->has_value(); }));
    const StatusOr<ReadResult>& result = **read;
    CHECK_FALSE(absl::IsOutOfRange(result.status()));
    if (result.ok()) CHECK_FALSE(result->batches.empty());
  }
}

TEST_CASE("Replicated shell: who waits for news gets them when they are there") {
  Scene s(7);
  s.Fill(0, 2);
  Instant far = s.two->env.scheduler().Now() + seconds(60);
  auto news = StartTask(s.two->env, s.other->AwaitTail(Offset(2), far));
  s.w.RunFor(seconds(5));
  CHECK_FALSE(news->has_value());
  Instant before = s.w.world.now();
  s.Fill(2, 3);
  REQUIRE(s.w.Until([&] { return news->has_value(); }));
  CHECK((**news)->offset == Offset(3));
  CHECK(s.w.world.now() - before < milliseconds(20));
}

}  // namespace
}  // namespace vlog::testing

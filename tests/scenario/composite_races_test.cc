// Race 18 of FAULTS.md section 4: a composite loglet with one part sealed or failed. Each part of
// the striped loglet has servers of its own, which can be sealed and can fail alone.
#include <algorithm>
#include <catch2/catch.hpp>

#include "scenario/race_world.h"
#include "scenario/striped_kind.h"

namespace vlog::testing {
namespace {

using loglets::Tail;
using std::chrono::microseconds;
using std::chrono::milliseconds;

const std::array<std::string, kParts> kPartKinds = {"first-part", "second-part"};

// A log that begins on a striped loglet. The client "b" seals part 1 first, all others part 0.
struct Composite {
  explicit Composite(uint64_t seed) : race(seed) {
    auto servers = std::make_shared<std::vector<std::unique_ptr<FakeCluster>>>();
    for (size_t i = 0; i < kParts; ++i) {
      servers->push_back(std::make_unique<FakeCluster>(race.world));
      parts[i] = servers->back().get();
    }
    race.UseKind(kStripedKind, [servers](const std::string& client, env::SimEnv& env,
                                         loglets::LogletFactory& factory) {
      StripedOptions options;
      options.kinds = kPartKinds;
      options.seals_first = client == "b" ? 1 : 0;
      for (size_t i = 0; i < kParts; ++i) {
        factory.Register(NewFakeQuorumKind(env, *(*servers)[i], kPartKinds[i]));
      }
      factory.Register(NewStripedKind(env, factory, options));
    });
  }

  // The first segment's loglet, or a part of it, as an outsider has it.
  std::shared_ptr<loglets::Loglet> First(const std::string& client) {
    return Open(client, kStripedKind, first_id(client));
  }
  std::shared_ptr<loglets::Loglet> Part(const std::string& client, size_t number) {
    return Open(client, kPartKinds[number], PartId(first_id(client), number));
  }

  void StartAppends(const std::string& writer, int count) {
    for (int i = 0; i < count; ++i) {
      texts.push_back(writer + std::to_string(texts.size()));
      appends.push_back(race.StartAppend(writer, texts.back()));
      race.Pass(microseconds(150));
    }
  }
  bool AllEnded() const {
    return std::all_of(appends.begin(), appends.end(),
                       [](const auto& a) { return a->has_value(); });
  }
  bool AllAcknowledged() {
    race.Until([this] { return AllEnded(); });
    return AllEnded() &&
           std::all_of(appends.begin(), appends.end(), [](const auto& a) { return (*a)->ok(); });
  }
  // What was appended is there once, and nothing else; the checker says the rest.
  std::string Judge() {
    for (FakeCluster* part : parts) {
      for (int store = 0; store < kStores; ++store) {
        part->SetStoreDown(store, false);
        part->SetStoreDeaf(store, false);
      }
    }
    std::vector<std::string> all = race.ReadAll("reader");
    std::sort(all.begin(), all.end());
    std::sort(texts.begin(), texts.end());
    if (all != texts) return "not every record is there once";
    return race.Judge();
  }

  RaceWorld race;
  std::array<FakeCluster*, kParts> parts;
  std::vector<std::string> texts;
  std::vector<AppendOutcome> appends;

 private:
  LogletId first_id(const std::string& client) {
    const virtuallog::Segment first = race.ReadChain(client)->segments().front();
    params = first.made.params;
    return {"races", first.index, first.made.id};
  }
  std::shared_ptr<loglets::Loglet> Open(const std::string& client, const std::string& kind,
                                        LogletId id) {
    StatusOr<loglets::LogletKind*> found = race.Factory(client).Find(kind);
    auto opened = race.Run(client, (*found)->Open(std::move(id), params, std::nullopt));
    VLOG_CHECK(opened.ok(), "the loglet opens");
    return *opened;
  }

  std::string params;  // of the first segment's loglet
};

TEST_CASE("Race 18: one part of a composite is sealed and the writers go on in the next segment") {
  int in_first = 0;
  int in_second = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    size_t sealed_part = seed % kParts;
    CAPTURE(seed, sealed_part);
    Composite log(seed);
    auto part = log.Part("outsider", sealed_part);
    log.StartAppends("v", static_cast<int>(log.race.world.RandomBelow(8)));
    auto seal = StartTask(log.race.Env("outsider"), part->Seal(""));
    log.StartAppends("w", 6);
    log.StartAppends("v", 6);
    REQUIRE(log.race.Until([&] { return seal->has_value(); }));
    CHECK(log.AllAcknowledged());
    auto chain = log.race.ReadChain("w");
    REQUIRE(chain->segments().size() > 1);
    ++(*chain->EndOf(SegmentIndex(0)) < Lsn(4) ? in_first : in_second);
    CHECK(log.Judge() == "");
  }
  CHECK(in_first > 5);
  CHECK(in_second > 5);
}

// One part of `records` records is sealed by an outsider; then somebody asks the composite.
template <typename Ask>
void SealOnePartAndAsk(size_t sealed_part, uint64_t records, Ask ask) {
  CAPTURE(sealed_part, records);
  Composite log(18);
  log.StartAppends("w", static_cast<int>(records));
  REQUIRE(log.AllAcknowledged());
  auto part = log.Part("outsider", sealed_part);
  REQUIRE(log.race.Run("outsider", part->Seal("the outsider's")).ok());
  auto loglet = log.First("looker");
  StatusOr<Tail> answer = log.race.Run("looker", ask(log, *loglet));
  REQUIRE(answer.ok());
  CHECK(answer->sealed);
  // Both parts are sealed by now.
  for (size_t i = 0; i < kParts; ++i) {
    auto each = log.Part("looker", i);
    StatusOr<Tail> tail = log.race.Run("looker", each->CheckTail());
    REQUIRE(tail.ok());
    CHECK(tail->sealed);
  }
  auto sealed = log.race.Run("looker", loglet->Seal("too late"));
  REQUIRE(sealed.ok());
  CHECK(sealed->tail == Offset(records));
  CHECK(sealed->proposal == "the outsider's");
  CHECK(log.Judge() == "");
}

TEST_CASE("Race 18: whoever asks a composite with one sealed part hears that it is sealed") {
  auto check = [](Composite&, loglets::Loglet& loglet) { return loglet.CheckTail(); };
  auto wait = [](Composite& log, loglets::Loglet& loglet) {
    return loglet.AwaitTail(Offset(100), log.race.world.now() + std::chrono::seconds(5));
  };
  for (size_t sealed_part = 0; sealed_part < kParts; ++sealed_part) {
    for (uint64_t records : {2, 7}) {
      SealOnePartAndAsk(sealed_part, records, check);
      SealOnePartAndAsk(sealed_part, records, wait);
    }
  }
}

Outcome<Status> SwapToQuorum(Composite& log) {
  virtuallog::ReconfigureRequest request;
  request.kind = kFakeQuorumKind;
  request.reason = "a part failed";
  return StartTask(log.race.Env("operator"),
                   log.race.Log("operator").Reconfigure(std::move(request)));
}

TEST_CASE("Race 18: a part that takes nothing more is left for another loglet, and still read") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    size_t failed = seed % kParts;
    CAPTURE(seed, failed);
    Composite log(seed);
    log.race.Log("operator");
    log.StartAppends("w", failed == 0 ? 2 : 6);
    REQUIRE(log.AllAcknowledged());
    size_t before = log.appends.size();
    // One server died, and another one is cut off from the part's sequencer.
    log.parts[failed]->SetStoreDown(0, true);
    log.parts[failed]->SetStoreDeaf(1, true);
    log.StartAppends("w", 8);
    log.race.Pass(milliseconds(50));
    CHECK_FALSE((log.appends.back()->has_value() && (*log.appends.back())->ok()));
    Outcome<Status> swap = SwapToQuorum(log);
    REQUIRE(log.race.Until([&] { return swap->has_value(); }));
    INFO((*swap)->ToString());
    CHECK((*swap)->ok());
    CHECK(log.AllAcknowledged());
    auto chain = log.race.ReadChain("w");
    CHECK(chain->last().made.kind == kFakeQuorumKind);
    CHECK(*chain->EndOf(SegmentIndex(0)) >= Lsn(before));
    // The dead server stays dead while all is read.
    CHECK(log.race.ReadAll("reader").size() == log.texts.size());
    CHECK(log.Judge() == "");
  }
}

TEST_CASE("Race 18: with a part's servers all dead nobody is told anything until enough return") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    size_t failed = seed % kParts;
    CAPTURE(seed, failed);
    Composite log(seed);
    log.race.Log("operator");
    log.StartAppends("w", failed == 0 ? 2 : 6);
    REQUIRE(log.AllAcknowledged());
    for (int store = 0; store < kStores; ++store) log.parts[failed]->SetStoreDown(store, true);
    log.StartAppends("w", 5);
    Outcome<Status> swap = SwapToQuorum(log);
    log.race.Pass(std::chrono::seconds(5));
    CHECK_FALSE(log.AllEnded());
    CHECK_FALSE((swap->has_value() && (*swap)->ok()));
    CHECK(log.race.cluster.chain("races")->segments().size() == 1);
    log.parts[failed]->SetStoreDown(1, false);
    log.parts[failed]->SetStoreDown(2, false);
    CHECK(log.AllAcknowledged());
    CHECK(log.race.ReadAll("reader").size() == log.texts.size());
    CHECK(log.Judge() == "");
  }
}

TEST_CASE("Race 18: two sealers begin at different parts of a composite while appends go on") {
  int in_first = 0;
  int in_second = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Composite log(seed);
    log.race.Log("a");
    log.race.Log("b");
    log.StartAppends("w", static_cast<int>(log.race.world.RandomBelow(8)));
    auto one = log.race.StartSwap("a", "by a");
    auto two = log.race.StartSwap("b", "by b");
    log.StartAppends("w", 10);
    log.StartAppends("v", 5);
    REQUIRE(log.race.Until([&] { return one->has_value() && two->has_value(); }));
    CHECK(log.AllAcknowledged());
    auto chain = log.race.ReadChain("a");
    ++(*chain->EndOf(SegmentIndex(0)) < Lsn(4) ? in_first : in_second);
    CHECK(log.Judge() == "");
  }
  CHECK(in_first > 5);
  CHECK(in_second > 5);
}

}  // namespace
}  // namespace vlog::testing

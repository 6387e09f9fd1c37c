// Race 2 between all kinds: whoever swaps dies at a step, and others do what it had planned.
#include <catch2/catch.hpp>

#include "scenario/dying_swapper.h"

namespace vlog::testing {
namespace {

using std::chrono::seconds;

std::vector<std::string> Kinds() {
  std::vector<std::string> names;
  for (const auto& kind : server::HostableKinds()) names.push_back(kind->name());
  return names;
}

std::shared_ptr<const virtuallog::Chain> ChainOf(ClusterScene& scene, SceneClient& client) {
  auto chain = scene.Run(client, client.log->ReadChain());
  REQUIRE(chain.ok());
  return *chain;
}

Task<Status> SealAsIs(SceneClient* client, virtuallog::Segment last) {
  loglets::LogletKind* kind = *client->cluster->factory().Find(last.made.kind);
  LogletId id{client->log->name(), last.index, last.made.id};
  auto loglet = co_await kind->Open(std::move(id), last.made.params, std::nullopt);
  VLOG_CO_RETURN_IF_ERROR(loglet);
  std::shared_ptr<loglets::Loglet> keep = *loglet;
  StatusOr<loglets::Sealed> sealed = co_await keep->Seal(std::string());
  co_return sealed.status();
}

// A log of one kind that is written, and somebody who dies on the way to another kind.
struct Scene {
  Scene(uint64_t seed, const std::string& from, const std::string& to, SwapStep step)
      : scene(seed), writer(scene.NewClient("writer")) {
    REQUIRE(scene.AppendNow(*writer).ok());
    Outcome<Status> begun = scene.StartSwap(*writer, {}, from);
    REQUIRE(scene.Until([&] { return begun->has_value(); }));
    REQUIRE((*begun)->ok());
    before = ChainOf(scene, *writer)->last();
    REQUIRE(before.made.kind == from);
    scene.Load(*writer);
    REQUIRE(Goes());
    swapper = scene.NewClient("swapper");
    dying = std::make_unique<DyingSwapper>(scene, *swapper, step, to);
    REQUIRE(dying->reached());
  }

  // What it has on its way arrives or does not; then nothing of it runs any more.
  void Die(uint64_t steps) {
    scene.Step(steps);
    CHECK_FALSE(dying->swapped()->has_value());
    dying.reset();
    swapper.reset();
  }

  // The writers are acknowledged again, soon.
  bool Goes() {
    uint64_t acked = scene.acked();
    Instant begun = scene.world().now();
    scene.Until([&] { return scene.acked() > acked + 20; });
    return scene.acked() > acked + 20 && scene.world().now() - begun < seconds(5);
  }

  // The segment is sealed by somebody who proposes nothing and does no more: the writers finish.
  void SealIfOpen() {
    if (ChainOf(scene, *writer)->last().index != before.index) return;
    auto bystander = scene.NewClient("bystander");
    CHECK(scene.Run(*bystander, SealAsIs(bystander.get(), before)).ok());
    bystander.reset();
    CHECK(scene.Until([&] { return writer->log->known_chain()->last().index > before.index; }));
  }

  // Who made the segment behind the one that was to be replaced, and of which kind.
  void CheckSuccessor(const std::string& kind, const std::string& who) {
    auto chain = ChainOf(scene, *writer);
    const virtuallog::Segment* next = chain->Find(SegmentIndex(before.index.value() + 1));
    REQUIRE(next != nullptr);
    CHECK(next->made.kind == kind);
    CHECK(next->made.who == who);
  }

  std::string Verdict() {
    writer.reset();
    return scene.Verdict();
  }

  ClusterScene scene;
  std::unique_ptr<SceneClient> writer;
  std::unique_ptr<SceneClient> swapper;
  std::unique_ptr<DyingSwapper> dying;
  virtuallog::Segment before;
};

struct Death {
  SwapStep step;
  uint64_t steps;  // of the world, from there to the death
};

TEST_CASE("Race 2: a planned swap is finished as planned, whichever step its owner dies at") {
  const std::vector<Death> deaths = {{SwapStep::kIntent, 0},     {SwapStep::kPrepared, 0},
                                     {SwapStep::kSealed, 0},     {SwapStep::kChainSent, 0},
                                     {SwapStep::kChainSent, 12}, {SwapStep::kChainSent, 60},
                                     {SwapStep::kChainSent, 400}};
  for (const std::string& from : Kinds()) {
    for (const std::string& to : Kinds()) {
      for (const Death& death : deaths) {
        CAPTURE(from, to, ToString(death.step), death.steps);
        Scene scene(200 + death.steps, from, to, death.step);
        scene.Die(death.steps);
        if (death.step < SwapStep::kSealed) CHECK(scene.Goes());
        scene.SealIfOpen();
        CHECK(scene.Goes());
        scene.CheckSuccessor(to, "swapper");
        CHECK(scene.Verdict() == "");
      }
    }
  }
}

TEST_CASE("Race 2: a swap that dies before anybody knows of its plan changes nothing") {
  for (const std::string& from : Kinds()) {
    for (const std::string& to : Kinds()) {
      CAPTURE(from, to);
      Scene scene(201, from, to, SwapStep::kBeforeIntent);
      scene.Die(0);
      CHECK(scene.Goes());
      auto chain = ChainOf(scene.scene, *scene.writer);
      CHECK(chain->last().made.id == scene.before.made.id);
      CHECK_FALSE(chain->intent().has_value());
      scene.SealIfOpen();
      CHECK(scene.Goes());
      scene.CheckSuccessor(from, "writer");
      CHECK(scene.Verdict() == "");
    }
  }
}

TEST_CASE("Race 2: a plan that was on its way counts if whoever reads the chain finds it there") {
  int stood = 0;
  int lost = 0;
  for (const std::string& from : Kinds()) {
    for (const std::string& to : Kinds()) {
      for (uint64_t steps : {0, 3, 12, 30, 100}) {
        CAPTURE(from, to, steps);
        Scene scene(202 + steps, from, to, SwapStep::kIntentSent);
        scene.Die(steps);
        CHECK(scene.Goes());
        bool stands = ChainOf(scene.scene, *scene.writer)->intent().has_value();
        ++(stands ? stood : lost);
        scene.SealIfOpen();
        CHECK(scene.Goes());
        if (stands) scene.CheckSuccessor(to, "swapper");
        CHECK(scene.Verdict() == "");
      }
    }
  }
  CHECK(stood > 0);
  CHECK(lost > 0);
}

}  // namespace
}  // namespace vlog::testing

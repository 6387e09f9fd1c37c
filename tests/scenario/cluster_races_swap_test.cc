// Races of swaps, fail-overs and the chain's compare-and-set on a whole cluster.
#include <algorithm>
#include <catch2/catch.hpp>

#include "loglets/sequencer/params.h"
#include "scenario/cluster_scene.h"

namespace vlog::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kSeeds = 12;

std::shared_ptr<const virtuallog::Chain> ChainOf(ClusterScene& scene, SceneClient& client) {
  auto chain = scene.Run(client, client.log->ReadChain());
  REQUIRE(chain.ok());
  return *chain;
}

loglets::Placement SequencerOn(uint64_t node) {
  loglets::Placement wish;
  wish.sequencer = NodeId(node);
  return wish;
}

Task<StatusOr<Version>> Plan(metastore::Metastore* store, virtuallog::SharedLog* log,
                             virtuallog::Intent intent) {
  StatusOr<std::shared_ptr<const virtuallog::Chain>> chain = co_await log->ReadChain();
  VLOG_CO_RETURN_IF_ERROR(chain);
  intent.replaces = (*chain)->last().index;
  StatusOr<virtuallog::Chain> next = (*chain)->WithIntent(std::move(intent));
  VLOG_CO_RETURN_IF_ERROR(next);
  co_return co_await store->Write(log->name(), next->Encode(), log->chain_version());
}

// Somebody who is never heard of again has planned a swap.
void LeavePlan(ClusterScene& scene, SceneClient& client, virtuallog::Proposal successor,
               Duration valid) {
  auto planner = scene.nodes.NewClient("planner");
  REQUIRE(scene.nodes.Connect(*planner).ok());
  virtuallog::Intent intent;
  intent.successor = std::move(successor);
  intent.successor.who = "planner";
  auto millis = std::chrono::duration_cast<milliseconds>(valid).count();
  intent.deadline = WallTime{client.env->WallNow().unix_millis + millis};
  auto written = scene.Run(client, Plan(planner->store.get(), client.log, std::move(intent)));
  REQUIRE(written.ok());
}

TEST_CASE("Race 2: a client of a cluster that swaps may die at any step and others finish") {
  int died = 0;
  for (uint64_t steps = 0; steps < 600; steps += 15) {
    CAPTURE(steps);
    ClusterScene scene(1 + steps);
    auto writer = scene.NewClient("writer");
    auto swapper = scene.NewClient("swapper");
    REQUIRE(scene.AppendNow(*writer).ok());
    Outcome<Status> swapped = scene.StartSwap(*swapper, SequencerOn(2));
    scene.Step(steps);
    died += !swapped->has_value();
    swapper.reset();
    // Whatever was begun does not stop the log.
    Instant begun = scene.world().now();
    CHECK(scene.AppendNow(*writer).ok());
    CHECK(scene.world().now() - begun < seconds(3));
    CHECK(scene.Verdict() == "");
  }
  CHECK(died > 10);
}

TEST_CASE("Race 17: with an acceptor gone for good, a promise to a dead client stops no cluster") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(1700 + seed);
    auto writer = scene.NewClient("writer");
    REQUIRE(scene.AppendNow(*writer).ok());
    scene.nodes.Crash(3);
    scene.nodes.Format(3);
    scene.nodes.Start(3);
    REQUIRE(scene.nodes.AwaitJoined());
    // What is left of the rival is the promise of one of the two acceptors that there still are, to
    // a ballot that nobody else has heard of.
    auto rival = scene.nodes.NewClient("rival");
    REQUIRE(scene.nodes.Connect(*rival).ok());
    auto known = RunTask(scene.world(), rival->env, rival->store->Read(writer->log->name()));
    REQUIRE(known->ok());
    scene.Cut("rival", seed % 2 == 0 ? "n1" : "n2");
    for (int round = 0; round < 3; ++round) {
      Task<Status> reserve = rival->store->Reserve(writer->log->name(), (*known)->version);
      CHECK_FALSE(RunTask(scene.world(), rival->env, std::move(reserve))->ok());
    }
    rival.reset();
    Instant begun = scene.world().now();
    Outcome<Status> swapped = scene.StartSwap(*writer, SequencerOn(2));
    CHECK(scene.Until([&] { return swapped->has_value(); }));
    CHECK((*swapped)->ok());
    CHECK(scene.world().now() - begun < seconds(5));
    CHECK(scene.Verdict() == "");
  }
}

TEST_CASE("Race 23: wall clocks that jump stop neither swaps nor appends of a cluster") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    auto swapper = scene.NewClient("swapper");
    scene.Load(*writer);
    for (int round = 0; round < 6; ++round) {
      Duration error = hours(24 * 30) * (round % 3 - 1);
      swapper->env->SetWallClockError(error);
      scene.nodes.SetWallClockError(1 + scene.world().RandomBelow(kSceneNodes), -error);
      Outcome<Status> swapped =
          scene.StartSwap(*swapper, SequencerOn(1 + scene.world().RandomBelow(kSceneNodes)));
      scene.Step(scene.world().RandomBelow(300));
      writer->env->SetWallClockError(-error);
      Instant begun = scene.world().now();
      CHECK(scene.Until([&] { return swapped->has_value(); }));
      CHECK(scene.world().now() - begun < seconds(5));
      uint64_t before = scene.acked();
      CHECK(scene.Until([&] { return scene.acked() > before + 10; }));
      CHECK(scene.world().now() - begun < seconds(10));
    }
    writer.reset();
    CHECK(scene.Verdict() == "");
  }
}

TEST_CASE("Race 26: a planned swap to a kind that nobody knows is refused, and the log goes on") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    REQUIRE(scene.AppendNow(*writer).ok());
    virtuallog::Proposal mystery;
    mystery.id = ProposalId(4711);
    mystery.kind = "mystery";
    LeavePlan(scene, *writer, mystery, seconds(10));
    scene.nodes.Crash(1);  // so that somebody must let a segment follow
    CHECK(scene.AppendNow(*writer).ok());
    auto chain = ChainOf(scene, *writer);
    CHECK(chain->last().made.kind == "sequencer");
    CHECK_FALSE(chain->Holds(ProposalId(4711)));
    CHECK(scene.Verdict() == "");
  }
}

TEST_CASE("Race 37: clones on a cluster never shrink the write quorum") {
  ClusterScene scene(37);
  auto client = scene.NewClient("client");
  loglets::Placement all = SequencerOn(1);
  for (uint64_t node = 1; node <= kSceneNodes; ++node) all.nodes.push_back(NodeId(node));
  all.write_quorum = 3;
  Outcome<Status> swapped = scene.StartSwap(*client, all);
  REQUIRE(scene.Until([&] { return swapped->has_value(); }));
  REQUIRE((*swapped)->ok());
  auto quorum = [&] {
    auto params = loglets::sequencer::DecodeParams(ChainOf(scene, *client)->last().made.params);
    REQUIRE(params.ok());
    return params->write_quorum;
  };
  REQUIRE(quorum() == 3);
  for (uint64_t node : {3, 2}) {
    scene.nodes.Crash(node);
    Outcome<Status> cloned = scene.StartFailOver(*client);
    AppendedAt waits = scene.Append(*client);
    scene.RunFor(seconds(5));
    // Two copies where three were asked for would be an acknowledgement too early.
    CHECK(quorum() == 3);
    CHECK_FALSE(waits->has_value());
    scene.nodes.Start(node);
    CHECK(scene.Until([&] { return cloned->has_value() && waits->has_value(); }));
    CHECK((*waits)->ok());
    CHECK(quorum() == 3);
  }
  CHECK(scene.Verdict() == "");
}

TEST_CASE("Race 39: a swap of a cluster whose compare-and-set is cut off tells what became of it") {
  int told = 0;
  for (uint64_t steps = 0; steps < 500; steps += 20) {
    CAPTURE(steps);
    ClusterScene scene(500 + steps);
    auto swapper = scene.NewClient("swapper");
    auto other = scene.NewClient("other");
    REQUIRE(scene.AppendNow(*other).ok());
    Outcome<Status> swapped = scene.StartSwap(*swapper, SequencerOn(2));
    scene.Step(steps);
    // What it has on its way reaches one acceptor at most.
    for (const char* node : {"n1", "n2"}) scene.Cut("swapper", node);
    Outcome<Status> rival = scene.StartSwap(*other, SequencerOn(3));
    scene.Until([&] { return rival->has_value(); });
    CHECK(scene.AppendNow(*other).ok());
    scene.fabric().HealAll();
    REQUIRE(scene.Until([&] { return swapped->has_value(); }));
    auto chain = ChainOf(scene, *other);
    const auto& segments = chain->segments();
    auto made_by_it = [](const virtuallog::Segment& segment) {
      return segment.made.who == "swapper" && segment.made.reason.find("swapper") == 0;
    };
    auto made = std::count_if(segments.begin(), segments.end(), made_by_it);
    // An empty segment of its may have been replaced since, but one that stands was told as done.
    if (made > 0) CHECK(((*swapped)->ok() || absl::IsUnknown(**swapped)));
    CHECK(made <= 1);
    told += (*swapped)->ok();
    CHECK(scene.Verdict() == "");
  }
  CHECK(told > 0);
}

TEST_CASE("Race 46: a client of a cluster that starts again does not use its ballots again") {
  for (uint64_t steps = 40; steps < 500; steps += 20) {
    CAPTURE(steps);
    ClusterScene scene(900 + steps);
    auto writer = scene.NewClient("writer");
    REQUIRE(scene.AppendNow(*writer).ok());
    auto swapper = scene.NewClient("swapper");
    Outcome<Status> first = scene.StartSwap(*swapper, SequencerOn(2));
    scene.Step(steps);
    swapper.reset();
    // The same host, at once, at the same slot.
    swapper = scene.NewClient("swapper");
    Outcome<Status> second = scene.StartSwap(*swapper, SequencerOn(3));
    CHECK(scene.Until([&] { return second->has_value(); }));
    CHECK(scene.AppendNow(*writer).ok());
    CHECK(scene.Verdict() == "");
  }
}

TEST_CASE("Race 48: sixty-four clients of a cluster that help at once leave one successor") {
  ClusterScene scene(48);
  std::vector<std::unique_ptr<SceneClient>> helpers;
  for (int i = 0; i < 64; ++i) helpers.push_back(scene.NewClient("h" + std::to_string(i)));
  REQUIRE(scene.AppendNow(*helpers[0]).ok());
  scene.nodes.Crash(1);
  std::vector<AppendedAt> appended;
  for (auto& helper : helpers) appended.push_back(scene.Append(*helper));
  auto all_there = [&] {
    return std::all_of(appended.begin(), appended.end(),
                       [](const AppendedAt& each) { return each->has_value(); });
  };
  CHECK(scene.Until(all_there));
  for (const AppendedAt& each : appended) CHECK((*each)->ok());
  // The one that failed and its successor; perhaps one more, where the first did not work.
  CHECK(ChainOf(scene, *helpers[0])->last().index <= SegmentIndex(2));
  helpers.clear();
  CHECK(scene.Verdict() == "");
}

TEST_CASE("Race 49: a plan from last month does not bind today's fail-over of a cluster") {
  for (bool outdated : {true, false}) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      CAPTURE(outdated, seed);
      ClusterScene scene(seed);
      auto writer = scene.NewClient("writer");
      // A plan that would work: the sequencer is on node 2.
      for (uint64_t node : {2, 1}) {
        REQUIRE(scene.AppendNow(*writer).ok());
        Outcome<Status> swapped = scene.StartSwap(*writer, SequencerOn(node));
        REQUIRE(scene.Until([&] { return swapped->has_value(); }));
        REQUIRE((*swapped)->ok());
      }
      auto chain = ChainOf(scene, *writer);
      virtuallog::Proposal plan = chain->segments()[chain->segments().size() - 2].made;
      plan.id = ProposalId(4711);
      LeavePlan(scene, *writer, plan, outdated ? Duration(-hours(24 * 30)) : seconds(10));
      scene.nodes.Crash(1);
      CHECK(scene.AppendNow(*writer).ok());
      CHECK(ChainOf(scene, *writer)->Holds(ProposalId(4711)) == !outdated);
      CHECK(scene.Verdict() == "");
    }
  }
}

TEST_CASE("Race 50: a truncate between plan and compare-and-set of a cluster spoils neither") {
  int truncated = 0;
  for (uint64_t steps = 0; steps < 500; steps += 20) {
    CAPTURE(steps);
    ClusterScene scene(1300 + steps);
    auto writer = scene.NewClient("writer");
    auto trimmer = scene.NewClient("trimmer");
    for (int i = 0; i < 2; ++i) {
      REQUIRE(scene.AppendNow(*writer).ok());
      Outcome<Status> swapped = scene.StartSwap(*writer);
      REQUIRE(scene.Until([&] { return swapped->has_value(); }));
    }
    REQUIRE(scene.AppendNow(*writer).ok());
    Outcome<Status> swapped = scene.StartSwap(*writer, SequencerOn(2));
    scene.Step(steps);
    StatusOr<Lsn> trimmed = scene.Run(*trimmer, trimmer->log->Trim(Lsn(2)));
    CHECK(trimmed.ok());
    CHECK(scene.Until([&] { return swapped->has_value(); }));
    CHECK((*swapped)->ok());
    auto chain = ChainOf(scene, *trimmer);
    truncated += chain->first_lsn() == Lsn(2);
    CHECK(chain->last().made.who == "writer");
    CHECK(scene.AppendNow(*writer).ok());
  }
  CHECK(truncated > 0);
}

TEST_CASE("Race 54: two monitors that each see another half do not fight for ever") {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    ClusterScene scene(seed);
    auto writer = scene.NewClient("writer");
    scene.Load(*writer);
    scene.RunFor(milliseconds(500));
    // Nodes 2 and 3 do not hear each other; then the sequencer's node hears only one of them.
    scene.Cut("n2", "n3");
    scene.RunFor(seconds(1));
    scene.fabric().Cut("n3", "n1");
    scene.RunFor(seconds(6));
    uint64_t before = scene.acked();
    CHECK(scene.Until([&] { return scene.acked() > before + 50; }));
    CHECK(ChainOf(scene, *writer)->last().index < SegmentIndex(30));
    writer.reset();
    CHECK(scene.Verdict() == "");
  }
}

}  // namespace
}  // namespace vlog::testing

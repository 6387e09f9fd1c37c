// The cores of the Paxos loglet, explored: random schedules of a small world, checked after every
// step.
#include "unit/paxos_loglet_model.h"

#include <catch2/catch.hpp>

namespace vlog::loglets::paxos {
namespace {

TEST_CASE("Paxos loglet: random schedules break no rule") {
  ModelCounts counts;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    ModelWorld world(seed, counts);
    std::string violation = world.Run(1200);
    INFO("seed " << seed);
    REQUIRE(violation == "");
  }
  // A run in which too little happened proves nothing.
  CHECK(counts.acked > 100'000);
  CHECK(counts.unknown > 20'000);
  CHECK(counts.tails > 4'000);
  CHECK(counts.seals > 1'000);
  CHECK(counts.trims > 2'000);
  CHECK(counts.crashes > 4'000);
  CHECK(counts.refusals > 10'000);
  CHECK(counts.damages > 80);
  CHECK(counts.checkpoints > 300);
  CHECK(counts.no_ops > 10);
  CHECK(counts.voids > 100);
  CHECK(counts.fetches > 1'000);
  CHECK(counts.loads > 4'000);
  CHECK(counts.losses > 50'000);
  CHECK(counts.doubles > 2'000);
}

}  // namespace
}  // namespace vlog::loglets::paxos

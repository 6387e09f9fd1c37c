// What all replicated kinds share, under the least core there can be, against the contract suite.
#include <catch2/catch.hpp>

#include "contract/replicated_contract.h"
#include "scenario/replicated_solo.h"

namespace vlog::testing {
namespace {

TEST_CASE("Loglet contract: one replica in the simulated world") {
  RunSimulatedContract(SoloKind(), 1, 10);
}

TEST_CASE("Loglet contract: one replica in the real world") { RunRealContract(SoloKind(), 1); }

}  // namespace
}  // namespace vlog::testing

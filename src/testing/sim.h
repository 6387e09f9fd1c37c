// Simulated runs: a scenario and a seed make a run, a run makes a verdict.
#ifndef VLOG_TESTING_SIM_H_
#define VLOG_TESTING_SIM_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace vlog::testing {

// Of a segment and of its successor.
using KindPair = std::pair<std::string, std::string>;

struct SimScenario {
  std::string name;
  std::string about;
  enum class World {
    kEmbedded,  // one process and its disk: file metastore, local loglets
    kCluster,   // three whole nodes and clients on the simulated network
    kQuorum,    // several client processes, three stores, a register behind a bad network
  };
  World world = World::kEmbedded;
  int lives = 5;
  uint64_t steps_a_life = 6000;  // about
  bool crashes = true;           // else each life stops in good order
  bool failed_syncs = false;
  bool full_disk = false;
  bool slow_disk = false;
  bool bit_rot = false;
  bool recycling = false;  // small segments that are used again and again, equal records
  bool message_loss = false;
  bool stores_down = false;
  bool partitions = false;   // also one-way ones, pairs, and nodes that are stopped for a while
  bool disk_faults = false;  // one node's disk is slow, full, fails, is wiped, or is an old copy
  bool clock_jumps = false;  // wall clocks, of nodes and clients
  bool competing_swaps = false;           // storms of swaps with different wishes
  std::vector<std::string> kinds = {""};  // that swaps go to
  // Fault counters that must be above zero over all seeds of a run.
  std::vector<std::string> expected_faults;
};

const std::vector<SimScenario>& SimScenarios();
// Null if there is none of this name.
const SimScenario* FindSimScenario(const std::string& name);

struct SimVerdict {
  bool ok = true;
  std::string why;                   // what was violated, with the explanation
  std::vector<std::string> history;  // if `keep_history`
  uint64_t trace_hash = 0;
  uint64_t steps = 0;
  uint64_t acked = 0;
  uint64_t swaps_under_load = 0;
  // Those of which the chain shows both segments, by the kinds before and after.
  std::map<KindPair, uint64_t> swaps_by_kinds;
  std::map<std::string, uint64_t> faults;

  // Notes the first failure; returns false.
  bool Fail(std::string reason) {
    ok = false;
    if (why.empty()) why = std::move(reason);
    return false;
  }
};

// Same scenario and seed: same verdict and same trace hash, in every process.
SimVerdict RunSim(const SimScenario& scenario, uint64_t seed, bool keep_history);

}  // namespace vlog::testing

#endif  // VLOG_TESTING_SIM_H_

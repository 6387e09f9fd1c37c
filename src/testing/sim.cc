#include "testing/sim.h"

#include "server/kinds.h"
#include "testing/cluster_sim.h"
#include "testing/embedded_sim.h"
#include "testing/quorum_sim.h"

namespace vlog::testing {
namespace {

constexpr auto kQuorum = SimScenario::World::kQuorum;
constexpr auto kCluster = SimScenario::World::kCluster;

std::vector<SimScenario> MakeScenarios() {
  std::vector<SimScenario> all = {
      {.name = "crashes",
       .about = "the process is killed and started again; unsynced writes are lost or torn",
       .expected_faults = {"crash", "crash while opening", "torn write", "lost unsynced write",
                           "lost name change"}},
      {.name = "full-disk",
       .about = "the disk is full now and then, and the process is killed",
       .full_disk = true,
       .expected_faults = {"crash", "disk full"}},
      {.name = "slow-disk",
       .about = "the disk is slow now and then, and the process is killed",
       .slow_disk = true,
       .expected_faults = {"crash", "slow disk"}},
      {.name = "failed-syncs",
       .about = "syncs fail and lose what they covered; the process is killed",
       .failed_syncs = true,
       .expected_faults = {"crash", "failed sync"}},
      {.name = "bit-rot",
       .about = "bits of the journal flip while the process is down",
       .bit_rot = true,
       .expected_faults = {"crash", "bit rot"}},
      {.name = "recycled",
       .about = "small segments are used again and again, and the process is killed",
       .lives = 30,
       .steps_a_life = 1200,
       .recycling = true,
       .expected_faults = {"crash", "torn write"}},
      {.name = "calm",
       .about = "no faults: the process stops in good order and starts again",
       .crashes = false},
      {.name = "quorum",
       .about = "competing clients on a quorum loglet; late messages and client crashes",
       .world = kQuorum,
       .steps_a_life = 15'000,
       .expected_faults = {"crash"}},
      {.name = "quorum-lossy",
       .about = "the same, with lost replies and stores that are cut off",
       .world = kQuorum,
       .steps_a_life = 15'000,
       .message_loss = true,
       .stores_down = true,
       .expected_faults = {"crash", "lost message", "store down"}},
      {.name = "cluster",
       .about = "three nodes; one of them at a time is killed, cut off or stopped; clocks jump",
       .world = kCluster,
       .steps_a_life = 25'000,
       .partitions = true,
       .clock_jumps = true,
       .competing_swaps = true,
       .expected_faults = {"crash", "client crash", "one-way cut", "isolated node", "paused node",
                           "pair cut", "clock jump", "client clock jump", "competing swaps"}},
  };
  const SimScenario cluster = all.back();
  SimScenario& network = all.emplace_back(cluster);
  network.name = "cluster-lossy";
  network.about = "the same on a network that loses, delays, doubles and tears";
  network.message_loss = true;
  for (const char* fault : {"duplicated message", "lost piece, sent again", "stalled connection",
                            "late bytes of a dropped connection"}) {
    network.expected_faults.push_back(fault);
  }
  SimScenario& disks = all.emplace_back(cluster);
  disks.name = "cluster-disks";
  disks.about = "the same, and one disk is slow, full, fails, is wiped, or is put back as it was";
  disks.disk_faults = true;
  for (const char* fault :
       {"slow disk", "disk full", "failed sync", "wiped disk", "old disk refused"}) {
    disks.expected_faults.push_back(fault);
  }
  SimScenario& kinds = all.emplace_back(cluster);
  kinds.name = "cluster-kinds";
  kinds.about = "the same, and the log is swapped live between all kinds";
  kinds.kinds.clear();
  for (const auto& kind : server::HostableKinds()) kinds.kinds.push_back(kind->name());
  kinds.steps_a_life = 40'000;  // a swap that must wait for an election takes its time
  return all;
}

}  // namespace

const std::vector<SimScenario>& SimScenarios() {
  static const std::vector<SimScenario> all = MakeScenarios();
  return all;
}

const SimScenario* FindSimScenario(const std::string& name) {
  for (const SimScenario& scenario : SimScenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

SimVerdict RunSim(const SimScenario& scenario, uint64_t seed, bool keep_history) {
  if (scenario.world == SimScenario::World::kQuorum) {
    return RunQuorumSim(scenario, seed, keep_history);
  }
  if (scenario.world == SimScenario::World::kCluster) {
    return RunClusterSim(scenario, seed, keep_history);
  }
  return RunEmbeddedSim(scenario, seed, keep_history);
}

}  // namespace vlog::testing

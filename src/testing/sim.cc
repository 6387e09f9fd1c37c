#include "testing/sim.h"

#include "testing/cluster_sim.h"
#include "testing/embedded_sim.h"
#include "testing/quorum_sim.h"

namespace vlog::testing {
namespace {

std::vector<SimScenario> MakeScenarios() {
  std::vector<SimScenario> all;
  SimScenario crashes;
  crashes.name = "crashes";
  crashes.about = "the process is killed and started again; unsynced writes are lost or torn";
  crashes.expected_faults = {"crash", "crash while opening", "torn write", "lost unsynced write",
                             "lost name change"};
  all.push_back(crashes);

  SimScenario full = crashes;
  full.name = "full-disk";
  full.about = "the disk is full now and then, and the process is killed";
  full.full_disk = true;
  full.expected_faults = {"crash", "disk full"};
  all.push_back(full);

  SimScenario slow = crashes;
  slow.name = "slow-disk";
  slow.about = "the disk is slow now and then, and the process is killed";
  slow.slow_disk = true;
  slow.expected_faults = {"crash", "slow disk"};
  all.push_back(slow);

  SimScenario syncs = crashes;
  syncs.name = "failed-syncs";
  syncs.about = "syncs fail and lose what they covered; the process is killed";
  syncs.failed_syncs = true;
  syncs.expected_faults = {"crash", "failed sync"};
  all.push_back(syncs);

  SimScenario rot = crashes;
  rot.name = "bit-rot";
  rot.about = "bits of the journal flip while the process is down";
  rot.bit_rot = true;
  rot.expected_faults = {"crash", "bit rot"};
  all.push_back(rot);

  SimScenario recycled = crashes;
  recycled.name = "recycled";
  recycled.about = "small segments are used again and again, and the process is killed";
  recycled.recycling = true;
  recycled.lives = 30;
  recycled.steps_a_life = 1200;
  recycled.expected_faults = {"crash", "torn write"};
  all.push_back(recycled);

  SimScenario calm = crashes;
  calm.name = "calm";
  calm.about = "no faults: the process stops in good order and starts again";
  calm.crashes = false;
  calm.expected_faults = {};
  all.push_back(calm);

  SimScenario quorum;
  quorum.name = "quorum";
  quorum.world = SimScenario::World::kQuorum;
  quorum.about = "competing clients on a quorum loglet; late messages and client crashes";
  quorum.steps_a_life = 15'000;
  quorum.expected_faults = {"crash"};
  all.push_back(quorum);

  SimScenario lossy = quorum;
  lossy.name = "quorum-lossy";
  lossy.about = "the same, with lost replies and stores that are cut off";
  lossy.message_loss = true;
  lossy.stores_down = true;
  lossy.expected_faults = {"crash", "lost message", "store down"};
  all.push_back(lossy);

  SimScenario cluster;
  cluster.name = "cluster";
  cluster.world = SimScenario::World::kCluster;
  cluster.about = "three nodes; one of them at a time is killed, cut off or stopped";
  cluster.steps_a_life = 25'000;
  cluster.partitions = true;
  cluster.expected_faults = {"crash", "client crash", "one-way cut", "isolated node",
                             "paused node"};
  all.push_back(cluster);

  SimScenario bad_network = cluster;
  bad_network.name = "cluster-lossy";
  bad_network.about = "the same on a network that loses, delays, doubles and tears";
  bad_network.message_loss = true;
  all.push_back(bad_network);
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

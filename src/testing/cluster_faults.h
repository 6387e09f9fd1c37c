// What goes wrong in a simulated cluster: with its nodes, with the network between them, with the
// clocks, and with one disk.
//
// At most one node, or one pair of nodes, is in trouble at a time, so that a majority is always
// there. In a run only one disk ever fails, so that every record that was acknowledged stays on
// another one.
#ifndef VLOG_TESTING_CLUSTER_FAULTS_H_
#define VLOG_TESTING_CLUSTER_FAULTS_H_

#include <map>
#include <memory>
#include <string>

#include "testing/node_world.h"
#include "testing/sim.h"

namespace vlog::testing {

// A wall clock that is wrong by seconds, hours or days, in either direction.
Duration RandomClockError(env::SimWorld& world);

// Thread rule: the world's. All that is given outlives it.
class ClusterFaults {
 public:
  ClusterFaults(NodeWorld& nodes, const SimScenario& scenario,
                std::map<std::string, uint64_t>& counts);

  // After each step: a process that cannot go on ends, as vlogd does.
  void Watch();
  // Now and then: begins or ends something, at random.
  void Turn();
  // Ends everything that went wrong.
  void Heal();
  // What no fault explains; OK so far.
  const Status& violation() const { return violation_; }

 private:
  enum class Trouble {
    kNone,
    kAway,         // crashed, stopped or cut off, whole or from one other node
    kDisk,         // its disk is slow, full, or failed
    kOldDiskSoon,  // an old disk is put in once all know that it is old
    kOldDisk,      // it runs on an old copy of its disk
  };

  // Only a node whose disk fails may end itself.
  void CheckHealthy();
  void Begin();
  void End();
  void SendAway(uint64_t node);
  void CutOff(uint64_t node);
  void CutPair(uint64_t node);
  void Crash(uint64_t node);
  void TurnNetwork();
  void JumpClock();

  void BreakDisk();
  bool AllJoined();
  bool AllKnowNewestLife();
  void WipeDisk();
  void PutOldDiskIn();
  void TakeOldDiskOut(const Status& refused);
  void CountDisk(const env::SimDiskImage& disk);

  NodeWorld& nodes_;
  env::SimWorld& world_;
  env::SimFabric& fabric_;
  const SimScenario& scenario_;
  std::map<std::string, uint64_t>& counts_;
  Status violation_;

  Trouble trouble_ = Trouble::kNone;
  uint64_t node_ = 0;  // that is in trouble
  Instant until_;      // kOldDisk: somebody must have refused it by then

  const uint64_t bad_disk_;  // the node whose disk fails
  bool wiped_ = false;
  std::unique_ptr<env::SimDiskImage> old_disk_;   // a copy of an earlier life's
  std::unique_ptr<env::SimDiskImage> real_disk_;  // while the old one is in
};

}  // namespace vlog::testing

#endif  // VLOG_TESTING_CLUSTER_FAULTS_H_

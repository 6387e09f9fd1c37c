#include "testing/cluster_faults.h"

#include <utility>

#include "base/check.h"

namespace vlog::testing {
namespace {

constexpr uint64_t kNodes = 3;
// A process on an old copy of a disk is refused within this, while the others hear it.
constexpr Duration kNoticed = std::chrono::seconds(10);

Duration Milliseconds(uint64_t count) { return std::chrono::milliseconds(count); }

}  // namespace

Duration RandomClockError(env::SimWorld& world) {
  constexpr uint64_t kLongest[] = {5, 60, 3600, 30 * 86400};
  uint64_t seconds = 1 + world.RandomBelow(kLongest[world.RandomBelow(4)]);
  Duration error = std::chrono::seconds(seconds);
  return world.Chance(0.5) ? error : -error;
}

ClusterFaults::ClusterFaults(NodeWorld& nodes, const SimScenario& scenario,
                             std::map<std::string, uint64_t>& counts)
    : nodes_(nodes),
      world_(nodes.world),
      fabric_(nodes.fabric),
      scenario_(scenario),
      counts_(counts),
      bad_disk_(1 + world_.RandomBelow(kNodes)) {}

void ClusterFaults::Watch() {
  if (!scenario_.disk_faults || !nodes_.IsUp(bad_disk_)) return;
  Status failure = nodes_.Failure(bad_disk_);
  if (failure.ok()) return;
  if (trouble_ == Trouble::kOldDisk) return TakeOldDiskOut(failure);
  ++counts_["node ended itself"];
  nodes_.Crash(bad_disk_);
  // Another one may be away: this one is started again at once.
  if (trouble_ != Trouble::kDisk) nodes_.Start(bad_disk_);
}

void ClusterFaults::CheckHealthy() {
  for (uint64_t node = 1; node <= kNodes; ++node) {
    if (!nodes_.IsUp(node) || (scenario_.disk_faults && node == bad_disk_)) continue;
    Status failure = nodes_.Failure(node);
    if (!failure.ok()) violation_ = Annotate(failure, "a node gives up although its disk is well");
  }
}

void ClusterFaults::Turn() {
  CheckHealthy();
  if (trouble_ == Trouble::kOldDiskSoon) {
    if (AllKnowNewestLife()) PutOldDiskIn();
  } else if (trouble_ == Trouble::kOldDisk) {
    if (world_.now() < until_) return;
    violation_ =
        absl::InternalError("a node runs on an old copy of its disk and nobody refuses it");
  } else if (trouble_ != Trouble::kNone) {
    if (world_.Chance(0.4)) End();
  } else if (world_.Chance(0.3)) {
    Begin();
  }
  TurnNetwork();
  if (scenario_.clock_jumps && world_.Chance(0.2)) JumpClock();
}

void ClusterFaults::Begin() {
  if (scenario_.disk_faults && world_.Chance(0.5)) {
    BreakDisk();
  } else {
    SendAway(1 + world_.RandomBelow(kNodes));
  }
}

void ClusterFaults::End() {
  fabric_.HealAll();
  nodes_.image(node_).SetCapacity(UINT64_MAX);
  nodes_.image(node_).SetLatency(std::chrono::microseconds(50), std::chrono::microseconds(300));
  nodes_.image(node_).FailNextSync(false);
  if (!nodes_.IsUp(node_)) nodes_.Start(node_);
  trouble_ = Trouble::kNone;
}

void ClusterFaults::Heal() {
  fabric_.SetLoss(0);
  fabric_.SetDuplication(0);
  fabric_.SetStragglers(0, Duration(0));
  if (trouble_ == Trouble::kOldDisk) TakeOldDiskOut(absl::OkStatus());
  if (trouble_ != Trouble::kNone && node_ != 0) End();
  CountDisk(nodes_.image(bad_disk_));
}

// ---- nodes and the network ----

void ClusterFaults::SendAway(uint64_t node) {
  node_ = node;
  trouble_ = Trouble::kAway;
  if (scenario_.crashes && world_.Chance(0.4)) {
    ++counts_["crash"];
    Crash(node);
  } else if (!scenario_.partitions) {
    trouble_ = Trouble::kNone;
  } else if (world_.Chance(0.5)) {
    CutOff(node);
  } else if (world_.Chance(0.5)) {
    CutPair(node);
  } else {
    world_.Pause(nodes_.env(node).life(),
                 world_.now() + Milliseconds(100 + world_.RandomBelow(2000)));
    ++counts_["paused node"];
  }
}

void ClusterFaults::Crash(uint64_t node) {
  nodes_.Crash(node);
  if (scenario_.disk_faults && node == bad_disk_ && world_.Chance(0.5)) {
    old_disk_ = nodes_.image(node).Copy();
  }
}

void ClusterFaults::CutOff(uint64_t node) {
  if (world_.Chance(0.6)) {
    fabric_.Isolate({NodeWorld::Host(node)});
    ++counts_["isolated node"];
    return;
  }
  // One way: it hears the others, and they do not hear it.
  for (uint64_t other = 1; other <= kNodes; ++other) {
    if (other != node) fabric_.Cut(NodeWorld::Host(node), NodeWorld::Host(other));
  }
  ++counts_["one-way cut"];
}

// Two nodes do not hear each other, or one of them not the other; everybody else hears both.
void ClusterFaults::CutPair(uint64_t node) {
  uint64_t other = 1 + (node - 1 + 1 + world_.RandomBelow(kNodes - 1)) % kNodes;
  VLOG_CHECK(other != node, "a pair is two nodes");
  fabric_.Cut(NodeWorld::Host(node), NodeWorld::Host(other));
  if (world_.Chance(0.7)) fabric_.Cut(NodeWorld::Host(other), NodeWorld::Host(node));
  ++counts_["pair cut"];
}

void ClusterFaults::TurnNetwork() {
  if (!scenario_.message_loss) return;
  fabric_.SetLoss(world_.Chance(0.3) ? 0.01 : 0, std::chrono::milliseconds(500));
  fabric_.SetDuplication(world_.Chance(0.3) ? 0.02 : 0);
  fabric_.SetStragglers(0.3, std::chrono::milliseconds(50));
}

void ClusterFaults::JumpClock() {
  bool right = world_.Chance(0.3);
  Duration error = right ? Duration(0) : RandomClockError(world_);
  nodes_.SetWallClockError(1 + world_.RandomBelow(kNodes), error);
  ++counts_["clock jump"];
}

// ---- the bad disk ----

void ClusterFaults::BreakDisk() {
  node_ = bad_disk_;
  trouble_ = Trouble::kDisk;
  env::SimDiskImage& disk = nodes_.image(node_);
  switch (world_.RandomBelow(5)) {
    case 0:
      disk.SetLatency(Milliseconds(1), Milliseconds(10 + world_.RandomBelow(200)));
      ++counts_["slow disk"];
      break;
    case 1:
      disk.SetCapacity(disk.used() + world_.RandomBelow(1000));
      break;
    case 2:
      disk.FailNextSync();
      break;
    case 3:
      trouble_ = Trouble::kNone;
      if (!wiped_ && AllJoined()) WipeDisk();
      break;
    default:
      trouble_ = Trouble::kNone;
      if (!AllJoined()) break;
      Crash(node_);
      if (old_disk_ == nullptr) old_disk_ = nodes_.image(node_).Copy();
      nodes_.Start(node_);
      trouble_ = Trouble::kOldDiskSoon;
  }
}

bool ClusterFaults::AllJoined() {
  for (uint64_t number = 1; number <= kNodes; ++number) {
    server::Node* node = nodes_.node(number);
    if (node == nullptr || !node->joined()) return false;
  }
  return true;
}

// What is promised is that whoever knows a newer life of a disk refuses an older one.
bool ClusterFaults::AllKnowNewestLife() {
  if (!AllJoined()) return false;
  const server::NodeIdentity& self = nodes_.node(node_)->identity();
  for (uint64_t number = 1; number <= kNodes; ++number) {
    if (number == node_) continue;
    rpc::NodeHealth known = nodes_.node(number)->peers().health().Of(self.node);
    if (known.disk != self.disk || known.incarnation != self.incarnation) return false;
  }
  return true;
}

// The node comes back with the same number on another disk, which counts for nothing that was made
// with the old one. Once a run: after two there might be no copy left.
void ClusterFaults::WipeDisk() {
  wiped_ = true;
  ++counts_["wiped disk"];
  CountDisk(nodes_.image(node_));
  nodes_.Crash(node_);
  nodes_.Format(node_);
  nodes_.Start(node_);
  old_disk_ = nullptr;
}

void ClusterFaults::PutOldDiskIn() {
  nodes_.Crash(node_);
  real_disk_ = nodes_.SwapDisk(node_, std::exchange(old_disk_, nullptr));
  nodes_.Start(node_);
  trouble_ = Trouble::kOldDisk;
  until_ = world_.now() + kNoticed;
}

void ClusterFaults::TakeOldDiskOut(const Status& refused) {
  if (refused.ok()) {
    // The run ended before anybody noticed.
  } else if (absl::IsDataLoss(refused)) {
    ++counts_["old disk refused"];
  } else {
    violation_ = Annotate(refused, "a node on an old copy of its disk ends with another error");
  }
  nodes_.Crash(node_);
  nodes_.SwapDisk(node_, std::move(real_disk_));
  nodes_.Start(node_);
  trouble_ = Trouble::kNone;
}

void ClusterFaults::CountDisk(const env::SimDiskImage& disk) {
  for (const auto& [fault, count] : disk.fault_counts()) {
    if (fault != "crash" && count > 0) counts_[fault] += count;
  }
}

}  // namespace vlog::testing

// A quorum loglet that is as small as one can be: three stores and a sequencer, all in the
// simulated world, message delays and losses in between. The virtual log is tested on it before the
// real ones exist: two sealers learn different tails, stores are cut off, sequencers go on as
// zombies.
//
// It follows the rules of FAULTS.md section 3: a seal and its tail are one reply; the tail is the
// highest of a seal quorum and is repaired before it is told; a sealed store takes nothing from a
// sequencer, not even a duplicate.
#ifndef VLOG_TESTING_FAKE_QUORUM_H_
#define VLOG_TESTING_FAKE_QUORUM_H_

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "env/sim/sim_env.h"
#include "loglets/dead_segments.h"
#include "loglets/factory.h"
#include "loglets/writers_table.h"
#include "metastore/memory/memory_metastore.h"
#include "testing/chain_watch.h"

namespace vlog::testing {

inline constexpr char kFakeQuorumKind[] = "quorum";
inline constexpr int kStores = 3;
inline constexpr int kQuorum = 2;  // to write and to seal

// What one store holds of one loglet.
struct FakeStore {
  std::map<Offset, Batch> batches;
  Offset tail;
  Offset trim;
  bool sealed = false;
  std::string proposal;
};

struct FakeSequencer {
  Offset next;       // to be assigned
  Offset committed;  // acknowledged by a quorum, and all before it
  bool stopped = false;
  loglets::WritersTable writers;
  struct Waiting {
    int stored = 0;    // stores that took it
    int answered = 0;  // stores that answered at all
    Offset end;
    loglets::AppendDone done;
  };
  std::map<Offset, Waiting> waiting;
};

struct FakeLoglet {
  std::array<FakeStore, kStores> stores;
  FakeSequencer sequencer;
};

// The servers: they live on when client processes crash. Thread rule: the simulated world's thread.
class FakeCluster {
 public:
  explicit FakeCluster(env::SimWorld& world);

  // Store `number` answers nothing while it is down.
  void SetStoreDown(int number, bool down) { down_[static_cast<size_t>(number)] = down; }
  bool store_down(int number) const { return down_[static_cast<size_t>(number)]; }
  // What sequencers send to store `number` waits while it is deaf; clients still reach it.
  void SetStoreDeaf(int number, bool deaf) { deaf_[static_cast<size_t>(number)] = deaf; }
  bool store_deaf(int number) const { return deaf_[static_cast<size_t>(number)]; }
  // Cuts one client process off from one store.
  void Cut(env::LifeId client, int number) { cuts_.insert({client, number}); }
  void Mend() { cuts_.clear(); }
  bool Reaches(env::LifeId client, int number) const {
    return !store_down(number) && !cuts_.contains({client, number});
  }
  // Messages that vanish, both requests and replies.
  void SetLoss(double probability) { loss_ = probability; }
  uint64_t lost() const { return lost_; }

  env::SimWorld& world() { return world_; }
  env::LifeId life() const { return env_.life(); }
  // Runs `work` after `delay` if that life still goes on then.
  void SendAfter(env::LifeId life, Duration delay, async::Work work) {
    world_.StartTimer(life, world_.now() + delay, std::move(work));
  }
  FakeLoglet& loglet(const LogletId& id) { return loglets_[id]; }
  metastore::Metastore& metastore() { return watched_; }
  const virtuallog::Chain* chain(const std::string& log) const { return watched_.chain(log); }
  // The first bad step of a chain.
  const Status& violation() const { return watched_.violation(); }
  void Drop(const std::string& log, SegmentIndex from, SegmentIndex to);
  const loglets::DeadSegments& dead() const { return dead_; }

  Duration Delay();
  bool Loses();

  // Sends a batch from the sequencer to all stores and counts.
  void Replicate(LogletId id, Offset offset, Batch batch);

 private:
  void StoreAt(LogletId id, int number, Offset offset, Batch batch);
  void Answered(LogletId id, Offset offset, bool stored);

  env::SimWorld& world_;
  env::SimDiskImage image_;
  env::SimEnv env_;
  metastore::MemoryMetastore metastore_;
  WatchedMetastore watched_;
  std::map<LogletId, FakeLoglet> loglets_;
  loglets::DeadSegments dead_;
  std::array<bool, kStores> down_{};
  std::array<bool, kStores> deaf_{};
  std::set<std::pair<env::LifeId, int>> cuts_;
  double loss_ = 0;
  uint64_t lost_ = 0;
};

// The client half, for one process. With another name for each cluster a process can use several.
std::unique_ptr<loglets::LogletKind> NewFakeQuorumKind(env::SimEnv& env, FakeCluster& cluster,
                                                       std::string name = kFakeQuorumKind);

// The cluster's register as one process reaches it: slow, and replies get lost.
std::unique_ptr<metastore::Metastore> NewFakeMetastore(env::SimEnv& env, FakeCluster& cluster);

}  // namespace vlog::testing

#endif  // VLOG_TESTING_FAKE_QUORUM_H_

// A simulated disk: an image that outlives its process, and the Disk through which one life of the
// process sees it.
#ifndef VLOG_ENV_SIM_SIM_DISK_H_
#define VLOG_ENV_SIM_SIM_DISK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "env/disk.h"
#include "env/sim/sim_world.h"

namespace vlog::env {

inline constexpr size_t kSectorBytes = 512;

// What lies on the platter and in the page cache of one simulated disk. Knobs may be turned at any
// time; each fault that fires is counted by name.
class SimDiskImage {
 public:
  explicit SimDiskImage(SimWorld& world) : world_(world) {}

  // What surely survives a crash now, as a disk of its own, without the knobs and counts.
  std::unique_ptr<SimDiskImage> Copy() const;

  // Power is lost: of what was not synced, a random subset of sectors and a random prefix of the
  // name changes survive.
  void Crash();

  // The next sync fails with EIO: what it covered is lost, though still readable until a crash.
  void FailNextSync(bool fail = true) { fail_next_sync_ = fail; }
  // Total bytes of all files; growth beyond it fails. UINT64_MAX: no limit.
  void SetCapacity(uint64_t bytes) { capacity_ = bytes; }
  uint64_t used() const;
  // Latency of each operation is uniform in [min, max].
  void SetLatency(Duration min, Duration max) { min_latency_ = min, max_latency_ = max; }
  // Flips one bit at rest. REQUIRES: the file is longer than `offset`.
  void FlipBit(const std::string& name, uint64_t offset);

  std::vector<std::string> names() const;
  std::string contents(const std::string& name) const;
  const std::map<std::string, uint64_t>& fault_counts() const { return fault_counts_; }

 private:
  friend class SimDisk;
  friend class SimFile;
  friend struct SimDiskLock;

  struct Inode {
    std::string current;       // what reads see
    std::string durable;       // what surely survives a crash
    std::set<uint64_t> dirty;  // sectors of `current` written since the last good sync
    bool size_dirty = false;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // Atomic: all of it survives a crash or none.
  struct NameChange {
    std::string directory;  // whose sync makes it durable
    Names now;              // null: the name is gone
  };

  void ChangeNames(const std::string& directory, Names now);
  static void Apply(const NameChange& change, Names& names);
  void SyncNames(const std::string& directory);
  void CrashInode(Inode& inode);
  Status WriteNow(Inode& inode, uint64_t offset, const BytesList& data);
  Status SyncNow(Inode& inode);
  void Count(const std::string& fault) { ++fault_counts_[fault]; }

  SimWorld& world_;
  Names names_;
  Names durable_names_;
  std::vector<NameChange> changes_;  // in order, not yet durable
  std::set<std::string> directories_{""};
  std::set<std::string> locked_;
  bool fail_next_sync_ = false;
  uint64_t capacity_ = UINT64_MAX;
  Duration min_latency_{std::chrono::microseconds(50)};
  Duration max_latency_{std::chrono::microseconds(300)};
  std::map<std::string, uint64_t> fault_counts_;
};

// One life's view of an image.
class SimDisk final : public Disk {
 public:
  SimDisk(SimWorld& world, async::Scheduler& scheduler, SimDiskImage& image)
      : world_(world), scheduler_(scheduler), image_(image) {}

  Task<StatusOr<std::shared_ptr<File>>> Open(std::string name, OpenMode mode) override;
  Task<Status> MakeDirectory(std::string name) override;
  Task<StatusOr<std::vector<std::string>>> List(std::string directory) override;
  Task<Status> Rename(std::string from, std::string to) override;
  Task<Status> Remove(std::string name) override;
  Task<Status> SyncDirectory(std::string name) override;
  Task<StatusOr<std::unique_ptr<DiskLock>>> Lock(std::string name) override;
  std::string RootName() const override { return "simulated disk"; }

 private:
  friend class SimFile;
  // Waits for the operation's turn and its latency. Operations that change the disk run one after
  // the other, in the order of their calls, like those of a disk thread.
  Task<Status> Turn();
  Task<Status> Latency();

  SimWorld& world_;
  async::Scheduler& scheduler_;
  SimDiskImage& image_;
  Instant busy_until_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_SIM_SIM_DISK_H_

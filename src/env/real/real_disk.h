// A folder of the file system as a Disk.
#ifndef VLOG_ENV_REAL_REAL_DISK_H_
#define VLOG_ENV_REAL_REAL_DISK_H_

#include <memory>
#include <string>

#include "async/scheduler.h"
#include "env/disk.h"
#include "env/real/disk_thread.h"

namespace vlog::env {

// Two threads: one for what changes the disk, so that writes keep their order, and one for reads
// and look-ups, so that a read never waits for a sync. Reads from the page cache run in place.
class RealDisk final : public Disk {
 public:
  // `root` need not exist yet; see MakeDirectory("").
  RealDisk(async::Scheduler& scheduler, std::string root);
  ~RealDisk() override;

  Task<StatusOr<std::shared_ptr<File>>> Open(std::string name, OpenMode mode) override;
  Task<Status> MakeDirectory(std::string name) override;
  Task<StatusOr<std::vector<std::string>>> List(std::string directory) override;
  Task<Status> Rename(std::string from, std::string to) override;
  Task<Status> Remove(std::string name) override;
  Task<Status> SyncDirectory(std::string name) override;
  Task<StatusOr<std::unique_ptr<DiskLock>>> Lock(std::string name) override;
  std::string RootName() const override { return root_; }

 private:
  std::string Path(const std::string& name) const;

  async::Scheduler& scheduler_;
  std::string root_;
  DiskThread writer_;
  DiskThread reader_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_REAL_DISK_H_

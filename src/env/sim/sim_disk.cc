#include "env/sim/sim_disk.h"

#include <algorithm>

#include "base/crc32c.h"

namespace vlog::env {
namespace {

std::string DirectoryOf(const std::string& name) {
  size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

void CopySector(const std::string& from, std::string& to, uint64_t sector) {
  size_t begin = sector * kSectorBytes;
  if (begin >= from.size()) return;
  size_t length = std::min(kSectorBytes, from.size() - begin);
  if (to.size() < begin + length) to.resize(begin + length, '\0');
  to.replace(begin, length, from, begin, length);
}

}  // namespace

std::unique_ptr<SimDiskImage> SimDiskImage::Copy() const {
  auto copy = std::make_unique<SimDiskImage>(world_);
  std::map<const Inode*, std::shared_ptr<Inode>> copies;  // two names may share one file
  for (const auto& [name, inode] : durable_names_) {
    std::shared_ptr<Inode>& made = copies[inode.get()];
    if (made == nullptr) {
      made = std::make_shared<Inode>();
      made->current = made->durable = inode->durable;
    }
    copy->durable_names_[name] = made;
  }
  copy->names_ = copy->durable_names_;
  copy->directories_ = directories_;
  return copy;
}

uint64_t SimDiskImage::used() const {
  uint64_t total = 0;
  for (const auto& [name, inode] : names_) total += inode->current.size();
  return total;
}

std::vector<std::string> SimDiskImage::names() const {
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) names.push_back(name);
  return names;
}

std::string SimDiskImage::contents(const std::string& name) const {
  auto it = names_.find(name);
  return it == names_.end() ? "" : it->second->current;
}

void SimDiskImage::FlipBit(const std::string& name, uint64_t offset) {
  Inode& inode = *names_.at(name);
  VLOG_CHECK(offset < inode.current.size(), "bit rot strikes inside a file");
  char mask = static_cast<char>(1 << (offset % 8));
  auto flip = [&](std::string& bytes) {
    if (offset < bytes.size()) bytes[offset] = static_cast<char>(bytes[offset] ^ mask);
  };
  flip(inode.current);
  flip(inode.durable);
  Count("bit rot");
}

void SimDiskImage::Apply(const NameChange& change, Names& names) {
  for (const auto& [name, inode] : change.now) {
    if (inode == nullptr) {
      names.erase(name);
    } else {
      names[name] = inode;
    }
  }
}

void SimDiskImage::ChangeNames(const std::string& directory, Names now) {
  changes_.push_back({directory, std::move(now)});
  Apply(changes_.back(), names_);
}

void SimDiskImage::SyncNames(const std::string& directory) {
  std::vector<NameChange> rest;
  for (NameChange& change : changes_) {
    if (change.directory == directory) {
      Apply(change, durable_names_);
    } else {
      rest.push_back(std::move(change));
    }
  }
  changes_ = std::move(rest);
}

void SimDiskImage::CrashInode(Inode& inode) {
  if (!inode.dirty.empty() || inode.size_dirty) {
    // One mood a crash and file: all is lost, all is kept, or each sector decides for itself.
    uint64_t mood = world_.RandomBelow(4);
    uint64_t kept = 0;
    uint64_t lost = 0;
    for (uint64_t sector : inode.dirty) {
      bool keep = mood == 0 ? false : mood == 1 ? true : world_.Chance(0.5);
      ++(keep ? kept : lost);
      if (keep) CopySector(inode.current, inode.durable, sector);
    }
    if (lost > 0) Count(kept > 0 ? "torn write" : "lost unsynced write");
  }
  inode.current = inode.durable;
  inode.dirty.clear();
  inode.size_dirty = false;
}

void SimDiskImage::Crash() {
  Count("crash");
  locked_.clear();
  // File systems journal name changes in order: a prefix survives.
  uint64_t survivors = world_.RandomBelow(changes_.size() + 1);
  if (survivors < changes_.size()) Count("lost name change");
  for (uint64_t i = 0; i < survivors; ++i) Apply(changes_[i], durable_names_);
  changes_.clear();
  names_ = durable_names_;
  for (auto& [name, inode] : names_) CrashInode(*inode);
}

Status SimDiskImage::WriteNow(Inode& inode, uint64_t offset, const BytesList& data) {
  for (const Bytes& bytes : data) {
    uint64_t end = offset + bytes.size();
    std::string_view fits = bytes.view();
    bool full = false;
    if (end > inode.current.size()) {
      uint64_t others = used() - inode.current.size();
      uint64_t room = capacity_ > others ? capacity_ - others : 0;
      if (end > room) {
        full = true;
        uint64_t limit = std::max<uint64_t>(room, inode.current.size());
        fits = fits.substr(0, limit > offset ? std::min<uint64_t>(limit - offset, fits.size()) : 0);
      }
    }
    if (!fits.empty()) {
      if (offset + fits.size() > inode.current.size()) {
        inode.current.resize(offset + fits.size(), '\0');
        inode.size_dirty = true;
      }
      inode.current.replace(offset, fits.size(), fits);
      for (uint64_t s = offset / kSectorBytes; s <= (offset + fits.size() - 1) / kSectorBytes;
           ++s) {
        inode.dirty.insert(s);
      }
      world_.Trace("write", offset ^ (uint64_t{Crc32c(fits)} << 32));
    }
    if (full) {
      Count("disk full");
      return absl::ResourceExhaustedError("simulated disk: no space left");
    }
    offset = end;
  }
  return absl::OkStatus();
}

Status SimDiskImage::SyncNow(Inode& inode) {
  if (fail_next_sync_) {
    fail_next_sync_ = false;
    // As Linux does: the pages become clean, what was in them never reaches the platter.
    inode.dirty.clear();
    inode.size_dirty = false;
    Count("failed sync");
    return absl::InternalError("simulated disk: sync failed");
  }
  for (uint64_t sector : inode.dirty) CopySector(inode.current, inode.durable, sector);
  inode.dirty.clear();
  inode.size_dirty = false;
  return absl::OkStatus();
}

// --- One life's view ---------------------------------------------------------------------------

Task<Status> SimDisk::Latency() {
  auto spread = static_cast<uint64_t>((image_.max_latency_ - image_.min_latency_).count());
  return scheduler_.Sleep(image_.min_latency_ +
                          Duration(static_cast<int64_t>(world_.RandomBelow(spread + 1))));
}

Task<Status> SimDisk::Turn() {
  auto spread = static_cast<uint64_t>((image_.max_latency_ - image_.min_latency_).count());
  Duration latency =
      image_.min_latency_ + Duration(static_cast<int64_t>(world_.RandomBelow(spread + 1)));
  // One nanosecond apart at least, so that turns never tie.
  busy_until_ = std::max(busy_until_, scheduler_.Now()) + latency + Duration(1);
  return scheduler_.SleepUntil(busy_until_);
}

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<SimDiskImage::Inode> inode)
      : disk_(disk), inode_(std::move(inode)) {}

  Task<Status> Write(uint64_t offset, BytesList data, Durability durability) override {
    auto inode = inode_;
    SimDisk& disk = disk_;
    // The bytes are in the page cache, and may reach the platter, from the first moment on.
    Status turn = co_await disk.Turn();
    VLOG_CO_RETURN_IF_ERROR(turn);
    Status written = disk.image_.WriteNow(*inode, offset, data);
    if (!written.ok() || durability == Durability::kBuffered) co_return written;
    turn = co_await disk.Turn();
    VLOG_CO_RETURN_IF_ERROR(turn);
    co_return disk.image_.SyncNow(*inode);
  }

  Task<StatusOr<Bytes>> Read(uint64_t offset, size_t length) override {
    auto inode = inode_;
    Status waited = co_await disk_.Latency();
    VLOG_CO_RETURN_IF_ERROR(waited);
    if (offset >= inode->current.size()) co_return Bytes();
    co_return Bytes(inode->current.substr(offset, length));
  }

  Task<Status> Sync() override {
    auto inode = inode_;
    SimDisk& disk = disk_;
    Status turn = co_await disk.Turn();
    VLOG_CO_RETURN_IF_ERROR(turn);
    co_return disk.image_.SyncNow(*inode);
  }

  Task<StatusOr<uint64_t>> Size() override {
    auto inode = inode_;
    Status waited = co_await disk_.Latency();
    VLOG_CO_RETURN_IF_ERROR(waited);
    co_return static_cast<uint64_t>(inode->current.size());
  }

 private:
  SimDisk& disk_;
  std::shared_ptr<SimDiskImage::Inode> inode_;
};

Task<StatusOr<std::shared_ptr<File>>> SimDisk::Open(std::string name, OpenMode mode) {
  Status turn = co_await Turn();
  VLOG_CO_RETURN_IF_ERROR(turn);
  auto it = image_.names_.find(name);
  bool exists = it != image_.names_.end();
  if (mode == OpenMode::kCreate) {
    if (exists) co_return absl::AlreadyExistsError("open " + name + ": it exists");
    if (!image_.directories_.contains(DirectoryOf(name))) {
      co_return absl::NotFoundError("open " + name + ": no such directory");
    }
    auto inode = std::make_shared<SimDiskImage::Inode>();
    image_.ChangeNames(DirectoryOf(name), {{name, inode}});
    co_return std::make_shared<SimFile>(*this, std::move(inode));
  }
  if (!exists) co_return absl::NotFoundError("open " + name + ": no such file");
  co_return std::make_shared<SimFile>(*this, it->second);
}

Task<Status> SimDisk::MakeDirectory(std::string name) {
  Status turn = co_await Turn();
  VLOG_CO_RETURN_IF_ERROR(turn);
  // Folders are made once, at the start; losing one again would only repeat that.
  image_.directories_.insert(name);
  co_return absl::OkStatus();
}

Task<StatusOr<std::vector<std::string>>> SimDisk::List(std::string directory) {
  Status waited = co_await Latency();
  VLOG_CO_RETURN_IF_ERROR(waited);
  if (!image_.directories_.contains(directory)) {
    co_return absl::NotFoundError("list " + directory + ": no such directory");
  }
  std::vector<std::string> names;
  for (const std::string& child : image_.directories_) {
    if (!child.empty() && DirectoryOf(child) == directory) {
      names.push_back(child.substr(directory.empty() ? 0 : directory.size() + 1));
    }
  }
  for (const auto& [name, inode] : image_.names_) {
    if (DirectoryOf(name) != directory) continue;
    names.push_back(name.substr(directory.empty() ? 0 : directory.size() + 1));
  }
  std::sort(names.begin(), names.end());
  co_return names;
}

Task<Status> SimDisk::Rename(std::string from, std::string to) {
  Status turn = co_await Turn();
  VLOG_CO_RETURN_IF_ERROR(turn);
  auto it = image_.names_.find(from);
  if (it == image_.names_.end()) co_return absl::NotFoundError("rename " + from + ": no such file");
  auto inode = it->second;
  image_.ChangeNames(DirectoryOf(to), {{to, inode}, {from, nullptr}});
  co_return absl::OkStatus();
}

Task<Status> SimDisk::Remove(std::string name) {
  Status turn = co_await Turn();
  VLOG_CO_RETURN_IF_ERROR(turn);
  if (!image_.names_.contains(name))
    co_return absl::NotFoundError("remove " + name + ": no such file");
  image_.ChangeNames(DirectoryOf(name), {{name, nullptr}});
  co_return absl::OkStatus();
}

Task<Status> SimDisk::SyncDirectory(std::string name) {
  Status turn = co_await Turn();
  VLOG_CO_RETURN_IF_ERROR(turn);
  image_.SyncNames(name);
  co_return absl::OkStatus();
}

struct SimDiskLock final : DiskLock {
  SimDiskLock(SimDiskImage& locked_image, std::string locked_name)
      : image(locked_image), name(std::move(locked_name)) {}
  ~SimDiskLock() override { image.locked_.erase(name); }
  SimDiskImage& image;
  std::string name;
};

Task<StatusOr<std::unique_ptr<DiskLock>>> SimDisk::Lock(std::string name) {
  Status turn = co_await Turn();
  VLOG_CO_RETURN_IF_ERROR(turn);
  if (!image_.locked_.insert(name).second) {
    co_return absl::AlreadyExistsError(name + " is locked by another process");
  }
  co_return std::make_unique<SimDiskLock>(image_, name);
}

}  // namespace vlog::env

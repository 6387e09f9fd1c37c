#include "env/real/real_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>

namespace vlog::env {
namespace {

Status ErrnoStatus(int error, const std::string& what) {
  std::string message = what + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    case EIO:
      return absl::DataLossError(message);
    default:
      return absl::UnavailableError(message);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Runs `call` on `thread` and completes on the scheduler's executor, whose loop is kept alive.
template <typename T, typename Call>
Task<T> RunOn(DiskThread& thread, async::Scheduler& scheduler, Call call) {
  auto start = [&thread, &scheduler,
                call = std::move(call)](async::Completer<T> completer) mutable {
    auto executor =
        boost::asio::prefer(scheduler.executor(), boost::asio::execution::outstanding_work.tracked);
    // The completer belongs to the executor's thread; the disk thread only carries it there.
    auto carried = std::make_unique<async::Completer<T>>(std::move(completer));
    thread.Submit([executor, carried = std::move(carried), call = std::move(call)]() mutable {
      T result = call();
      boost::asio::post(executor,
                        [carried = std::move(carried), result = std::move(result)]() mutable {
                          (*carried)(std::move(result));
                        });
    });
  };
  return async::Completer<T>::Await(scheduler, std::move(start));
}

Status WriteAll(int fd, uint64_t offset, const BytesList& data, const std::string& name) {
  std::vector<iovec> parts;
  parts.reserve(data.size());
  for (const Bytes& bytes : data) {
    if (!bytes.empty()) parts.push_back({const_cast<char*>(bytes.data()), bytes.size()});
  }
  size_t next = 0;
  while (next < parts.size()) {
    int count = static_cast<int>(std::min<size_t>(parts.size() - next, IOV_MAX));
    ssize_t written = ::pwritev(fd, &parts[next], count, static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "write " + name);
    }
    offset += static_cast<uint64_t>(written);
    auto left = static_cast<size_t>(written);
    while (next < parts.size() && left >= parts[next].iov_len) left -= parts[next++].iov_len;
    if (left > 0) {
      parts[next].iov_base = static_cast<char*>(parts[next].iov_base) + left;
      parts[next].iov_len -= left;
    }
  }
  return absl::OkStatus();
}

Status SyncFd(int fd, const std::string& name) {
  if (::fdatasync(fd) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("sync ", name, ": ", std::strerror(errno)));
}

// Reads until `length` bytes or the end of the file; -1 with errno EAGAIN if `flags` says not to
// wait and the bytes are not in the page cache.
StatusOr<Bytes> ReadAll(int fd, uint64_t offset, size_t length, int flags,
                        const std::string& name) {
  // Page-aligned: copies to other alignments are many times slower on some processors.
  constexpr size_t kPage = 4096;
  size_t capacity = (length + kPage - 1) / kPage * kPage;
  std::shared_ptr<void> buffer(std::aligned_alloc(kPage, std::max(capacity, kPage)), std::free);
  auto* out = static_cast<char*>(buffer.get());
  size_t have = 0;
  while (have < length) {
    iovec part{out + have, length - have};
    ssize_t got = ::preadv2(fd, &part, 1, static_cast<off_t>(offset + have), flags);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EOPNOTSUPP) return absl::UnavailableError("not cached");
      return ErrnoStatus(errno, "read " + name);
    }
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  return Bytes(buffer, std::string_view(out, have));
}

class RealFile final : public File {
 public:
  RealFile(async::Scheduler& scheduler, DiskThread& writer, DiskThread& reader, int fd,
           std::string name)
      : scheduler_(scheduler),
        writer_(writer),
        reader_(reader),
        fd_(std::make_shared<Descriptor>(fd)),
        name_(std::move(name)) {}

  Task<Status> Write(uint64_t offset, BytesList data, Durability durability) override {
    auto call = [fd = fd_, name = name_, offset, data = std::move(data), durability] {
      Status written = WriteAll(fd->get(), offset, data, name);
      if (!written.ok() || durability == Durability::kBuffered) return written;
      return SyncFd(fd->get(), name);
    };
    return RunOn<Status>(writer_, scheduler_, std::move(call));
  }

  Task<StatusOr<Bytes>> Read(uint64_t offset, size_t length) override {
    StatusOr<Bytes> cached = ReadAll(fd_->get(), offset, length, RWF_NOWAIT, name_);
    if (!absl::IsUnavailable(cached.status())) co_return cached;
    auto call = [fd = fd_, name = name_, offset, length] {
      return ReadAll(fd->get(), offset, length, 0, name);
    };
    auto pending = RunOn<StatusOr<Bytes>>(reader_, scheduler_, std::move(call));
    co_return co_await std::move(pending);
  }

  Task<Status> Sync() override {
    auto call = [fd = fd_, name = name_] { return SyncFd(fd->get(), name); };
    return RunOn<Status>(writer_, scheduler_, std::move(call));
  }

  Task<StatusOr<uint64_t>> Size() override {
    auto call = [fd = fd_, name = name_]() -> StatusOr<uint64_t> {
      struct stat info {};
      if (::fstat(fd->get(), &info) != 0) return ErrnoStatus(errno, "stat " + name);
      return static_cast<uint64_t>(info.st_size);
    };
    return RunOn<StatusOr<uint64_t>>(reader_, scheduler_, std::move(call));
  }

 private:
  async::Scheduler& scheduler_;
  DiskThread& writer_;
  DiskThread& reader_;
  std::shared_ptr<Descriptor> fd_;
  std::string name_;
};

Status SyncFolder(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, "open " + path);
  if (::fsync(fd.get()) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("sync ", path, ": ", std::strerror(errno)));
}

std::string ParentOf(const std::string& path) {
  std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

class FileLock final : public DiskLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

StatusOr<std::unique_ptr<DiskLock>> LockFile(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, "open " + path);
  auto lock = std::make_unique<FileLock>(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    ssize_t length = ::pread(fd, pid, sizeof pid - 1, 0);
    std::string holder = length > 0 ? "process " + std::string(pid) : "another process";
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return absl::AlreadyExistsError(path + " is locked by " + holder);
  }
  std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    // The lock itself holds; only the name of its holder is missing from a later message.
    return std::unique_ptr<DiskLock>(std::move(lock));
  }
  return std::unique_ptr<DiskLock>(std::move(lock));
}

StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) {
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return ErrnoStatus(errno, "list " + path);
  std::vector<std::string> names;
  while (dirent* entry = ::readdir(dir)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

RealDisk::RealDisk(async::Scheduler& scheduler, std::string root)
    : scheduler_(scheduler), root_(std::move(root)), writer_("vlog-disk"), reader_("vlog-read") {
  while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
}

RealDisk::~RealDisk() = default;

std::string RealDisk::Path(const std::string& name) const {
  return name.empty() ? root_ : root_ + "/" + name;
}

Task<StatusOr<std::shared_ptr<File>>> RealDisk::Open(std::string name, OpenMode mode) {
  auto call = [this, path = Path(name), mode]() -> StatusOr<std::shared_ptr<File>> {
    int flags = O_CLOEXEC | (mode == OpenMode::kRead ? O_RDONLY : O_RDWR);
    if (mode == OpenMode::kCreate) flags |= O_CREAT | O_EXCL;
    int fd = ::open(path.c_str(), flags, 0600);
    if (fd < 0) return ErrnoStatus(errno, "open " + path);
    return std::make_shared<RealFile>(scheduler_, writer_, reader_, fd, path);
  };
  return RunOn<StatusOr<std::shared_ptr<File>>>(writer_, scheduler_, std::move(call));
}

Task<Status> RealDisk::MakeDirectory(std::string name) {
  auto call = [path = Path(name)]() -> Status {
    if (::mkdir(path.c_str(), 0700) == 0) return SyncFolder(ParentOf(path));
    if (errno != EEXIST) return ErrnoStatus(errno, "make directory " + path);
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::OkStatus();
    return absl::InvalidArgumentError(path + " exists and is not a directory");
  };
  return RunOn<Status>(writer_, scheduler_, std::move(call));
}

Task<StatusOr<std::vector<std::string>>> RealDisk::List(std::string directory) {
  auto call = [path = Path(directory)] { return ListDirectory(path); };
  return RunOn<StatusOr<std::vector<std::string>>>(reader_, scheduler_, std::move(call));
}

Task<Status> RealDisk::Rename(std::string from, std::string to) {
  auto call = [from = Path(from), to = Path(to)]() -> Status {
    if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "rename " + from + " to " + to);
  };
  return RunOn<Status>(writer_, scheduler_, std::move(call));
}

Task<Status> RealDisk::Remove(std::string name) {
  auto call = [path = Path(name)]() -> Status {
    if (::unlink(path.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "remove " + path);
  };
  return RunOn<Status>(writer_, scheduler_, std::move(call));
}

Task<Status> RealDisk::SyncDirectory(std::string name) {
  auto call = [path = Path(name)] { return SyncFolder(path); };
  return RunOn<Status>(writer_, scheduler_, std::move(call));
}

Task<StatusOr<std::unique_ptr<DiskLock>>> RealDisk::Lock(std::string name) {
  auto call = [path = Path(name)] { return LockFile(path); };
  return RunOn<StatusOr<std::unique_ptr<DiskLock>>>(writer_, scheduler_, std::move(call));
}

}  // namespace vlog::env

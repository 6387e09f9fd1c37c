#include "floor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "clock.h"

namespace vlog::bench {
namespace {

constexpr uint64_t kFileBytes = 64 << 20;  // as a journal segment
constexpr size_t kLargestWrite = 4 << 20;
constexpr size_t kPage = 4096;

Status ErrnoError(const std::string& what) {
  return absl::UnavailableError(what + ": " + std::strerror(errno));
}

std::shared_ptr<char> PageAligned(size_t bytes) {
  auto* data = static_cast<char*>(std::aligned_alloc(kPage, bytes));
  std::memset(data, 'f', bytes);
  return {data, std::free};
}

}  // namespace

StatusOr<std::unique_ptr<FloorFile>> FloorFile::Make(const std::string& path, Kind kind,
                                                     uint64_t files) {
  std::unique_ptr<FloorFile> file(new FloorFile(path, kind, files));
  file->buffer_ = PageAligned(kLargestWrite);
  Status opened = file->OpenNext();
  VLOG_RETURN_IF_ERROR(opened);
  if (kind == Kind::kWrittenBefore) {
    for (uint64_t done = 0; done < files * kFileBytes; done += kLargestWrite) {
      Status written = file->WriteSynced(kLargestWrite);
      VLOG_RETURN_IF_ERROR(written);
    }
  }
  return file;
}

FloorFile::~FloorFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status FloorFile::OpenNext() {
  offset_ = 0;
  if (fd_ >= 0) ::close(fd_);
  uint64_t number = kind_ == Kind::kGrowing ? next_ : next_ % files_;
  ++next_;
  std::string name = path_ + "." + std::to_string(number);
  fd_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  return fd_ < 0 ? ErrnoError("make " + name) : absl::OkStatus();
}

Status FloorFile::WriteSynced(size_t bytes) {
  if (offset_ + bytes > kFileBytes) {
    Status opened = OpenNext();
    VLOG_RETURN_IF_ERROR(opened);
  }
  size_t done = 0;
  while (done < bytes) {
    size_t length = std::min(bytes - done, kLargestWrite);
    ssize_t written = ::pwrite(fd_, buffer_.get(), length, static_cast<off_t>(offset_ + done));
    if (written < 0) return ErrnoError("write " + path_);
    done += static_cast<size_t>(written);
  }
  if (::fdatasync(fd_) != 0) return ErrnoError("sync " + path_);
  offset_ += bytes;
  return absl::OkStatus();
}

StatusOr<std::vector<double>> FloorFile::Sample(size_t bytes, size_t count) {
  std::vector<double> micros;
  micros.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    StopWatch watch;
    Status written = WriteSynced(bytes);
    VLOG_RETURN_IF_ERROR(written);
    micros.push_back(watch.Micros());
  }
  return micros;
}

StatusOr<FloorResult> FloorFile::RunFor(size_t bytes, Duration duration) {
  FloorResult result;
  StopWatch watch;
  double limit = std::chrono::duration<double>(duration).count();
  while (watch.Seconds() < limit) {
    Status written = WriteSynced(bytes);
    VLOG_RETURN_IF_ERROR(written);
    ++result.syncs;
  }
  result.seconds = watch.Seconds();
  return result;
}

StatusOr<FloorResult> FloorFile::RunTotal(size_t bytes, uint64_t total) {
  FloorResult result;
  StopWatch watch;
  for (uint64_t done = 0; done < total; done += bytes) {
    Status written = WriteSynced(bytes);
    VLOG_RETURN_IF_ERROR(written);
    ++result.syncs;
  }
  result.seconds = watch.Seconds();
  return result;
}

StatusOr<double> ReadFiles(const std::vector<std::string>& paths, size_t bytes) {
  std::shared_ptr<char> buffer = PageAligned(bytes);
  StopWatch watch;
  for (const std::string& path : paths) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ErrnoError("open " + path);
    while (ssize_t got = ::read(fd, buffer.get(), bytes)) {
      if (got < 0) {
        ::close(fd);
        return ErrnoError("read " + path);
      }
    }
    ::close(fd);
  }
  return watch.Seconds();
}

}  // namespace vlog::bench

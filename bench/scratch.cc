#include "scratch.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace vlog::bench {

StatusOr<std::unique_ptr<Scratch>> Scratch::Make(const std::string& parent) {
  std::string path = parent + "/vlog-bench.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return absl::UnavailableError("make a folder in " + parent + ": " + std::strerror(errno));
  }
  return std::unique_ptr<Scratch>(new Scratch(std::move(path)));
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Scratch::Remove(const std::string& name) const {
  std::error_code ignored;
  std::filesystem::remove_all(Path(name), ignored);
}

Status CheckFreeSpace(const std::string& directory, uint64_t bytes, const std::string& group) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) {
    return absl::UnavailableError("look at " + directory + ": " + std::strerror(errno));
  }
  uint64_t available = uint64_t{info.f_bavail} * info.f_frsize;
  if (available >= bytes) return absl::OkStatus();
  constexpr double kGiB = 1 << 30;
  return absl::ResourceExhaustedError(absl::StrFormat(
      "'%s' needs %.0f GiB in %s, which has %.1f; free some, choose another --dir or use --quick",
      group, static_cast<double>(bytes) / kGiB, directory, static_cast<double>(available) / kGiB));
}

}  // namespace vlog::bench

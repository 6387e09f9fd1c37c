// The floor: what the disk itself gives to one thread without a log.
#ifndef VLOG_BENCH_FLOOR_H_
#define VLOG_BENCH_FLOOR_H_

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace vlog::bench {

struct FloorResult {
  uint64_t syncs = 0;
  double seconds = 0;
  double SyncsPerSecond() const { return static_cast<double>(syncs) / seconds; }
};

// `pwrite` + `fdatasync`, one after the other, of consecutive ranges of files of one journal
// segment's size. Written before: the blocks of the `files` files hold zeros, and they are used in
// turns, as recycled segments are. Growing: each file is empty at first, as a fresh segment is.
class FloorFile {
 public:
  enum class Kind { kWrittenBefore, kGrowing };
  static StatusOr<std::unique_ptr<FloorFile>> Make(const std::string& path, Kind kind,
                                                   uint64_t files = 1);
  ~FloorFile();

  // The microseconds that each of `count` synced writes of `bytes` took.
  StatusOr<std::vector<double>> Sample(size_t bytes, size_t count);
  // Synced writes of `bytes` for about `duration`.
  StatusOr<FloorResult> RunFor(size_t bytes, Duration duration);
  // `total` bytes in synced writes of `bytes`.
  StatusOr<FloorResult> RunTotal(size_t bytes, uint64_t total);

 private:
  FloorFile(std::string path, Kind kind, uint64_t files)
      : path_(std::move(path)), kind_(kind), files_(files) {}
  Status OpenNext();
  Status WriteSynced(size_t bytes);

  std::string path_;
  Kind kind_;
  int fd_ = -1;
  uint64_t files_;     // in turns; without end if they grow
  uint64_t next_ = 0;  // file
  uint64_t offset_ = 0;
  std::shared_ptr<char> buffer_;  // page-aligned
};

// Reads the files once, front to back, in pieces of `bytes`; the seconds that it took.
StatusOr<double> ReadFiles(const std::vector<std::string>& paths, size_t bytes);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_FLOOR_H_

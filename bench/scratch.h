// A folder for one group's data, removed at its end.
#ifndef VLOG_BENCH_SCRATCH_H_
#define VLOG_BENCH_SCRATCH_H_

#include <memory>
#include <string>

#include "base/status.h"

namespace vlog::bench {

class Scratch {
 public:
  static StatusOr<std::unique_ptr<Scratch>> Make(const std::string& parent);
  ~Scratch();
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  // Gives the space of one entry back at once.
  void Remove(const std::string& name) const;

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// kResourceExhausted if the file system of `directory` has less than `bytes` to spare.
Status CheckFreeSpace(const std::string& directory, uint64_t bytes, const std::string& group);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_SCRATCH_H_

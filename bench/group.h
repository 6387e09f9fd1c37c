// What both benchmark programs share: groups of rows, and the run over those that were asked for.
#ifndef VLOG_BENCH_GROUP_H_
#define VLOG_BENCH_GROUP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace vlog::bench {

struct Settings {
  std::string directory = ".";  // an existing folder for scratch data
  bool quick = false;           // small sizes
};

// Each prints rows of ours against a reference of the same run.
struct Group {
  std::string name;
  std::string about;
  uint64_t quick_bytes;  // of disk that it needs
  uint64_t full_bytes;
  // A status other than OK says that a group could not be measured, never that it was slow.
  Status (*run)(const Settings& settings);
};

// Runs those of `groups` that `only` names, all if it is empty, after a look at the free space. The
// exit code of `program`: 0, or 1 with a line on stderr.
int RunGroups(const std::string& program, const std::vector<Group>& groups,
              const Settings& settings, const std::vector<std::string>& only);
// For --list.
void PrintGroups(const std::vector<Group>& groups);
std::vector<std::string> NamesOf(const std::vector<Group>& groups);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_GROUP_H_

#include "process_stats.h"

#include <dirent.h>

#include <fstream>
#include <limits>
#include <string>

namespace vlog::vlogd {
namespace {

uint64_t CountOpenFiles() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  uint64_t count = 0;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(folder);
  return count - 1;  // without the one that this look had open
}

}  // namespace

server::ProcessStats ReadProcessStats() {
  server::ProcessStats stats;
  std::ifstream file("/proc/self/status");
  std::string field;
  while (file >> field) {
    uint64_t value = 0;
    if (field == "VmRSS:" && file >> value) stats.resident_bytes = value << 10;
    if (field == "VmSize:" && file >> value) stats.virtual_bytes = value << 10;
    if (field == "Threads:" && file >> value) stats.threads = value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  stats.open_files = CountOpenFiles();
  return stats;
}

}  // namespace vlog::vlogd

#include "cluster/process.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace vlog::bench {
namespace {

// Fields of /proc/PID/stat behind the name, which may hold blanks and ends with the last ')'.
constexpr int kFieldsBeforeTimes = 11;

double CpuSecondsOfOne(pid_t process) {
  std::ifstream file(absl::StrCat("/proc/", process, "/stat"));
  std::string text;
  std::getline(file, text);
  size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBeforeTimes; ++i) fields >> skipped;
  uint64_t user = 0;
  uint64_t system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

uint64_t StatusBytes(pid_t process, const std::string& key) {
  std::ifstream file(absl::StrCat("/proc/", process, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(key, 0) != 0) continue;
    std::istringstream text(line.substr(key.size()));
    uint64_t kibibytes = 0;
    text >> kibibytes;
    return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

double CpuSecondsOf(const std::vector<pid_t>& processes) {
  double seconds = 0;
  for (pid_t process : processes) seconds += CpuSecondsOfOne(process);
  return seconds;
}

uint64_t ResidentBytes(pid_t process) { return StatusBytes(process, "VmRSS:"); }
uint64_t PeakResidentBytes(pid_t process) { return StatusBytes(process, "VmHWM:"); }

}  // namespace vlog::bench

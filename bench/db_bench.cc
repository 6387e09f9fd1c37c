#include "db_bench.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace vlog::bench {
namespace {

// The number before "ops/sec" on the line of the result: "fillrandom : 2 micros/op 3 ops/sec".
StatusOr<double> ParseOpsPerSecond(const std::string& output) {
  size_t line = output.find("micros/op");
  size_t unit = line == std::string::npos ? line : output.find(" ops/sec", line);
  if (unit == std::string::npos) {
    return absl::UnavailableError(
        "db_bench printed no result; it ended with: " +
        output.substr(output.size() - std::min<size_t>(200, output.size())));
  }
  size_t space = output.rfind(' ', unit - 1);
  return std::strtod(output.c_str() + space + 1, nullptr);
}

}  // namespace

StatusOr<double> RunDbBench(const std::string& directory, size_t threads, size_t value_bytes,
                            uint64_t writes) {
  if (std::system("command -v db_bench >/dev/null 2>&1") != 0) {
    return absl::NotFoundError("db_bench is not installed; run tools/setup bench");
  }
  // All options that matter are the defaults; the memtable holds everything, so that nothing but
  // the log is written.
  std::string command = absl::StrFormat(
      "db_bench --db='%s' --benchmarks=fillrandom --sync=1 --threads=%d --key_size=16 "
      "--value_size=%d --num=%d --write_buffer_size=1073741824 2>&1",
      directory, threads, value_bytes, writes);
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return absl::UnavailableError("db_bench could not be started");
  std::string output;
  std::array<char, 4096> buffer;
  while (size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  if (::pclose(pipe) != 0) return absl::UnavailableError("db_bench failed: " + output);
  return ParseOpsPerSecond(output);
}

}  // namespace vlog::bench

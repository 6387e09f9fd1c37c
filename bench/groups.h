// The benchmarks of the embedded log, by group.
#ifndef VLOG_BENCH_GROUPS_H_
#define VLOG_BENCH_GROUPS_H_

#include "group.h"

namespace vlog::bench {

Status RunLatency(const Settings& settings);
Status RunMany(const Settings& settings);
Status RunRocks(const Settings& settings);
Status RunBandwidth(const Settings& settings);
Status RunVirtualization(const Settings& settings);
Status RunReading(const Settings& settings);
Status RunStartup(const Settings& settings);

// What writes most comes last: many a disk is slower for a while after gigabytes.
inline const std::vector<Group>& Groups() {
  constexpr uint64_t kGiB = uint64_t{1} << 30;
  static const std::vector<Group> groups = {
      {"latency", "one outstanding append: coroutines, blocking facade", kGiB, kGiB, RunLatency},
      {"virtualization", "the same loglet with and without the virtual log", 4 * kGiB, 24 * kGiB,
       RunVirtualization},
      {"startup", "start-up and memory, 1,000 against 50 M records", kGiB, 8 * kGiB, RunStartup},
      {"rocksdb", "RocksDB's synced write-ahead log, by db_bench", 4 * kGiB, 12 * kGiB, RunRocks},
      {"many", "1 to 16,384 outstanding appends of 100 B", 4 * kGiB, 24 * kGiB, RunMany},
      {"reading", "sequential reading from the page cache", 2 * kGiB, 4 * kGiB, RunReading},
      {"bandwidth", "4 KiB records over 8 GiB: fresh and recycled segments", 3 * kGiB, 20 * kGiB,
       RunBandwidth},
  };
  return groups;
}

// What the start-up group runs as processes of their own.
//
// Opens the log in `directory`, prints seconds and resident KiB at the first CheckTail(), and ends
// without closing anything.
int ProbeStartup(const std::string& directory);
// Appends until the log has `records`, prints a line, and waits to be killed; with `close` it
// appends one more and closes the log instead.
int FillLog(const std::string& directory, uint64_t records, bool close);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_GROUPS_H_

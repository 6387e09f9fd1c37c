// Appenders of single records, each with its own awaited completion, and what they achieve.
#ifndef VLOG_BENCH_LOAD_H_
#define VLOG_BENCH_LOAD_H_

#include <cstdint>
#include <vector>

#include "bare_loglet.h"
#include "opened_log.h"

namespace vlog::bench {

struct Load {
  size_t payload_bytes = 100;
  size_t outstanding = 1;
  // Ends after this many records or this long, whichever is first; then awaits what is under way.
  uint64_t records = UINT64_MAX;
  Duration duration = Duration::max();
};

struct LoadResult {
  uint64_t records = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  uint64_t syncs = 0;
  uint64_t synced_bytes = 0;

  double RecordsPerSecond() const { return static_cast<double>(records) / seconds; }
  double SyncsPerSecond() const { return static_cast<double>(syncs) / seconds; }
  double BytesPerSync() const {
    return static_cast<double>(synced_bytes) / static_cast<double>(syncs);
  }
  double CpuNanosPerRecord() const { return cpu_seconds * 1e9 / static_cast<double>(records); }
};

constexpr double kMaxSampleSeconds = 0.5;

// How completions are awaited.
enum class Style {
  kCallbacks,   // Append(payload, done)
  kCoroutines,  // as many coroutines as are outstanding, each loops on co_await Append(payload)
};

// `log` and `loglet` outlive the tasks.
Task<StatusOr<LoadResult>> RunLoad(OpenedLog* log, Style style, Load load);
Task<StatusOr<LoadResult>> RunBareLoad(BareLoglet* loglet, Load load);  // with callbacks

// The microseconds that each of `count` appends took, one after the other; fewer on a disk so slow
// that kMaxSampleSeconds have passed.
Task<StatusOr<std::vector<double>>> SampleAppends(OpenedLog* log, size_t payload_bytes,
                                                  size_t count);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_LOAD_H_

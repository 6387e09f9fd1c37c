// The floor of reading through a cluster: bytes through one TCP stream on loopback.
#ifndef VLOG_BENCH_CLUSTER_BARE_STREAM_H_
#define VLOG_BENCH_CLUSTER_BARE_STREAM_H_

#include <cstdint>

#include "base/status.h"

namespace vlog::bench {

// The seconds that `bytes` take from a thread that writes 256 KiB at once to this thread, which
// reads as much.
StatusOr<double> StreamOverLoopback(uint64_t bytes);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_BARE_STREAM_H_

// RocksDB's own benchmark program as a peer.
#ifndef VLOG_BENCH_DB_BENCH_H_
#define VLOG_BENCH_DB_BENCH_H_

#include <cstdint>
#include <string>

#include "base/status.h"

namespace vlog::bench {

// Synced writes a second of `threads` threads that write `writes` values each. kNotFound: db_bench
// is not installed.
StatusOr<double> RunDbBench(const std::string& directory, size_t threads, size_t value_bytes,
                            uint64_t writes);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_DB_BENCH_H_

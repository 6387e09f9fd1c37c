// A process of its own that wants far more of a cluster than it can give.
#ifndef VLOG_BENCH_CLUSTER_FLOOD_H_
#define VLOG_BENCH_CLUSTER_FLOOD_H_

#include <string>
#include <vector>

namespace vlog::bench {

// Appends records of 64 KiB with `clients` clients (connections of their own), each with enough
// handles to keep 48 MiB under way, until it is killed. Prints "flooding" once all of them have
// appended something. Never returns 0.
int RunFlood(const std::vector<std::string>& addresses, size_t clients);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_FLOOD_H_

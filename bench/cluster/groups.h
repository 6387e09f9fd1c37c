// The benchmarks of the cluster, by group.
#ifndef VLOG_BENCH_CLUSTER_GROUPS_H_
#define VLOG_BENCH_CLUSTER_GROUPS_H_

#include "cluster/opened_cluster.h"
#include "group.h"
#include "run_on.h"

namespace vlog::bench {

Status RunClusterSpeed(const Settings& settings);
Status RunClusterKinds(const Settings& settings);
Status RunClusterReading(const Settings& settings);
Status RunClusterMoves(const Settings& settings);
Status RunClusterKill(const Settings& settings);
Status RunClusterPause(const Settings& settings);
Status RunClusterDegraded(const Settings& settings);
Status RunClusterMemory(const Settings& settings);

// Opens three nodes in a scratch folder of their own, runs `measure` on them, and closes and
// removes them.
using Measurement = Task<Status> (*)(OpenedCluster& cluster, Settings settings);
Status MeasureCluster(const Settings& settings, Measurement measure);

// A loglet that elects its leaders is to be without one for less than this, in the median.
inline constexpr double kMostElectionMillis = 500;

// What every row under fault is loaded with.
inline constexpr size_t kFaultPayload = 100;
inline constexpr size_t kFaultOutstanding = 1024;

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_GROUPS_H_

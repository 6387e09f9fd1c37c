// One side of a benchmark against etcd, measured for a while: our log, or a three-node etcd that
// the benchmark starts, in turns on the same disk.
#ifndef VLOG_BENCH_CLUSTER_SIDES_H_
#define VLOG_BENCH_CLUSTER_SIDES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/etcd_client.h"
#include "cluster/etcd_nodes.h"
#include "cluster/opened_cluster.h"
#include "group.h"
#include "report.h"
#include "scratch.h"

namespace vlog::bench {

// An etcd that reaches less of what DESIGN 11 has is no fair reference.
inline constexpr double kFairShare = 0.8;

// Single records, or Puts, of which so many are always under way.
struct Load {
  size_t payload_bytes;
  size_t outstanding;
  std::string Name() const;  // "1,024 outstanding, 100 B"
};

// The reference; with a `problem` it is not there, and ours is measured all the same.
struct Etcd {
  std::unique_ptr<Scratch> scratch;
  std::unique_ptr<EtcdNodes> nodes;
  std::unique_ptr<EtcdClient> client;
  Status problem;
};
StatusOr<Etcd> StartEtcd(const Settings& settings);

// One side of one round.
struct Measured {
  AckFigures acks;
  double cpu_micros = 0;  // a record, over all processes
  // Of one node; ours only.
  double syncs_per_second = 0;
  double bytes_per_sync = 0;
};

Task<StatusOr<Measured>> RunOurs(OpenedCluster* cluster, Load load, Duration duration);
// None if there is no etcd.
Task<StatusOr<std::optional<Measured>>> RunEtcd(OpenedCluster* cluster, Etcd* etcd, Load load,
                                                Duration duration);

// The rounds of one load.
struct Results {
  Rounds speed;
  Rounds p50;
  Rounds p99;
  Rounds cpu;
  std::vector<double> syncs_per_second;
  std::vector<double> bytes_per_sync;

  void Add(const Measured& ours, const std::optional<Measured>& etcd);
};

// Of a speed: both sides, and what they cost. Without a verdict.
Row SpeedRow(std::string name, const Results& results, const Status& problem);
// Of anything else.
Row BeginRow(std::string name, std::string unit, const Rounds& rounds, const Status& problem);
void AddNote(Row* row, const std::string& note);
// `fair`: etcd reached what it should. Without etcd there is an aim and no verdict.
void Judge(Row* row, const std::string& aim, bool met, bool fair, const Status& problem);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_SIDES_H_

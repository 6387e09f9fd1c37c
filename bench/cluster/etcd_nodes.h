// Three etcd processes on loopback, with etcd's own defaults.
#ifndef VLOG_BENCH_CLUSTER_ETCD_NODES_H_
#define VLOG_BENCH_CLUSTER_ETCD_NODES_H_

#include <memory>
#include <string>
#include <vector>

#include "local_cluster/child_process.h"

namespace vlog::bench {

// Thread rule: the main thread; the processes end with it.
class EtcdNodes {
 public:
  // Starts them in `directory`, which is made; they may have no leader yet. kNotFound: etcd is not
  // installed; says how to install it.
  static StatusOr<std::unique_ptr<EtcdNodes>> Start(const std::string& directory);

  const std::vector<std::string>& endpoints() const { return endpoints_; }
  std::vector<pid_t> Processes() const;

 private:
  EtcdNodes() = default;

  std::vector<std::string> endpoints_;
  std::vector<local_cluster::ChildProcess> processes_;
};

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_ETCD_NODES_H_

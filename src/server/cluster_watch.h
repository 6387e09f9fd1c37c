// A node's watch over the logs of its cluster: the monitor and what it looks at, and the sweep that
// deletes old segments from this node.
#ifndef VLOG_SERVER_CLUSTER_WATCH_H_
#define VLOG_SERVER_CLUSTER_WATCH_H_

#include <memory>
#include <vector>

#include "async/task_group.h"
#include "loglets/factory.h"
#include "loglets/host.h"
#include "metastore/paxos/paxos_metastore.h"
#include "rpc/peers.h"
#include "server/connection_health.h"
#include "server/log.h"
#include "server/segment_sweep.h"
#include "virtuallog/monitor.h"

namespace vlog::server {

struct WatchOptions {
  SuspicionBounds bounds;
  // See virtuallog::MonitorOptions.
  Duration replace_after = std::chrono::seconds(10);
  Duration rehome_after = std::chrono::minutes(5);
};

// Thread rule: the Env's executor. Env, peers and factory outlive it; Stop() is awaited before it
// is destroyed (a crash drops all).
class ClusterWatch {
 public:
  // `nodes`: of the cluster. `factory`: the kinds, as clients of this node's peers see them.
  // `hosts`: of this node; they stop after this.
  ClusterWatch(env::Env& env, rpc::Peers& peers, loglets::LogletFactory& factory,
               std::vector<loglets::KindHost*> hosts, std::vector<NodeId> nodes,
               WatchOptions options, Logger log);
  void Start();
  Task<void> Stop();

  uint64_t fail_overs() const { return monitor_.fail_overs(); }
  // As the metastore says now.
  Task<StatusOr<std::vector<NodeId>>> NodesInService() { return metastore_.NodesInService(); }
  // How this node finds the others.
  ConnectionHealth& health() { return health_; }

 private:
  static metastore::PaxosMetastoreOptions MetastoreOptions(const rpc::Peers& peers,
                                                           std::vector<NodeId> nodes);
  virtuallog::MonitorOptions MakeOptions(const rpc::Peers& peers, const WatchOptions& watch);

  Logger log_;
  metastore::PaxosMetastore metastore_;
  ConnectionHealth health_;
  virtuallog::Monitor monitor_;
  SegmentSweep sweep_;
  async::TaskGroup stopping_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_CLUSTER_WATCH_H_

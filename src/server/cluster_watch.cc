#include "server/cluster_watch.h"

namespace vlog::server {

ClusterWatch::ClusterWatch(env::Env& env, rpc::Peers& peers, loglets::LogletFactory& factory,
                           std::vector<loglets::KindHost*> hosts, std::vector<NodeId> nodes,
                           WatchOptions options, Logger log)
    : log_(std::move(log)),
      metastore_(env, peers, MetastoreOptions(peers, std::move(nodes))),
      health_(env, peers, options.bounds),
      monitor_(env, metastore_, factory, health_, MakeOptions(peers, options)),
      sweep_(env, metastore_, std::move(hosts), log_),
      stopping_(env.scheduler()) {}

void ClusterWatch::Start() {
  monitor_.Start();
  sweep_.Start();
}

metastore::PaxosMetastoreOptions ClusterWatch::MetastoreOptions(const rpc::Peers& peers,
                                                                std::vector<NodeId> nodes) {
  metastore::PaxosMetastoreOptions options;
  options.cluster = peers.identity().cluster;
  options.node = peers.identity().node;
  options.seeds = std::move(nodes);
  return options;
}

virtuallog::MonitorOptions ClusterWatch::MakeOptions(const rpc::Peers& peers,
                                                     const WatchOptions& watch) {
  virtuallog::MonitorOptions options;
  options.self = peers.identity().node;
  options.replace_after = watch.replace_after;
  options.rehome_after = watch.rehome_after;
  options.spares = [this] { return NodesInService(); };
  options.report = [this](const std::string& log, const std::string& what, const Status& status) {
    if (status.ok()) {
      log_.Info(what, {{"log", log}});
    } else {
      log_.Warning(what, {{"log", log}, {"reason", status}});
    }
  };
  return options;
}

// Monitor and sweep first hear that they stop; then what they ask of the metastore ends, or they
// would wait for as long as a call without a majority may take.
Task<void> ClusterWatch::Stop() {
  stopping_.Spawn(monitor_.Stop());
  stopping_.Spawn(sweep_.Stop());
  co_await metastore_.Close();
  co_await stopping_.Join();
}

}  // namespace vlog::server

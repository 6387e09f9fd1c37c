// Deletes on this node what no chain holds any more: segments that were truncated, or replaced
// while they were empty (DESIGN 4.1).
//
// Each node sweeps its own disk, by itself and without hurry. An index that one chain passes over
// is in no later chain, so an old chain only lets something stay for longer; what was deleted stays
// deleted (the kinds keep tombstones).
#ifndef VLOG_SERVER_SEGMENT_SWEEP_H_
#define VLOG_SERVER_SEGMENT_SWEEP_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "loglets/host.h"
#include "metastore/metastore.h"
#include "server/log.h"
#include "virtuallog/chain.h"

namespace vlog::server {

// Thread rule: the Env's executor. Env, metastore and hosts outlive it; Stop() is awaited before it
// is destroyed (a crash drops all).
class SegmentSweep {
 public:
  SegmentSweep(env::Env& env, metastore::Metastore& metastore,
               std::vector<loglets::KindHost*> hosts, Logger log);
  void Start() { tasks_.Spawn(Run()); }
  // Ends when what it has asked of the metastore and of the hosts has ended.
  Task<void> Stop();

 private:
  Task<void> Run();
  // The logs of which this node hosts anything.
  std::set<std::string> HostedLogs() const;
  Task<Status> Sweep(std::string log);
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to);

  env::Env& env_;
  metastore::Metastore& metastore_;
  const std::vector<loglets::KindHost*> hosts_;
  Logger log_;
  std::map<std::string, Version> swept_;  // of each log, the newest chain that was carried out
  bool stopping_ = false;
  async::Event stop_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_SEGMENT_SWEEP_H_

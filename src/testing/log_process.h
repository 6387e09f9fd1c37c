// One client process of a simulated cluster, with a log of the cluster open.
#ifndef VLOG_TESTING_LOG_PROCESS_H_
#define VLOG_TESTING_LOG_PROCESS_H_

#include <memory>
#include <string>

#include "client/cluster.h"
#include "testing/node_world.h"

namespace vlog::testing {

// Whatever is built on `log` goes before it does.
struct LogProcess {
  // Begins to find the cluster, through any of its nodes 1 to `seeds`, and to open the log, which
  // is made if there is none.
  LogProcess(NodeWorld& nodes, const std::string& host, uint64_t seeds, const std::string& name);
  LogProcess(const LogProcess&) = delete;
  LogProcess& operator=(const LogProcess&) = delete;
  ~LogProcess() { Crash(); }

  // Nothing of it runs again; then its memory may go.
  void Crash() {
    if (env->alive()) env->Crash();
  }

  env::SimDiskImage image;
  std::shared_ptr<env::SimEnv> env;
  Outcome<Status> opened;
  std::unique_ptr<client::Cluster> cluster;
  virtuallog::SharedLog* log = nullptr;  // once opened is OK

 private:
  static Task<Status> Open(LogProcess* self, client::ClusterOptions options, std::string name);
};

}  // namespace vlog::testing

#endif  // VLOG_TESTING_LOG_PROCESS_H_

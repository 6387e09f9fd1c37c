#include "testing/log_process.h"

#include <utility>

namespace vlog::testing {

LogProcess::LogProcess(NodeWorld& nodes, const std::string& host, uint64_t seeds,
                       const std::string& name)
    : image(nodes.world),
      env(std::make_shared<env::SimEnv>(nodes.world, image, host, &nodes.fabric)) {
  client::ClusterOptions options;
  for (uint64_t node = 1; node <= seeds; ++node) {
    options.seeds.push_back(NodeWorld::AddressOf(node));
  }
  opened = StartTask(*env, Open(this, std::move(options), name));
}

Task<Status> LogProcess::Open(LogProcess* self, client::ClusterOptions options, std::string name) {
  StatusOr<std::unique_ptr<client::Cluster>> cluster =
      co_await client::Cluster::ConnectOn(self->env, std::move(options));
  VLOG_CO_RETURN_IF_ERROR(cluster);
  self->cluster = *std::move(cluster);
  client::NewLog made;
  StatusOr<virtuallog::SharedLog*> log =
      co_await self->cluster->OpenOrCreateLog(name, std::move(made));
  VLOG_CO_RETURN_IF_ERROR(log);
  self->log = *log;
  co_return absl::OkStatus();
}

}  // namespace vlog::testing

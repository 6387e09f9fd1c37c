// The network as one life of a simulated process sees it.
#ifndef VLOG_ENV_SIM_SIM_NETWORK_H_
#define VLOG_ENV_SIM_SIM_NETWORK_H_

#include <string>

#include "async/scheduler.h"
#include "env/network.h"
#include "env/sim/sim_fabric.h"

namespace vlog::env {

class SimNetwork final : public Network {
 public:
  SimNetwork(SimFabric& fabric, async::Scheduler& scheduler, std::string host, LifeId life);

  Task<StatusOr<std::shared_ptr<Connection>>> Connect(Address to, Instant deadline) override;
  Task<StatusOr<std::shared_ptr<Listener>>> Listen(Address at) override;
  // The process is gone.
  void Crash() { fabric_.HostCrashed(host_, life_); }

 private:
  std::string HostOf(const std::string& name) const;

  SimFabric& fabric_;
  async::Scheduler& scheduler_;
  const std::string host_;
  const LifeId life_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_SIM_SIM_NETWORK_H_

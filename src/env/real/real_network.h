// The machine's TCP.
#ifndef VLOG_ENV_REAL_REAL_NETWORK_H_
#define VLOG_ENV_REAL_REAL_NETWORK_H_

#include "async/scheduler.h"
#include "env/network.h"

namespace vlog::env {

class RealNetwork final : public Network {
 public:
  explicit RealNetwork(async::Scheduler& scheduler) : scheduler_(scheduler) {}
  Task<StatusOr<std::shared_ptr<Connection>>> Connect(Address to, Instant deadline) override;
  Task<StatusOr<std::shared_ptr<Listener>>> Listen(Address at) override;

 private:
  async::Scheduler& scheduler_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_REAL_NETWORK_H_

// Several processes on one network: the simulated one, or this machine's loopback.
#ifndef TESTS_CONTRACT_NET_WORLD_H_
#define TESTS_CONTRACT_NET_WORLD_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "env/env.h"
#include "env/sim/sim_fabric.h"
#include "testing/run_task.h"

namespace vlog::testing {

class NetWorld {
 public:
  virtual ~NetWorld() = default;
  virtual std::string name() const = 0;
  // The process of this number, begun when it is first asked for.
  virtual env::Env& env(int number) = 0;
  // An address to listen at in that process; the system chooses the port.
  virtual env::Address AnyPort(int number) = 0;
  // An address of that process at which nobody listens.
  virtual env::Address Nobody(int number) = 0;
  // Lets all run until `done()`; false if that does not come true in a long time.
  virtual bool RunUntil(std::function<bool()> done) = 0;
  // Ends every wait of every process with kCancelled.
  virtual void StopAll() = 0;

  template <typename T>
  std::optional<T> Run(int number, Task<T> task) {
    Outcome<T> result = StartTask<T>(env(number), std::move(task));
    if (!RunUntil([&] { return result->has_value(); })) return std::nullopt;
    return std::move(*result);
  }
  // Lets everything that is ready, and what follows from it, run.
  void Settle(int number, Duration duration) {
    Run<Status>(number, env(number).scheduler().Sleep(duration));
  }
};

std::unique_ptr<NetWorld> NewSimNetWorld(uint64_t seed);
std::unique_ptr<NetWorld> NewRealNetWorld();

}  // namespace vlog::testing

#endif  // TESTS_CONTRACT_NET_WORLD_H_

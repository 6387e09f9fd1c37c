// The worlds that a contract suite runs in: the simulated one, and the real one on a temporary
// folder.
#ifndef VLOG_TESTING_CONTRACT_WORLD_H_
#define VLOG_TESTING_CONTRACT_WORLD_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "env/env.h"
#include "testing/run_task.h"

namespace vlog::testing {

// One disk, and one process at a time that uses it.
class ContractWorld {
 public:
  virtual ~ContractWorld() = default;
  virtual std::string name() const = 0;
  // The process' Env; another one after Kill().
  virtual env::Env& env() = 0;
  // Lets the process run until `done()`; false if that does not come true in a long time.
  virtual bool RunUntil(std::function<bool()> done) = 0;
  // The process is gone: destroy, in `before_env_goes`, all that was built on its Env. What it
  // wrote and did not sync may be lost. Then a new one begins on the same disk.
  virtual void Kill(std::function<void()> before_env_goes) = 0;

  template <typename T>
  std::optional<T> Run(Task<T> task) {
    Outcome<T> result = StartTask<T>(env(), std::move(task));
    if (!RunUntil([&] { return result->has_value(); })) return std::nullopt;
    return std::move(*result);
  }
};

std::unique_ptr<ContractWorld> NewSimContractWorld(uint64_t seed);
std::unique_ptr<ContractWorld> NewRealContractWorld();

}  // namespace vlog::testing

#endif  // VLOG_TESTING_CONTRACT_WORLD_H_

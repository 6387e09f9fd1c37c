// Runs one task to its end, in the simulated world or on a loop of the real one.
#ifndef VLOG_TESTING_RUN_TASK_H_
#define VLOG_TESTING_RUN_TASK_H_

#include <memory>
#include <optional>
#include <utility>

#include "async/task_group.h"
#include "env/env.h"
#include "env/sim/sim_world.h"

namespace vlog::testing {

namespace internal {

template <typename T>
Task<void> Capture(Task<T> task, std::shared_ptr<std::optional<T>> result) {
  T value = co_await std::move(task);
  result->emplace(std::move(value));
}

}  // namespace internal

// The result of a task that was started with StartTask(), once it is there.
template <typename T>
using Outcome = std::shared_ptr<std::optional<T>>;

template <typename T>
Outcome<T> StartTask(env::Env& env, Task<T> task) {
  auto result = std::make_shared<std::optional<T>>();
  async::SpawnRoot(env.scheduler().executor(), internal::Capture<T>(std::move(task), result));
  return result;
}

// Steps the world until the task has ended; none if nothing moves any more, its process has
// crashed, or `limit` of virtual time has passed.
template <typename T>
std::optional<T> RunTask(env::SimWorld& world, env::Env& env, Task<T> task,
                         Duration limit = std::chrono::minutes(10)) {
  Outcome<T> result = StartTask<T>(env, std::move(task));
  world.RunUntil([&] { return result->has_value(); }, world.now() + limit);
  return std::move(*result);
}

}  // namespace vlog::testing

#endif  // VLOG_TESTING_RUN_TASK_H_

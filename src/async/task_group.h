// The only place where coroutines are spawned.
#ifndef VLOG_ASYNC_TASK_GROUP_H_
#define VLOG_ASYNC_TASK_GROUP_H_

#include <string_view>

#include "async/event.h"
#include "async/scheduler.h"

namespace vlog::async {

// Spawns tasks and waits for their end. An exception that leaves a task aborts the process. The
// owner awaits Join() before it destroys the group (a crash of a simulated node drops both).
class TaskGroup {
 public:
  explicit TaskGroup(Scheduler& scheduler) : scheduler_(scheduler), idle_(scheduler) {}
  void Spawn(Task<void> task);
  // Returns when no task is active.
  Task<void> Join();
  size_t active() const { return active_; }

 private:
  Scheduler& scheduler_;
  Event idle_;
  size_t active_ = 0;
};

// Starts a task that nobody joins, on an executor of its own: the first task of a program or of a
// loop's thread. An exception that leaves it aborts the process.
void SpawnRoot(boost::asio::any_io_executor executor, Task<void> task);

}  // namespace vlog::async

#endif  // VLOG_ASYNC_TASK_GROUP_H_

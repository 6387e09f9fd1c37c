#include "async/task_group.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>

namespace vlog::async {

void TaskGroup::Spawn(Task<void> task) {
  ++active_;
  auto done = [this](std::exception_ptr error) {
    VLOG_CHECK(!error, "no exception leaves a task");
    if (--active_ == 0) idle_.NotifyAll();
  };
  boost::asio::co_spawn(scheduler_.executor(), std::move(task), std::move(done));
}

void SpawnRoot(boost::asio::any_io_executor executor, Task<void> task) {
  auto done = [](std::exception_ptr error) { VLOG_CHECK(!error, "no exception leaves a task"); };
  boost::asio::co_spawn(std::move(executor), std::move(task), std::move(done));
}

Task<void> TaskGroup::Join() {
  // When the node stops, each wait ends at once but still as work of its own: the tasks unwind in
  // between, so this loop ends.
  while (active_ > 0) co_await idle_.Wait();
}

}  // namespace vlog::async

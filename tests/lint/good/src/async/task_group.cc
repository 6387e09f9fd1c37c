#include "async/task.h"

#include <boost/asio/co_spawn.hpp>

namespace vlog::async {

void TaskGroup::Start(Executor executor, Task<void> task) {
  auto done = [this](std::exception_ptr error) { Finish(error); };
  boost::asio::co_spawn(executor, std::move(task), done);
  bool detached = false;
  Use(detached);
}

}  // namespace vlog::async

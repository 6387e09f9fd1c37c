#include "run_on.h"

namespace vlog::bench {
namespace {

Task<void> Store(Task<Status> task, Status* result) { *result = co_await std::move(task); }

}  // namespace

Status RunOn(boost::asio::io_context& context, Task<Status> task) {
  Status result = absl::CancelledError("the loop ended early");
  async::SpawnRoot(context.get_executor(), Store(std::move(task), &result));
  context.run();
  return result;
}

}  // namespace vlog::bench

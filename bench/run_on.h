// The root task of a measurement, on this thread.
#ifndef VLOG_BENCH_RUN_ON_H_
#define VLOG_BENCH_RUN_ON_H_

#include <boost/asio/io_context.hpp>

#include "async/task_group.h"
#include "base/status.h"

namespace vlog::bench {

// Runs `task`, which lives on `context`, and everything that it leaves behind, on this thread.
Status RunOn(boost::asio::io_context& context, Task<Status> task);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_RUN_ON_H_

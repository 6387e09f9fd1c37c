// A log directory that is open on this thread, with one log and one append handle.
#ifndef VLOG_BENCH_OPENED_LOG_H_
#define VLOG_BENCH_OPENED_LOG_H_

#include <memory>
#include <string>

#include "embedded/directory.h"
#include "run_on.h"

namespace vlog::bench {

struct OpenedLog {
  std::unique_ptr<embedded::Directory> directory;
  virtuallog::SharedLog* log = nullptr;
  std::unique_ptr<virtuallog::Appender> appender;

  async::Scheduler& scheduler() const { return directory->env().scheduler(); }
  const storage::JournalStats& stats() const { return directory->stats(); }
  Task<Status> Close();
  // Lets marks, checkpoints and segments in the making get out of the way of the floor.
  Task<void> Settle();
};

Task<StatusOr<OpenedLog>> OpenLog(boost::asio::any_io_executor executor, std::string path);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_OPENED_LOG_H_

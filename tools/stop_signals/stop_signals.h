// SIGINT and SIGTERM, either fatal at once or as a request to stop in good order.
#ifndef VLOG_TOOLS_STOP_SIGNALS_STOP_SIGNALS_H_
#define VLOG_TOOLS_STOP_SIGNALS_STOP_SIGNALS_H_

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

namespace vlog::tools {

// As a shell tells that a program was interrupted.
inline constexpr int kInterruptedExit = 130;

// From now on both signals end the process with that exit code, also while it is blocked in a write
// to a slow terminal, and SIGPIPE is ignored: a write tells instead.
void CatchSignals();

// Catches the signals, and while it lives the first one calls `stop` on the executor; a second one
// ends the process as above. At most one lives at a time.
class GracefulStop {
 public:
  GracefulStop(boost::asio::any_io_executor executor, std::function<void()> stop);
  ~GracefulStop();
  GracefulStop(const GracefulStop&) = delete;
  GracefulStop& operator=(const GracefulStop&) = delete;

 private:
  struct Wake;
  std::shared_ptr<Wake> wake_;
};

}  // namespace vlog::tools

#endif  // VLOG_TOOLS_STOP_SIGNALS_STOP_SIGNALS_H_

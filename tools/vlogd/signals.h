// SIGTERM and SIGINT as a request to stop in good order.
#ifndef VLOG_TOOLS_VLOGD_SIGNALS_H_
#define VLOG_TOOLS_VLOGD_SIGNALS_H_

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

namespace vlog::vlogd {

// The first signal calls `stop` on the executor; the second one ends the process at once, whatever
// it does. SIGPIPE is ignored: writes tell instead. At most one lives at a time.
class StopSignals {
 public:
  StopSignals(boost::asio::any_io_executor executor, std::function<void()> stop);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  struct Pipe;
  std::shared_ptr<Pipe> pipe_;
};

}  // namespace vlog::vlogd

#endif  // VLOG_TOOLS_VLOGD_SIGNALS_H_

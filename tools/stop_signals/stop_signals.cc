#include "stop_signals/stop_signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>

#include "base/check.h"

namespace vlog::tools {
namespace {

// Where the handler announces the first signal; -1 where the process simply ends.
std::atomic<int> wake_descriptor{-1};

void OnSignal(int) {
  int saved = errno;
  int descriptor = wake_descriptor.exchange(-1);
  if (descriptor < 0 || ::write(descriptor, "!", 1) != 1) ::_exit(kInterruptedExit);
  errno = saved;
}

}  // namespace

void CatchSignals() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

struct GracefulStop::Wake {
  Wake(boost::asio::any_io_executor executor, int read_end, int write_end)
      : reader(std::move(executor), read_end), writer(write_end) {}
  ~Wake() { ::close(writer); }

  boost::asio::posix::stream_descriptor reader;
  int writer;
};

GracefulStop::GracefulStop(boost::asio::any_io_executor executor, std::function<void()> stop) {
  int ends[2];
  VLOG_CHECK(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe can be made");
  wake_ = std::make_shared<Wake>(std::move(executor), ends[0], ends[1]);
  wake_->reader.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [stop = std::move(stop), wake = wake_](const boost::system::error_code& error) {
        if (!error && wake->reader.is_open()) stop();
      });
  wake_descriptor = wake_->writer;
  CatchSignals();
}

GracefulStop::~GracefulStop() {
  wake_descriptor = -1;
  boost::system::error_code ignored;
  wake_->reader.close(ignored);
}

}  // namespace vlog::tools

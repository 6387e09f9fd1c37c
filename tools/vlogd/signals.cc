#include "signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>

#include "base/check.h"

namespace vlog::vlogd {
namespace {

// Where the handler announces the first signal. A signal handler has nothing but globals.
std::atomic<int> wake_descriptor{-1};

void OnSignal(int) {
  int saved = errno;
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  [[maybe_unused]] ssize_t written = ::write(wake_descriptor, "!", 1);
  errno = saved;
}

}  // namespace

struct StopSignals::Pipe {
  Pipe(boost::asio::any_io_executor executor, int read_end, int write_end)
      : reader(std::move(executor), read_end), writer(write_end) {}
  ~Pipe() { ::close(writer); }

  boost::asio::posix::stream_descriptor reader;
  int writer;
};

StopSignals::StopSignals(boost::asio::any_io_executor executor, std::function<void()> stop) {
  int ends[2];
  VLOG_CHECK(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe can be made");
  pipe_ = std::make_shared<Pipe>(std::move(executor), ends[0], ends[1]);
  pipe_->reader.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [stop = std::move(stop), pipe = pipe_](const boost::system::error_code& error) {
        if (!error && pipe->reader.is_open()) stop();
      });
  wake_descriptor = pipe_->writer;
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

StopSignals::~StopSignals() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  wake_descriptor = -1;
  boost::system::error_code ignored;
  pipe_->reader.close(ignored);
}

}  // namespace vlog::vlogd

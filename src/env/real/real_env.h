// The real world: the caller's Asio executor, the machine's clocks and randomness, a folder.
#ifndef VLOG_ENV_REAL_REAL_ENV_H_
#define VLOG_ENV_REAL_REAL_ENV_H_

#include <memory>
#include <string>

#include "env/env.h"

namespace vlog::env {

// `executor` must be serial: an io_context run by one thread, or a strand. `root` is the folder
// that the disk is bound to. Destroy the Env on that executor's thread, or after its loop has
// ended.
std::unique_ptr<Env> NewRealEnv(boost::asio::any_io_executor executor, std::string root);

// One io_context and the thread that runs it, for programs that have no loop of their own.
class LoopThread {
 public:
  LoopThread();
  ~LoopThread();  // lets the loop run dry, then joins
  boost::asio::any_io_executor executor();
  // Runs `work` on the loop's thread. From any thread.
  void Post(async::Work work);

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_REAL_ENV_H_

// A thread that runs blocking disk calls in order and posts their results back.
#ifndef VLOG_ENV_REAL_DISK_THREAD_H_
#define VLOG_ENV_REAL_DISK_THREAD_H_

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "async/scheduler.h"

namespace vlog::env {

// Submit() may be called from any thread. The destructor finishes what was submitted and joins.
class DiskThread {
 public:
  explicit DiskThread(const char* name);
  ~DiskThread();
  void Submit(async::Work work);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<async::Work> queue_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_DISK_THREAD_H_

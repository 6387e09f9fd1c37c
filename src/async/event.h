// A condition variable for coroutines of one scheduler.
#ifndef VLOG_ASYNC_EVENT_H_
#define VLOG_ASYNC_EVENT_H_

#include <map>

#include "async/scheduler.h"

namespace vlog::async {

// Holds no state: whoever waits re-checks its own condition after each wait. Since all users run on
// one serial executor, no notification is lost between the check and the wait.
class Event {
 public:
  explicit Event(Scheduler& scheduler) : scheduler_(scheduler) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();

  // OK after a NotifyAll() that follows this call, kDeadlineExceeded at `deadline`, kCancelled when
  // the node stops or this event is destroyed.
  Task<Status> Wait(Instant deadline = Instant::Max());
  // Resumes all who wait now. They run later, each as work of its own, in no particular order.
  void NotifyAll();

 private:
  struct Waiter {
    Completer<Status> completer;
    TimerId timer = 0;
  };
  void Start(Instant deadline, Completer<Status> completer);
  void Expire(uint64_t key);

  Scheduler& scheduler_;
  std::map<uint64_t, Waiter> waiters_;
  uint64_t next_key_ = 1;
};

}  // namespace vlog::async

#endif  // VLOG_ASYNC_EVENT_H_

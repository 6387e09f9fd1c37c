#include "async/scheduler.h"

#include "async/event.h"

namespace vlog::async {

Scheduler::~Scheduler() { DropWaits(); }

void Scheduler::DropWaits() {
  while (!waits_.empty()) delete &waits_.front();
}

void Scheduler::Stop() {
  stopping_ = true;
  while (!waits_.empty()) waits_.front().Cancel(absl::CancelledError("stopping"));
  DropTimers();
}

namespace {

struct StartSleep {
  Scheduler* scheduler;
  Instant deadline;
  void operator()(Completer<Status> completer) {
    scheduler->StartTimer(
        deadline, [completer = std::move(completer)]() mutable { completer(absl::OkStatus()); });
  }
};

}  // namespace

Task<Status> Scheduler::SleepUntil(Instant deadline) {
  return Completer<Status>::Await(*this, StartSleep{this, deadline});
}

Event::~Event() {
  for (auto& [key, waiter] : waiters_) {
    if (waiter.timer != 0) scheduler_.CancelTimer(waiter.timer);
  }
}

Task<Status> Event::Wait(Instant deadline) {
  auto start = [this, deadline](Completer<Status> completer) {
    Start(deadline, std::move(completer));
  };
  return Completer<Status>::Await(scheduler_, std::move(start));
}

void Event::Start(Instant deadline, Completer<Status> completer) {
  uint64_t key = next_key_++;
  Waiter& waiter = waiters_[key];
  waiter.completer = std::move(completer);
  if (deadline != Instant::Max()) {
    waiter.timer = scheduler_.StartTimer(deadline, [this, key] { Expire(key); });
  }
}

void Event::Expire(uint64_t key) {
  auto it = waiters_.find(key);
  if (it == waiters_.end()) return;
  Waiter waiter = std::move(it->second);
  waiters_.erase(it);
  waiter.completer(absl::DeadlineExceededError("the wait ran out of time"));
}

void Event::NotifyAll() {
  for (auto& [key, waiter] : std::exchange(waiters_, {})) {
    if (waiter.timer != 0) scheduler_.CancelTimer(waiter.timer);
    scheduler_.Post(
        [completer = std::move(waiter.completer)]() mutable { completer(absl::OkStatus()); });
  }
}

}  // namespace vlog::async

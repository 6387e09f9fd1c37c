// The scheduler of one node: where its coroutines run, its monotonic clock and timers, and the list
// of every coroutine that is suspended. Because all waits are on that list, a node can be stopped
// (each wait ends with kCancelled) and a simulated node can be crashed at any suspension point
// (each wait is destroyed). Implemented by env/real and env/sim.
//
// Thread rule: everything here belongs to the executor, which must be serial (one thread or a
// strand).
#ifndef VLOG_ASYNC_SCHEDULER_H_
#define VLOG_ASYNC_SCHEDULER_H_

#include <boost/asio/use_awaitable.hpp>
#include <boost/intrusive/list.hpp>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "async/task.h"
#include "base/check.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::async {

using Work = absl::AnyInvocable<void()>;

// A running timer; zero names none.
using TimerId = uint64_t;

namespace internal {

using Hook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// One suspended coroutine.
class Wait : public Hook {
 public:
  virtual ~Wait() = default;
  // Unlinks this wait, resumes its coroutine with `why`, and deletes this.
  virtual void Cancel(Status why) = 0;
};

using WaitList = boost::intrusive::list<Wait, boost::intrusive::base_hook<Hook>,
                                        boost::intrusive::constant_time_size<false>>;

}  // namespace internal

class Scheduler {
 public:
  explicit Scheduler(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  virtual ~Scheduler();

  const boost::asio::any_io_executor& executor() const { return executor_; }

  virtual Instant Now() const = 0;
  // Runs `work` soon, never inside this call.
  virtual void Post(Work work) = 0;
  // Runs `work` at `when` or later, never inside this call.
  virtual TimerId StartTimer(Instant when, Work work) = 0;
  // The timer's work will not run any more. Nothing happens if it already ran.
  virtual void CancelTimer(TimerId timer) = 0;

  // OK once `deadline` has come, kCancelled if the node stops first.
  Task<Status> SleepUntil(Instant deadline);
  Task<Status> Sleep(Duration duration) { return SleepUntil(Now() + duration); }

  // Ends every wait, also those that begin later, with kCancelled; timers do not run any more.
  // Idempotent.
  void Stop();
  bool stopping() const { return stopping_; }

 protected:
  // The timers are not needed any more; those that are started later neither.
  virtual void DropTimers() {}
  // Destroys every suspended coroutine without resuming it: what a crash does to memory. Destroying
  // a coroutine may queue more work on the executor; the caller drops that too, until none is left.
  void DropWaits();

 private:
  template <typename T>
  friend class Completer;
  friend class Event;
  boost::asio::any_io_executor executor_;
  internal::WaitList waits_;
  bool stopping_ = false;
};

// The other end of a suspended coroutine: gives it its result, once, and resumes it inside the
// call. Movable. One that is destroyed unused resumes its coroutine with kCancelled, later. T is
// Status or StatusOr<...>.
template <typename T>
class Completer {
 public:
  Completer() = default;
  Completer(Completer&& other) noexcept : wait_(std::exchange(other.wait_, nullptr)) { Attach(); }
  Completer& operator=(Completer&& other) noexcept {
    if (this != &other) {
      Abandon();
      wait_ = std::exchange(other.wait_, nullptr);
      Attach();
    }
    return *this;
  }
  ~Completer() { Abandon(); }

  // Resumes the coroutine with `result`. Nothing happens if it was stopped, crashed or completed.
  void operator()(T result) {
    if (wait_ == nullptr) return;
    auto handler = std::move(wait_->handler);
    delete wait_;  // also detaches this
    handler(std::move(result));
  }

  // Suspends the calling coroutine and hands its Completer to `start`, an object with
  // void operator()(Completer<T>).
  template <typename Start>
  static Task<T> Await(Scheduler& scheduler, Start start) {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(T)>(
        Initiation<Start>{&scheduler, std::move(start)}, boost::asio::use_awaitable);
  }

 private:
  struct Waiting final : internal::Wait {
    Scheduler* scheduler;
    Completer* completer = nullptr;
    absl::AnyInvocable<void(T)> handler;
    ~Waiting() override {
      if (completer != nullptr) completer->wait_ = nullptr;
    }
    void Cancel(Status why) override {
      scheduler->Post([handler = std::move(handler), why]() mutable { handler(T(why)); });
      delete this;
    }
  };

  template <typename Start>
  struct Initiation {
    Scheduler* scheduler;
    Start start;
    template <typename Handler>
    void operator()(Handler&& handler) {
      auto* wait = new Waiting;
      wait->scheduler = scheduler;
      wait->handler = std::forward<Handler>(handler);
      scheduler->waits_.push_back(*wait);
      Completer completer;
      completer.wait_ = wait;
      completer.Attach();
      if (scheduler->stopping_) {
        wait->Cancel(absl::CancelledError("stopping"));
        return;
      }
      start(std::move(completer));
    }
  };

  void Attach() {
    if (wait_ != nullptr) wait_->completer = this;
  }
  void Abandon() {
    if (wait_ != nullptr) wait_->Cancel(absl::CancelledError("abandoned: its owner is gone"));
  }

  Waiting* wait_ = nullptr;
};

}  // namespace vlog::async

#endif  // VLOG_ASYNC_SCHEDULER_H_

// The callee's end of rpc: which handler serves which method.
#ifndef VLOG_RPC_DISPATCHER_H_
#define VLOG_RPC_DISPATCHER_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "async/task_group.h"
#include "env/env.h"
#include "rpc/message.h"

namespace vlog::rpc {

using SendReply = absl::AnyInvocable<void(StatusOr<Message>)>;

// Answers one request, once, at any later time or inside the handler's call. Movable. One that is
// destroyed unused answers kUnknown. After the connection or the server is gone an answer goes
// nowhere.
class Responder {
 public:
  Responder() = default;
  explicit Responder(SendReply send) : send_(std::move(send)) {}
  Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  // An error travels with code, message and detail (WithDetail). REQUIRES: not answered yet.
  void operator()(StatusOr<Message> reply);

 private:
  SendReply send_;
};

// Runs inside the reading of the connection: the quick form, for hot paths. Must not block, nor
// keep a window on what it does not need (rpc/limits.h on pinning).
using Handler = std::function<void(Request, Responder)>;
// The same as a coroutine; it may wait as long as it likes.
using TaskHandler = std::function<Task<StatusOr<Message>>(Request)>;

// Handlers of the requests of one connection START in the order in which the requests arrived, of
// both forms; each ends when it likes. Requests of different connections have no order.
//
// Thread rule: the scheduler's executor. Outlives all servers and local channels that use it.
class Dispatcher {
 public:
  explicit Dispatcher(env::Env& env) : env_(env), tasks_(env.scheduler()) {}

  // REQUIRES: the method has no handler.
  void Register(Method method, Handler handler);
  void RegisterTask(Method method, TaskHandler handler);
  // Later requests get "no such method"; those that run go on: what a handler uses must outlive
  // them, or Drain() is awaited first.
  void Unregister(Method method);
  // Asked before each request: an error is the answer to it, and no handler sees it. Without one,
  // all are admitted.
  void SetGate(std::function<Status(Method)> gate) { gate_ = std::move(gate); }
  // Waits until no task handler runs.
  Task<void> Drain() { return tasks_.Join(); }
  // Requests for methods that have no handler, so far.
  uint64_t unknown_methods() const { return unknown_methods_; }

 private:
  friend class Intake;
  struct Entry {
    Handler handler;
    TaskHandler task_handler;
  };

  env::Env& env_;
  std::function<Status(Method)> gate_;
  std::map<Method, std::shared_ptr<const Entry>> entries_;
  uint64_t unknown_methods_ = 0;
  async::TaskGroup tasks_;
};

// The requests of one connection on their way to their handlers, in order. One that is destroyed
// drops those that have not started.
class Intake : public std::enable_shared_from_this<Intake> {
 public:
  explicit Intake(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  void Take(Request request, Responder responder);

 private:
  struct Waiting {
    Request request;
    Responder responder;
    std::shared_ptr<const Dispatcher::Entry> entry;
  };
  void StartReady();
  static Task<void> RunFirst(std::shared_ptr<Intake> self);

  Dispatcher& dispatcher_;
  std::deque<Waiting> waiting_;
  bool task_starting_ = false;  // the first of `waiting_`, or one that has just left it
};

}  // namespace vlog::rpc

#endif  // VLOG_RPC_DISPATCHER_H_

#include "rpc/dispatcher.h"

#include "base/check.h"

namespace vlog::rpc {

// ---- Responder ----

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Responder old(std::move(*this));  // answers, if it was not used
    send_ = std::exchange(other.send_, nullptr);
  }
  return *this;
}

Responder::~Responder() {
  if (send_) (*this)(absl::UnknownError("the handler ended without an answer"));
}

void Responder::operator()(StatusOr<Message> reply) {
  VLOG_CHECK(send_, "a request is answered once");
  SendReply send = std::exchange(send_, nullptr);
  send(std::move(reply));
}

// ---- Dispatcher ----

void Dispatcher::Register(Method method, Handler handler) {
  auto entry = std::make_shared<Entry>();
  entry->handler = std::move(handler);
  VLOG_CHECK(entries_.emplace(method, std::move(entry)).second, "a method has one handler");
}

void Dispatcher::RegisterTask(Method method, TaskHandler handler) {
  auto entry = std::make_shared<Entry>();
  entry->task_handler = std::move(handler);
  VLOG_CHECK(entries_.emplace(method, std::move(entry)).second, "a method has one handler");
}

void Dispatcher::Unregister(Method method) { entries_.erase(method); }

// ---- Intake ----

void Intake::Take(Request request, Responder responder) {
  auto it = dispatcher_.entries_.find(request.method);
  if (it == dispatcher_.entries_.end()) {
    ++dispatcher_.unknown_methods_;
    responder(absl::InvalidArgumentError(absl::StrFormat(
        "this node does not serve method 0x%04x: it runs another version or hosts other kinds",
        request.method)));
    return;
  }
  if (dispatcher_.gate_) {
    Status admitted = dispatcher_.gate_(request.method);
    if (!admitted.ok()) return responder(std::move(admitted));
  }
  if (it->second->handler && waiting_.empty() && !task_starting_) {
    std::shared_ptr<const Dispatcher::Entry> entry = it->second;  // it may unregister itself
    entry->handler(std::move(request), std::move(responder));
    return;
  }
  waiting_.push_back({std::move(request), std::move(responder), it->second});
  StartReady();
}

void Intake::StartReady() {
  while (!waiting_.empty() && !task_starting_) {
    if (waiting_.front().entry->task_handler) {
      task_starting_ = true;
      dispatcher_.tasks_.Spawn(RunFirst(shared_from_this()));
      return;
    }
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    first.entry->handler(std::move(first.request), std::move(first.responder));
  }
}

Task<void> Intake::RunFirst(std::shared_ptr<Intake> self) {
  Waiting first = std::move(self->waiting_.front());
  self->waiting_.pop_front();
  // What is behind it starts once this one has run as far as it gets by itself.
  self->dispatcher_.env_.scheduler().Post([weak = std::weak_ptr<Intake>(self)] {
    std::shared_ptr<Intake> alive = weak.lock();
    if (alive == nullptr) return;
    alive->task_starting_ = false;
    alive->StartReady();
  });
  self = nullptr;  // a long wait does not keep the connection's requests
  Task<StatusOr<Message>> task = first.entry->task_handler(std::move(first.request));
  StatusOr<Message> reply = co_await std::move(task);
  first.responder(std::move(reply));
}

}  // namespace vlog::rpc

#include "rpc/server.h"

#include <algorithm>
#include <map>
#include <utility>

#include "async/event.h"
#include "async/task_group.h"
#include "rpc/server_link.h"

namespace vlog::rpc {
namespace {

// Kept alive by its loops, which end soon after the server is gone.
class State : public std::enable_shared_from_this<State> {
 public:
  State(env::Env& env, Identity identity, Dispatcher& dispatcher, ServerOptions options,
        PeerHealth* health)
      : env_(env),
        identity_(std::move(identity)),
        dispatcher_(dispatcher),
        options_(options),
        health_(health),
        budget_(std::make_shared<ServerBudget>(env.scheduler(), options.limits.max_total_bytes)),
        changed_(env.scheduler()) {}

  Task<Status> Listen(env::Address at) {
    std::shared_ptr<State> self = shared_from_this();
    StatusOr<std::shared_ptr<env::Listener>> listener =
        co_await env_.network().Listen(std::move(at));
    VLOG_CO_RETURN_IF_ERROR(listener);
    listener_ = *std::move(listener);
    address_ = listener_->address();
    async::SpawnRoot(env_.scheduler().executor(), AcceptLoop(self, listener_));
    co_return absl::OkStatus();
  }

  Task<void> Stop(Instant deadline) {
    std::shared_ptr<State> self = shared_from_this();
    BeginStop();
    Status waited;
    while (waited.ok() && budget_->requests > 0) waited = co_await budget_->changed.Wait(deadline);
    for (auto& [id, link] : links_) link->End(absl::UnavailableError("the server stops"));
    while (waited.ok() && !links_.empty()) waited = co_await changed_.Wait(deadline);
  }

  void Shut() {
    BeginStop();
    for (auto& [id, link] : links_) link->End(absl::UnavailableError("the server is gone"));
  }

  const env::Address& address() const { return address_; }

  ServerStats stats() const {
    budget_->Recount();
    ServerStats stats = budget_->stats;
    stats.unknown_methods = dispatcher_.unknown_methods();
    stats.connections = links_.size();
    stats.bytes = budget_->bytes;
    stats.accept_failures = accept_failures_ + (listener_ ? listener_->accept_failures() : 0);
    return stats;
  }

 private:
  void BeginStop() {
    stopping_ = true;
    if (listener_ != nullptr) accept_failures_ += listener_->accept_failures();
    listener_ = nullptr;
    for (auto& [id, link] : links_) link->StopReading();
  }

  static Task<void> AcceptLoop(std::shared_ptr<State> self, std::weak_ptr<env::Listener> listener) {
    for (;;) {
      std::shared_ptr<env::Listener> open = listener.lock();
      if (open == nullptr || self->stopping_) co_return;
      Task<StatusOr<std::shared_ptr<env::Connection>>> next = open->Accept();
      open = nullptr;
      StatusOr<std::shared_ptr<env::Connection>> connection = co_await std::move(next);
      if (!connection.ok() || self->stopping_) co_return;
      ++self->budget_->stats.accepted;
      self->Admit(*std::move(connection));
    }
  }

  void Admit(std::shared_ptr<env::Connection> connection) {
    SessionOptions options;
    options.keep_alive = options_.keep_alive;
    options.frame_limits.max_header_bytes = options_.limits.max_header_bytes;
    options.frame_limits.max_payload_bytes = options_.limits.max_payload_bytes;
    options.health = health_;
    options.server = true;
    auto session =
        std::make_shared<Session>(env_, identity_, std::move(connection), std::move(options));
    if (links_.size() >= options_.limits.max_connections) {
      ++budget_->stats.refused_connections;
      session->End(WithRefusal(absl::ResourceExhaustedError(absl::StrCat(
                                   "the server has its ", options_.limits.max_connections,
                                   " connections; raise the limit or close some")),
                               Refusal::kTooMany));
      return;
    }
    auto link = std::make_shared<ServerLink>(env_, std::move(session), dispatcher_, budget_,
                                             options_.limits);
    uint64_t id = next_link_++;
    links_[id] = link;
    async::SpawnRoot(env_.scheduler().executor(), ServeLink(shared_from_this(), id, link));
  }

  static Task<void> ServeLink(std::shared_ptr<State> self, uint64_t id,
                              std::shared_ptr<ServerLink> link) {
    co_await link->Serve();
    // A connection that only stopped reading still has its answers to send.
    co_await link->Drain();
    self->links_.erase(id);
    self->changed_.NotifyAll();
  }

  env::Env& env_;
  const Identity identity_;
  Dispatcher& dispatcher_;
  const ServerOptions options_;
  PeerHealth* const health_;
  std::shared_ptr<ServerBudget> budget_;
  std::shared_ptr<env::Listener> listener_;
  env::Address address_;
  std::map<uint64_t, std::shared_ptr<ServerLink>> links_;
  uint64_t next_link_ = 1;
  uint64_t accept_failures_ = 0;  // of listeners that are gone
  bool stopping_ = false;
  async::Event changed_;
};

class ServerImpl final : public Server {
 public:
  explicit ServerImpl(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~ServerImpl() override { state_->Shut(); }
  Task<Status> Listen(env::Address at) override { return state_->Listen(std::move(at)); }
  env::Address address() const override { return state_->address(); }
  Task<void> Stop(Instant deadline) override { return state_->Stop(deadline); }
  ServerStats stats() const override { return state_->stats(); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

std::shared_ptr<Server> NewServer(env::Env& env, Identity identity, Dispatcher& dispatcher,
                                  ServerOptions options, PeerHealth* health) {
  return std::make_shared<ServerImpl>(
      std::make_shared<State>(env, std::move(identity), dispatcher, options, health));
}

}  // namespace vlog::rpc

#include "env/sim/sim_network.h"

#include <utility>

#include "env/sim/sim_link.h"

namespace vlog::env {
namespace {

using LinkDone = async::Completer<StatusOr<std::shared_ptr<SimLink>>>;

constexpr Duration kAcceptPause = std::chrono::milliseconds(50);

class SimConnection final : public Connection {
 public:
  SimConnection(async::Scheduler& scheduler, std::shared_ptr<SimLink> link, int side)
      : scheduler_(scheduler), link_(std::move(link)), side_(side) {}
  ~SimConnection() override { link_->Abandon(side_); }

  Task<StatusOr<Bytes>> Read(size_t at_least) override {
    std::optional<StatusOr<Bytes>> ready = link_->TryRead(side_, at_least);
    if (ready.has_value()) co_return *std::move(ready);
    auto start = [link = link_, side = side_, at_least](SimLink::ReadDone done) {
      link->StartRead(side, at_least, std::move(done));
    };
    co_return co_await SimLink::ReadDone::Await(scheduler_, std::move(start));
  }
  void Consume(size_t bytes) override { link_->Consume(side_, bytes); }
  uint64_t received() const override { return link_->received(side_); }
  void Write(BytesList pieces) override { link_->Write(side_, std::move(pieces)); }
  size_t unsent() const override { return link_->unsent(side_); }
  Task<Status> AwaitUnsent(size_t at_most) override {
    std::optional<Status> ready = link_->TryAwaitUnsent(side_, at_most);
    if (ready.has_value()) co_return *std::move(ready);
    auto start = [link = link_, side = side_, at_most](SimLink::SentDone done) {
      link->StartAwaitUnsent(side, at_most, std::move(done));
    };
    co_return co_await SimLink::SentDone::Await(scheduler_, std::move(start));
  }
  void Close() override { link_->Close(side_); }
  std::string remote() const override { return link_->owner(1 - side_).host; }

 private:
  async::Scheduler& scheduler_;
  std::shared_ptr<SimLink> link_;
  const int side_;
};

Task<StatusOr<std::shared_ptr<SimLink>>> NextLink(async::Scheduler& scheduler,
                                                  std::shared_ptr<SimBacklog> backlog) {
  auto start = [backlog](LinkDone done) {
    backlog->acceptor = std::move(done);
    backlog->waiting = true;
    backlog->world->Post(backlog->life, [backlog] { SimBacklog::Tell(backlog); });
  };
  return LinkDone::Await(scheduler, std::move(start));
}

class SimListener final : public Listener {
 public:
  SimListener(SimFabric& fabric, async::Scheduler& scheduler, std::shared_ptr<SimBacklog> backlog,
              Address address)
      : fabric_(fabric),
        scheduler_(scheduler),
        backlog_(std::move(backlog)),
        address_(std::move(address)),
        failures_(std::make_shared<uint64_t>(0)) {}
  ~SimListener() override {
    backlog_->closed = true;
    for (const std::shared_ptr<SimLink>& link : backlog_->links) link->Abandon(1);
    LinkDone dropped = std::move(backlog_->acceptor);  // ends with kCancelled
  }

  Task<StatusOr<std::shared_ptr<Connection>>> Accept() override {
    return AcceptNext(fabric_, scheduler_, backlog_, failures_);
  }
  Address address() const override { return address_; }
  uint64_t accept_failures() const override { return *failures_; }

 private:
  static Task<StatusOr<std::shared_ptr<Connection>>> AcceptNext(
      SimFabric& fabric, async::Scheduler& scheduler, std::shared_ptr<SimBacklog> backlog,
      std::shared_ptr<uint64_t> failures) {
    while (fabric.HasAcceptShortage(backlog->host)) {
      ++*failures;
      Status slept = co_await scheduler.Sleep(kAcceptPause);
      VLOG_CO_RETURN_IF_ERROR(slept);
    }
    if (backlog->closed) co_return absl::CancelledError("the listener is closed");
    StatusOr<std::shared_ptr<SimLink>> link = co_await NextLink(scheduler, std::move(backlog));
    VLOG_CO_RETURN_IF_ERROR(link);
    std::shared_ptr<Connection> connection =
        std::make_shared<SimConnection>(scheduler, *std::move(link), 1);
    co_return connection;
  }

  SimFabric& fabric_;
  async::Scheduler& scheduler_;
  std::shared_ptr<SimBacklog> backlog_;
  Address address_;
  std::shared_ptr<uint64_t> failures_;
};

}  // namespace

SimNetwork::SimNetwork(SimFabric& fabric, async::Scheduler& scheduler, std::string host,
                       LifeId life)
    : fabric_(fabric), scheduler_(scheduler), host_(std::move(host)), life_(life) {
  fabric_.HostUp(host_, life_);
}

std::string SimNetwork::HostOf(const std::string& name) const {
  bool mine = name == "localhost" || name == "127.0.0.1" || name == "::1" || name == "0.0.0.0" ||
              name == "::";
  return mine ? host_ : name;
}

Task<StatusOr<std::shared_ptr<Connection>>> SimNetwork::Connect(Address to, Instant deadline) {
  to.host = HostOf(to.host);
  async::Scheduler& scheduler = scheduler_;
  auto start = [&fabric = fabric_, from = host_, life = life_, to, deadline](LinkDone done) {
    auto attempt = std::make_shared<SimAttempt>();
    attempt->from = from;
    attempt->life = life;
    attempt->to = to;
    attempt->deadline = deadline;
    attempt->done = std::move(done);
    fabric.Connect(std::move(attempt));
  };
  StatusOr<std::shared_ptr<SimLink>> link = co_await LinkDone::Await(scheduler_, std::move(start));
  VLOG_CO_RETURN_IF_ERROR(link);
  std::shared_ptr<Connection> connection =
      std::make_shared<SimConnection>(scheduler, *std::move(link), 0);
  co_return connection;
}

Task<StatusOr<std::shared_ptr<Listener>>> SimNetwork::Listen(Address at) {
  at.host = HostOf(at.host);
  if (at.host != host_) {
    co_return absl::InvalidArgumentError("cannot listen on " + at.ToString() +
                                         ": not an address of host " + host_);
  }
  if (at.port == 0) at.port = fabric_.FreePort();
  std::shared_ptr<SimBacklog> backlog = fabric_.Listen(at, life_);
  if (backlog == nullptr) {
    co_return absl::AlreadyExistsError("cannot listen on " + at.ToString() + ": it is taken");
  }
  std::shared_ptr<Listener> listener =
      std::make_shared<SimListener>(fabric_, scheduler_, std::move(backlog), std::move(at));
  co_return listener;
}

}  // namespace vlog::env

#include "env/real/real_network.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <vector>

#include "env/real/real_stream.h"

namespace vlog::env {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr int kBacklog = 1024;
constexpr Duration kAcceptPause = std::chrono::milliseconds(50);

std::string EndpointName(const tcp::endpoint& endpoint) {
  return Address{endpoint.address().to_string(), endpoint.port()}.ToString();
}

// ---- name resolution ----

struct Resolved {
  std::vector<tcp::endpoint> endpoints;
};
using ResolveDone = async::Completer<StatusOr<Resolved>>;

// Numeric addresses need no resolver, which has a thread of its own.
std::optional<Resolved> ParseNumeric(const Address& address) {
  ErrorCode error;
  auto ip = boost::asio::ip::make_address(address.host, error);
  if (error) return std::nullopt;
  Resolved resolved;
  resolved.endpoints.emplace_back(ip, address.port);
  return resolved;
}

Task<StatusOr<Resolved>> Resolve(async::Scheduler& scheduler, Address address, Instant deadline) {
  std::optional<Resolved> numeric = ParseNumeric(address);
  if (numeric.has_value()) co_return *std::move(numeric);
  auto start = [&scheduler, address, deadline](ResolveDone done) {
    auto shared = std::make_shared<ResolveDone>(std::move(done));
    auto resolver = std::make_shared<tcp::resolver>(scheduler.executor());
    auto timer = std::make_shared<boost::asio::steady_timer>(scheduler.executor());
    if (deadline != Instant::Max()) {
      timer->expires_at(std::chrono::steady_clock::time_point(deadline.since_start()));
      timer->async_wait([shared, resolver, address](const ErrorCode& error) {
        if (error) return;
        resolver->cancel();
        (*shared)(DisconnectError(Disconnect::kSilent, address.host + ": no answer to the name"));
      });
    }
    resolver->async_resolve(
        address.host, std::to_string(address.port),
        [shared, resolver, timer, address](const ErrorCode& error,
                                           const tcp::resolver::results_type& results) {
          timer->cancel();
          if (error) {
            (*shared)(SocketError(error, address.ToString()));
            return;
          }
          Resolved resolved;
          for (const auto& result : results) resolved.endpoints.push_back(result.endpoint());
          (*shared)(std::move(resolved));
        });
  };
  co_return co_await ResolveDone::Await(scheduler, std::move(start));
}

// ---- connecting ----

using Socket = RealStream::Socket;
using ConnectDone = async::Completer<StatusOr<std::shared_ptr<Connection>>>;

// One attempt at one endpoint. Shared by its two handlers; the first one to come decides.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(async::Scheduler& scheduler, std::string remote, ConnectDone done)
      : scheduler_(scheduler),
        remote_(std::move(remote)),
        socket_(scheduler.executor()),
        timer_(scheduler.executor()),
        done_(std::move(done)) {}

  void Start(const tcp::endpoint& endpoint, Instant deadline) {
    if (deadline != Instant::Max()) {
      timer_.expires_at(std::chrono::steady_clock::time_point(deadline.since_start()));
      timer_.async_wait([self = shared_from_this()](const ErrorCode& error) {
        if (!error) self->OnTimer();
      });
    }
    socket_.async_connect(endpoint, [self = shared_from_this()](const ErrorCode& error) {
      self->OnConnected(error);
    });
  }

 private:
  void OnTimer() {
    ErrorCode ignored;
    socket_.close(ignored);
    Finish(DisconnectError(Disconnect::kSilent, remote_ + ": no answer in time"));
  }
  void OnConnected(const ErrorCode& error) {
    if (finished_) return;
    timer_.cancel();
    if (!error) {
      Finish(NewRealConnection(scheduler_, std::move(socket_), remote_));
    } else if (error == boost::asio::error::no_descriptors) {
      Finish(absl::UnavailableError(remote_ + ": " + error.message()));
    } else {
      Finish(SocketError(error, remote_));
    }
  }
  void Finish(StatusOr<std::shared_ptr<Connection>> result) {
    finished_ = true;
    ConnectDone done = std::move(done_);
    done(std::move(result));
  }

  async::Scheduler& scheduler_;
  const std::string remote_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  bool finished_ = false;
  ConnectDone done_;
};

Task<StatusOr<std::shared_ptr<Connection>>> ConnectTo(async::Scheduler& scheduler,
                                                      tcp::endpoint endpoint, Instant deadline) {
  auto start = [&scheduler, endpoint, deadline](ConnectDone done) {
    auto attempt = std::make_shared<Attempt>(scheduler, EndpointName(endpoint), std::move(done));
    attempt->Start(endpoint, deadline);
  };
  return ConnectDone::Await(scheduler, std::move(start));
}

// ---- listening ----

using AcceptDone = async::Completer<StatusOr<std::shared_ptr<Connection>>>;

// Shared with the accept that waits: the listener may be destroyed meanwhile.
struct Acceptor {
  explicit Acceptor(async::Scheduler& scheduler)
      : scheduler(scheduler), acceptor(scheduler.executor()) {}
  async::Scheduler& scheduler;
  tcp::acceptor acceptor;
  uint64_t failures = 0;
};

StatusOr<std::shared_ptr<Connection>> Accepted(Acceptor& acceptor, const ErrorCode& error,
                                               Socket socket) {
  if (!acceptor.acceptor.is_open()) return absl::CancelledError("the listener is closed");
  // No descriptors or memory, or a connection that ended before it was taken: the next one counts.
  if (error) return absl::ResourceExhaustedError(error.message());
  ErrorCode gone;
  tcp::endpoint remote = socket.remote_endpoint(gone);
  return NewRealConnection(acceptor.scheduler, std::move(socket), EndpointName(remote));
}

Task<StatusOr<std::shared_ptr<Connection>>> AcceptOnce(std::shared_ptr<Acceptor> acceptor) {
  auto start = [acceptor](AcceptDone done) {
    auto shared = std::make_shared<AcceptDone>(std::move(done));
    auto accepted = [acceptor, shared](const ErrorCode& error, Socket socket) {
      (*shared)(Accepted(*acceptor, error, std::move(socket)));
    };
    acceptor->acceptor.async_accept(std::move(accepted));
  };
  return AcceptDone::Await(acceptor->scheduler, std::move(start));
}

Task<StatusOr<std::shared_ptr<Connection>>> AcceptNext(std::shared_ptr<Acceptor> acceptor) {
  for (;;) {
    StatusOr<std::shared_ptr<Connection>> accepted = co_await AcceptOnce(acceptor);
    if (!absl::IsResourceExhausted(accepted.status())) co_return accepted;
    ++acceptor->failures;
    Status slept = co_await acceptor->scheduler.Sleep(kAcceptPause);
    VLOG_CO_RETURN_IF_ERROR(slept);
  }
}

class RealListener final : public Listener {
 public:
  RealListener(std::shared_ptr<Acceptor> acceptor, Address address)
      : acceptor_(std::move(acceptor)), address_(std::move(address)) {}
  ~RealListener() override {
    ErrorCode ignored;
    acceptor_->acceptor.close(ignored);
  }

  Task<StatusOr<std::shared_ptr<Connection>>> Accept() override { return AcceptNext(acceptor_); }
  Address address() const override { return address_; }
  uint64_t accept_failures() const override { return acceptor_->failures; }

 private:
  std::shared_ptr<Acceptor> acceptor_;
  Address address_;
};

Status ListenError(const ErrorCode& error, const Address& at) {
  std::string message = "cannot listen on " + at.ToString() + ": " + error.message();
  if (error == boost::asio::error::address_in_use) return absl::AlreadyExistsError(message);
  if (error.value() == EADDRNOTAVAIL || error.value() == EACCES) {
    return absl::InvalidArgumentError(message);
  }
  return absl::UnavailableError(message);
}

Status OpenAcceptor(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, const Address& at) {
  ErrorCode error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return ListenError(error, at);
  return absl::OkStatus();
}

}  // namespace

Task<StatusOr<std::shared_ptr<Connection>>> RealNetwork::Connect(Address to, Instant deadline) {
  StatusOr<Resolved> resolved = co_await Resolve(scheduler_, to, deadline);
  VLOG_CO_RETURN_IF_ERROR(resolved);
  StatusOr<std::shared_ptr<Connection>> last =
      DisconnectError(Disconnect::kUnreachable, to.ToString() + ": the name has no address");
  // A refusal says more than the silence of another address of the same name.
  for (const tcp::endpoint& endpoint : resolved->endpoints) {
    StatusOr<std::shared_ptr<Connection>> next = co_await ConnectTo(scheduler_, endpoint, deadline);
    if (next.ok() || absl::IsCancelled(next.status())) co_return next;
    if (DisconnectOf(last.status()) != Disconnect::kRefused) last = std::move(next);
  }
  co_return last;
}

Task<StatusOr<std::shared_ptr<Listener>>> RealNetwork::Listen(Address at) {
  StatusOr<Resolved> resolved = co_await Resolve(scheduler_, at, Instant::Max());
  VLOG_CO_RETURN_IF_ERROR(resolved);
  if (resolved->endpoints.empty()) {
    co_return absl::InvalidArgumentError(at.ToString() + ": the name has no address");
  }
  auto acceptor = std::make_shared<Acceptor>(scheduler_);
  Status opened = OpenAcceptor(acceptor->acceptor, resolved->endpoints.front(), at);
  VLOG_CO_RETURN_IF_ERROR(opened);
  at.port = acceptor->acceptor.local_endpoint().port();
  std::shared_ptr<Listener> listener =
      std::make_shared<RealListener>(std::move(acceptor), std::move(at));
  co_return listener;
}

}  // namespace vlog::env

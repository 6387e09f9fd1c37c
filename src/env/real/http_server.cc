#include "env/real/http_server.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <map>
#include <optional>
#include <set>

#include "base/check.h"
#include "env/network.h"

namespace vlog::env {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

using Executor = boost::asio::any_io_executor;
using Acceptor = boost::asio::basic_socket_acceptor<tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

// What is read and thrown away after a refusal, so that the client gets to see the answer: closing
// with unread bytes would reset the connection under it.
constexpr size_t kMaxDrainBytes = 1 << 20;
constexpr std::chrono::seconds kDrainTime(2);

HttpResponse Refusal(int status, std::string why) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(why) + "\n";
  return response;
}

HttpRequest SplitTarget(std::string_view target) {
  HttpRequest request;
  size_t question = std::min(target.find('?'), target.size());
  request.path = std::string(target.substr(0, question));
  request.query = std::string(target.substr(std::min(question + 1, target.size())));
  return request;
}

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  class Session;

  Impl(Executor executor, HttpServerOptions options)
      : executor_(executor), options_(options), acceptor_(executor), retry_(executor) {}

  Status Open(const std::string& address);
  void Start() { Accept(); }
  void Stop();
  std::string address() const;
  HttpServerStats stats() const {
    HttpServerStats stats = stats_;
    stats.connections = sessions_.size();
    return stats;
  }
  void Route(std::string path, HttpHandler handler) {
    VLOG_CHECK(!path.empty() && path[0] == '/', "a route is a path");
    bool added = handlers_.emplace(std::move(path), std::move(handler)).second;
    VLOG_CHECK(added, "a path has one handler");
  }

  // The answer to a request that is well formed.
  HttpResponse Answer(const HttpRequest& request);
  void CountRequest(bool refused) {
    ++stats_.requests;
    stats_.rejected += refused;
  }
  void Leave(Session* session) {
    sessions_.erase(session);
    if (!stopped_ && !accepting_) Accept();
  }
  const HttpServerOptions& options() const { return options_; }
  bool stopped() const { return stopped_; }

 private:
  void Accept();
  void Accepted(const ErrorCode& error, tcp::socket socket);

  Executor executor_;
  HttpServerOptions options_;
  Acceptor acceptor_;
  Timer retry_;
  std::map<std::string, HttpHandler> handlers_;
  std::set<Session*> sessions_;  // each lives as long as it has an operation under way
  HttpServerStats stats_;
  bool accepting_ = false;
  bool stopped_ = false;
};

// One connection: read a header, answer, again.
class HttpServer::Impl::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Impl> server, tcp::socket socket)
      : server_(std::move(server)), stream_(std::move(socket)) {}
  ~Session() { server_->Leave(this); }

  void Read() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(server_->options().max_header_bytes));
    stream_.expires_after(server_->options().idle_timeout);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](const ErrorCode& error, size_t) { self->HaveHeader(error); });
  }
  void Abort() {
    stream_.cancel();
    stream_.close();
  }

 private:
  void HaveHeader(const ErrorCode& error) {
    if (server_->stopped()) return;
    if (error == http::error::header_limit) {
      Refuse(431, "the header is too long");
    } else if (error == http::error::bad_version) {
      Refuse(505, "HTTP/1.0 and HTTP/1.1 are spoken here");
    } else if (error == http::error::end_of_stream || error == beast::error::timeout) {
      Close();
    } else if (error.category() == http::make_error_code(http::error::bad_method).category()) {
      Refuse(400, "malformed request");
    } else if (!error) {
      Judge();
    }
    // Else the connection broke, and goes with this.
  }

  void Judge() {
    const auto& header = parser_->get();
    version_ = header.version();
    bool readable = header.method() == http::verb::get || header.method() == http::verb::head;
    if (!readable) {
      Refuse(405, "only GET and HEAD are served here");
    } else if (!parser_->is_done() || parser_->chunked()) {
      Refuse(400, "a body makes no sense here");
    } else if (header.version() == 11 && header.count(http::field::host) != 1) {
      Refuse(400, "one Host is needed");
    } else {
      beast::string_view target = header.target();
      HttpRequest request = SplitTarget(std::string_view(target.data(), target.size()));
      HttpResponse response = server_->Answer(request);
      Write(response, header.method() == http::verb::head, header.keep_alive());
    }
  }

  void Refuse(int status, std::string why) {
    server_->CountRequest(true);
    refused_ = true;
    Write(Refusal(status, std::move(why)), false, false);
  }

  void Write(const HttpResponse& response, bool head, bool keep_alive) {
    response_ = {};
    response_.version(version_);
    response_.result(static_cast<unsigned>(response.status));
    response_.set(http::field::content_type, response.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    if (response.status == 405) response_.set(http::field::allow, "GET, HEAD");
    response_.content_length(response.body.size());
    response_.keep_alive(keep_alive);
    if (!head) response_.body() = response.body;
    serializer_.emplace(response_);
    stream_.expires_after(server_->options().idle_timeout);
    http::async_write(stream_, *serializer_,
                      [self = shared_from_this(), keep_alive](const ErrorCode& error, size_t) {
                        self->Written(error, keep_alive);
                      });
  }

  void Written(const ErrorCode& error, bool keep_alive) {
    if (error || server_->stopped()) return;
    if (keep_alive) {
      Read();
    } else {
      Close();
    }
  }

  void Close() {
    ErrorCode ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (!refused_ || ignored) return;
    stream_.expires_after(kDrainTime);
    Drain();
  }

  void Drain() {
    stream_.async_read_some(boost::asio::buffer(scratch_),
                            [self = shared_from_this()](const ErrorCode& error, size_t bytes) {
                              self->drained_ += bytes;
                              bool enough = self->drained_ > kMaxDrainBytes;
                              if (error || enough || self->server_->stopped()) return;
                              self->Drain();
                            });
  }

  std::shared_ptr<Impl> server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  unsigned version_ = 11;
  bool refused_ = false;
  size_t drained_ = 0;
  std::array<char, 4096> scratch_;
};

Status HttpServer::Impl::Open(const std::string& address) {
  StatusOr<Address> parsed = Address::Parse(address);
  VLOG_RETURN_IF_ERROR(parsed);
  ErrorCode error;
  tcp::resolver resolver(executor_);
  auto found =
      resolver.resolve(parsed->host, std::to_string(parsed->port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return absl::UnavailableError("look up " + parsed->host + ": " + error.message());
  }
  tcp::endpoint endpoint = *found.begin();
  auto failed = [&](const char* step) {
    std::string message = std::string(step) + " " + address + ": " + error.message();
    return error == boost::asio::error::address_in_use
               ? absl::AlreadyExistsError(message + "; another process listens there")
               : absl::UnavailableError(message);
  };
  acceptor_.open(endpoint.protocol(), error);
  if (error) return failed("open a socket for");
  // A node that restarts takes its port back at once.
  acceptor_.set_option(Acceptor::reuse_address(true), error);
  if (error) return failed("set up");
  acceptor_.bind(endpoint, error);
  if (error) return failed("bind");
  acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) return failed("listen on");
  return absl::OkStatus();
}

std::string HttpServer::Impl::address() const {
  ErrorCode error;
  tcp::endpoint endpoint = acceptor_.local_endpoint(error);
  if (error) return "";
  return Address{endpoint.address().to_string(), endpoint.port()}.ToString();
}

void HttpServer::Impl::Stop() {
  stopped_ = true;
  ErrorCode ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  for (Session* session : std::set<Session*>(sessions_)) session->Abort();
}

void HttpServer::Impl::Accept() {
  if (sessions_.size() >= options_.max_connections) return;  // Leave() goes on
  accepting_ = true;
  acceptor_.async_accept([self = shared_from_this()](const ErrorCode& error, tcp::socket socket) {
    self->accepting_ = false;
    self->Accepted(error, std::move(socket));
  });
}

void HttpServer::Impl::Accepted(const ErrorCode& error, tcp::socket socket) {
  if (stopped_) return;
  if (!error) {
    auto session = std::make_shared<Session>(shared_from_this(), std::move(socket));
    sessions_.insert(session.get());
    session->Read();
    Accept();
    return;
  }
  ++stats_.accept_errors;
  accepting_ = true;
  retry_.expires_after(options_.accept_retry);
  retry_.async_wait([self = shared_from_this()](const ErrorCode&) {
    self->accepting_ = false;
    if (!self->stopped_) self->Accept();
  });
}

HttpResponse HttpServer::Impl::Answer(const HttpRequest& request) {
  auto handler = handlers_.find(request.path);
  bool found = handler != handlers_.end();
  CountRequest(!found);
  return found ? handler->second(request) : Refusal(404, "there is no such page");
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { impl_->Stop(); }

StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(boost::asio::any_io_executor executor,
                                                         const std::string& address,
                                                         HttpServerOptions options) {
  auto impl = std::make_shared<Impl>(std::move(executor), options);
  Status opened = impl->Open(address);
  VLOG_RETURN_IF_ERROR(opened);
  impl->Start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::Route(std::string path, HttpHandler handler) {
  impl_->Route(std::move(path), std::move(handler));
}

std::string HttpServer::address() const { return impl_->address(); }

HttpServerStats HttpServer::stats() const { return impl_->stats(); }

}  // namespace vlog::env

// A small HTTP/1.1 server for a node's status pages: GET and HEAD of fixed paths, answered at once
// on the loop. Not for the world: no TLS, no authentication, no bodies.
//
//   404  no such path      405  another method      400  malformed, or with a body
//   431  the header is too long                     505  another version of HTTP
//
// What is malformed gets its answer, closes that connection and harms no other. A client that is
// too slow, in asking or in taking the answer, is cut off. When all places are taken, or the
// process is out of descriptors, connections wait in the system's queue until one is free.
#ifndef VLOG_ENV_REAL_HTTP_SERVER_H_
#define VLOG_ENV_REAL_HTTP_SERVER_H_

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::env {

struct HttpServerOptions {
  size_t max_connections = 64;
  size_t max_header_bytes = 8 << 10;
  // For a whole request, idle time before it included, and for a whole answer.
  Duration idle_timeout = std::chrono::seconds(10);
  // After a failed accept (descriptors exhausted, say), before the next.
  Duration accept_retry = std::chrono::milliseconds(100);
};

struct HttpRequest {
  std::string path;   // "/status"
  std::string query;  // "verbose=1"; not decoded
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Answers at once: it runs on the loop.
using HttpHandler = absl::AnyInvocable<HttpResponse(const HttpRequest&)>;

struct HttpServerStats {
  uint64_t connections = 0;  // open now
  uint64_t requests = 0;     // answered, with whatever status
  uint64_t rejected = 0;     // of them, with a status of 400 or more that no handler gave
  uint64_t accept_errors = 0;
};

// Thread rule: everything on the executor, which is serial. Destroy it before the executor's loop.
class HttpServer {
 public:
  // Binds "HOST:PORT" (a name is looked up now, which may block; port 0: any that is free) and
  // listens. kInvalidArgument: no such notation. kAlreadyExists: the address is in use.
  // kUnavailable: anything else; says which step.
  static StatusOr<std::unique_ptr<HttpServer>> Listen(boost::asio::any_io_executor executor,
                                                      const std::string& address,
                                                      HttpServerOptions options = {});
  // Closes all connections at once. Their last handlers find nothing to do.
  ~HttpServer();

  // REQUIRES: `path` begins with '/' and has no handler; called before the loop serves.
  void Route(std::string path, HttpHandler handler);

  // "127.0.0.1:7480", with the port that it got.
  std::string address() const;
  HttpServerStats stats() const;

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_HTTP_SERVER_H_

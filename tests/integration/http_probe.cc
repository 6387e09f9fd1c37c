// Serves a few pages on a port of its own, which it prints, until stdin ends. For http_test.py.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>
#include <string>

#include "base/json_text.h"
#include "env/real/http_server.h"
#include "server/metrics.h"

int main() {
  using vlog::env::HttpRequest;
  using vlog::env::HttpResponse;
  using vlog::env::HttpServer;
  boost::asio::io_context loop(1);
  vlog::env::HttpServerOptions options;
  options.max_connections = 8;
  options.max_header_bytes = 4096;
  options.idle_timeout = std::chrono::seconds(1);
  auto server = HttpServer::Listen(loop.get_executor(), "127.0.0.1:0", options);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", vlog::Message(server.status()).c_str());
    return 1;
  }
  vlog::server::MetricsRegistry metrics;
  vlog::server::Counter& hits =
      metrics.AddCounter("hits_total", "Requests of /metrics.", {{"page", "a\"b\\c\nd"}});
  metrics.AddHistogram("wait_seconds", "A histogram.", vlog::server::kNanoseconds).Record(10'000);
  (*server)->Route("/healthz", [](const HttpRequest&) {
    HttpResponse response;
    response.body = "ok\n";
    return response;
  });
  (*server)->Route("/status", [&](const HttpRequest& request) {
    vlog::JsonObject json;
    json.Text("query", request.query).Number("connections", (*server)->stats().connections);
    json.Number("accept_errors", (*server)->stats().accept_errors);
    HttpResponse response;
    response.content_type = "application/json";
    response.body = json.Finish();
    return response;
  });
  (*server)->Route("/metrics", [&](const HttpRequest&) {
    hits.Add();
    HttpResponse response;
    response.content_type = vlog::server::kMetricsContentType;
    response.body = metrics.Text();
    return response;
  });
  (*server)->Route("/down", [](const HttpRequest&) {
    HttpResponse response;
    response.status = 503;
    response.body = "not yet\n";
    return response;
  });
  (*server)->Route("/large", [](const HttpRequest&) {
    HttpResponse response;
    response.body = std::string(32 << 20, 'x');
    return response;
  });
  std::printf("%s\n", (*server)->address().c_str());
  std::fflush(stdout);
  boost::asio::posix::stream_descriptor input(loop, ::dup(0));
  char byte = 0;
  input.async_read_some(boost::asio::buffer(&byte, 1), [&](const auto&, size_t) {
    *server = nullptr;
    // What is left on the loop ends by itself, or this hangs and the test sees it.
  });
  loop.run();
  return 0;
}

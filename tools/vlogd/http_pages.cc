#include "http_pages.h"

#include "process_stats.h"
#include "server/metrics.h"
#include "server/node_pages.h"

namespace vlog::vlogd {

void RoutePages(env::HttpServer& http, const server::Node& node) {
  using env::HttpRequest;
  using env::HttpResponse;
  http.Route("/healthz", [&node](const HttpRequest&) {
    server::Health health = server::HealthOf(node.status());
    HttpResponse response;
    response.status = health.healthy ? 200 : 503;
    response.body = std::move(health.text);
    return response;
  });
  http.Route("/status", [&node](const HttpRequest&) {
    HttpResponse response;
    response.content_type = "application/json";
    response.body = server::StatusJson(node.status()) + "\n";
    return response;
  });
  http.Route("/metrics", [&node](const HttpRequest&) {
    HttpResponse response;
    response.content_type = server::kMetricsContentType;
    response.body = server::MetricsText(node.status(), ReadProcessStats());
    return response;
  });
}

}  // namespace vlog::vlogd

// The pages of a node over HTTP: /healthz, /status, /metrics.
#ifndef VLOG_TOOLS_VLOGD_HTTP_PAGES_H_
#define VLOG_TOOLS_VLOGD_HTTP_PAGES_H_

#include "env/real/http_server.h"
#include "server/node.h"

namespace vlog::vlogd {

// The node outlives the server.
void RoutePages(env::HttpServer& http, const server::Node& node);

}  // namespace vlog::vlogd

#endif  // VLOG_TOOLS_VLOGD_HTTP_PAGES_H_

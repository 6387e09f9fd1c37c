// The counters of a node's rpc server by the names that both pages give them. Internal to the
// pages.
#ifndef VLOG_SERVER_NODE_FIGURES_H_
#define VLOG_SERVER_NODE_FIGURES_H_

#include <cstdint>
#include <vector>

#include "rpc/server.h"

namespace vlog::server {

// One line of the metrics page, and one field of the status page.
struct RpcFigure {
  const char* field;
  const char* metric;
  const char* help;
  uint64_t value;
};

std::vector<RpcFigure> RpcCounters(const rpc::ServerStats& stats);

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_FIGURES_H_

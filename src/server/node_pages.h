// A node's status in the forms that programs read. Pure.
#ifndef VLOG_SERVER_NODE_PAGES_H_
#define VLOG_SERVER_NODE_PAGES_H_

#include <string>

#include "server/node_status.h"

namespace vlog::server {

// What the operating system says about the process.
struct ProcessStats {
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_files = 0;
  uint64_t threads = 0;
};

// One JSON object. 64-bit ids are hexadecimal text, as in configurations; node numbers, boot
// numbers and positions are numbers.
std::string StatusJson(const NodeStatus& status);

// The page that Prometheus reads.
std::string MetricsText(const NodeStatus& status, const ProcessStats& process);

// For load balancers and supervisors: whether the node does its work, and a line that says why not.
struct Health {
  bool healthy = false;
  std::string text;
};
Health HealthOf(const NodeStatus& status);

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_PAGES_H_

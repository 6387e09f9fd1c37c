// This machine's loopback address: free ports, and a look at a page.
#ifndef VLOG_TOOLS_LOCAL_CLUSTER_LOOPBACK_H_
#define VLOG_TOOLS_LOCAL_CLUSTER_LOOPBACK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace vlog::local_cluster {

inline constexpr char kLoopback[] = "127.0.0.1";

// Different ports on which nobody listens now; somebody else may take one a moment later. They lie
// below those that the system hands out to outgoing connections, or one of these could take the
// port of a node that is down. kResourceExhausted: there are too few.
StatusOr<std::vector<uint16_t>> FreePorts(size_t count);

// Status code and body of a page on loopback. Blocks for a second at most. kUnavailable: nobody
// listens, or the answer is none.
struct Page {
  int code = 0;
  std::string body;
};
StatusOr<Page> GetPage(uint16_t port, const std::string& path);

}  // namespace vlog::local_cluster

#endif  // VLOG_TOOLS_LOCAL_CLUSTER_LOOPBACK_H_

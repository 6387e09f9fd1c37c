// Who this process is, as the first frame of each connection tells the peer.
#ifndef VLOG_RPC_IDENTITY_H_
#define VLOG_RPC_IDENTITY_H_

#include <string>

#include "base/ids.h"

namespace vlog::rpc {

struct Identity {
  ClusterId cluster;        // 0: not known yet; matches any
  NodeId node;              // 0: a client
  Incarnation incarnation;  // the node's boot number; 0: a client
  DiskId disk;              // 0: a client
  uint64_t instance = 0;    // random, one a process (Env::RandomId())
  std::string process;      // Env::ProcessName(), for messages
};

}  // namespace vlog::rpc

#endif  // VLOG_RPC_IDENTITY_H_

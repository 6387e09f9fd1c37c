// Listens, accepts, and feeds the requests of its connections to a dispatcher.
#ifndef VLOG_RPC_SERVER_H_
#define VLOG_RPC_SERVER_H_

#include <cstdint>
#include <memory>

#include "async/task.h"
#include "env/env.h"
#include "env/network.h"
#include "rpc/dispatcher.h"
#include "rpc/identity.h"
#include "rpc/limits.h"
#include "rpc/peer_health.h"

namespace vlog::rpc {

struct ServerOptions {
  ServerLimits limits;
  KeepAlive keep_alive;
};

// Counts since the start; each is one line of the metrics page.
struct ServerStats {
  uint64_t accepted = 0;
  uint64_t refused_handshakes = 0;   // other cluster, version, node; old copies
  uint64_t refused_connections = 0;  // over max_connections
  uint64_t malformed = 0;            // connections closed for what they sent
  uint64_t silent = 0;               // connections closed for keeping silent
  uint64_t requests = 0;
  uint64_t replies = 0;
  uint64_t errors = 0;  // replies that carried an error
  uint64_t unknown_methods = 0;
  uint64_t paused_reads = 0;     // a limit made the server stop reading
  uint64_t accept_failures = 0;  // no file descriptor left
  size_t connections = 0;        // now
  size_t bytes = 0;              // now, counted against max_total_bytes
};

// A connection that sends anything malformed is told why, counted and closed; the others do not
// notice.
//
// Thread rule: the scheduler's executor. Env, dispatcher and health (may be null) outlive it.
// Destroying a server drops its connections; stop it first for an orderly end.
class Server {
 public:
  virtual ~Server() = default;

  // Errors as Network::Listen.
  virtual Task<Status> Listen(env::Address at) = 0;
  // What it listens on. REQUIRES: Listen() succeeded.
  virtual env::Address address() const = 0;
  // Stops accepting and reading, waits until the requests that have arrived are answered and sent,
  // or until `deadline`, then closes. Idempotent.
  virtual Task<void> Stop(Instant deadline) = 0;
  virtual ServerStats stats() const = 0;
};

std::shared_ptr<Server> NewServer(env::Env& env, Identity identity, Dispatcher& dispatcher,
                                  ServerOptions options, PeerHealth* health);

}  // namespace vlog::rpc

#endif  // VLOG_RPC_SERVER_H_

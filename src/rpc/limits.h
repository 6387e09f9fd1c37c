// Bounds of the rpc layer. Every length that a peer names is compared with them before anything is
// allocated for it.
#ifndef VLOG_RPC_LIMITS_H_
#define VLOG_RPC_LIMITS_H_

#include <cstddef>

#include "base/time.h"

namespace vlog::rpc {

// A received payload below this size is copied out of the receive buffer; a larger one is a window
// on it. So what is kept for long pins at most env::kReceiveBufferBytes / kCopyBelow = 16 times its
// own size, and less than 1.1 times from 1 MiB on.
inline constexpr size_t kCopyBelow = 4096;

// Memory of a server:  connections * 64 KiB  +  16 * max_total_bytes (worst case of pinning), plus
// what handlers keep after they answered.
struct ServerLimits {
  size_t max_header_bytes = 256 * 1024;
  size_t max_payload_bytes = 4 << 20;  // a record of 1 MiB, or a few batches
  size_t max_connections = 1000;
  // Of one connection; beyond them the server does not read from it until it falls.
  size_t max_requests = 4096;           // received, not answered
  size_t max_request_bytes = 16 << 20;  // the same, in bytes
  size_t max_unsent_bytes = 16 << 20;   // answered, not yet taken by the system
  // Requests and replies of all connections together.
  size_t max_total_bytes = 256 << 20;
  Duration handshake_timeout = std::chrono::seconds(5);
};

// Memory of a channel: 64 KiB + max_pending_bytes, and 16 * the replies that have not been read.
struct ChannelLimits {
  size_t max_header_bytes = 256 * 1024;
  size_t max_payload_bytes = 4 << 20;
  // Calls without a reply; beyond them a call fails with kResourceExhausted at once.
  size_t max_pending_calls = 65536;
  size_t max_pending_bytes = 64 << 20;
  Duration connect_timeout = std::chrono::seconds(1);  // for the handshake as well
  // The pause after a failed attempt; doubles from one to the next, each with random jitter of up
  // to a half. Calls made in the pause fail at once.
  Duration min_backoff = std::chrono::milliseconds(10);
  Duration max_backoff = std::chrono::milliseconds(200);
};

// Both ends: a side that sent nothing for `ping_every` sends a ping; one that heard nothing in
// `dead_after_checks` checks, one every `ping_every`, gives the connection up as silent. A process
// that was stopped makes one check when it wakes and thus reads what waits for it first.
struct KeepAlive {
  Duration ping_every = std::chrono::milliseconds(500);
  int dead_after_checks = 6;
};

}  // namespace vlog::rpc

#endif  // VLOG_RPC_LIMITS_H_

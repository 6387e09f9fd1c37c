// The network as rpc sees it: ordered byte streams between addresses.
//
// Contract (checked by tests/contract/network_contract_test for the real and the simulated
// network):
// - What arrives on a connection is a prefix of what the peer wrote, in order and unchanged. A
//   stream never loses bytes in its middle: a loss shows as a stall, later as a reset.
// - Bytes of different connections have no order among each other, not even between an old
//   connection of one peer and the new one that replaces it.
// - An error of a connection is final, and is kUnavailable with a Disconnect. That bytes were
//   written says nothing about whether they arrived.
// - kCancelled: the node stops, or the object is being destroyed.
//
// Thread rule: all calls and completions on the scheduler's executor.
#ifndef VLOG_ENV_NETWORK_H_
#define VLOG_ENV_NETWORK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "async/task.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::env {

// A host (name, IPv4 or IPv6 address, without brackets) and a port.
struct Address {
  std::string host;
  uint16_t port = 0;

  // "host:port", "[v6]:port". kInvalidArgument says what is wrong with `text`.
  static StatusOr<Address> Parse(const std::string& text);
  std::string ToString() const;
  friend auto operator<=>(const Address&, const Address&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Address& address) {
    return out << address.ToString();
  }
};

// Why there is no connection. A monitor tells a process that is gone from one that is silent.
enum class Disconnect {
  kRefused,      // the host answered: nobody listens there
  kUnreachable,  // no route, or no such host
  kSilent,       // no answer in time
  kReset,        // the peer, its host or the network tore the stream
  kClosed,       // the peer closed it in good order
  kClosedHere,   // this side closed it
};
const char* ToString(Disconnect reason);

// kUnavailable with `reason`, which Annotate() drops.
Status DisconnectError(Disconnect reason, const std::string& message);
// The reason, if `status` carries one.
std::optional<Disconnect> DisconnectOf(const Status& status);

class Connection {
 public:
  // Without Close(), what is queued is dropped and the peer may see a reset.
  virtual ~Connection() = default;

  // Waits until at least `at_least` received bytes have not been consumed, and returns all of them,
  // contiguous: a window on the receive buffer, which lives as long as any slice of it. Receives
  // only while somebody reads, so a slow reader slows the writer.
  // Memory: a buffer has kReceiveBufferBytes, or `at_least` and a page if that is more, and any
  // slice pins all of it: whoever keeps a small slice for long copies it.
  // REQUIRES: one Read at a time; at_least > 0, and bounded by the caller before it believes a
  // peer.
  virtual Task<StatusOr<Bytes>> Read(size_t at_least) = 0;
  // The next Read() starts `bytes` later. REQUIRES: the last Read() returned that many and they
  // were not consumed yet.
  virtual void Consume(size_t bytes) = 0;

  // Bytes that ever arrived here, consumed or not: a sign of life of the peer.
  virtual uint64_t received() const = 0;

  // Queues `pieces` behind what was written before; never blocks. Everything that is queued in one
  // turn of the executor goes out in one system call. Nothing happens on a broken connection. The
  // pieces of one call stay together (the simulated network duplicates whole calls, if told to).
  virtual void Write(BytesList pieces) = 0;
  // Bytes that were written and that the system has not taken yet.
  virtual size_t unsent() const = 0;
  // Waits until unsent() <= `at_most`. REQUIRES: one at a time.
  virtual Task<Status> AwaitUnsent(size_t at_most) = 0;

  // Ends reads here with kClosedHere; what is queued is still sent, for at most kCloseLinger, then
  // the peer sees the end. Idempotent.
  virtual void Close() = 0;

  // The peer's address, for messages.
  virtual std::string remote() const = 0;
};

inline constexpr size_t kReceiveBufferBytes = 64 * 1024;
inline constexpr Duration kCloseLinger = std::chrono::seconds(1);

class Listener {
 public:
  // Stops listening; an Accept() that waits ends with kCancelled.
  virtual ~Listener() = default;
  // The next connection. When the process has no file descriptor left it waits and tries again;
  // existing connections go on meanwhile. REQUIRES: one Accept at a time.
  virtual Task<StatusOr<std::shared_ptr<Connection>>> Accept() = 0;
  // What it listens on; the port that the system chose if 0 was asked for.
  virtual Address address() const = 0;
  // How often Accept() had to wait for a file descriptor.
  virtual uint64_t accept_failures() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  // kUnavailable with kRefused, kUnreachable or, at the deadline, kSilent. Small writes leave at
  // once (no Nagle delay).
  virtual Task<StatusOr<std::shared_ptr<Connection>>> Connect(Address to, Instant deadline) = 0;
  // kAlreadyExists while another socket listens there, kInvalidArgument for an address that is not
  // this host's, else kUnavailable.
  virtual Task<StatusOr<std::shared_ptr<Listener>>> Listen(Address at) = 0;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_NETWORK_H_

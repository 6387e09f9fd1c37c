// The caller's end of rpc: one peer, whose connection comes and goes.
#ifndef VLOG_RPC_CHANNEL_H_
#define VLOG_RPC_CHANNEL_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "async/task.h"
#include "env/env.h"
#include "env/network.h"
#include "rpc/identity.h"
#include "rpc/limits.h"
#include "rpc/message.h"
#include "rpc/peer_health.h"

namespace vlog::rpc {

// One call. A declared constructor makes it safe beside co_await.
struct Call {
  Call() = default;
  Call(Method method, std::string header, Payload payload, Instant deadline)
      : method(method),
        header(std::move(header)),
        payload(std::move(payload)),
        deadline(deadline) {}

  Method method = 0;
  std::string header;
  Payload payload;
  Instant deadline = Instant::Max();
  // If set, the call is sent only to a process with this disk and this incarnation, which the
  // handshake told; a connection never changes hands. Else it fails with the Refusal.
  DiskId disk;
  Incarnation incarnation;
};

using CallDone = absl::AnyInvocable<void(StatusOr<Reply>)>;

// Requests leave in the order of the calls, on one connection at a time, and their handlers start
// in that order. Replies come in any order. A call is sent at most once; nothing is ever re-sent.
//
// How a call ends:
//   OK, or the handler's own error with its code, message and detail
//   kUnavailable        certainly not sent; DisconnectOf() says why there is no connection
//   kNotFound           the peer is not the one that was meant; RefusalOf() says in what
//   kUnknown            sent, perhaps: the connection was lost (DisconnectOf() says how) or the
//                       deadline passed (kSilent)
//   kResourceExhausted  too many calls or bytes pending; not sent
//   kInvalidArgument    larger than the limits; not sent
//   kCancelled          the node stops or the channel is gone; the handler may have run
//
// Thread rule: the scheduler's executor.
class Channel {
 public:
  virtual ~Channel() = default;

  // `done` runs later, never inside this call. No coroutine, no timer of its own.
  virtual void Start(Call call, CallDone done) = 0;
  // The same as a task. The call is made when the task is first run: whoever needs an order between
  // calls uses Start() or awaits one after the other.
  virtual Task<StatusOr<Reply>> Run(Call call) = 0;

  // Bytes and number of calls without a reply, for callers that hold back.
  virtual size_t pending_bytes() const = 0;
  virtual size_t pending_calls() const = 0;
  // The peer of the connection that is up, else null.
  virtual std::shared_ptr<const Peer> peer() const = 0;
  // When anything last came from the peer; Instant() if never.
  virtual Instant last_heard() const = 0;
  // OK while connected or not yet tried; else why the last attempt or connection failed.
  virtual const Status& last_error() const = 0;
};

struct ChannelOptions {
  env::Address address;
  NodeId expected_node;         // 0: any
  bool keep_connected = false;  // reconnect when idle too; else a call makes the connection
  ChannelLimits limits;
  KeepAlive keep_alive;
};

// Env, `identity`'s source and `health` (may be null) outlive the channel. Destroying it closes the
// connection; calls that wait end with kCancelled.
std::shared_ptr<Channel> NewChannel(env::Env& env, Identity identity, ChannelOptions options,
                                    PeerHealth* health);

}  // namespace vlog::rpc

#endif  // VLOG_RPC_CHANNEL_H_

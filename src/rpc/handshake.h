// The first frame in each direction: who is there, and whether the two may talk. Pure.
#ifndef VLOG_RPC_HANDSHAKE_H_
#define VLOG_RPC_HANDSHAKE_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/identity.h"

namespace vlog::rpc {

// A hello is refused above this size, before anything is known of the peer.
inline constexpr size_t kMaxHelloBytes = 4096;

struct Hello {
  uint32_t protocol = 0;
  Identity identity;
  NodeId expected_node;  // whom the sender means to talk to; 0: any
};

std::string EncodeHello(const Identity& self, NodeId expected_node);
// kDataLoss if `header` is none.
StatusOr<Hello> DecodeHello(std::string_view header);

// OK if `self`, which means to talk to `expected` (0: any), accepts the sender of `hello`. Else an
// error with a Refusal that tells the operator of either side what to do: kNotFound for another
// node, kAborted for another cluster or version.
Status CheckHello(const Hello& hello, const Identity& self, NodeId expected);

}  // namespace vlog::rpc

#endif  // VLOG_RPC_HANDSHAKE_H_

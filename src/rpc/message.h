// What travels over rpc: opaque header bytes (a protobuf message of the service) and a raw payload
// that is never copied into protobuf.
#ifndef VLOG_RPC_MESSAGE_H_
#define VLOG_RPC_MESSAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::rpc {

// Names one call of one service. The ranges are given out in rpc/methods.h.
using Method = uint16_t;

// The raw bytes of a message, sent as they lie. Each byte is checksummed once on each side: give
// `crc` if you have it (a batch's body_crc), and take the receiver's, which is verified.
struct Payload {
  Payload() = default;
  explicit Payload(Bytes bytes) { pieces.push_back(std::move(bytes)); }
  Payload(Bytes bytes, uint32_t known_crc) : Payload(std::move(bytes)) { crc = known_crc; }

  size_t size() const;

  BytesList pieces;
  std::optional<uint32_t> crc;  // Crc32c over all pieces in order
  // The header holds checksums of the payload's parts, and the receiver verifies those: rpc
  // neither computes nor checks one. For payloads of many batches, each with its own.
  bool checked_by_receiver = false;
};

// What a caller or a handler sends. A declared constructor makes it safe beside co_await.
struct Message {
  Message() = default;
  explicit Message(std::string header, Payload payload = Payload())
      : header(std::move(header)), payload(std::move(payload)) {}

  std::string header;
  Payload payload;
};

// Who is at the other end of a connection, as its handshake said.
struct Peer {
  NodeId node;              // 0: a client
  Incarnation incarnation;  // 0: a client
  DiskId disk;              // 0: a client
  std::string process;      // for messages
  std::string address;      // for messages
  uint64_t connection = 0;  // unique in this process; a reconnect is another one
};

// A request as its handler gets it.
struct Request {
  std::shared_ptr<const Peer> peer;
  Method method = 0;
  std::string header;
  Bytes payload;  // contiguous; payloads of less than kCopyBelow bytes are copies (rpc/limits.h)
  // Crc32c(payload), verified; not set if the sender said that the receiver checks.
  std::optional<uint32_t> payload_crc;
};

// A reply as its caller gets it.
struct Reply {
  std::string header;
  Bytes payload;
  std::optional<uint32_t> payload_crc;
  std::shared_ptr<const Peer> peer;  // who answered
};

// Typed bytes that a handler attaches to an error; they travel with it. "" if there are none.
Status WithDetail(Status status, const std::string& detail);
std::string DetailOf(const Status& status);

// Why a peer is not the one that was meant. Carried by errors of calls; the monitor counts another
// incarnation as proof of death.
enum class Refusal {
  kNone,
  kOtherVersion,  // of the protocol
  kOtherCluster,
  kOtherNode,
  kOtherDisk,         // the node's disk was replaced
  kOtherIncarnation,  // the process that was meant is gone
  kOldCopy,           // the peer runs on an old copy of its disk
  kTooMany,           // connections
};
Status WithRefusal(Status status, Refusal refusal);
Refusal RefusalOf(const Status& status);

}  // namespace vlog::rpc

#endif  // VLOG_RPC_MESSAGE_H_

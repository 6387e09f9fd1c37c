// The frame: what rpc sends over a stream, one behind the other. All numbers are little-endian.
//
//   0        4     5      6        8            16              20               24            28
//   | magic | type | flags | method | request id | header length | payload length | payload crc |
//   28         32
//   | head crc | header (protobuf) ... | payload (raw) ... |
//
// The head crc covers the first 28 bytes and the header; the payload crc the payload, unless a
// flag says that the receiver's service checks its parts. The magic names the format's version.
#ifndef VLOG_RPC_FRAME_H_
#define VLOG_RPC_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "rpc/message.h"

namespace vlog::rpc {

inline constexpr uint32_t kFrameMagic = 0x314c5652;  // "RVL1"
inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr size_t kFixedHeaderBytes = 32;

enum class FrameType : uint8_t {
  kHello = 1,  // first in each direction
  kRequest = 2,
  kReply = 3,    // header and payload are the handler's
  kError = 4,    // the answer to one request: an error
  kPing = 5,     // a sign of life; empty
  kGoodbye = 6,  // why the sender closes the connection: an error for all
};

inline constexpr uint8_t kPayloadCheckedByReceiver = 1;  // flag

struct FrameHeader {
  FrameType type = FrameType::kPing;
  uint8_t flags = 0;
  Method method = 0;
  uint64_t request_id = 0;
  uint32_t header_bytes = 0;
  uint32_t payload_bytes = 0;
  uint32_t payload_crc = 0;
  uint32_t head_crc = 0;

  size_t frame_bytes() const { return kFixedHeaderBytes + header_bytes + payload_bytes; }
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

struct FrameLimits {
  size_t max_header_bytes;
  size_t max_payload_bytes;
};

// The frame as pieces, ready for Connection::Write: a small payload is copied behind the header,
// a larger one goes as it lies. REQUIRES: header and payload fit 32 bits.
BytesList EncodeFrame(FrameType type, Method method, uint64_t request_id, std::string_view header,
                      const Payload& payload);

// Reads the fixed part and compares its lengths with the limits, before anybody waits for that
// many bytes or makes room for them. kDataLoss says what is wrong. REQUIRES: kFixedHeaderBytes.
StatusOr<FrameHeader> DecodeFixedHeader(std::string_view data, const FrameLimits& limits);

// A whole frame that came in.
struct Frame {
  FrameHeader fixed;
  std::string header;
  Bytes payload;
  std::optional<uint32_t> payload_crc() const;
};

// Verifies both checksums and takes the frame out of `window`, which begins with it. REQUIRES: the
// window holds fixed.frame_bytes().
StatusOr<Frame> DecodeFrame(const FrameHeader& fixed, const Bytes& window);

// An error as the header of kError and kGoodbye frames, and back; a message that cannot be parsed
// becomes kDataLoss. Never OK.
std::string EncodeError(const Status& status);
Status DecodeError(std::string_view header);

}  // namespace vlog::rpc

#endif  // VLOG_RPC_FRAME_H_

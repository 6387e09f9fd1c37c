#include "rpc/frame.h"

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "rpc/limits.h"
#include "rpc/rpc.pb.h"

namespace vlog::rpc {
namespace {

// Below this a copy is cheaper than a piece of its own in the gathering write.
constexpr size_t kInlinePayload = 1024;
constexpr size_t kHeadCrcOffset = 28;

uint32_t PayloadCrc(const Payload& payload) {
  if (payload.checked_by_receiver) return 0;
  if (payload.crc.has_value()) return *payload.crc;
  uint32_t crc = 0;
  for (const Bytes& piece : payload.pieces) crc = Crc32c(piece.view(), crc);
  return crc;
}

bool IsKnown(uint8_t type) {
  return type >= static_cast<uint8_t>(FrameType::kHello) &&
         type <= static_cast<uint8_t>(FrameType::kGoodbye);
}

}  // namespace

BytesList EncodeFrame(FrameType type, Method method, uint64_t request_id, std::string_view header,
                      const Payload& payload) {
  size_t payload_bytes = payload.size();
  VLOG_CHECK(header.size() <= UINT32_MAX && payload_bytes <= UINT32_MAX, "a frame has its limits");
  bool inlined = payload_bytes <= kInlinePayload;
  std::string head;
  head.reserve(kFixedHeaderBytes + header.size() + (inlined ? payload_bytes : 0));
  PutFixed(&head, kFrameMagic);
  PutFixed(&head, static_cast<uint8_t>(type));
  PutFixed(&head, payload.checked_by_receiver ? kPayloadCheckedByReceiver : uint8_t{0});
  PutFixed(&head, method);
  PutFixed(&head, request_id);
  PutFixed(&head, static_cast<uint32_t>(header.size()));
  PutFixed(&head, static_cast<uint32_t>(payload_bytes));
  PutFixed(&head, PayloadCrc(payload));
  PutFixed(&head, Crc32c(header, Crc32c(head)));
  head.append(header);
  if (inlined) {
    for (const Bytes& piece : payload.pieces) head.append(piece.view());
  }
  BytesList pieces;
  pieces.reserve(1 + (inlined ? 0 : payload.pieces.size()));
  pieces.emplace_back(std::move(head));
  if (!inlined) pieces.insert(pieces.end(), payload.pieces.begin(), payload.pieces.end());
  return pieces;
}

StatusOr<FrameHeader> DecodeFixedHeader(std::string_view data, const FrameLimits& limits) {
  Decoder in(data);
  auto magic = in.Fixed<uint32_t>();
  auto type = in.Fixed<uint8_t>();
  FrameHeader header;
  header.flags = in.Fixed<uint8_t>();
  header.method = in.Fixed<uint16_t>();
  header.request_id = in.Fixed<uint64_t>();
  header.header_bytes = in.Fixed<uint32_t>();
  header.payload_bytes = in.Fixed<uint32_t>();
  header.payload_crc = in.Fixed<uint32_t>();
  header.head_crc = in.Fixed<uint32_t>();
  VLOG_CHECK(in.ok(), "the caller waited for the whole fixed part");
  if (magic != kFrameMagic) {
    return absl::DataLossError(
        absl::StrFormat("not a frame of this protocol (magic %08x, expected %08x); is this "
                        "a VirtualLog node of a compatible version?",
                        magic, kFrameMagic));
  }
  if (!IsKnown(type)) return absl::DataLossError(absl::StrCat("unknown frame type ", int{type}));
  header.type = static_cast<FrameType>(type);
  if (header.header_bytes > limits.max_header_bytes) {
    return absl::DataLossError(absl::StrCat("a header of ", header.header_bytes,
                                            " bytes; the limit is ", limits.max_header_bytes));
  }
  if (header.payload_bytes > limits.max_payload_bytes) {
    return absl::DataLossError(absl::StrCat("a payload of ", header.payload_bytes,
                                            " bytes; the limit is ", limits.max_payload_bytes));
  }
  return header;
}

StatusOr<Frame> DecodeFrame(const FrameHeader& fixed, const Bytes& window) {
  std::string_view data = window.view();
  std::string_view header = data.substr(kFixedHeaderBytes, fixed.header_bytes);
  if (Crc32c(header, Crc32c(data.substr(0, kHeadCrcOffset))) != fixed.head_crc) {
    return absl::DataLossError("the head of a frame has a wrong checksum");
  }
  Bytes payload = window.Slice(kFixedHeaderBytes + fixed.header_bytes, fixed.payload_bytes);
  bool checked_here = (fixed.flags & kPayloadCheckedByReceiver) == 0;
  if (checked_here && Crc32c(payload.view()) != fixed.payload_crc) {
    return absl::DataLossError("the payload of a frame has a wrong checksum");
  }
  Frame frame;
  frame.fixed = fixed;
  frame.header = std::string(header);
  frame.payload = payload.size() < kCopyBelow ? Bytes::CopyOf(payload.view()) : std::move(payload);
  if (frame.payload.empty()) frame.payload = Bytes();
  return frame;
}

std::optional<uint32_t> Frame::payload_crc() const {
  if ((fixed.flags & kPayloadCheckedByReceiver) != 0) return std::nullopt;
  return fixed.payload_crc;
}

std::string EncodeError(const Status& status) {
  pb::Error error;
  error.set_code(static_cast<int>(status.code()));
  error.set_message(vlog::Message(status));
  error.set_detail(DetailOf(status));
  error.set_refusal(static_cast<uint32_t>(RefusalOf(status)));
  return error.SerializeAsString();
}

Status DecodeError(std::string_view header) {
  pb::Error error;
  bool parsed = error.ParseFromArray(header.data(), static_cast<int>(header.size()));
  // Codes as gRPC numbers them, 1 to 16.
  if (!parsed || error.code() < 1 || error.code() > 16) {
    return absl::DataLossError("an error reply that cannot be read");
  }
  Status status(static_cast<absl::StatusCode>(error.code()), error.message());
  if (!error.detail().empty()) status = WithDetail(std::move(status), error.detail());
  if (error.refusal() == 0 || error.refusal() > static_cast<uint32_t>(Refusal::kTooMany)) {
    return status;
  }
  return WithRefusal(std::move(status), static_cast<Refusal>(error.refusal()));
}

}  // namespace vlog::rpc

#include "unit/rpc_corpus.h"

#include "base/crc32c.h"
#include "env/network.h"
#include "rpc/frame.h"
#include "rpc/handshake.h"
#include "rpc/limits.h"
#include "rpc/methods.h"

namespace vlog::testing {
namespace {

std::string Flat(const BytesList& pieces) {
  std::string flat;
  for (const Bytes& piece : pieces) flat.append(piece.view());
  return flat;
}

}  // namespace

std::string RpcHello() {
  rpc::Identity identity;
  identity.cluster = ClusterId(77);
  identity.instance = 5;
  identity.process = "client";
  return Flat(rpc::EncodeFrame(rpc::FrameType::kHello, 0, 0, rpc::EncodeHello(identity, NodeId(1)),
                               rpc::Payload()));
}

std::vector<std::string> RpcCorpus() {
  std::vector<std::string> corpus;
  auto add = [&corpus](rpc::FrameType type, rpc::Method method, const std::string& header,
                       rpc::Payload payload) {
    corpus.push_back(Flat(rpc::EncodeFrame(type, method, corpus.size() + 1, header, payload)));
  };
  using rpc::FrameType;
  add(FrameType::kRequest, rpc::kTestBase + 1, "echo", rpc::Payload());
  add(FrameType::kRequest, rpc::kTestBase + 1, "echo", rpc::Payload(Bytes(std::string(300, 'x'))));
  add(FrameType::kRequest, rpc::kTestBase + 1, "", rpc::Payload(Bytes(std::string(9000, 'y'))));
  add(FrameType::kRequest, rpc::kTestBase + 2, "fail", rpc::Payload());
  add(FrameType::kRequest, rpc::kTestBase + 99, "no such method", rpc::Payload());
  Bytes body("checked by the service");
  rpc::Payload unchecked(body);
  unchecked.checked_by_receiver = true;
  add(FrameType::kRequest, rpc::kTestBase + 1, std::to_string(Crc32c(body.view())), unchecked);
  add(FrameType::kPing, 0, "", rpc::Payload());
  return corpus;
}

bool DecodeEverything(std::string_view bytes) {
  std::string text(bytes);
  env::Address::Parse(text).IgnoreError();
  rpc::DecodeHello(bytes).IgnoreError();
  rpc::DecodeError(bytes).IgnoreError();
  if (bytes.size() < rpc::kFixedHeaderBytes) return false;
  rpc::ServerLimits limits;
  rpc::FrameLimits frame_limits = {limits.max_header_bytes, limits.max_payload_bytes};
  StatusOr<rpc::FrameHeader> fixed =
      rpc::DecodeFixedHeader(bytes.substr(0, rpc::kFixedHeaderBytes), frame_limits);
  if (!fixed.ok() || fixed->frame_bytes() > bytes.size()) return false;
  StatusOr<rpc::Frame> frame = rpc::DecodeFrame(*fixed, Bytes(std::move(text)));
  if (!frame.ok()) return false;
  rpc::DecodeHello(frame->header).IgnoreError();
  rpc::DecodeError(frame->header).IgnoreError();
  // Where rpc does not check, the service has a checksum of its own.
  if (frame->payload_crc().has_value()) return true;
  return frame->header == std::to_string(Crc32c(frame->payload.view()));
}

}  // namespace vlog::testing

// The pure parts of rpc: frames, errors, handshakes, health.
#include <catch2/catch.hpp>

#include "base/crc32c.h"
#include "rpc/frame.h"
#include "rpc/handshake.h"
#include "rpc/limits.h"
#include "rpc/peer_health.h"

namespace vlog::rpc {
namespace {

constexpr FrameLimits kLimits = {1000, 100'000};

std::string Flat(const BytesList& pieces) {
  std::string flat;
  for (const Bytes& piece : pieces) flat.append(piece.view());
  return flat;
}

StatusOr<Frame> Decode(const std::string& bytes) {
  StatusOr<FrameHeader> fixed = DecodeFixedHeader(bytes, kLimits);
  if (!fixed.ok()) return fixed.status();
  if (fixed->frame_bytes() > bytes.size()) return absl::OutOfRangeError("short");
  return DecodeFrame(*fixed, Bytes(bytes));
}

TEST_CASE("Frames: what is encoded is decoded, small payloads inline, large ones as they lie") {
  for (size_t size : {0, 1, 1000, 1024, 1025, 5000, 100'000}) {
    CAPTURE(size);
    Payload payload;
    Bytes body(std::string(size, 'p'));
    payload.pieces.push_back(body.Slice(0, size / 3));
    payload.pieces.push_back(body.Slice(size / 3, size - size / 3));
    BytesList pieces = EncodeFrame(FrameType::kRequest, 7, 99, "header", payload);
    if (size > 1024) CHECK(pieces.back().data() == body.data() + size / 3);
    StatusOr<Frame> frame = Decode(Flat(pieces));
    REQUIRE(frame.ok());
    CHECK(frame->fixed.type == FrameType::kRequest);
    CHECK(frame->fixed.method == 7);
    CHECK(frame->fixed.request_id == 99);
    CHECK(frame->header == "header");
    CHECK(frame->payload.view() == body.view());
    CHECK(frame->payload_crc() == Crc32c(body.view()));
  }
}

TEST_CASE("Frames: every flipped bit is noticed") {
  std::string good =
      Flat(EncodeFrame(FrameType::kReply, 3, 5, "some header", Payload(Bytes("some payload"))));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    CHECK(!Decode(bad).ok());
  }
}

TEST_CASE("Frames: a payload that its receiver checks is not checked twice") {
  Payload payload(Bytes("payload"));
  payload.checked_by_receiver = true;
  std::string bytes = Flat(EncodeFrame(FrameType::kRequest, 1, 1, "h", payload));
  bytes.back() = 'X';
  StatusOr<Frame> frame = Decode(bytes);
  REQUIRE(frame.ok());
  CHECK(frame->payload.view() == "payloaX");
  CHECK(!frame->payload_crc().has_value());
}

TEST_CASE("Frames: a checksum that the sender knows is taken, and a wrong one is found") {
  Payload right(Bytes("payload"), Crc32c("payload"));
  CHECK(Decode(Flat(EncodeFrame(FrameType::kRequest, 1, 1, "h", right))).ok());
  Payload wrong(Bytes("payload"), Crc32c("payload") + 1);
  CHECK(
      absl::IsDataLoss(Decode(Flat(EncodeFrame(FrameType::kRequest, 1, 1, "h", wrong))).status()));
}

TEST_CASE("Frames: lengths are compared with the limits before anything is allocated") {
  Payload payload(Bytes(std::string(100'001, 'p')));
  std::string large = Flat(EncodeFrame(FrameType::kRequest, 1, 1, "h", payload));
  StatusOr<FrameHeader> fixed = DecodeFixedHeader(large.substr(0, kFixedHeaderBytes), kLimits);
  CHECK(absl::IsDataLoss(fixed.status()));
  CHECK(vlog::Message(fixed.status()).find("100001 bytes; the limit is 100000") !=
        std::string::npos);
  std::string header(1001, 'h');
  CHECK(absl::IsDataLoss(
      Decode(Flat(EncodeFrame(FrameType::kRequest, 1, 1, header, Payload()))).status()));
}

TEST_CASE("Frames: a small payload does not pin the buffer it came in") {
  Bytes buffer(
      Flat(EncodeFrame(FrameType::kReply, 0, 1, "", Payload(Bytes(std::string(4095, 'x'))))));
  Frame small = *DecodeFrame(*DecodeFixedHeader(buffer.view(), kLimits), buffer);
  CHECK(small.payload.data() != buffer.data() + kFixedHeaderBytes);
  Bytes larger(
      Flat(EncodeFrame(FrameType::kReply, 0, 1, "", Payload(Bytes(std::string(4096, 'x'))))));
  Frame large = *DecodeFrame(*DecodeFixedHeader(larger.view(), kLimits), larger);
  CHECK(large.payload.data() == larger.data() + kFixedHeaderBytes);
}

TEST_CASE("Errors: code, message, detail and refusal travel") {
  Status status = WithDetail(absl::AbortedError("fenced \xff"), std::string("a\0b", 3));
  status = WithRefusal(status, Refusal::kOtherDisk);
  Status got = DecodeError(EncodeError(status));
  CHECK(absl::IsAborted(got));
  CHECK(vlog::Message(got) == "fenced \xff");
  CHECK(DetailOf(got) == std::string("a\0b", 3));
  CHECK(RefusalOf(got) == Refusal::kOtherDisk);
  CHECK(RefusalOf(DecodeError(EncodeError(absl::InternalError("x")))) == Refusal::kNone);
  CHECK(absl::IsDataLoss(DecodeError("\xff\xff")));
  CHECK(absl::IsDataLoss(DecodeError("")));  // "OK" is no error
}

Identity Node(uint64_t node) {
  Identity identity;
  identity.cluster = ClusterId(5);
  identity.node = NodeId(node);
  identity.incarnation = Incarnation(3);
  identity.disk = DiskId(node * 11);
  identity.instance = 1234;
  identity.process = "p" + std::to_string(node);
  return identity;
}

TEST_CASE("Handshake: what a hello says is read back") {
  StatusOr<Hello> hello = DecodeHello(EncodeHello(Node(4), NodeId(9)));
  REQUIRE(hello.ok());
  CHECK(hello->protocol == kProtocolVersion);
  CHECK(hello->identity.cluster == ClusterId(5));
  CHECK(hello->identity.node == NodeId(4));
  CHECK(hello->identity.incarnation == Incarnation(3));
  CHECK(hello->identity.disk == DiskId(44));
  CHECK(hello->identity.instance == 1234);
  CHECK(hello->identity.process == "p4");
  CHECK(hello->expected_node == NodeId(9));
  CHECK(absl::IsDataLoss(DecodeHello("").status()));
}

TEST_CASE("Handshake: who may not talk is told why") {
  Hello hello = *DecodeHello(EncodeHello(Node(4), NodeId(9)));
  CHECK(CheckHello(hello, Node(9), NodeId()).ok());
  CHECK(CheckHello(hello, Node(9), NodeId(4)).ok());
  CHECK(RefusalOf(CheckHello(hello, Node(9), NodeId(5))) == Refusal::kOtherNode);
  CHECK(RefusalOf(CheckHello(hello, Node(8), NodeId())) == Refusal::kOtherNode);
  Identity other = Node(9);
  other.cluster = ClusterId(6);
  Status refused = CheckHello(hello, other, NodeId());
  CHECK(RefusalOf(refused) == Refusal::kOtherCluster);
  CHECK(vlog::Message(refused).find("wipe the node's directory") != std::string::npos);
  other.cluster = ClusterId();  // does not know yet
  CHECK(CheckHello(hello, other, NodeId()).ok());
  hello.protocol = kProtocolVersion + 1;
  CHECK(RefusalOf(CheckHello(hello, Node(9), NodeId())) == Refusal::kOtherVersion);
}

TEST_CASE("Peer health: an old copy of a disk is refused, a new disk is not") {
  PeerHealth health;
  Identity node = Node(4);
  CHECK(health.Connected(node, Instant(Duration(5))).ok());
  CHECK(health.Connected(node, Instant(Duration(6))).ok());  // a second connection
  Identity twin = node;
  twin.instance = 99;
  CHECK(RefusalOf(health.Connected(twin, Instant(Duration(7)))) == Refusal::kOldCopy);
  Identity next = twin;
  next.incarnation = Incarnation(4);
  CHECK(health.Connected(next, Instant(Duration(8))).ok());
  CHECK(RefusalOf(health.Connected(node, Instant(Duration(9)))) == Refusal::kOldCopy);
  Identity wiped = node;
  wiped.disk = DiskId(1);
  wiped.incarnation = Incarnation(1);
  CHECK(health.Connected(wiped, Instant(Duration(10))).ok());
  CHECK(health.Of(NodeId(4)).disk == DiskId(1));
  CHECK(health.Of(NodeId(4)).last_heard == Instant(Duration(10)));
  health.Failed(NodeId(4), env::Disconnect::kRefused, Instant(Duration(11)));
  CHECK(health.Of(NodeId(4)).failure == env::Disconnect::kRefused);
  health.Heard(NodeId(4), Instant(Duration(12)));
  CHECK(health.Of(NodeId(4)).last_heard == Instant(Duration(12)));
  CHECK(health.Of(NodeId(7)).last_heard == Instant());
}

}  // namespace
}  // namespace vlog::rpc

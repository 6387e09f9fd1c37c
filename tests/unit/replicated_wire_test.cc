// The messages of replicated loglets as bytes: what is sent arrives, what is damaged is refused.
#include <catch2/catch.hpp>
#include <random>

#include "loglets/replicated/params.h"
#include "loglets/replicated/wire.h"

namespace vlog::loglets::replicated {
namespace {

const LogletId kLoglet{"orders", SegmentIndex(3), ProposalId(0x9f)};

Batch MakeBatch(uint64_t writer, uint32_t count) {
  BatchBuilder builder{WriterId(writer), SeqNo(7)};
  for (uint32_t i = 0; i < count; ++i) builder.Add("record " + std::to_string(i));
  return std::move(builder).Finish();
}

// As rpc hands it over.
Bytes Joined(const rpc::Payload& payload) {
  std::string joined;
  for (const Bytes& piece : payload.pieces) joined += piece.view();
  return Bytes(std::move(joined));
}

ReplicaRequest MakeAppend() {
  ReplicaRequest request;
  request.loglet = kLoglet;
  request.disk = DiskId(5);
  request.params = "params";
  request.batches = {MakeBatch(1, 3), MakeBatch(2, 1)};
  return request;
}

ReplicaReply MakeRead() {
  ReplicaReply reply;
  reply.word = {Code::kOk, Offset(20), Offset(4), true, NodeId(2), ""};
  reply.batches = {{Offset(10), MakeBatch(1, 3)}, {Offset(13), MakeBatch(2, 1)}};
  reply.next = Offset(14);
  return reply;
}

template <typename T>
bool IsRefused(const StatusOr<T>& result) {
  return absl::IsInvalidArgument(result.status());
}

TEST_CASE("Replicated wire: an append arrives as it was sent, with all its batches") {
  ReplicaRequest sent = MakeAppend();
  rpc::Message message = Encode(sent);
  CHECK(message.payload.checked_by_receiver);
  auto got = DecodeRequest(kAppendVerb, message.header, Joined(message.payload));
  REQUIRE(got.ok());
  CHECK(got->loglet == kLoglet);
  CHECK(got->disk == DiskId(5));
  CHECK(got->params == "params");
  REQUIRE(got->batches.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(got->batches[i].header == sent.batches[i].header);
    CHECK(got->batches[i].body == sent.batches[i].body);
    CHECK(got->batches[i].body_crc == sent.batches[i].body_crc);
  }
}

TEST_CASE("Replicated wire: the other requests arrive as they were sent") {
  ReplicaRequest sent;
  sent.loglet = kLoglet;
  sent.disk = DiskId(5);
  sent.from = Offset(4);
  sent.to = Offset(9);
  sent.max_bytes = 1000;
  sent.wait = std::chrono::milliseconds(70);
  sent.proposal = "next";
  sent.at_once = true;
  sent.except = NodeId(3);
  rpc::Message message = Encode(sent);
  for (Verb verb : {kTailVerb, kSealVerb, kTrimVerb, kReadVerb, kWatchVerb, kCampaignVerb}) {
    auto got = DecodeRequest(verb, message.header, Joined(message.payload));
    REQUIRE(got.ok());
    CHECK(got->from == sent.from);
    CHECK(got->to == sent.to);
    CHECK(got->max_bytes == sent.max_bytes);
    CHECK(got->wait == sent.wait);
    CHECK(got->proposal == sent.proposal);
    CHECK(got->at_once);
    CHECK(got->except == sent.except);
  }
}

TEST_CASE("Replicated wire: what replicas tell each other is carried and not looked into") {
  ReplicaRequest sent;
  sent.loglet = kLoglet;
  sent.peer.header = std::string("opaque\0header", 13);
  sent.peer.bodies = {Bytes(std::string("one")), Bytes(std::string("two"))};
  rpc::Message message = Encode(sent);
  auto got = DecodeRequest(kPeerVerb, message.header, Joined(message.payload));
  REQUIRE(got.ok());
  CHECK(got->peer.header == sent.peer.header);
  REQUIRE(got->peer.bodies.size() == 1);
  CHECK(got->peer.bodies.front().view() == "onetwo");

  ReplicaReply reply;
  reply.peer = sent.peer;
  message = Encode(reply);
  auto back = DecodeReply(kPeerVerb, message.header, Joined(message.payload));
  REQUIRE(back.ok());
  CHECK(back->peer.header == sent.peer.header);
  CHECK(back->peer.bodies.front().view() == "onetwo");
}

TEST_CASE("Replicated wire: answers arrive as they were sent") {
  ReplicaReply sent;
  sent.word = {Code::kNotLeader, Offset(9), Offset(2), true, NodeId(3), "first"};
  sent.offset = Offset(8);
  sent.results = {{Code::kOk, Offset(7)}, {Code::kSealed, Offset()}};
  rpc::Message message = Encode(sent);
  auto got = DecodeReply(kAppendVerb, message.header, Bytes());
  REQUIRE(got.ok());
  CHECK(got->word.code == Code::kNotLeader);
  CHECK(got->word.applied_end == Offset(9));
  CHECK(got->word.trim == Offset(2));
  CHECK(got->word.sealed);
  CHECK(got->word.leader == NodeId(3));
  CHECK(got->word.proposal == "first");
  CHECK(got->offset == Offset(8));
  REQUIRE(got->results.size() == 2);
  CHECK(got->results[0].code == Code::kOk);
  CHECK(got->results[0].offset == Offset(7));
  CHECK(got->results[1].code == Code::kSealed);

  rpc::Message read = Encode(MakeRead());
  auto batches = DecodeReply(kReadVerb, read.header, Joined(read.payload));
  REQUIRE(batches.ok());
  REQUIRE(batches->batches.size() == 2);
  CHECK(batches->batches[1].first == Offset(13));
  CHECK(ValidateBatch(batches->batches[1].batch).ok());
  CHECK(batches->next == Offset(14));

  auto node = DecodeNodeAnswer(Encode(NodeAnswer{DiskId(7), Incarnation(9)}).header);
  REQUIRE(node.ok());
  CHECK(node->disk == DiskId(7));
  CHECK(node->incarnation == Incarnation(9));
}

TEST_CASE("Replicated wire: a body without its checksum is not believed") {
  rpc::Message append = Encode(MakeAppend());
  rpc::Message read = Encode(MakeRead());
  std::string bytes(Joined(append.payload).view());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    CHECK(IsRefused(DecodeRequest(kAppendVerb, append.header, Bytes(damaged))));
    CHECK(absl::IsDataLoss(DecodeReply(kReadVerb, read.header, Bytes(damaged)).status()));
  }
  CHECK(IsRefused(DecodeRequest(kAppendVerb, append.header, Bytes(bytes + "x"))));
  bytes.pop_back();
  CHECK(IsRefused(DecodeRequest(kAppendVerb, append.header, Bytes(bytes))));
}

TEST_CASE("Replicated wire: appends of no, too many or miscounted records are refused") {
  ReplicaRequest request = MakeAppend();
  request.batches.clear();
  CHECK(IsRefused(DecodeRequest(kAppendVerb, Encode(request).header, Bytes())));
  request.batches.assign(kMaxBatches + 1, MakeBatch(1, 1));
  rpc::Message many = Encode(request);
  CHECK(IsRefused(DecodeRequest(kAppendVerb, many.header, Joined(many.payload))));
  request.batches = {MakeBatch(1, 3)};
  request.batches[0].header.count = 4;
  rpc::Message wrong = Encode(request);
  CHECK(IsRefused(DecodeRequest(kAppendVerb, wrong.header, Joined(wrong.payload))));
}

TEST_CASE("Replicated wire: what is out of bounds is refused") {
  ReplicaRequest request;
  CHECK(IsRefused(DecodeRequest(kStatusVerb, Encode(request).header, Bytes())));  // no loglet
  request.loglet = kLoglet;
  CHECK(DecodeRequest(kStatusVerb, Encode(request).header, Bytes()).ok());
  request.from = request.to = Offset(9);
  CHECK(IsRefused(DecodeRequest(kReadVerb, Encode(request).header, Bytes())));
  request.proposal.assign(kMaxProposalBytes + 1, 'p');
  CHECK(IsRefused(DecodeRequest(kSealVerb, Encode(request).header, Bytes())));
  request.proposal.clear();
  request.params.assign(1 << 20, 'p');
  CHECK(IsRefused(DecodeRequest(kStatusVerb, Encode(request).header, Bytes())));
  request.params.clear();
  request.loglet.log.assign(5000, 'l');
  CHECK(IsRefused(DecodeRequest(kStatusVerb, Encode(request).header, Bytes())));

  ReplicaReply reply = MakeRead();
  reply.batches[0].first = Offset(UINT64_MAX - 1);
  rpc::Message high = Encode(reply);
  CHECK(IsRefused(DecodeReply(kReadVerb, high.header, Joined(high.payload))));
  CHECK(IsRefused(DecodeReply(kReadVerb, Encode(ReplicaReply()).header, Bytes())));
  reply = MakeRead();
  reply.word.code = Code::kBehind;  // with batches
  rpc::Message both = Encode(reply);
  CHECK(IsRefused(DecodeReply(kReadVerb, both.header, Joined(both.payload))));
}

TEST_CASE("Replicated wire: no damaged message crashes a decoder") {
  std::mt19937_64 random(17);
  ReplicaRequest full = MakeAppend();
  full.from = Offset(1);
  full.to = Offset(2);
  full.proposal = "p";
  full.peer.header = "kind";
  rpc::Message request = Encode(full);
  ReplicaReply whole = MakeRead();
  whole.results = {{Code::kOk, Offset(7)}};
  rpc::Message reply = Encode(whole);
  std::string params = EncodeParams(*MakeParams({{NodeId(1), DiskId(1)}, {NodeId(2), DiskId(2)}}));
  int refused = 0;
  auto damage = [&random](std::string bytes) {
    for (uint64_t i = 0; i <= random() % 3; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    if (random() % 4 == 0) bytes.insert(random() % (bytes.size() + 1), "\xff\xff\xff\xff");
    return bytes;
  };
  constexpr int kRounds = 30'000;
  for (int round = 0; round < kRounds; ++round) {
    std::string header = damage(request.header);
    Bytes payload = Joined(request.payload);
    auto verb = static_cast<Verb>(1 + random() % 10);
    refused += !DecodeRequest(verb, header, payload).ok();
    refused += !DecodeReply(verb, damage(reply.header), Joined(reply.payload)).ok();
    DecodeNodeAnswer(header).IgnoreError();
    StatusOr<Params> decoded = DecodeParams(damage(params));
    if (decoded.ok()) CHECK(Validate(*decoded).ok());
  }
  CHECK(refused > kRounds / 10);
}

}  // namespace
}  // namespace vlog::loglets::replicated

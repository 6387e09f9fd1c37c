// The messages of the sequencer kind as bytes: what is sent arrives, what is damaged is refused.
#include <catch2/catch.hpp>
#include <random>

#include "base/coding.h"
#include "loglets/sequencer/wire.h"

namespace vlog::loglets::sequencer {
namespace {

const LogletId kLoglet{"orders", SegmentIndex(3), ProposalId(0x9f)};

Batch MakeBatch(uint64_t writer, uint32_t count) {
  BatchBuilder builder{WriterId(writer), SeqNo(7)};
  for (uint32_t i = 0; i < count; ++i) builder.Add("record " + std::to_string(i));
  return std::move(builder).Finish();
}

std::vector<PlacedBatch> MakeBatches() {
  return {{Offset(10), MakeBatch(1, 3)}, {Offset(13), MakeBatch(2, 1)}};
}

// As rpc hands it over.
Bytes Joined(const rpc::Payload& payload) {
  std::string joined;
  for (const Bytes& piece : payload.pieces) joined += piece.view();
  return Bytes(std::move(joined));
}

void CheckSame(const std::vector<PlacedBatch>& got, const std::vector<PlacedBatch>& sent) {
  REQUIRE(got.size() == sent.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].first == sent[i].first);
    CHECK(got[i].batch.header == sent[i].batch.header);
    CHECK(got[i].batch.body == sent[i].batch.body);
    CHECK(ValidateBatch(got[i].batch).ok());
  }
}

StoreRequest MakeStore() {
  return {DiskId(5), SequencerId{NodeId(1), Incarnation(4), DiskId(6)}, Offset(10), MakeBatches()};
}

TEST_CASE("Sequencer wire: requests arrive as they were sent") {
  rpc::Message store = Encode(kLoglet, MakeStore());
  CHECK(store.payload.checked_by_receiver);
  auto stored = DecodeStore(store.header, Joined(store.payload));
  REQUIRE(stored.ok());
  CHECK(stored->loglet == kLoglet);
  CHECK(stored->request.disk == DiskId(5));
  CHECK(stored->request.sequencer == SequencerId{NodeId(1), Incarnation(4), DiskId(6)});
  CHECK(stored->request.known_tail == Offset(10));
  CheckSame(stored->request.batches, MakeBatches());

  auto sealed = DecodeSeal(Encode(kLoglet, SealRequest{DiskId(5), "p", Offset(9)}).header);
  REQUIRE(sealed.ok());
  CHECK(sealed->request.proposal == "p");
  CHECK(sealed->request.known_tail == Offset(9));

  rpc::Message repair = Encode(kLoglet, RepairRequest{DiskId(5), "p", Offset(9), MakeBatches()});
  auto repaired = DecodeRepair(repair.header, Joined(repair.payload));
  REQUIRE(repaired.ok());
  CheckSame(repaired->request.batches, MakeBatches());

  auto trimmed = DecodeTrim(Encode(kLoglet, TrimRequest{DiskId(5), Offset(4), Offset(9)}).header);
  REQUIRE(trimmed.ok());
  CHECK(trimmed->request.to == Offset(4));
  CHECK(trimmed->request.known_tail == Offset(9));

  TimedTailRequest wait{{DiskId(5), WaitFor::kKnown, Offset(8)}, std::chrono::milliseconds(70)};
  auto waited = DecodeTail(Encode(kLoglet, wait).header);
  REQUIRE(waited.ok());
  CHECK(waited->request.tail.wait == WaitFor::kKnown);
  CHECK(waited->request.tail.beyond == Offset(8));
  CHECK(waited->request.wait == std::chrono::milliseconds(70));

  ReadRequest wanted{DiskId(5), Offset(4), Offset(9), 1000};
  auto read = DecodeRead(Encode(kLoglet, wanted).header);
  REQUIRE(read.ok());
  CHECK(read->request.from == Offset(4));
  CHECK(read->request.to == Offset(9));
  CHECK(read->request.max_bytes == 1000);
}

TEST_CASE("Sequencer wire: answers arrive as they were sent") {
  ServerAnswer answer;
  answer.word = {ServerCode::kOk, true,      Offset(9), Offset(12), Offset(6),
                 Offset(2),       Offset(1), "first",   true};
  answer.held = MakeBatches();
  answer.silence = std::chrono::milliseconds(30);
  rpc::Message message = Encode(answer);
  auto got = DecodeServerAnswer(message.header, Joined(message.payload));
  REQUIRE(got.ok());
  CHECK(got->word.sealed);
  CHECK(got->word.durable_tail == Offset(9));
  CHECK(got->word.possible_tail == Offset(12));
  CHECK(got->word.known_tail == Offset(6));
  CHECK(got->word.holds_from == Offset(2));
  CHECK(got->word.trim == Offset(1));
  CHECK(got->word.proposal == "first");
  CHECK(got->word.waiters);
  CHECK(got->silence == answer.silence);
  CheckSame(got->held, MakeBatches());

  ReadReply lacks;
  lacks.code = ReadCode::kLacks;
  lacks.next = kMaxOffset;
  auto reply = DecodeReadReply(Encode(lacks).header, Bytes());
  REQUIRE(reply.ok());
  CHECK(reply->code == ReadCode::kLacks);
  CHECK(reply->next == kMaxOffset);

  SequencerRequest append{kLoglet, "params", MakeBatch(3, 2), ""};
  rpc::Message sent = Encode(append);
  auto appended = DecodeAppend(sent.header, Joined(sent.payload));
  REQUIRE(appended.ok());
  CHECK(appended->params == "params");
  CHECK(appended->batch.header == append.batch.header);
  CHECK(appended->batch.body == append.batch.body);
}

TEST_CASE("Sequencer wire: a body without its checksum is not believed") {
  rpc::Message store = Encode(kLoglet, MakeStore());
  std::string bytes(Joined(store.payload).view());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    CHECK(absl::IsDataLoss(DecodeStore(store.header, Bytes(damaged)).status()));
  }
  CHECK(absl::IsInvalidArgument(DecodeStore(store.header, Bytes(bytes + "x")).status()));
  CHECK(absl::IsInvalidArgument(
      DecodeStore(store.header, Bytes(bytes.substr(0, bytes.size() - 1))).status()));
}

TEST_CASE("Sequencer wire: an append of no, or of miscounted records is refused") {
  SequencerRequest append{kLoglet, "params", Batch(), ""};
  rpc::Message none = Encode(append);
  CHECK(absl::IsInvalidArgument(DecodeAppend(none.header, Bytes()).status()));
  append.batch = MakeBatch(1, 3);
  append.batch.header.count = 4;
  rpc::Message wrong = Encode(append);
  CHECK(absl::IsInvalidArgument(DecodeAppend(wrong.header, Joined(wrong.payload)).status()));
}

TEST_CASE("Sequencer wire: positions and lengths out of bounds are refused") {
  StoreRequest store = MakeStore();
  store.batches = {{Offset(UINT64_MAX - 1), MakeBatch(1, 3)}};
  rpc::Message high = Encode(kLoglet, store);
  CHECK(absl::IsInvalidArgument(DecodeStore(high.header, Joined(high.payload)).status()));
  store.batches.assign(kMaxBatches + 1, {Offset(0), MakeBatch(1, 1)});
  rpc::Message many = Encode(kLoglet, store);
  CHECK(absl::IsInvalidArgument(DecodeStore(many.header, Joined(many.payload)).status()));
  CHECK_FALSE(
      DecodeTrim(Encode(kLoglet, TrimRequest{DiskId(5), Offset(9), Offset(4)}).header).ok());
  CHECK_FALSE(
      DecodeRead(Encode(kLoglet, ReadRequest{DiskId(5), Offset(9), Offset(9), 1}).header).ok());
  CHECK_FALSE(DecodeSeal(Encode(LogletId(), SealRequest()).header).ok());
  SealRequest large{DiskId(5), std::string(kMaxProposalBytes + 1, 'p'), Offset()};
  CHECK_FALSE(DecodeSeal(Encode(kLoglet, large).header).ok());
}

TEST_CASE("Sequencer wire: no damaged header crashes a decoder") {
  std::mt19937_64 random(17);
  rpc::Message store = Encode(kLoglet, MakeStore());
  Bytes payload = Joined(store.payload);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string header = store.header;
    for (uint64_t i = 0; i <= random() % 3; ++i) {
      header[random() % header.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) header.resize(random() % header.size());
    refused += !DecodeStore(header, payload).ok();
    (void)DecodeRepair(header, payload);
    (void)DecodeServerAnswer(header, payload);
    (void)DecodeReadReply(header, payload);
    (void)DecodeAppend(header, payload);
    (void)DecodeTail(header);
  }
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace vlog::loglets::sequencer

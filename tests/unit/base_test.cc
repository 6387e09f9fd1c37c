// The plain values that everything else is made of.
#include <catch2/catch.hpp>
#include <concepts>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>

#include "base/batch.h"
#include "base/bytes.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// --- Ids ----------------------------------------------------------------------------------------

// Positions and ids of different axes never meet, nor do plain numbers.
static_assert(!std::is_convertible_v<uint64_t, Lsn>);
static_assert(!std::is_convertible_v<Lsn, uint64_t>);
static_assert(!std::is_convertible_v<Offset, Lsn>);
static_assert(!std::is_constructible_v<Lsn, Offset>);
static_assert(!std::is_constructible_v<SegmentIndex, ProposalId>);
static_assert(!std::equality_comparable_with<Lsn, Offset>);
static_assert(!std::equality_comparable_with<WriterId, ProposalId>);
template <typename A, typename B>
concept Subtracts = requires(A a, B b) {
  a - b;
};
static_assert(Subtracts<Lsn, Lsn>);
static_assert(!Subtracts<Lsn, Offset>);
static_assert(!Subtracts<SegmentIndex, SegmentIndex>);

TEST_CASE("Ids: positions move by counts, and their differences are counts") {
  Lsn lsn(40);
  CHECK(lsn + 2 == Lsn(42));
  CHECK(Lsn(42) - lsn == 2);
  lsn += 5;
  CHECK(lsn.value() == 45);
  CHECK(Lsn(1) < Lsn(2));
  CHECK(Lsn() == Lsn(0));
  CHECK(kMaxLsn > Lsn(1));
  std::ostringstream out;
  out << Lsn(17) << " " << SegmentIndex(3);
  CHECK(out.str() == "17 3");
}

TEST_CASE("Ids: a record's order is its writer's first, then its number's") {
  CHECK(RecordId{WriterId(1), SeqNo(9)} < RecordId{WriterId(2), SeqNo(0)});
  CHECK(RecordId{WriterId(1), SeqNo(1)} < RecordId{WriterId(1), SeqNo(2)});
}

TEST_CASE("Ids: loglets of different logs, places and proposals have different names") {
  LogletId id{"orders", SegmentIndex(3), ProposalId(0x9f)};
  CHECK(ToString(id) == "orders/3@000000000000009f");
  LogletId other = id;
  CHECK(other == id);
  other.proposal = ProposalId(0xa0);
  CHECK(other != id);
  CHECK(ToString(other) != ToString(id));
}

// --- Bytes --------------------------------------------------------------------------------------

TEST_CASE("Bytes: a slice is a window on the same memory") {
  Bytes whole = Bytes::CopyOf("0123456789");
  Bytes middle = whole.Slice(2, 5);
  CHECK(middle.view() == "23456");
  CHECK(middle.data() == whole.data() + 2);
  CHECK(middle.Slice(1, 2).view() == "34");
  CHECK(middle.Slice(5, 0).empty());
  CHECK(middle.Slice(0, 5) == middle);
  CHECK(whole.Slice(10, 0).empty());
  CHECK(Bytes().empty());
  CHECK(Bytes() == Bytes(std::string()));
}

TEST_CASE("Bytes: what is taken over is not copied") {
  std::string data(1000, 'x');
  const char* before = data.data();
  Bytes bytes(std::move(data));
  CHECK(bytes.data() == before);
  Bytes copy = bytes;
  CHECK(copy.data() == before);
}

TEST_CASE("Bytes: the memory lives as long as any window on it") {
  auto owner = std::make_shared<std::string>("shared memory");
  std::weak_ptr<std::string> alive = owner;
  Bytes last;
  {
    Bytes whole(owner, *owner);
    owner.reset();
    last = whole.Slice(7, 6).Slice(0, 3);
  }
  CHECK(last.view() == "mem");
  CHECK_FALSE(alive.expired());
  last = Bytes();
  CHECK(alive.expired());
}

TEST_CASE("Bytes: equality is of the bytes, not of the buffer") {
  CHECK(Bytes::CopyOf("a") == Bytes::CopyOf("a"));
  CHECK_FALSE(Bytes::CopyOf("a") == Bytes::CopyOf("b"));
  CHECK_FALSE(Bytes::CopyOf("a") == Bytes::CopyOf("aa"));
}

// --- Coding -------------------------------------------------------------------------------------

TEST_CASE("Coding: values come back as they were") {
  std::string out;
  PutFixed(&out, uint8_t{0xfe});
  PutFixed(&out, uint16_t{0x1234});
  PutFixed(&out, uint32_t{0xdeadbeef});
  PutFixed(&out, uint64_t{0x0102030405060708});
  PutFixed(&out, int64_t{-5});
  PutString(&out, "text");
  PutString(&out, "");
  CHECK(out.size() == 1 + 2 + 4 + 8 + 8 + 4 + 4 + 4);
  CHECK(out.substr(1, 2) == "\x34\x12");  // little-endian
  Decoder in(out);
  CHECK(in.Fixed<uint8_t>() == 0xfe);
  CHECK(in.Fixed<uint16_t>() == 0x1234);
  CHECK(in.Fixed<uint32_t>() == 0xdeadbeef);
  CHECK(in.Fixed<uint64_t>() == 0x0102030405060708);
  CHECK(in.Fixed<int64_t>() == -5);
  CHECK_FALSE(in.done());
  CHECK(in.String() == "text");
  CHECK(in.remaining() == 4);
  CHECK(in.String().empty());
  CHECK(in.ok());
  CHECK(in.done());
}

TEST_CASE("Coding: a decoder fails at the end of its input and stays failed") {
  std::string data = "12345678";
  for (size_t length = 0; length < 8; ++length) {
    CAPTURE(length);
    Decoder in(std::string_view(data).substr(0, length));
    CHECK(in.Fixed<uint64_t>() == 0);
    CHECK_FALSE(in.ok());
    CHECK_FALSE(in.done());
    // What would fit is not given out any more.
    CHECK(in.Fixed<uint8_t>() == 0);
    CHECK(in.Raw(0).empty());
    CHECK_FALSE(in.ok());
  }
  Decoder whole(data);
  whole.Fixed<uint64_t>();
  CHECK(whole.done());
  whole.Fixed<uint8_t>();
  CHECK_FALSE(whole.done());
}

TEST_CASE("Coding: a length beyond the input is a failure, not a read") {
  for (uint32_t length : {6u, 1000u, UINT32_MAX}) {
    std::string out;
    PutFixed(&out, length);
    out += "12345";
    Decoder in(out);
    CHECK(in.String().empty());
    CHECK_FALSE(in.ok());
  }
  Decoder in("12345");
  CHECK(in.Raw(SIZE_MAX).empty());
  CHECK_FALSE(in.ok());
}

TEST_CASE("Coding: what a decoder hands out lies inside its input") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string data(random() % 40, '\0');
    for (char& c : data) c = static_cast<char>(random() % 6);
    Decoder in(data);
    size_t before = in.remaining();
    while (in.ok() && before > 0) {
      if (random() % 2 == 0) {
        std::string_view text = in.String();
        bool inside =
            text.data() >= data.data() && text.data() + text.size() <= data.data() + data.size();
        REQUIRE((!in.ok() || inside));
      } else {
        in.Fixed<uint16_t>();
      }
      REQUIRE((!in.ok() || in.remaining() < before));
      before = in.remaining();
    }
  }
}

// --- Checksums ----------------------------------------------------------------------------------

TEST_CASE("CRC-32C: the known answers") {
  CHECK(Crc32c("") == 0);
  CHECK(Crc32c("123456789") == 0xe3069283);
  CHECK(Crc32c("a") == 0xc1d04330);
  // RFC 3720, B.4.
  CHECK(Crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(Crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  CHECK(Crc32c(rising) == 0x46dd794e);
}

TEST_CASE("CRC-32C: piece by piece is the same as at once") {
  std::mt19937_64 random(1);
  std::string data(3000, '\0');
  for (char& c : data) c = static_cast<char>(random());
  std::string_view view = data;
  for (size_t cut = 0; cut <= data.size(); cut += 1 + random() % 50) {
    REQUIRE(Crc32c(view.substr(cut), Crc32c(view.substr(0, cut))) == Crc32c(view));
  }
  // And at any alignment.
  for (size_t offset = 0; offset < 16; ++offset) {
    REQUIRE(Crc32c(view.substr(offset, 100)) == Crc32c(std::string(view.substr(offset, 100))));
  }
}

// --- Batches ------------------------------------------------------------------------------------

Batch BatchOf(const std::vector<std::string>& payloads) {
  BatchBuilder builder(WriterId(7), SeqNo(40));
  for (const std::string& payload : payloads) builder.Add(payload);
  return std::move(builder).Finish();
}

TEST_CASE("Batch: records come back as they were added") {
  std::vector<std::string> payloads{"one", "", std::string(70'000, 'x'), std::string("\0\1", 2)};
  BatchBuilder builder(WriterId(7), SeqNo(40));
  size_t bytes = 0;
  for (const std::string& payload : payloads) {
    builder.Add(payload);
    bytes += RecordBytes(payload.size());
    CHECK(builder.body_bytes() == bytes);
  }
  CHECK(builder.count() == 4);
  Batch batch = std::move(builder).Finish();
  CHECK(batch.header.writer == WriterId(7));
  CHECK(batch.header.first == SeqNo(40));
  CHECK(batch.header.last() == SeqNo(43));
  CHECK(batch.header.end() == SeqNo(44));
  CHECK(batch.header.first_in_loglet);
  CHECK(batch.body_crc == Crc32c(batch.body.view()));
  CHECK(ValidateBatch(batch).ok());
  RecordCursor cursor(batch.body.view());
  for (const std::string& payload : payloads) {
    CHECK_FALSE(cursor.at_end());
    REQUIRE(cursor.Next());
    CHECK(cursor.payload() == payload);
  }
  CHECK(cursor.at_end());
  CHECK_FALSE(cursor.Next());
  CHECK(cursor.ok());
}

TEST_CASE("Batch: a cursor skips records, at most to the end") {
  Batch batch = BatchOf({"a", "b", "c", "d"});
  RecordCursor cursor(batch.body.view());
  cursor.Skip(0);
  cursor.Skip(2);
  REQUIRE(cursor.Next());
  CHECK(cursor.payload() == "c");
  cursor.Skip(1000);
  CHECK_FALSE(cursor.Next());
  CHECK(cursor.ok());
}

TEST_CASE("Batch: its header comes back from its bytes, and anything else is data loss") {
  BatchHeader header = BatchOf({"a", "b"}).header;
  header.first_in_loglet = false;
  header.prev = SeqNo(39);
  std::string bytes = EncodeBatchHeader(header);
  CHECK(bytes.size() == kBatchHeaderBytes);
  StatusOr<BatchHeader> decoded = DecodeBatchHeader(bytes);
  REQUIRE(decoded.ok());
  CHECK(*decoded == header);
  header.first_in_loglet = true;
  CHECK(DecodeBatchHeader(EncodeBatchHeader(header))->first_in_loglet);
  for (size_t length = 0; length < bytes.size(); ++length) {
    REQUIRE(absl::IsDataLoss(DecodeBatchHeader(bytes.substr(0, length)).status()));
  }
  CHECK(absl::IsDataLoss(DecodeBatchHeader(bytes + "x").status()));
  header.count = 0;  // no batch is empty
  CHECK(absl::IsDataLoss(DecodeBatchHeader(EncodeBatchHeader(header)).status()));
}

TEST_CASE("Batch: every flipped bit of a body or its checksum is data loss") {
  Batch batch = BatchOf({"first", "", "second record"});
  std::string body(batch.body.view());
  for (size_t bit = 0; bit < body.size() * 8; ++bit) {
    std::string damaged = body;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Batch bad = batch;
    bad.body = Bytes(damaged);
    REQUIRE(absl::IsDataLoss(ValidateBatch(bad)));
  }
  Batch bad = batch;
  bad.body_crc ^= 1;
  CHECK(absl::IsDataLoss(ValidateBatch(bad)));
}

TEST_CASE("Batch: a body that does not hold what its header says is data loss") {
  Batch batch = BatchOf({"first", "second"});
  std::string body(batch.body.view());
  auto with = [&](std::string changed, uint32_t count) {
    Batch bad = batch;
    bad.header.count = count;
    bad.body = Bytes(std::move(changed));
    bad.body_crc = Crc32c(bad.body.view());  // the checksum is right, the contents are not
    return ValidateBatch(bad);
  };
  CHECK(with(body, 2).ok());
  CHECK(absl::IsDataLoss(with(body, 1)));
  CHECK(absl::IsDataLoss(with(body, 3)));
  for (size_t length = 0; length < body.size(); ++length) {
    REQUIRE(absl::IsDataLoss(with(body.substr(0, length), 2)));
  }
  CHECK(absl::IsDataLoss(with(body + "x", 2)));
  std::string huge = body;
  huge.replace(0, 4, 4, '\xff');
  CHECK(absl::IsDataLoss(with(huge, 2)));
}

TEST_CASE("Batch: a cursor on random bytes stays inside them") {
  std::mt19937_64 random(1);
  int malformed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string body(random() % 60, '\0');
    for (char& c : body) c = random() % 4 == 0 ? static_cast<char>(random() % 9) : '\0';
    RecordCursor cursor(body);
    size_t bytes = 0;
    while (cursor.Next()) {
      bytes += RecordBytes(cursor.payload().size());
      REQUIRE(cursor.payload().data() + cursor.payload().size() == body.data() + bytes);
    }
    REQUIRE(bytes <= body.size());
    REQUIRE(cursor.ok() == (bytes == body.size()));
    malformed += !cursor.ok();
  }
  CHECK(malformed > 100);
}

// --- Time and status ----------------------------------------------------------------------------

TEST_CASE("Instant: sums saturate at the far end of time") {
  Instant now(seconds(10));
  CHECK(now + seconds(5) == Instant(seconds(15)));
  CHECK((now + seconds(5)) - now == seconds(5));
  CHECK(now + Duration::max() == Instant::Max());
  CHECK(Instant::Max() + nanoseconds(1) == Instant::Max());
  CHECK(Instant::Max() + Duration::max() == Instant::Max());
  CHECK(Instant::Max() + nanoseconds(0) == Instant::Max());
  CHECK(Instant() + Duration::max() == Instant::Max());
  Instant close(Duration::max() - seconds(1));
  CHECK(close + nanoseconds(1) < Instant::Max());
  CHECK(close + seconds(1) == Instant::Max());
  CHECK(close + hours(1) == Instant::Max());
  CHECK(now < Instant::Max());
}

TEST_CASE("Instant: a step back is earlier") {
  Instant now(seconds(10));
  CHECK(now + seconds(-3) == Instant(seconds(7)));
  CHECK(Instant::Max() + seconds(-1) < Instant::Max());
}

TEST_CASE("Status: a note in front keeps the code and leaves success alone") {
  Status noted = Annotate(absl::DataLossError("bad crc"), "segment 3");
  CHECK(absl::IsDataLoss(noted));
  CHECK(Message(noted) == "segment 3: bad crc");
  CHECK(Annotate(absl::OkStatus(), "segment 3").ok());
}

}  // namespace
}  // namespace vlog

// The sparse index of a segment beside a full list of its groups, and the checkpoint's bytes.
#include "storage/segment_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

namespace vlog::storage {
namespace {

// A stream that knows its range and nothing else.
class RangeState final : public StreamState {
 public:
  void Apply(const Entry& entry) override { end_ = entry.first + entry.count; }
  void Damaged(uint64_t lost) override { end_ += lost; }
  void SkipTo(uint64_t end) override { end_ = end; }
  uint64_t trim() const override { return 0; }
  uint64_t end() const override { return end_; }
  std::string Encode() const override { return std::to_string(end_); }
  Status Decode(std::string_view data) override {
    end_ = std::stoull(std::string(data));
    return absl::OkStatus();
  }

 private:
  uint64_t end_ = 0;
};

std::unique_ptr<StreamState> NewRangeState(const std::string& kind) {
  return kind == "range" ? std::make_unique<RangeState>() : nullptr;
}

// Streams 1 and 2, which end at 10 and 25.
StreamTable TwoStreams() {
  StreamTable streams(NewRangeState);
  for (auto [id, end] : {std::pair(1, 10), std::pair(2, 25)}) {
    REQUIRE(streams.Apply(StreamTable::CreateEntry(StreamId(id), "range", "s" + std::to_string(id)))
                .ok());
    Entry entry;
    entry.stream = StreamId(id);
    entry.count = static_cast<uint32_t>(end);
    REQUIRE(streams.Apply(entry).ok());
  }
  return streams;
}

void CheckSame(const SegmentIndex& a, const SegmentIndex& b) {
  std::string of_a;
  std::string of_b;
  a.EncodeTo(&of_a);
  b.EncodeTo(&of_b);
  CHECK(of_a == of_b);
}

TEST_CASE("Segment index: it knows where each stream stood and where it stands") {
  SegmentIndex index(7, TwoStreams());
  CHECK(index.segment() == 7);
  CHECK(index.StartOf(StreamId(1)) == 10);
  CHECK(index.StartOf(StreamId(2)) == 25);
  CHECK_FALSE(index.StartOf(StreamId(3)).has_value());
  CHECK(index.ends().empty());
  index.Add(StreamId(1), 10, 14, 0);
  index.Add(StreamId(3), 0, 2, 0);
  index.Add(StreamId(1), 14, 15, 200);
  CHECK(index.StartOf(StreamId(1)) == 10);
  CHECK(index.StartOf(StreamId(3)) == 0);  // born in this segment
  CHECK(index.ends() == std::map<StreamId, uint64_t>{{StreamId(1), 15}, {StreamId(3), 2}});
}

TEST_CASE("Segment index: there is nothing to seek of a stream that the segment does not hold") {
  SegmentIndex index(7, TwoStreams());
  CHECK_FALSE(index.Seek(StreamId(1), 10).has_value());
  index.Add(StreamId(2), 25, 30, 88);
  CHECK_FALSE(index.Seek(StreamId(1), 10).has_value());
  CHECK(index.Seek(StreamId(2), 25) == 88);
  // Positions before the first one are lost; a scan from there meets what follows them.
  CHECK(index.Seek(StreamId(2), 3) == 88);
}

// One group of one stream in a segment.
struct Placed {
  uint64_t stream;
  uint64_t first;
  uint64_t end;
  uint64_t offset;
};

TEST_CASE("Segment index: a scan from the sought place meets the position and never too late") {
  constexpr uint64_t kFarScan = 64 * 1024;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    SegmentIndex index(1);
    std::vector<Placed> groups;
    std::map<uint64_t, uint64_t> next;
    uint64_t offset = 0;
    while (offset < 1'000'000) {
      uint64_t stream = 1 + random() % 3;
      uint64_t first = next[stream] + (random() % 20 == 0 ? 5 : 0);  // some are lost
      uint64_t end = first + 1 + random() % 4;
      index.Add(StreamId(stream), first, end, offset);
      groups.push_back({stream, first, end, offset});
      next[stream] = end;
      offset += 88 + random() % 9000;
    }
    for (const Placed& group : groups) {
      for (uint64_t position = group.first; position < group.end; ++position) {
        std::optional<uint64_t> sought = index.Seek(StreamId(group.stream), position);
        REQUIRE(sought.has_value());
        REQUIRE(*sought <= group.offset);
        REQUIRE(group.offset - *sought < kFarScan);
        auto holds = [&](const Placed& g) {
          return g.stream == group.stream && g.offset == *sought;
        };
        REQUIRE(std::any_of(groups.begin(), groups.end(), holds));
      }
    }
    for (auto [stream, end] : next) REQUIRE(index.ends().at(StreamId(stream)) == end);
    std::string encoded;
    index.EncodeTo(&encoded);
    CHECK(encoded.size() < 2500);  // sparse
    StatusOr<SegmentIndex> decoded = SegmentIndex::Decode(encoded);
    REQUIRE(decoded.ok());
    CheckSame(*decoded, index);
    for (const Placed& group : groups) {
      StreamId stream(group.stream);
      REQUIRE(decoded->Seek(stream, group.first) == index.Seek(stream, group.first));
    }
  }
}

TEST_CASE("Segment index: bytes that end early or late are data loss") {
  SegmentIndex index(7, TwoStreams());
  index.Add(StreamId(1), 10, 14, 0);
  index.Add(StreamId(1), 14, 20, 40'000);
  std::string encoded;
  index.EncodeTo(&encoded);
  CHECK(SegmentIndex::Decode(encoded).ok());
  for (size_t length = 0; length < encoded.size(); ++length) {
    REQUIRE(absl::IsDataLoss(SegmentIndex::Decode(encoded.substr(0, length)).status()));
  }
  CHECK(absl::IsDataLoss(SegmentIndex::Decode(encoded + "x").status()));
}

Checkpoint SomeCheckpoint() {
  Checkpoint checkpoint;
  checkpoint.at = {7, 4096};
  checkpoint.ordinal = 35;
  checkpoint.next_stream = StreamId(3);
  checkpoint.streams = EncodeStreams(TwoStreams());
  checkpoint.closed = true;
  checkpoint.index = SegmentIndex(7, TwoStreams());
  checkpoint.index.Add(StreamId(2), 25, 27, 88);
  return checkpoint;
}

TEST_CASE("Checkpoint: it comes back from its bytes as it was") {
  Checkpoint checkpoint = SomeCheckpoint();
  for (bool closed : {false, true}) {
    checkpoint.closed = closed;
    StatusOr<Checkpoint> decoded =
        DecodeCheckpoint(JournalId(5), EncodeCheckpoint(JournalId(5), checkpoint));
    REQUIRE(decoded.ok());
    CHECK(decoded->at == checkpoint.at);
    CHECK(decoded->ordinal == 35);
    CHECK(decoded->next_stream == StreamId(3));
    CHECK(decoded->streams == checkpoint.streams);
    CHECK(decoded->closed == closed);
    CheckSame(decoded->index, checkpoint.index);
  }
}

TEST_CASE("Checkpoint: every flipped bit, missing byte and added byte is data loss") {
  std::string bytes = EncodeCheckpoint(JournalId(5), SomeCheckpoint());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE(absl::IsDataLoss(DecodeCheckpoint(JournalId(5), damaged).status()));
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    REQUIRE(absl::IsDataLoss(DecodeCheckpoint(JournalId(5), bytes.substr(0, length)).status()));
  }
  CHECK(absl::IsDataLoss(DecodeCheckpoint(JournalId(5), bytes + '\0').status()));
}

TEST_CASE("Checkpoint: another journal's is data loss") {
  std::string bytes = EncodeCheckpoint(JournalId(5), SomeCheckpoint());
  CHECK(absl::IsDataLoss(DecodeCheckpoint(JournalId(6), bytes).status()));
}

TEST_CASE("Checkpoint: the streams come back with their state and with the word of a loss") {
  for (bool lost : {false, true}) {
    StreamTable streams = TwoStreams();
    if (lost) streams.set_lost_bound(12);
    StreamTable restored(NewRangeState);
    REQUIRE(DecodeStreams(EncodeStreams(streams), &restored).ok());
    REQUIRE(restored.streams().size() == 2);
    Stream* second = restored.Find("s2");
    REQUIRE(second != nullptr);
    CHECK(second->id == StreamId(2));
    CHECK(second->kind == "range");
    CHECK(second->state->end() == 25);
    CHECK(restored.Find(StreamId(1))->state->end() == 10);
    CHECK(restored.next_id() == StreamId(3));
    CHECK(restored.lost_bound().has_value() == lost);
    CHECK(restored.lost_bound().value_or(12) == 12);
  }
}

TEST_CASE("Checkpoint: stream states that end early are data loss, and unknown kinds are refused") {
  std::string bytes = EncodeStreams(TwoStreams());
  size_t whole = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    StreamTable restored(NewRangeState);
    Status status = DecodeStreams(bytes.substr(0, length), &restored);
    whole += status.ok();  // between two streams
    if (!status.ok()) REQUIRE(absl::IsDataLoss(status));
  }
  CHECK(whole == 2);
  StreamTable other([](const std::string&) { return nullptr; });
  CHECK(absl::IsInvalidArgument(DecodeStreams(bytes, &other)));
}

}  // namespace
}  // namespace vlog::storage

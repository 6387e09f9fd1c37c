// The bytes of the journal, and what recovery makes of damaged ones.
#include "storage/format.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "base/crc32c.h"
#include "storage/recovery_core.h"

template <>
struct Catch::StringMaker<vlog::storage::JournalPosition> {
  static std::string convert(const vlog::storage::JournalPosition& position) {
    return ToString(position);
  }
};

namespace vlog::storage {
namespace {

constexpr JournalId kJournal(0x1234'5678'9abc);
constexpr size_t kSectorBytes = 512;

std::string Flat(const BytesList& parts) {
  std::string flat;
  for (const Bytes& part : parts) flat += part.view();
  return flat;
}

Entry MakeEntry(uint64_t first, uint32_t count, std::string payload, std::string meta = "") {
  Entry entry;
  entry.stream = StreamId(3);
  entry.type = 9;
  entry.first = first;
  entry.count = count;
  entry.meta = std::move(meta);
  entry.payload = Bytes(std::move(payload));
  entry.payload_crc = Crc32c(entry.payload.view());
  return entry;
}

void CheckSame(const Entry& a, const Entry& b) {
  CHECK(a.stream == b.stream);
  CHECK(a.type == b.type);
  CHECK(a.first == b.first);
  CHECK(a.count == b.count);
  CHECK(a.meta == b.meta);
  CHECK(a.payload == b.payload);
  CHECK(a.payload_crc == b.payload_crc);
}

// --- Frames -------------------------------------------------------------------------------------

TEST_CASE("Format: a group and its entries come back as they were") {
  // Payloads around the size from which on they are referenced instead of copied.
  std::vector<Entry> entries;
  for (size_t size : {0, 1, 7, 8, 4095, 4096, 4097, 100'000}) {
    for (size_t meta : {0, 3, 32}) {
      entries.push_back(MakeEntry(size, static_cast<uint32_t>(meta), std::string(size, 'p'),
                                  std::string(meta, 'm')));
    }
  }
  GroupHeader header;
  header.synced_up_to = {4, 800};
  header.previous_end = {5, 1024};
  header.ordinal = 77;
  JournalPosition at{5, 1024};
  Bytes bytes(Flat(EncodeGroup(kJournal, at, header, entries)));

  Frame frame;
  REQUIRE(MayBeFrame(bytes.view()));
  REQUIRE(DecodeFrame(kJournal, at, bytes, &frame) == FrameState::kValid);
  REQUIRE(frame.group.has_value());
  CHECK(frame.at == at);
  CHECK(frame.bytes == kGroupFrameBytes);
  CHECK(frame.group->synced_up_to == header.synced_up_to);
  CHECK(frame.group->previous_end == header.previous_end);
  CHECK(frame.group->ordinal == 77);
  CHECK(frame.group->body_bytes == bytes.size() - kGroupFrameBytes);
  for (const Entry& entry : entries) {
    JournalPosition next = frame.end();
    REQUIRE(
        DecodeFrame(kJournal, next,
                    bytes.Slice(next.offset - at.offset, bytes.size() - (next.offset - at.offset)),
                    &frame) == FrameState::kValid);
    CHECK_FALSE(frame.group.has_value());
    CHECK(frame.bytes == EntryFrameBytes(entry));
    CHECK(frame.bytes % 8 == 0);
    CheckSame(frame.entry, entry);
  }
  CHECK(frame.end().offset == at.offset + bytes.size());
}

TEST_CASE("Format: a large payload is referenced, not copied") {
  std::vector<Entry> entries{MakeEntry(0, 1, std::string(5000, 'p'))};
  BytesList parts = EncodeGroup(kJournal, {1, 0}, GroupHeader(), entries);
  auto same = [&](const Bytes& part) { return part.data() == entries[0].payload.data(); };
  CHECK(std::count_if(parts.begin(), parts.end(), same) == 1);
}

TEST_CASE("Format: a group without entries is a group") {
  Bytes bytes(Flat(EncodeGroup(kJournal, {1, 88}, GroupHeader(), {})));
  REQUIRE(bytes.size() == kGroupFrameBytes);
  Frame frame;
  REQUIRE(DecodeFrame(kJournal, {1, 88}, bytes, &frame) == FrameState::kValid);
  REQUIRE(frame.group.has_value());
  CHECK(frame.group->body_bytes == 0);
}

// The group header and one entry with meta and payload, at some place.
struct SmallGroup {
  SmallGroup() {
    GroupHeader header;
    header.ordinal = 5;
    bytes = Flat(EncodeGroup(kJournal, at, header, {entry}));
  }
  // What the frame that begins `offset` bytes into the group is now.
  FrameState Decode(const std::string& data, size_t offset) const {
    Frame frame;
    return DecodeFrame(kJournal, {at.segment, at.offset + offset}, Bytes(data.substr(offset)),
                       &frame);
  }
  JournalPosition at{2, 640};
  Entry entry = MakeEntry(40, 2, "a payload of 19 byte", "some meta");
  std::string bytes;
};

TEST_CASE("Format: every flipped bit of a frame is noticed") {
  SmallGroup group;
  REQUIRE(group.Decode(group.bytes, 0) == FrameState::kValid);
  REQUIRE(group.Decode(group.bytes, kGroupFrameBytes) == FrameState::kValid);
  size_t meta_end = kGroupFrameBytes + kFrameHeaderBytes + group.entry.meta.size();
  size_t payload_end = meta_end + group.entry.payload.size();
  for (size_t bit = 0; bit < group.bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string damaged = group.bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    FrameState of_group = group.Decode(damaged, 0);
    FrameState of_entry = group.Decode(damaged, kGroupFrameBytes);
    bool in_group = bit / 8 < kFrameHeaderBytes + kGroupMetaBytes;
    bool in_header = bit / 8 >= kGroupFrameBytes && bit / 8 < meta_end;
    bool in_payload = bit / 8 >= meta_end && bit / 8 < payload_end;
    REQUIRE(of_group == (in_group ? FrameState::kInvalid : FrameState::kValid));
    REQUIRE(of_entry == (in_header    ? FrameState::kInvalid
                         : in_payload ? FrameState::kBadPayload
                                      : FrameState::kValid));
  }
}

TEST_CASE("Format: a frame is valid in its place and its life of the segment only") {
  SmallGroup group;
  Bytes bytes(group.bytes);
  Frame frame;
  REQUIRE(DecodeFrame(kJournal, group.at, bytes, &frame) == FrameState::kValid);
  for (int bit = 0; bit < 64; ++bit) {
    uint64_t flip = uint64_t{1} << bit;
    CAPTURE(bit);
    JournalPosition other_segment{group.at.segment ^ flip, group.at.offset};
    JournalPosition other_offset{group.at.segment, group.at.offset ^ flip};
    JournalId other_journal(kJournal.value() ^ flip);
    CHECK(DecodeFrame(kJournal, other_segment, bytes, &frame) == FrameState::kInvalid);
    CHECK(DecodeFrame(kJournal, other_offset, bytes, &frame) == FrameState::kInvalid);
    CHECK(DecodeFrame(other_journal, group.at, bytes, &frame) == FrameState::kInvalid);
  }
}

TEST_CASE("Format: a frame that is cut short is invalid") {
  SmallGroup group;
  for (size_t length = 0; length < group.bytes.size() - kGroupFrameBytes; ++length) {
    std::string cut = group.bytes.substr(0, kGroupFrameBytes + length);
    REQUIRE(group.Decode(cut, kGroupFrameBytes) == FrameState::kInvalid);
  }
  for (size_t length = 0; length < kFrameHeaderBytes + kGroupMetaBytes; ++length) {
    REQUIRE(group.Decode(group.bytes.substr(0, length), 0) == FrameState::kInvalid);
  }
}

TEST_CASE("Format: random bytes are no frame and crash nothing") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string data(random() % 200, '\0');
    for (char& c : data) c = static_cast<char>(random());
    if (data.size() >= 6) {
      // Let it pass the quick look.
      data[4] = 'V';
      data[5] = random() % 2 == 0 ? 'E' : 'G';
    }
    Frame frame;
    REQUIRE(DecodeFrame(kJournal, {1, 0}, Bytes(std::move(data)), &frame) == FrameState::kInvalid);
  }
}

// --- Recovery -----------------------------------------------------------------------------------

// Where a group of the script below lies, and what it holds.
struct Written {
  JournalPosition begin;
  JournalPosition end;
  std::vector<Frame> frames;  // the group and its entries
  uint64_t records = 0;
};

// Writes groups as a journal does; each marks as synced what `synced` says, by default all that
// lies before it. Behind them, segments hold zeros.
class Script {
 public:
  explicit Script(size_t segment_bytes = 8192)
      : segment_bytes_(segment_bytes), segments_{std::string(segment_bytes, '\0')} {}

  // A group with one entry for each count; payloads of `payload_bytes`.
  Written Group(const std::vector<uint32_t>& counts, size_t payload_bytes = 30) {
    std::vector<Entry> entries;
    Written written;
    for (uint32_t count : counts) {
      entries.push_back(MakeEntry(ordinal_ + written.records, count,
                                  std::string(payload_bytes, static_cast<char>('a' + count)), "m"));
      written.records += count;
    }
    GroupHeader header;
    header.synced_up_to = synced.value_or(end_);
    header.previous_end = end_;
    header.ordinal = ordinal_;
    written.begin = at_;
    std::string bytes = Flat(EncodeGroup(kJournal, at_, header, entries));
    REQUIRE(at_.offset + bytes.size() <= segment_bytes_);
    Bytes shared(bytes);
    for (size_t offset = 0; offset < bytes.size();) {
      Frame frame;
      REQUIRE(DecodeFrame(kJournal, {at_.segment, at_.offset + offset},
                          shared.Slice(offset, bytes.size() - offset),
                          &frame) == FrameState::kValid);
      offset += frame.bytes;
      written.frames.push_back(frame);
    }
    segments_.back().replace(at_.offset, bytes.size(), bytes);
    at_.offset += bytes.size();
    end_ = written.end = at_;
    ordinal_ += written.records;
    return written;
  }

  // What follows overwrites what comes after `at`, as if it had never been.
  void ForgetFrom(const Written& group) {
    at_ = end_ = group.begin;
    ordinal_ -= group.records;
  }

  // The next group claims that there were more records before it than there are.
  void SkipRecords(uint64_t records) { ordinal_ += records; }

  void NextSegment() {
    segments_.emplace_back(segment_bytes_, '\0');
    at_ = {at_.segment + 1, 0};
  }

  // The byte at `at`.
  char& At(JournalPosition at) { return segments_[at.segment - 1][at.offset]; }
  void Flip(JournalPosition at) { At(at) = static_cast<char>(At(at) ^ 4); }
  void Break(const Frame& frame) { Flip(JournalPosition{frame.at.segment, frame.at.offset + 8}); }
  // Overwrites [begin, end) of one segment.
  void Wipe(JournalPosition begin, JournalPosition end) {
    for (; begin < end; ++begin.offset) At(begin) = '\0';
  }

  RecoveryPlan Plan(bool durable_only = false) const {
    std::vector<SegmentBytes> segments;
    for (size_t i = 0; i < segments_.size(); ++i) {
      segments.push_back({{i + 1, 0}, Bytes(segments_[i])});
    }
    return PlanRecovery(kJournal, segments, 0, durable_only);
  }

  JournalPosition end() const { return end_; }
  uint64_t ordinal() const { return ordinal_; }
  std::string segment(size_t number) const { return segments_[number - 1]; }
  void set_segment(size_t number, std::string bytes) { segments_[number - 1] = std::move(bytes); }

  std::optional<JournalPosition> synced;

 private:
  size_t segment_bytes_;
  std::vector<std::string> segments_;  // number i + 1
  JournalPosition at_{1, 0};
  JournalPosition end_{1, 0};
  uint64_t ordinal_ = 0;
};

std::vector<JournalPosition> Places(const std::vector<Frame>& frames) {
  std::vector<JournalPosition> places;
  for (const Frame& frame : frames) places.push_back(frame.at);
  return places;
}

std::vector<JournalPosition> PlacesOf(const std::vector<Written>& groups) {
  std::vector<JournalPosition> places;
  for (const Written& group : groups) {
    for (JournalPosition at : Places(group.frames)) places.push_back(at);
  }
  return places;
}

// The plan takes exactly these groups, in order, and drops nothing else.
void CheckTakes(const RecoveryPlan& plan, const std::vector<Written>& groups) {
  CHECK(Places(plan.frames) == PlacesOf(groups));
  uint64_t records = 0;
  for (const Written& group : groups) records += group.records;
  CHECK(plan.ordinal == records);
  CHECK(plan.end == groups.back().end);
  CHECK(plan.damage.empty());
}

TEST_CASE("Recovery: an empty journal ends where it starts") {
  RecoveryPlan plan = Script().Plan();
  CHECK(plan.frames.empty());
  CHECK(plan.damage.empty());
  CHECK(plan.end == JournalPosition{1, 0});
  CHECK(plan.dropped_end == plan.end);
  CHECK(plan.synced == plan.end);
}

TEST_CASE("Recovery: a clean tail is taken whole") {
  Script script;
  std::vector<Written> groups{script.Group({1, 2}), script.Group({3}), script.Group({})};
  groups.push_back(script.Group({1, 1, 1}));
  RecoveryPlan plan = script.Plan();
  CheckTakes(plan, groups);
  CHECK(plan.synced == groups[3].begin);
  CHECK(plan.dropped_end == plan.end);
  for (size_t i = 0; i < 3; ++i) CheckSame(plan.frames[i].entry, groups[0].frames[i].entry);
}

TEST_CASE("Recovery: it starts at the checkpoint, in the middle of a segment") {
  Script script;
  Written before = script.Group({4});
  Written after = script.Group({2, 2});
  SegmentBytes rest{after.begin, Bytes(script.segment(1).substr(after.begin.offset))};
  RecoveryPlan plan = PlanRecovery(kJournal, {rest}, before.records, false);
  CHECK(Places(plan.frames) == PlacesOf({after}));
  CHECK(plan.ordinal == 8);
  CHECK(plan.end == after.end);
  CHECK(plan.damage.empty());
}

TEST_CASE("Recovery: any subset of the last write's sectors is taken whole or not at all") {
  // What the lost sectors held before: zeros, or groups of the segment's earlier life.
  Script earlier;
  earlier.Group({1}, 100);
  while (earlier.end().offset < 6000) earlier.Group({1, 2}, 250);
  for (bool recycled : {false, true}) {
    CAPTURE(recycled);
    Script script;
    script.NextSegment();
    if (recycled) script.set_segment(2, earlier.segment(1));
    Written kept = script.Group({1}, 200);
    Written last;
    std::string before = script.segment(2);
    last = script.Group({2, 1, 3}, 700);
    std::string after = script.segment(2);
    size_t first_sector = last.begin.offset / kSectorBytes;
    size_t sectors = (last.end.offset - 1) / kSectorBytes + 1 - first_sector;
    REQUIRE(sectors >= 5);
    int whole = 0;
    for (uint64_t subset = 0; subset < (uint64_t{1} << sectors); ++subset) {
      CAPTURE(subset);
      std::string torn = before;
      for (size_t s = 0; s < sectors; ++s) {
        if ((subset >> s & 1) == 0) continue;
        size_t begin = (first_sector + s) * kSectorBytes;
        torn.replace(begin, kSectorBytes, after, begin, kSectorBytes);
      }
      bool complete = torn == after;
      script.set_segment(2, torn);
      RecoveryPlan plan = script.Plan();
      whole += complete;
      CheckTakes(plan, complete ? std::vector<Written>{kept, last} : std::vector<Written>{kept});
      REQUIRE(plan.dropped_end >= plan.end);
      REQUIRE(plan.dropped_end <= last.end);
    }
    CHECK(whole == 1);
  }
}

TEST_CASE(
    "Recovery: what looks valid behind the torn group is dropped and marked for overwriting") {
  for (size_t broken : {0, 1, 2}) {  // the group's own frame, its first entry, its last
    CAPTURE(broken);
    Script script;
    Written first = script.Group({1});
    script.synced = first.begin;  // three writes at once
    Written torn = script.Group({2, 2});
    Written behind = script.Group({3});
    script.Break(torn.frames[broken]);
    RecoveryPlan plan = script.Plan();
    CheckTakes(plan, {first});
    CHECK(plan.end == torn.begin);
    CHECK(plan.dropped_end == behind.end);
  }
}

TEST_CASE("Recovery: a bad payload at the tail drops its whole group") {
  Script script;
  Written first = script.Group({1});
  Written torn = script.Group({2, 2});
  JournalPosition payload = torn.frames[2].end();
  payload.offset -= 10;
  script.Flip(payload);
  RecoveryPlan plan = script.Plan();
  CheckTakes(plan, {first});
  CHECK(plan.dropped_end == torn.end);
}

TEST_CASE("Recovery: damage below the synced mark is kept, with its range and what it held") {
  Script script;
  Written first = script.Group({1});
  Written rotten = script.Group({2, 5});
  Written last = script.Group({3});
  script.Wipe(rotten.begin, rotten.end);
  RecoveryPlan plan = script.Plan();
  CHECK(Places(plan.frames) == PlacesOf({first, last}));
  CHECK(plan.ordinal == 11);
  CHECK(plan.end == last.end);
  REQUIRE(plan.damage.size() == 1);
  CHECK(plan.damage[0].begin == rotten.begin);
  CHECK(plan.damage[0].end == rotten.end);
  CHECK(plan.damage[0].lost_records == 7);
  CHECK(plan.damage_before == std::vector<size_t>{2});
  CHECK(plan.dropped_end == plan.end);
}

TEST_CASE("Recovery: two damages are two gaps, each with its own count") {
  Script script;
  std::vector<Written> groups;
  for (uint32_t i = 1; i <= 5; ++i) groups.push_back(script.Group({i}));
  script.Wipe(groups[1].begin, groups[1].end);
  script.Wipe(groups[3].begin, groups[3].end);
  RecoveryPlan plan = script.Plan();
  CHECK(Places(plan.frames) == PlacesOf({groups[0], groups[2], groups[4]}));
  REQUIRE(plan.damage.size() == 2);
  CHECK(plan.damage[0].begin == groups[1].begin);
  CHECK(plan.damage[0].lost_records == 2);
  CHECK(plan.damage[1].end == groups[3].end);
  CHECK(plan.damage[1].lost_records == 4);
  CHECK(plan.damage_before == std::vector<size_t>{2, 4});
}

TEST_CASE("Recovery: a rotten payload below the synced mark loses that entry only") {
  Script script;
  Written first = script.Group({1, 4, 2});
  Written last = script.Group({3});
  const Frame& rotten = first.frames[2];
  script.Flip({1, rotten.end().offset - 10});
  RecoveryPlan plan = script.Plan();
  std::vector<JournalPosition> expected = PlacesOf({first, last});
  expected.erase(expected.begin() + 2);
  CHECK(Places(plan.frames) == expected);
  CHECK(plan.ordinal == 10);
  REQUIRE(plan.damage.size() == 1);
  CHECK(plan.damage[0].begin == rotten.at);
  CHECK(plan.damage[0].end == rotten.end());
  CHECK(plan.damage[0].lost_records == 4);
  CHECK(plan.damage_before == std::vector<size_t>{2});
}

TEST_CASE(
    "Recovery: damage right below the mark is counted even when the group at the mark is torn") {
  Script script;
  Written first = script.Group({1});
  Written rotten = script.Group({6});
  Written torn = script.Group({2, 2});
  script.Wipe(rotten.begin, rotten.end);
  script.Flip({1, torn.end.offset - 10});
  RecoveryPlan plan = script.Plan();
  CHECK(Places(plan.frames) == PlacesOf({first}));
  REQUIRE(plan.damage.size() == 1);
  CHECK(plan.damage[0].lost_records == 6);
  CHECK(plan.ordinal == 7);
  CHECK(plan.end == torn.begin);  // the place is kept
  CHECK(plan.dropped_end > plan.end);
}

TEST_CASE("Recovery: a segment continues where the one before it ended") {
  Script script;
  Written first = script.Group({1});
  Written second = script.Group({2});
  script.NextSegment();
  Written third = script.Group({3});
  Written fourth = script.Group({4});
  RecoveryPlan plan = script.Plan();
  CheckTakes(plan, {first, second, third, fourth});
  CHECK(plan.dropped_end == plan.end);
  // With the mark still in the first segment, too.
  Script early;
  first = early.Group({1});
  early.synced = first.end;
  early.NextSegment();
  second = early.Group({2});
  third = early.Group({3});
  CheckTakes(early.Plan(), {first, second, third});
}

TEST_CASE("Recovery: a segment that continues something else is no tail of this journal") {
  Script script;
  Written first = script.Group({1});
  script.synced = first.begin;
  Written torn = script.Group({2});
  script.NextSegment();
  Written next = script.Group({3});
  script.Wipe(torn.begin, torn.end);
  RecoveryPlan plan = script.Plan();
  CheckTakes(plan, {first});
  CHECK(plan.dropped_end == next.end);
}

TEST_CASE("Recovery: a tail group that counts other records before it is dropped") {
  Script script;
  Written first = script.Group({1});
  script.SkipRecords(3);
  Written odd = script.Group({1});
  RecoveryPlan plan = script.Plan();
  CheckTakes(plan, {first});
  CHECK(plan.dropped_end == odd.end);
}

TEST_CASE("Recovery: what was left behind a segment's end is ignored") {
  Script script;
  Written first = script.Group({1});
  Written failed = script.Group({2, 2});  // its write failed; the journal went on elsewhere
  script.ForgetFrom(failed);
  script.NextSegment();
  Written second = script.Group({3});
  Written third = script.Group({1});
  RecoveryPlan plan = script.Plan();
  CheckTakes(plan, {first, second, third});
  CHECK(plan.synced == third.begin);
  CHECK(plan.dropped_end == plan.end);
}

TEST_CASE("Recovery: an overwritten tail leaves no trace") {
  Script script;
  Written first = script.Group({1});
  Written torn = script.Group({2, 2, 2});
  script.Break(torn.frames[1]);
  RecoveryPlan torn_plan = script.Plan();
  script.Wipe(torn_plan.end, torn_plan.dropped_end);
  script.ForgetFrom(torn);
  Written second = script.Group({5});
  RecoveryPlan plan = script.Plan();
  CheckTakes(plan, {first, second});
  CHECK(plan.dropped_end == plan.end);
}

TEST_CASE("Recovery: a reader beside the writer takes only what is below the mark") {
  Script script;
  Written first = script.Group({1});
  Written second = script.Group({2});
  RecoveryPlan plan = script.Plan(true);
  CheckTakes(plan, {first});
  CHECK(plan.end == plan.synced);
  CHECK(plan.end == second.begin);
  script.Group({});
  CheckTakes(script.Plan(true), {first, second});
  // It sees rot as the writer's recovery does.
  script.Wipe(first.begin, first.end);
  RecoveryPlan rotten = script.Plan(true);
  CHECK(Places(rotten.frames) == PlacesOf({second}));
  REQUIRE(rotten.damage.size() == 1);
  CHECK(rotten.damage[0].lost_records == 1);
}

TEST_CASE("Recovery: any single flipped bit is either damage that is told or a dropped tail") {
  Script script;
  std::vector<Written> groups{script.Group({1, 2}), script.Group({3})};
  script.NextSegment();
  groups.push_back(script.Group({1}));
  groups.push_back(script.Group({2, 4}));
  int damaged = 0;
  int dropped = 0;
  for (const Written& group : groups) {
    for (JournalPosition at = group.begin; at < group.end; ++at.offset) {
      CAPTURE(ToString(at));
      script.Flip(at);
      RecoveryPlan plan = script.Plan();
      script.Flip(at);
      std::vector<JournalPosition> all = PlacesOf(groups);
      std::vector<JournalPosition> taken = Places(plan.frames);
      if (taken == all) {  // padding
        REQUIRE(plan.damage.empty());
        continue;
      }
      auto frame = std::find_if(group.frames.begin(), group.frames.end(),
                                [&](const Frame& f) { return at < f.end(); });
      if (&group == &groups.back()) {
        ++dropped;
        all.resize(all.size() - group.frames.size());
        REQUIRE(taken == all);
        REQUIRE(plan.damage.empty());
        REQUIRE(plan.end == group.begin);
        REQUIRE(plan.ordinal == script.ordinal() - group.records);
      } else {
        ++damaged;
        std::erase(all, frame->at);
        REQUIRE(taken == all);
        REQUIRE(plan.damage.size() == 1);
        REQUIRE(plan.damage[0].begin <= frame->at);
        REQUIRE(plan.damage[0].end >= frame->end());
        REQUIRE(plan.damage[0].lost_records == (frame->group ? 0 : frame->entry.count));
        REQUIRE(plan.ordinal == script.ordinal());
        REQUIRE(plan.end == script.end());
      }
    }
  }
  CHECK(damaged > 400);
  CHECK(dropped > 200);
}

TEST_CASE("Recovery: bytes in any state crash nothing and invent nothing") {
  std::mt19937_64 random(3);
  auto below = [&](uint64_t bound) { return random() % bound; };
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    Script script(2048);
    std::vector<JournalPosition> all;
    for (int segment = 0; segment < 3; ++segment) {
      if (segment > 0) script.NextSegment();
      while (script.end().offset < 1400 || script.end().segment != uint64_t(segment) + 1) {
        if (below(3) == 0) script.synced = script.end();  // writes overlap
        if (below(3) == 0) script.synced.reset();
        Written group = script.Group({1, uint32_t(1 + below(3))}, below(120));
        for (JournalPosition at : Places(group.frames)) all.push_back(at);
        if (script.end().offset > 1400) break;
      }
    }
    for (uint64_t wounds = below(6); wounds > 0; --wounds) {
      JournalPosition begin{1 + below(3), below(2048)};
      JournalPosition end{begin.segment, std::min<uint64_t>(2048, begin.offset + 1 + below(600))};
      for (JournalPosition at = begin; at < end; ++at.offset) {
        script.At(at) = below(2) == 0 ? '\0' : static_cast<char>(random());
      }
    }
    if (below(4) == 0) script.set_segment(3, script.segment(3).substr(0, below(2048)));
    RecoveryPlan plan = script.Plan(below(2) == 0);
    std::vector<JournalPosition> taken = Places(plan.frames);
    REQUIRE(std::includes(all.begin(), all.end(), taken.begin(), taken.end()));
    REQUIRE(plan.damage_before.size() == plan.damage.size());
    REQUIRE(std::is_sorted(plan.damage_before.begin(), plan.damage_before.end()));
    uint64_t known = 0;
    for (const Frame& frame : plan.frames) known += frame.group ? 0 : frame.entry.count;
    for (const Damage& damage : plan.damage) {
      REQUIRE(damage.begin < damage.end);
      REQUIRE(damage.begin < plan.synced);
      known += damage.lost_records;
    }
    REQUIRE(plan.ordinal == known);
    REQUIRE(plan.ordinal <= script.ordinal());
    REQUIRE(plan.end <= script.end());
    REQUIRE(plan.dropped_end >= plan.end);
  }
}

TEST_CASE("Recovery: valid frames are found whatever lies between them") {
  Script script;
  std::vector<Written> groups{script.Group({1, 2}), script.Group({3}), script.Group({4})};
  script.Break(groups[1].frames[0]);
  std::vector<Frame> frames = ValidFrames(kJournal, {{1, 0}, Bytes(script.segment(1))});
  std::vector<JournalPosition> expected = PlacesOf(groups);
  std::erase(expected, groups[1].begin);
  CHECK(Places(frames) == expected);
}

}  // namespace
}  // namespace vlog::storage

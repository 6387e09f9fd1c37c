// What a kind remembers of the loglets that it deleted.
#include "loglets/dead_segments.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "loglets/tombstones.h"

namespace vlog::loglets {
namespace {

LogletId IdOf(uint64_t segment, const std::string& log = "a") {
  return {log, SegmentIndex(segment), ProposalId(9)};
}

TEST_CASE("Dead segments: ranges that touch or overlap become one") {
  DeadSegments dead;
  dead.Add("a", SegmentIndex(4), SegmentIndex(6));
  dead.Add("a", SegmentIndex(0), SegmentIndex(2));
  CHECK_FALSE(dead.Covers("a", SegmentIndex(0), SegmentIndex(6)));
  size_t two_ranges = dead.Encode().size();
  dead.Add("a", SegmentIndex(2), SegmentIndex(4));
  CHECK(dead.Covers("a", SegmentIndex(0), SegmentIndex(6)));
  CHECK(dead.Encode().size() < two_ranges);
  CHECK_FALSE(dead.Contains(IdOf(6)));
  CHECK_FALSE(dead.Contains(IdOf(1, "b")));
}

TEST_CASE("Dead segments: any sequence of ranges is remembered exactly, encoded or not") {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    DeadSegments dead;
    std::set<uint64_t> expected;
    for (int i = 0; i < 12; ++i) {
      uint64_t from = random() % 60;
      uint64_t to = from + random() % 8;
      dead.Add("a", SegmentIndex(from), SegmentIndex(to));
      for (uint64_t index = from; index < to; ++index) expected.insert(index);
      DeadSegments again = *DeadSegments::Decode(dead.Encode());
      for (uint64_t index = 0; index < 70; ++index) {
        CAPTURE(seed, index);
        REQUIRE(dead.Contains(IdOf(index)) == expected.contains(index));
        REQUIRE(again.Contains(IdOf(index)) == expected.contains(index));
      }
    }
  }
}

TEST_CASE("Dead segments: what is cut short is refused") {
  DeadSegments dead;
  dead.Add("a", SegmentIndex(1), SegmentIndex(3));
  std::string data = dead.Encode();
  for (size_t length = 1; length < data.size(); ++length) {
    CHECK(absl::IsDataLoss(DeadSegments::Decode(data.substr(0, length)).status()));
  }
}

TEST_CASE("Tombstones: their stream keeps them over checkpoints and restarts") {
  TombstoneState state;
  state.Apply(TombstoneState::DropEntry("a", SegmentIndex(0), SegmentIndex(3)));
  TombstoneState decoded;
  REQUIRE(decoded.Decode(state.Encode()).ok());
  decoded.Apply(TombstoneState::DropEntry("a", SegmentIndex(5), SegmentIndex(6)));
  for (uint64_t segment : {0, 2, 5}) CHECK(decoded.dead().Contains(IdOf(segment)));
  for (uint64_t segment : {3, 4, 6}) CHECK_FALSE(decoded.dead().Contains(IdOf(segment)));
  CHECK_FALSE(decoded.dead().Contains(IdOf(0, "b")));
  // Whichever proposal had the index.
  CHECK(decoded.dead().Contains({"a", SegmentIndex(2), ProposalId(77)}));
  CHECK(absl::IsDataLoss(TombstoneState().Decode("x")));
}

}  // namespace
}  // namespace vlog::loglets

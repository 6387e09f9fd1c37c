// The chain by plain calls, and along random walks beside a naive model.
#include "virtuallog/chain.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog::virtuallog {
namespace {

Proposal Propose(uint64_t id, std::string kind = "local") {
  Proposal proposal;
  proposal.id = ProposalId(id);
  proposal.kind = std::move(kind);
  proposal.params = "params of " + std::to_string(id);
  proposal.reason = "because";
  proposal.who = "tester";
  return proposal;
}

Intent Intend(uint64_t replaces, uint64_t id) {
  return {SegmentIndex(replaces), Propose(id), WallTime{5000}};
}

// REQUIRES: the last segment has this index.
Chain Extended(const Chain& chain, uint64_t replaces, uint64_t end, Proposal successor) {
  StatusOr<Chain> next =
      chain.Extend(SegmentIndex(replaces), Lsn(end), std::move(successor), WallTime{9});
  REQUIRE(next.ok());
  return *next;
}

// #0 in 0..100, #1 in 100..150, #2 from 150 on.
Chain ThreeSegments() {
  Chain chain = Chain::Begin(Propose(1), WallTime{7});
  return Extended(Extended(chain, 0, 100, Propose(2)), 1, 150, Propose(3));
}

bool Same(const Proposal& a, const Proposal& b) {
  return a.id == b.id && a.kind == b.kind && a.params == b.params && a.reason == b.reason &&
         a.who == b.who;
}

TEST_CASE("Chain: it begins with one open segment at zero") {
  Chain chain = Chain::Begin(Propose(1), WallTime{7});
  REQUIRE(chain.segments().size() == 1);
  CHECK(chain.last().index == SegmentIndex(0));
  CHECK(chain.last().base == Lsn(0));
  CHECK(Same(chain.last().made, Propose(1)));
  CHECK(chain.last().made_at == WallTime{7});
  CHECK(chain.first_lsn() == Lsn(0));
  CHECK_FALSE(chain.ended());
  CHECK_FALSE(chain.intent().has_value());
  CHECK(chain.Holds(ProposalId(1)));
}

TEST_CASE("Chain: a sealed segment is followed by its successor") {
  Chain chain = ThreeSegments();
  REQUIRE(chain.segments().size() == 3);
  CHECK(chain.last().index == SegmentIndex(2));
  CHECK(chain.last().base == Lsn(150));
  CHECK(chain.last().made_at == WallTime{9});
  CHECK(chain.EndOf(SegmentIndex(0)) == Lsn(100));
  CHECK(chain.EndOf(SegmentIndex(1)) == Lsn(150));
  CHECK_FALSE(chain.EndOf(SegmentIndex(2)).has_value());
}

TEST_CASE("Chain: sealing an empty segment replaces it with a new index") {
  Chain chain = ThreeSegments();
  Chain next = Extended(chain, 2, 150, Propose(4));
  REQUIRE(next.segments().size() == 3);
  CHECK(next.last().index == SegmentIndex(3));
  CHECK(next.last().base == Lsn(150));
  CHECK(next.Find(SegmentIndex(2)) == nullptr);
  // Who still holds the replaced segment learns that it ended empty.
  CHECK(next.EndOf(SegmentIndex(2)) == Lsn(150));
  CHECK(next.EndOf(SegmentIndex(1)) == Lsn(150));
  CHECK(next.Holds(ProposalId(3)));
  // Even the very first segment, over and over.
  Chain empty = Chain::Begin(Propose(1), WallTime{7});
  for (uint64_t i = 0; i < 5; ++i) empty = Extended(empty, i, 0, Propose(i + 2));
  REQUIRE(empty.segments().size() == 1);
  CHECK(empty.last().index == SegmentIndex(5));
  CHECK(empty.EndOf(SegmentIndex(0)) == Lsn(0));
}

TEST_CASE("Chain: only the last segment is replaced, and the loser's chain stays as it was") {
  Chain chain = ThreeSegments();
  std::string before = chain.Encode();
  for (uint64_t index : {0, 1, 3}) {
    StatusOr<Chain> next = chain.Extend(SegmentIndex(index), Lsn(200), Propose(9), WallTime{});
    CHECK(absl::IsAborted(next.status()));
    CHECK(absl::IsAborted(chain.WithIntent(Intend(index, 9)).status()));
  }
  CHECK(chain.Encode() == before);
}

TEST_CASE("Chain: a marker ends the log for good") {
  Chain chain = Extended(ThreeSegments(), 2, 180, Propose(4, kMarkerKind));
  CHECK(chain.ended());
  CHECK(chain.last().is_marker());
  CHECK(chain.EndOf(SegmentIndex(2)) == Lsn(180));
  for (uint64_t end : {180, 190}) {
    StatusOr<Chain> next = chain.Extend(SegmentIndex(3), Lsn(end), Propose(5), WallTime{});
    CHECK(absl::IsAborted(next.status()));
  }
  CHECK(absl::IsAborted(chain.WithIntent(Intend(3, 5)).status()));
  Chain truncated = chain.Truncate(Lsn(1000), ProposalId(6));
  CHECK(truncated.ended());
  CHECK(truncated.first_lsn() == Lsn(180));
}

TEST_CASE("Chain: an intent lasts until it is withdrawn or the segment is replaced") {
  Chain chain = ThreeSegments();
  StatusOr<Chain> intended = chain.WithIntent(Intend(2, 10));
  REQUIRE(intended.ok());
  CHECK_FALSE(chain.intent().has_value());
  REQUIRE(intended->intent().has_value());
  CHECK(intended->intent()->replaces == SegmentIndex(2));
  CHECK(Same(intended->intent()->successor, Propose(10)));
  CHECK(intended->intent()->deadline == WallTime{5000});
  CHECK(intended->segments().size() == 3);

  // A second swapper replaces it by name.
  StatusOr<Chain> other = intended->WithIntent(Intend(2, 11));
  REQUIRE(other.ok());
  CHECK(other->intent()->successor.id == ProposalId(11));
  CHECK(absl::IsAborted(other->WithoutIntent(ProposalId(10)).status()));
  StatusOr<Chain> withdrawn = other->WithoutIntent(ProposalId(11));
  REQUIRE(withdrawn.ok());
  CHECK_FALSE(withdrawn->intent().has_value());
  CHECK(absl::IsAborted(withdrawn->WithoutIntent(ProposalId(11)).status()));

  // A truncation carries it along, a swap to anything clears it.
  CHECK(intended->Truncate(Lsn(120), ProposalId(12)).intent().has_value());
  CHECK_FALSE(Extended(*intended, 2, 170, Propose(13)).intent().has_value());
  CHECK_FALSE(Extended(*intended, 2, 150, Propose(10)).intent().has_value());
}

TEST_CASE("Chain: truncation drops whole segments and never the last") {
  Chain chain = ThreeSegments();
  auto first_after = [&](uint64_t to) {
    return chain.Truncate(Lsn(to), ProposalId(9)).first_lsn();
  };
  CHECK(first_after(0) == Lsn(0));
  CHECK(first_after(99) == Lsn(0));
  CHECK(first_after(100) == Lsn(100));
  CHECK(first_after(149) == Lsn(100));
  CHECK(first_after(150) == Lsn(150));
  CHECK(first_after(1'000'000) == Lsn(150));
  CHECK(chain.Truncate(kMaxLsn, ProposalId(9)).segments().size() == 1);
  CHECK(chain.Truncate(Lsn(100), ProposalId(9)).Holds(ProposalId(9)));
  CHECK_FALSE(chain.Holds(ProposalId(9)));
}

TEST_CASE("Chain: segments are found by position and by index") {
  Chain chain = ThreeSegments();
  auto index_at = [](const Chain& c, uint64_t lsn) { return c.Find(Lsn(lsn))->index.value(); };
  CHECK(index_at(chain, 0) == 0);
  CHECK(index_at(chain, 99) == 0);
  CHECK(index_at(chain, 100) == 1);
  CHECK(index_at(chain, 149) == 1);
  CHECK(index_at(chain, 150) == 2);
  CHECK(chain.Find(kMaxLsn)->index == SegmentIndex(2));
  CHECK(chain.Find(SegmentIndex(1))->base == Lsn(100));
  CHECK(chain.Find(SegmentIndex(7)) == nullptr);
  Chain truncated = chain.Truncate(Lsn(100), ProposalId(9));
  CHECK(truncated.Find(Lsn(99)) == nullptr);
  CHECK(index_at(truncated, 100) == 1);
  CHECK(truncated.Find(SegmentIndex(0)) == nullptr);
}

TEST_CASE("Chain: a proposal is remembered for 64 changes, and as long as its segment lives") {
  Chain chain = Chain::Begin(Propose(1), WallTime{});
  chain = Extended(chain, 0, 10, Propose(2));
  chain = Extended(chain, 1, 10, Propose(3));  // replaces the empty one
  chain = chain.Truncate(Lsn(0), ProposalId(4));
  for (uint64_t i = 0; i < 62; ++i) {
    REQUIRE(chain.Holds(ProposalId(2)));
    REQUIRE(chain.Holds(ProposalId(4)));
    chain = chain.Truncate(Lsn(0), ProposalId(100 + i));
  }
  CHECK_FALSE(chain.Holds(ProposalId(2)));
  CHECK(chain.Holds(ProposalId(4)));
  chain = chain.Truncate(Lsn(0), ProposalId(200));
  chain = chain.Truncate(Lsn(0), ProposalId(201));
  CHECK_FALSE(chain.Holds(ProposalId(4)));
  CHECK(chain.Holds(ProposalId(100)));
  CHECK(chain.Holds(ProposalId(1)));
  CHECK(chain.Holds(ProposalId(3)));
  CHECK_FALSE(chain.Holds(ProposalId(999)));
}

TEST_CASE("Chain: it comes back from its bytes as it was") {
  Chain chain = *ThreeSegments().WithIntent(Intend(2, 10));
  chain = chain.Truncate(Lsn(100), ProposalId(12));
  StatusOr<Chain> decoded = Chain::Decode(chain.Encode());
  REQUIRE(decoded.ok());
  REQUIRE(decoded->segments().size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    const Segment& a = chain.segments()[i];
    const Segment& b = decoded->segments()[i];
    CHECK(a.index == b.index);
    CHECK(a.base == b.base);
    CHECK(Same(a.made, b.made));
    CHECK(a.made_at == b.made_at);
  }
  REQUIRE(decoded->intent().has_value());
  CHECK(Same(decoded->intent()->successor, Propose(10)));
  CHECK(decoded->intent()->replaces == SegmentIndex(2));
  CHECK(decoded->intent()->deadline == WallTime{5000});
  for (uint64_t id : {1, 2, 3, 12}) CHECK(decoded->Holds(ProposalId(id)));
  CHECK(decoded->Encode() == chain.Encode());
}

loglets::Policy TwoOfThree() {
  loglets::Policy policy;
  policy.kind = "local";
  policy.copies = 3;
  policy.write_quorum = 2;
  policy.least_copies = 1;
  policy.candidates = {NodeId(4), NodeId(2)};
  return policy;
}

TEST_CASE("Chain: a segment that was sealed with too few copies is flagged for as long as it is") {
  Chain chain = Chain::Begin(Propose(1), WallTime{7});
  StatusOr<Chain> next = chain.Extend(SegmentIndex(0), Lsn(10), Propose(2), WallTime{9}, 1);
  REQUIRE(next.ok());
  CHECK(next->segments()[0].least_copies == 1);
  CHECK(next->last().least_copies == 0);
  // One that is empty has no record that could have too few.
  next = next->Extend(SegmentIndex(1), Lsn(10), Propose(3), WallTime{9}, 1);
  REQUIRE(next.ok());
  REQUIRE(next->segments().size() == 2);
  CHECK(next->segments()[0].least_copies == 1);
  next = next->Extend(SegmentIndex(2), Lsn(20), Propose(4), WallTime{9}, 2);
  next = Chain::Decode(next->Encode());
  REQUIRE(next.ok());
  CHECK(next->segments()[0].least_copies == 1);
  CHECK(next->segments()[1].least_copies == 2);
}

Rehoming Moved() { return {"node 3 is gone", "tester", WallTime{77}}; }

TEST_CASE("Chain: a sealed segment that moved has another home, and nothing else changed") {
  Chain chain = *ThreeSegments().WithIntent(Intend(2, 10));
  StatusOr<Chain> flagged = Chain::Begin(Propose(1), WallTime{7})
                                .Extend(SegmentIndex(0), Lsn(10), Propose(2), WallTime{9}, 1);
  StatusOr<Chain> cleared =
      flagged->Modify(SegmentIndex(0), "params of 1", "there", 0, Moved(), ProposalId(20));
  REQUIRE(cleared.ok());
  CHECK(cleared->segments()[0].least_copies == 0);
  StatusOr<Chain> next =
      chain.Modify(SegmentIndex(1), "params of 2", "elsewhere", 2, Moved(), ProposalId(20));
  REQUIRE(next.ok());
  next = Chain::Decode(next->Encode());
  REQUIRE(next.ok());
  const Segment& moved = next->segments()[1];
  CHECK(moved.made.params == "elsewhere");
  CHECK(moved.least_copies == 2);
  REQUIRE(moved.rehomed.has_value());
  CHECK(moved.rehomed->reason == "node 3 is gone");
  CHECK(moved.rehomed->who == "tester");
  CHECK(moved.rehomed->at == WallTime{77});
  CHECK(moved.made.id == ProposalId(2));
  CHECK(moved.base == Lsn(100));
  CHECK(next->EndOf(SegmentIndex(1)) == Lsn(150));
  CHECK(next->Holds(ProposalId(20)));
  for (size_t other : {size_t{0}, size_t{2}}) {
    CHECK(Same(next->segments()[other].made, chain.segments()[other].made));
    CHECK_FALSE(next->segments()[other].rehomed.has_value());
  }
  REQUIRE(next->intent().has_value());
  CHECK(Same(next->intent()->successor, Propose(10)));
  // A truncate and the next segment leave it where it is.
  Chain later = Extended(next->Truncate(Lsn(100), ProposalId(21)), 2, 200, Propose(11));
  CHECK(later.Find(SegmentIndex(1))->made.params == "elsewhere");
}

TEST_CASE("Chain: a segment that is open, gone, or moved by somebody else is not moved") {
  Chain chain = ThreeSegments();
  std::string before = chain.Encode();
  auto moved = [](const Chain& from, uint64_t index, const std::string& old) {
    return from.Modify(SegmentIndex(index), old, "new", 0, Moved(), ProposalId(20)).status();
  };
  CHECK(absl::IsAborted(moved(chain, 2, "params of 3")));
  CHECK(absl::IsAborted(moved(chain, 3, "")));
  CHECK(absl::IsAborted(moved(chain, 1, "params of 1")));
  CHECK(absl::IsAborted(moved(chain.Truncate(Lsn(100), ProposalId(9)), 0, "params of 1")));
  CHECK(absl::IsAborted(moved(Extended(chain, 2, 180, Propose(4, kMarkerKind)), 3, "params of 4")));
  CHECK(chain.Encode() == before);
  // Who never moved anything writes what older programs read.
  CHECK(Decoder(before).Fixed<uint32_t>() == 2);
}

TEST_CASE("Chain: a policy stays until a segment brings another one") {
  Proposal first = Propose(1);
  CHECK(Chain::Begin(first, WallTime{7}).policy().kind == "local");
  first.policy = TwoOfThree();
  Chain chain = Chain::Begin(first, WallTime{7});
  CHECK(chain.policy() == TwoOfThree());
  chain = Extended(chain, 0, 10, Propose(2));
  CHECK(chain.policy() == TwoOfThree());
  // A plan is not yet the policy.
  Intent plan = Intend(1, 3);
  plan.successor.policy = TwoOfThree();
  plan.successor.policy->copies = 5;
  chain = *chain.WithIntent(plan);
  CHECK(chain.policy().copies == 3);
  chain = *Chain::Decode(chain.Encode());
  CHECK(chain.policy() == TwoOfThree());
  REQUIRE(chain.intent().has_value());
  CHECK(chain.intent()->successor.policy == plan.successor.policy);
  chain = Extended(chain, 1, 20, chain.intent()->successor);
  CHECK(chain.policy().copies == 5);
  // Who left its proposal with the seal may be followed by another who finds it there.
  CHECK(DecodeProposal(EncodeProposal(plan.successor))->policy == plan.successor.policy);
}

TEST_CASE("Chain: a policy's options come back, and only with them the format is a new one") {
  Chain plain = Chain::Begin(Propose(1), WallTime{1});
  Proposal first = Propose(1);
  first.policy = loglets::Policy();
  first.policy->kind = first.kind;
  first.policy->options = "acceptors=1,2";
  Chain chain = Chain::Begin(first, WallTime{1});
  StatusOr<Chain> again = Chain::Decode(chain.Encode());
  REQUIRE(again.ok());
  CHECK(again->policy().options == "acceptors=1,2");
  CHECK(again->last().made.policy == first.policy);
  CHECK(chain.Encode()[0] == 4);
  CHECK(plain.Encode()[0] == 2);
  std::optional<Proposal> kept = DecodeProposal(EncodeProposal(first));
  REQUIRE(kept.has_value());
  CHECK(kept->policy == first.policy);
}

TEST_CASE("Chain: one that is older than policies is read, its policy is the kind it has") {
  std::string data;
  PutFixed(&data, uint32_t{2});  // format
  PutFixed(&data, uint32_t{1});  // segments
  PutFixed(&data, uint64_t{4});  // index
  PutFixed(&data, uint64_t{70});
  PutFixed(&data, uint64_t{9});  // proposal
  for (const char* text : {"local", "params", "reason", "who"}) PutString(&data, text);
  PutFixed(&data, uint32_t{2});  // fail-overs
  PutFixed(&data, int64_t{1000});
  PutFixed(&data, uint8_t{0});   // no intent
  PutFixed(&data, uint32_t{0});  // no recent proposals
  PutFixed(&data, Crc32c(data));
  StatusOr<Chain> chain = Chain::Decode(data);
  REQUIRE(chain.ok());
  CHECK(chain->last().made.fail_overs == 2);
  CHECK(chain->last().least_copies == 0);
  loglets::Policy policy;
  policy.kind = "local";
  CHECK(chain->policy() == policy);
  // Whoever cannot read a newer one reads it still.
  CHECK(chain->Encode() == data);
}

uint32_t FormatOf(const Chain& chain) {
  std::string bytes = chain.Encode();
  return Decoder(bytes).Fixed<uint32_t>();
}

TEST_CASE("Chain: a newer format is written only for what the older one cannot say") {
  // Only a kind, over swaps of kinds, planned ones too.
  Proposal first = Propose(1);
  first.policy = loglets::Policy{"local"};
  Chain chain = Chain::Begin(first, WallTime{7});
  CHECK(FormatOf(chain) == 2);
  Intent plan = Intend(0, 2);
  plan.successor.kind = "other";
  plan.successor.policy = loglets::Policy{"other"};
  chain = *Chain::Decode(chain.WithIntent(plan)->Encode());
  CHECK(FormatOf(chain) == 2);
  CHECK(chain.policy().kind == "local");
  chain = Extended(chain, 0, 10, *DecodeProposal(EncodeProposal(chain.intent()->successor)));
  CHECK(FormatOf(chain) == 2);
  CHECK(chain.policy() == loglets::Policy{"other"});
  CHECK(Chain::Decode(chain.Encode())->policy() == chain.policy());
  CHECK(FormatOf(Extended(chain, 1, 20, Propose(3, kMarkerKind))) == 2);
  // A flag, a policy, and one that is planned.
  CHECK(FormatOf(*chain.Extend(SegmentIndex(1), Lsn(20), Propose(3), WallTime{9}, 1)) == 3);
  Proposal wide = Propose(3);
  wide.policy = TwoOfThree();
  CHECK(FormatOf(Extended(chain, 1, 20, wide)) == 3);
  plan.replaces = SegmentIndex(1);
  plan.successor.policy = TwoOfThree();
  CHECK(FormatOf(*chain.WithIntent(plan)) == 3);
}

TEST_CASE("Chain: every flipped bit, missing byte and added byte is an error") {
  Intent intent = Intend(2, 10);
  intent.successor.policy = TwoOfThree();
  std::string bytes = ThreeSegments().WithIntent(intent)->Encode();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Status status = Chain::Decode(damaged).status();
    // The first four bytes are the format version; flipped in its last two bits it is an older one.
    REQUIRE(status.code() == (bit >= 2 && bit < 32 ? absl::StatusCode::kInvalidArgument
                                                   : absl::StatusCode::kDataLoss));
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    REQUIRE(absl::IsDataLoss(Chain::Decode(bytes.substr(0, length)).status()));
  }
  CHECK(absl::IsDataLoss(Chain::Decode(bytes + '\0').status()));
}

TEST_CASE("Chain: a proposal comes back from its bytes, and anything else is none") {
  std::string bytes = EncodeProposal(Propose(5));
  std::optional<Proposal> decoded = DecodeProposal(bytes);
  REQUIRE(decoded.has_value());
  CHECK(Same(*decoded, Propose(5)));
  CHECK_FALSE(DecodeProposal("").has_value());
  CHECK_FALSE(DecodeProposal(bytes + "x").has_value());
  for (size_t length = 0; length < bytes.size(); ++length) {
    REQUIRE_FALSE(DecodeProposal(bytes.substr(0, length)).has_value());
  }
}

// --- Random walks -------------------------------------------------------------------------------

// A log as a list of who wrote each record, and the list of all changes.
struct ModelSegment {
  uint64_t index;
  uint64_t base;
  uint64_t end;  // exclusive; of the last one: how far it was filled
  uint64_t made;
};

class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed), chain_(Chain::Begin(Propose(1), WallTime{})) {
    segments_.push_back({0, 0, 0, 1});
    changes_.push_back(1);
  }

  void Step() {
    segments_.back().end += Below(3) == 0 ? 0 : Below(20);
    switch (Below(6)) {
      case 0:
      case 1:
        Extend();
        break;
      case 2:
        Truncate();
        break;
      case 3:
        SetIntent();
        break;
      case 4:
        ClearIntent();
        break;
      default:
        ExtendStale();
    }
    StatusOr<Chain> decoded = Chain::Decode(chain_.Encode());
    REQUIRE(decoded.ok());
    chain_ = *std::move(decoded);
    Compare();
  }

  size_t most_segments = 0;
  uint64_t replaced = 0;

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  void Extend() {
    ModelSegment& last = segments_.back();
    uint64_t id = next_id_++;
    chain_ = Extended(chain_, last.index, last.end, Propose(id));
    ModelSegment next{last.index + 1, last.end, last.end, id};
    if (last.base == last.end) {
      segments_.pop_back();
      ++replaced;
    }
    segments_.push_back(next);
    changes_.push_back(id);
    intent_.reset();
  }

  void Truncate() {
    uint64_t to = Below(segments_.back().end + 10);
    uint64_t id = next_id_++;
    chain_ = chain_.Truncate(Lsn(to), ProposalId(id));
    while (segments_.size() > 1 && segments_.front().end <= to) segments_.erase(segments_.begin());
    changes_.push_back(id);
  }

  void SetIntent() {
    uint64_t id = next_id_++;
    uint64_t last = segments_.back().index;
    uint64_t replaces = last - std::min(last, Below(2));
    StatusOr<Chain> next = chain_.WithIntent(Intend(replaces, id));
    REQUIRE(next.ok() == (replaces == last));
    if (!next.ok()) return;
    chain_ = *std::move(next);
    intent_ = id;
  }

  void ClearIntent() {
    uint64_t id = intent_ && Below(2) == 0 ? *intent_ : next_id_;
    StatusOr<Chain> next = chain_.WithoutIntent(ProposalId(id));
    REQUIRE(next.ok() == (intent_ == id));
    if (!next.ok()) return;
    chain_ = *std::move(next);
    intent_.reset();
  }

  void ExtendStale() {
    uint64_t stale = Below(segments_.back().index + 3);
    if (stale == segments_.back().index) return;
    StatusOr<Chain> next = chain_.Extend(SegmentIndex(stale), Lsn(segments_.back().end),
                                         Propose(next_id_), WallTime{});
    REQUIRE(absl::IsAborted(next.status()));
  }

  void Compare() {
    chain_.CheckInvariants();
    most_segments = std::max(most_segments, segments_.size());
    REQUIRE(chain_.segments().size() == segments_.size());
    for (size_t i = 0; i < segments_.size(); ++i) {
      const Segment& segment = chain_.segments()[i];
      REQUIRE(segment.index.value() == segments_[i].index);
      REQUIRE(segment.base.value() == segments_[i].base);
      REQUIRE(segment.made.id.value() == segments_[i].made);
    }
    REQUIRE(chain_.intent().has_value() == intent_.has_value());
    if (intent_) REQUIRE(chain_.intent()->successor.id.value() == *intent_);
    CompareLookups();
  }

  void CompareLookups() {
    uint64_t lsn = Below(segments_.back().end + 5);
    const ModelSegment* covering = nullptr;
    for (const ModelSegment& segment : segments_) {
      if (segment.base <= lsn) covering = &segment;
    }
    const Segment* found = chain_.Find(Lsn(lsn));
    REQUIRE((found == nullptr) == (covering == nullptr));
    if (covering != nullptr) REQUIRE(found->index.value() == covering->index);

    uint64_t index =
        segments_.front().index + Below(segments_.back().index + 1 - segments_.front().index);
    std::optional<uint64_t> end;
    bool lives = false;
    for (const ModelSegment& segment : segments_) {
      lives |= segment.index == index;
      if (segment.index > index && !end) end = segment.base;
    }
    std::optional<Lsn> found_end = chain_.EndOf(SegmentIndex(index));
    REQUIRE(found_end.has_value() == end.has_value());
    if (end) REQUIRE(found_end->value() == *end);
    REQUIRE((chain_.Find(SegmentIndex(index)) != nullptr) == lives);

    uint64_t id = 1 + Below(next_id_);
    auto recent = changes_.end() - static_cast<int64_t>(std::min<size_t>(64, changes_.size()));
    bool held = std::find(recent, changes_.end(), id) != changes_.end();
    for (const ModelSegment& segment : segments_) held |= segment.made == id;
    REQUIRE(chain_.Holds(ProposalId(id)) == held);
  }

  std::mt19937_64 random_;
  Chain chain_;
  std::vector<ModelSegment> segments_;
  std::vector<uint64_t> changes_;
  std::optional<uint64_t> intent_;
  uint64_t next_id_ = 2;
};

TEST_CASE("Chain: random walks agree with a naive model") {
  size_t most_segments = 0;
  uint64_t replaced = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Walk walk(seed);
    for (int step = 0; step < 300; ++step) walk.Step();
    most_segments = std::max(most_segments, walk.most_segments);
    replaced += walk.replaced;
  }
  CHECK(most_segments > 8);
  CHECK(replaced > 500);
}

}  // namespace
}  // namespace vlog::virtuallog

// What the kinds share whose order is agreed on: what a decided prefix amounts to, where its
// records lie in the journal, and the parameters.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

#include "loglets/replicated/applied_history_core.h"
#include "loglets/replicated/log_map.h"
#include "loglets/replicated/params.h"

namespace vlog::loglets::replicated {
namespace {

using Outcome = AppliedState::Outcome;

// `first` 0 begins the writer's appends in this loglet.
BatchHeader Header(uint64_t writer, uint64_t first, uint32_t count) {
  BatchHeader header;
  header.writer = WriterId(writer);
  header.first = SeqNo(first);
  header.count = count;
  header.first_in_loglet = first == 0;
  if (first > 0) header.prev = SeqNo(first - 1);
  return header;
}

// ---- the applied state ----

TEST_CASE("Applied state: batches that are taken get offsets without holes") {
  AppliedState state;
  CHECK(state.Apply(Header(1, 0, 3)).offset == Offset(0));
  CHECK(state.Apply(Header(2, 0, 2)).offset == Offset(3));
  AppliedState::Result again = state.Apply(Header(1, 0, 3));
  CHECK(again.outcome == Outcome::kDuplicate);
  CHECK(again.offset == Offset(0));
  CHECK(state.Apply(Header(1, 3, 1)).offset == Offset(5));
  CHECK(state.end() == Offset(6));
  CHECK(state.writers() == 2);
}

TEST_CASE("Applied state: a lost batch that comes back behind its re-sent copy is void") {
  // A leader filled a.1's slot with a no-op; the client sent a.1 and a.2 again; a third leader
  // resurrects the first copies behind them (FAULTS race 40).
  AppliedState state;
  CHECK(state.Apply(Header(1, 0, 1)).outcome == Outcome::kTaken);
  CHECK(state.Apply(Header(1, 2, 1)).outcome == Outcome::kOutOfOrder);
  CHECK(state.Apply(Header(1, 1, 1)).offset == Offset(1));
  CHECK(state.Apply(Header(1, 2, 1)).offset == Offset(2));
  CHECK(state.Apply(Header(1, 1, 1)).outcome == Outcome::kDuplicate);
  CHECK(state.Apply(Header(1, 2, 1)).outcome == Outcome::kDuplicate);
  CHECK(state.end() == Offset(3));
}

TEST_CASE("Applied state: what is older than the window is neither taken nor called missing") {
  AppliedState state;
  for (uint64_t i = 0; i <= WritersTable::kWindow; ++i) {
    REQUIRE(state.Apply(Header(1, i, 1)).outcome == Outcome::kTaken);
  }
  Offset end = state.end();
  CHECK(state.Apply(Header(1, 0, 1)).outcome == Outcome::kTooOld);
  CHECK(state.Apply(Header(1, 1, 1)).outcome == Outcome::kDuplicate);
  CHECK(state.end() == end);
}

TEST_CASE("Applied state: all is void after the first SEAL, duplicates too") {
  AppliedState state;
  state.Apply(Header(1, 0, 2));
  state.ApplySeal("first");
  state.ApplySeal("second");
  CHECK(state.sealed());
  CHECK(state.proposal() == "first");
  CHECK(state.Apply(Header(1, 2, 1)).outcome == Outcome::kSealed);
  CHECK(state.Apply(Header(1, 0, 2)).outcome == Outcome::kSealed);
  CHECK(state.Apply(Header(7, 0, 1)).outcome == Outcome::kSealed);
  CHECK(state.end() == Offset(2));
  CHECK(state.writers() == 0);
}

TEST_CASE("Applied state: to judge changes nothing and says what applying would") {
  std::mt19937_64 random(7);
  AppliedState state;
  for (int step = 0; step < 5000; ++step) {
    BatchHeader batch = Header(1 + random() % 3, random() % 40, 1 + random() % 3);
    AppliedState::Result judged = state.Judge(batch);
    Offset end = state.end();
    CHECK(state.Judge(batch).outcome == judged.outcome);
    CHECK(state.end() == end);
    AppliedState::Result applied = state.Apply(batch);
    REQUIRE(applied.outcome == judged.outcome);
    REQUIRE(applied.offset == judged.offset);
    bool taken = applied.outcome == Outcome::kTaken;
    REQUIRE(state.end() == (taken ? end + batch.count : end));
  }
}

TEST_CASE("Applied state: two replicas agree, also if one of them was restarted in between") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 50; ++round) {
    AppliedState one;
    AppliedState other;
    for (int step = 0; step < 60; ++step) {
      BatchHeader batch = Header(1 + random() % 3, random() % 12, 1);
      if (random() % 100 == 0) {
        one.ApplySeal("p");
        other.ApplySeal("p");
      }
      AppliedState::Result a = one.Apply(batch);
      AppliedState::Result b = other.Apply(batch);
      REQUIRE(a.outcome == b.outcome);
      REQUIRE(a.offset == b.offset);
      if (random() % 8 > 0) continue;
      std::string bytes;
      other.EncodeTo(&bytes);
      StatusOr<AppliedState> decoded = AppliedState::Decode(bytes);
      REQUIRE(decoded.ok());
      other = *std::move(decoded);
      CHECK(other.end() == one.end());
      CHECK(other.sealed() == one.sealed());
      CHECK(other.proposal() == one.proposal());
      CHECK(other.writers() == one.writers());
    }
  }
}

TEST_CASE("Applied state: cut or lengthened bytes are no state") {
  AppliedState state;
  state.Apply(Header(1, 0, 2));
  std::string bytes;
  state.EncodeTo(&bytes);
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK_FALSE(AppliedState::Decode(bytes.substr(0, length)).ok());
  }
  CHECK_FALSE(AppliedState::Decode(bytes + "x").ok());
}

// ---- the map of the log ----

TEST_CASE("Log map: entries that follow each other undisturbed stay one run") {
  LogMap map;
  map.Append(1, Offset(0), 3, 10, 3);
  map.Append(2, Offset(3), 2, 13, 2);
  map.Append(3, Offset(5), 1, 15, 1);
  CHECK(map.runs() == 1);
  std::optional<LogMap::Run> run = map.FindOffset(Offset(4));
  REQUIRE(run.has_value());
  CHECK(run->position == 10);
  CHECK(run->end_position == 16);
  CHECK(run->end_offset == Offset(6));
  CHECK(map.FindIndex(3).has_value());
  CHECK_FALSE(map.FindIndex(4).has_value());
  CHECK_FALSE(map.FindOffset(Offset(6)).has_value());
}

TEST_CASE("Log map: a no-op occupies a position and holds no record") {
  LogMap map;
  map.Append(1, Offset(0), 2, 0, 2);
  map.Append(2, Offset(2), 0, 2, 1);
  map.Append(3, Offset(2), 2, 3, 2);
  std::optional<LogMap::Run> run = map.FindOffset(Offset(2));
  REQUIRE(run.has_value());
  CHECK(run->index == 3);
  CHECK(run->position == 3);
  REQUIRE(map.FindIndex(2).has_value());
  CHECK(map.FindIndex(2)->position == 2);
  CHECK_FALSE(map.FindOffset(Offset(4)).has_value());
}

TEST_CASE("Log map: what was cut off is written again elsewhere") {
  LogMap map;
  map.Append(1, Offset(0), 2, 0, 2);
  map.Append(2, Offset(2), 2, 2, 2);
  map.Append(3, Offset(4), 1, 4, 1);
  map.Cut(2, Offset(2), 2);
  CHECK_FALSE(map.FindIndex(2).has_value());
  CHECK_FALSE(map.FindOffset(Offset(2)).has_value());
  CHECK(map.FindOffset(Offset(1))->end_position == 2);
  map.Append(2, Offset(2), 5, 5, 5);
  CHECK(map.FindOffset(Offset(2))->position == 5);
  CHECK(map.runs() == 2);
  map.Cut(3, Offset(7), 10);  // at the end: nothing to take back
  CHECK(map.FindOffset(Offset(6))->position == 5);
  map.Cut(1, Offset(0), 0);
  CHECK(map.empty());
}

TEST_CASE("Log map: what is forgotten frees its positions") {
  LogMap map;
  CHECK_FALSE(map.lowest_position().has_value());
  map.Append(1, Offset(0), 2, 20, 2);
  map.Append(2, Offset(2), 0, 22, 1);
  map.Append(3, Offset(2), 2, 23, 2);
  CHECK(map.lowest_position() == 20);
  map.ForgetBelow(2);
  CHECK_FALSE(map.FindOffset(Offset(0)).has_value());
  CHECK(map.lowest_position() == 22);
  map.ForgetBelow(3);
  CHECK(map.lowest_position() == 23);
  map.ForgetBelow(4);
  CHECK(map.empty());
}

// What the map is to say, in the plainest form.
struct Placed {
  Offset offset;
  uint32_t records;
  uint64_t position;
};

void CheckAgainst(const LogMap& map, const std::map<uint64_t, Placed>& model) {
  for (const auto& [index, placed] : model) {
    std::optional<LogMap::Run> by_index = map.FindIndex(index);
    REQUIRE(by_index.has_value());
    REQUIRE(by_index->position <= placed.position);
    REQUIRE(placed.position < by_index->end_position);
    for (uint32_t i = 0; i < placed.records; ++i) {
      std::optional<LogMap::Run> run = map.FindOffset(placed.offset + i);
      REQUIRE(run.has_value());
      REQUIRE(run->position + (placed.offset + i - run->offset) == placed.position + i);
    }
  }
}

TEST_CASE("Log map: whatever is appended, cut and forgotten, each record is found where it lies") {
  std::mt19937_64 random(23);
  for (int round = 0; round < 100; ++round) {
    LogMap map;
    std::map<uint64_t, Placed> model;
    uint64_t next = 1;
    Offset end;
    uint64_t position = 0;
    for (int step = 0; step < 80; ++step) {
      uint64_t what = random() % 10;
      if (what == 0 && !model.empty()) {
        auto it = model.begin();
        std::advance(it, static_cast<ptrdiff_t>(random() % model.size()));
        next = it->first;
        end = it->second.offset;
        map.Cut(next, end, it->second.position);
        model.erase(it, model.end());
      } else if (what == 1 && !model.empty()) {
        std::optional<LogMap::Run> first = map.FindIndex(model.begin()->first);
        REQUIRE(first.has_value());
        map.ForgetBelow(first->end_index);
        model.erase(model.begin(), model.lower_bound(first->end_index));
      } else {
        auto records = static_cast<uint32_t>(random() % 4);
        uint32_t positions = std::max<uint32_t>(records, 1);
        if (random() % 6 == 0) position += random() % 5;  // something else was written there
        map.Append(next, end, records, position, positions);
        model[next++] = {end, records, position};
        end += records;
        position += positions;
      }
      CheckAgainst(map, model);
      REQUIRE_FALSE(map.FindIndex(next).has_value());
      REQUIRE_FALSE(map.FindOffset(end).has_value());
    }
    std::string bytes;
    map.EncodeTo(&bytes);
    Decoder in(bytes);
    LogMap decoded = LogMap::Decode(in);
    REQUIRE(in.done());
    CHECK(decoded.runs() == map.runs());
    CHECK(decoded.lowest_position() == map.lowest_position());
    CheckAgainst(decoded, model);
  }
}

// ---- parameters ----

Params Three() {
  return *MakeParams({{NodeId(1), DiskId(11)}, {NodeId(2), DiskId(12)}, {NodeId(3), DiskId(13)}});
}

TEST_CASE("Replicated params: the usual ones are a majority in which all vote and serve") {
  Params params = Three();
  CHECK(params.write_quorum == 2);
  CHECK(params.voters() == 3);
  CHECK(params.election_quorum() == 2);
  CHECK(params.first_leader == NodeId(1));
  CHECK(params.Find(NodeId(2)) == 1);
  CHECK(params.Find(Replica{NodeId(2), DiskId(12)}) == 1);
  CHECK_FALSE(params.Find(Replica{NodeId(2), DiskId(99)}).has_value());
  CHECK_FALSE(params.Find(NodeId(4)).has_value());
}

TEST_CASE("Replicated params: bytes keep all of it, damaged bytes are refused") {
  Params params = Three();
  params.members[1].born = Incarnation(7);
  params.members[2].votes = false;
  params.members[0].serves = false;
  params.first_leader = NodeId(2);
  std::string bytes = EncodeParams(params);
  StatusOr<Params> decoded = DecodeParams(bytes);
  REQUIRE(decoded.ok());
  CHECK(*decoded == params);
  for (size_t length = 0; length < bytes.size(); ++length) {
    CHECK_FALSE(DecodeParams(bytes.substr(0, length)).ok());
  }
  CHECK(absl::IsDataLoss(DecodeParams(bytes + "x").status()));
  std::string later = bytes;
  ++later[0];
  Status refused = DecodeParams(later).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(Message(refused).find("format 2") != std::string::npos);
}

TEST_CASE("Replicated params: what could not work is refused") {
  auto refused = [](const Params& params) { return absl::IsInvalidArgument(Validate(params)); };
  CHECK(refused(Params()));
  Params params = Three();
  CHECK_FALSE(refused(params));
  params.write_quorum = 4;
  CHECK(refused(params));
  params.write_quorum = 0;
  CHECK(refused(params));
  params = Three();
  params.members[2].replica.node = NodeId(1);
  CHECK(refused(params));
  params = Three();
  params.members[2].replica.disk = DiskId();
  CHECK(refused(params));
  params = Three();
  params.members[0].serves = false;  // it is to lead
  CHECK(refused(params));
  params = Three();
  params.members[2].votes = params.members[2].serves = false;
  CHECK(refused(params));
  params = Three();
  for (Member& member : params.members) member.serves = false;
  CHECK(refused(params));
  params = Three();
  params.first_leader = NodeId(9);
  CHECK(refused(params));
  params = Three();
  params.members[1].votes = false;
  params.write_quorum = 3;
  CHECK(refused(params));
}

// ---- the history ----

// A log of one-record commands, each by the next of so many writers, and its history.
struct Logged {
  explicit Logged(uint64_t writers) : writers(writers) {}
  void Apply(uint64_t commands) {
    for (uint64_t i = 0; i < commands; ++i, ++index) {
      REQUIRE(state.Apply(Header(1 + index % writers, index / writers, 1)).outcome ==
              Outcome::kTaken);
      history.Note(index + 1, state);
      history.CheckInvariants();
    }
  }
  size_t Points() {
    size_t points = 1;
    AppliedHistory copy = history;
    while (true) {
      // The lowest point above the base.
      uint64_t at = copy.base().index + 1;
      while (at <= index && copy.Choose(at, Offset(at)).index < at) ++at;
      if (at > index) return points;
      copy.SetBase(at);
      ++points;
    }
  }

  uint64_t writers;
  uint64_t index = 0;
  AppliedState state;
  AppliedHistory history;
};

TEST_CASE("Applied history: a trim into the middle leaves at most a quarter of it behind") {
  for (uint64_t trim : {100, 1'000, 5'000, 9'999}) {
    Logged log(3);
    log.Apply(10'000);
    const AppliedHistory::Point& base = log.history.Choose(10'000, Offset(trim));
    CAPTURE(trim, base.index);
    CHECK(base.end() <= Offset(trim));
    CHECK(base.end() + 10'000 / 4 > Offset(trim));
    CHECK(base.end().value() == base.index);
  }
}

TEST_CASE("Applied history: what was chosen as a base stays until it is one") {
  Logged log(1);
  log.Apply(200);
  uint64_t first = log.history.Choose(200, Offset(50)).index;
  uint64_t second = log.history.Choose(200, Offset(150)).index;
  REQUIRE(first > 0);
  REQUIRE(second > first);
  log.Apply(5'000);
  log.history.SetBase(first);
  CHECK(log.history.base().index == first);
  log.history.SetBase(second);
  CHECK(log.history.base().index == second);
  CHECK(log.history.base().end().value() == second);
  log.history.SetBase(second - 1);
  CHECK(log.history.base().index == second);
}

TEST_CASE("Applied history: points are few, and fewer while tables are large or SEAL is there") {
  Logged small(2);
  small.Apply(20'000);
  CHECK(small.Points() > 8);
  CHECK(small.Points() <= AppliedHistory::kMaxPoints);
  Logged large(2'000);
  large.Apply(40'000);
  CHECK(large.Points() <= 10);
  CHECK(large.history.bytes() <= 20'000 * 512);
  size_t before = large.history.bytes();
  large.state.ApplySeal("");
  large.history.Note(++large.index, large.state);
  CHECK(large.history.bytes() < before / 3);
  CHECK(large.history.Choose(large.index, large.state.end()).index == large.index);
}

TEST_CASE("Applied history: a point costs no more than the commands since the last one") {
  Logged log(5'000);
  log.Apply(5'000);
  uint64_t kept = 0;
  for (int i = 0; i < 5'000; ++i) {
    uint64_t newest = log.history.Choose(log.index, log.state.end()).index;
    log.Apply(1);
    log.history.Keep(log.index, log.state);  // as at a trim of everything
    kept += log.history.Choose(log.index, log.state.end()).index != newest;
  }
  CHECK(kept <= 2);
}

TEST_CASE("Applied history: a checkpoint has all of it") {
  Logged log(3);
  log.Apply(500);
  log.history.SetBase(log.history.Choose(500, Offset(100)).index);
  std::string encoded;
  log.history.EncodeTo(&encoded);
  Decoder in(encoded);
  StatusOr<AppliedHistory> copy = AppliedHistory::Decode(in);
  REQUIRE(copy.ok());
  CHECK(in.done());
  std::string again;
  copy->EncodeTo(&again);
  CHECK(again == encoded);
  Decoder cut(std::string_view(encoded).substr(0, encoded.size() - 1));
  CHECK(absl::IsDataLoss(AppliedHistory::Decode(cut).status()));
}

}  // namespace
}  // namespace vlog::loglets::replicated

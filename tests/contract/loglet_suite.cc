#include "contract/loglet_suite.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/crc32c.h"

namespace vlog::testing {
namespace {

using loglets::Loglet;
using loglets::ReadResult;
using loglets::Sealed;
using loglets::StoredBatch;
using loglets::Tail;

// Cases that a kind is excused from, with the reason. There is no other way to be excused.
const std::map<std::string, std::set<std::string>>& NotApplicable() {
  static const std::map<std::string, std::set<std::string>> excused = {
      // A memory loglet lives in one process: it has no restart.
      {"memory",
       {"restart keeps data", "restart goes on", "restart keeps the seal",
        "restart keeps the trim point", "restart keeps the writers' table"}},
      // A sequencer lives as long as its process, and so does its table: after a restart the loglet
      // is sealed and gets a successor.
      {"sequencer", {"restart goes on", "restart keeps the writers' table"}},
      // A writer keeps to one handle.
      {"striped", {"restart goes on", "restart keeps the writers' table"}},
  };
  return excused;
}

class Fixture {
 public:
  Fixture(ContractWorld& world, const StartLoglets& start) : world_(world), start_(start) {
    process_ = start_(world_);
    loglet = Open(id_);
  }

  std::shared_ptr<Loglet> Open(const LogletId& id) {
    auto opened = world_.Run(process_->kind().Open(id, Params(), std::nullopt));
    REQUIRE(opened.has_value());
    REQUIRE(opened->ok());
    return **opened;
  }

  void Restart() {
    world_.Kill([this] {
      loglet.reset();
      process_.reset();
    });
    process_ = start_(world_);
    loglet = Open(id_);
  }

  ~Fixture() {
    world_.Kill([this] {
      loglet.reset();
      process_.reset();
    });
  }

  std::string Params() {
    StatusOr<std::string> params =
        *world_.Run(process_->kind().ProposeParams(loglets::ProposeRequest()));
    REQUIRE(params.ok());
    return *params;
  }

  static std::string Payload(uint64_t writer, uint64_t seq) {
    return "w" + std::to_string(writer) + "." + std::to_string(seq);
  }

  static Batch MakeBatch(uint64_t writer, uint64_t first, uint32_t count) {
    BatchBuilder builder{WriterId(writer), SeqNo(first)};
    for (uint32_t i = 0; i < count; ++i) builder.Add(Payload(writer, first + i));
    Batch batch = std::move(builder).Finish();
    batch.header.first_in_loglet = first == 0;
    if (first > 0) batch.header.prev = SeqNo(first - 1);
    return batch;
  }

  // Starts an append; its answer appears in the result.
  std::shared_ptr<std::optional<StatusOr<Offset>>> Start(Batch batch) {
    auto result = std::make_shared<std::optional<StatusOr<Offset>>>();
    loglet->Append(std::move(batch),
                   [result](StatusOr<Offset> answer) { result->emplace(std::move(answer)); });
    CHECK_FALSE(result->has_value());  // never inside the call
    return result;
  }

  StatusOr<Offset> Append(uint64_t writer, uint64_t first, uint32_t count) {
    return Wait(Start(MakeBatch(writer, first, count)));
  }

  StatusOr<Offset> Wait(std::shared_ptr<std::optional<StatusOr<Offset>>> result) {
    REQUIRE(world_.RunUntil([&] { return result->has_value(); }));
    return **result;
  }

  // Appends `records` in batches of three by writer 1, whose first sequence number is 0.
  void Fill(uint64_t records) {
    for (uint64_t at = 0; at < records; at += 3) {
      StatusOr<Offset> offset =
          Append(1, at, static_cast<uint32_t>(std::min<uint64_t>(3, records - at)));
      REQUIRE(offset.ok());
      REQUIRE(offset->value() == at);
    }
  }

  Tail CheckTail() {
    auto tail = world_.Run(loglet->CheckTail());
    REQUIRE(tail.has_value());
    REQUIRE(tail->ok());
    return **tail;
  }

  StatusOr<Offset> Trim(uint64_t to) {
    auto trimmed = world_.Run(loglet->Trim(Offset(to)));
    REQUIRE(trimmed.has_value());
    return *trimmed;
  }

  Sealed Seal(const std::string& proposal = "") {
    auto sealed = world_.Run(loglet->Seal(proposal));
    REQUIRE(sealed.has_value());
    REQUIRE(sealed->ok());
    return **sealed;
  }

  // The payloads of [from, to), which must all be readable.
  std::vector<std::string> ReadAll(uint64_t from, uint64_t to, size_t max_bytes = 1 << 20) {
    std::vector<std::string> payloads;
    while (from < to) {
      auto read = world_.Run(loglet->Read(Offset(from), Offset(to), max_bytes));
      REQUIRE(read.has_value());
      REQUIRE(read->ok());
      REQUIRE_FALSE((*read)->batches.empty());
      for (const loglets::StoredBatch& stored : (*read)->batches) {
        REQUIRE(stored.first.value() <= from);
        REQUIRE(ValidateBatch(stored.batch).ok());
        RecordCursor cursor(stored.batch.body.view());
        cursor.Skip(from - stored.first.value());
        while (from < to && cursor.Next()) {
          payloads.emplace_back(cursor.payload());
          ++from;
        }
      }
    }
    return payloads;
  }

  ContractWorld& world() { return world_; }
  std::shared_ptr<Loglet> loglet;

 private:
  ContractWorld& world_;
  const StartLoglets& start_;
  LogletId id_{"contract", SegmentIndex(4), ProposalId(77)};
  std::unique_ptr<LogletProcess> process_;
};

struct Case {
  const char* name;
  void (*run)(Fixture&);
};

// --- Appends -----------------------------------------------------------------------------------

void OrdersAppends(Fixture& f) {
  uint64_t expected = 0;
  for (uint64_t i = 0; i < 10; ++i) {
    StatusOr<Offset> offset = f.Append(1 + i % 2, i / 2, 1);
    REQUIRE(offset.ok());
    CHECK(offset->value() == expected++);
  }
  std::vector<std::string> all = f.ReadAll(0, 10);
  for (uint64_t i = 0; i < 10; ++i) CHECK(all[i] == Fixture::Payload(1 + i % 2, i / 2));
}

void PipelinesAppends(Fixture& f) {
  std::vector<std::shared_ptr<std::optional<StatusOr<Offset>>>> results;
  for (uint64_t i = 0; i < 8; ++i) results.push_back(f.Start(Fixture::MakeBatch(9, i * 2, 2)));
  for (uint64_t i = 0; i < 8; ++i) {
    StatusOr<Offset> offset = f.Wait(results[i]);
    REQUIRE(offset.ok());
    CHECK(offset->value() == i * 2);
    // In the order of the calls: when a later one is there, the earlier ones are.
    for (uint64_t k = 0; k < i; ++k) CHECK(results[k]->has_value());
  }
}

void BatchesAreUnits(Fixture& f) {
  REQUIRE(f.Append(1, 0, 7).ok());
  REQUIRE(f.Append(2, 0, 5).ok());
  std::vector<StoredBatch> batches;
  // A copy may be behind and answer with less; each answer has a whole batch at least.
  for (Offset at(3); at < Offset(9);) {
    auto read = f.world().Run(f.loglet->Read(at, Offset(9), 1 << 20));
    REQUIRE(read->ok());
    REQUIRE_FALSE((*read)->batches.empty());
    for (const StoredBatch& batch : (*read)->batches) batches.push_back(batch);
    at = batches.back().first + batches.back().batch.header.count;
  }
  REQUIRE(batches.size() == 2);
  CHECK(batches[0].first.value() == 0);
  CHECK(batches[0].batch.header.count == 7);
  CHECK(batches[1].first.value() == 7);
  CHECK(batches[1].batch.header.count == 5);
  CHECK(batches[1].batch.header.writer == WriterId(2));
}

void DuplicatesGetTheirOffset(Fixture& f) {
  f.Fill(9);
  for (uint64_t first : {0, 3, 6}) {
    StatusOr<Offset> again = f.Append(1, first, 3);
    REQUIRE(again.ok());
    CHECK(again->value() == first);
  }
  CHECK(f.CheckTail().offset.value() == 9);
  auto first = f.Start(Fixture::MakeBatch(1, 9, 2));
  auto twin = f.Start(Fixture::MakeBatch(1, 9, 2));
  CHECK(f.Wait(first)->value() == 9);
  CHECK(f.Wait(twin)->value() == 9);
  CHECK(f.CheckTail().offset.value() == 11);
}

void KnowsWhatAWriterMayStillAsk(Fixture& f) {
  constexpr uint64_t kTaken = loglets::kMaxAppendWindow + 1;
  for (uint64_t i = 0; i < kTaken; ++i) REQUIRE(f.Append(1, i, 1).ok());
  for (uint64_t i = 1; i < kTaken; ++i) {
    StatusOr<Offset> again = f.Append(1, i, 1);
    REQUIRE(again.ok());
    CHECK(again->value() == i);
  }
  // Older than that, it may not know where it is: then it does not say that it is not there.
  StatusOr<Offset> old = f.Append(1, 0, 1);
  CHECK((old.ok() ? old->value() == 0 : absl::IsUnknown(old.status())));
  CHECK(f.CheckTail().offset.value() == kTaken);
}

void RefusesOutOfOrder(Fixture& f) {
  REQUIRE(f.Append(1, 0, 2).ok());
  CHECK(absl::IsInvalidArgument(f.Append(1, 5, 1).status()));  // 2, 3, 4 are missing
  CHECK(absl::IsInvalidArgument(f.Append(3, 4, 1).status()));  // a writer that never began
  REQUIRE(f.Append(1, 2, 1).ok());
  CHECK(f.CheckTail().offset.value() == 3);
}

void KeepsLargeAndEmptyRecords(Fixture& f) {
  BatchBuilder builder{WriterId(5), SeqNo(0)};
  std::string large(1 << 20, 'L');
  builder.Add("");
  builder.Add(large);
  REQUIRE(f.Wait(f.Start(std::move(builder).Finish())).ok());
  std::vector<std::string> all = f.ReadAll(0, 2);
  CHECK(all[0].empty());
  CHECK(all[1] == large);
}

// --- Tails -------------------------------------------------------------------------------------

void TailFollowsAppends(Fixture& f) {
  CHECK(f.CheckTail().offset.value() == 0);
  CHECK_FALSE(f.CheckTail().sealed);
  uint64_t last = 0;
  for (uint64_t i = 0; i < 5; ++i) {
    auto running = f.Start(Fixture::MakeBatch(1, i * 4, 4));
    uint64_t during = f.CheckTail().offset.value();
    CHECK(during >= last);
    CHECK(during <= i * 4 + 4);
    REQUIRE(f.Wait(running).ok());
    last = f.CheckTail().offset.value();
    CHECK(last == i * 4 + 4);
  }
}

void HintIsNeverAboveCommitted(Fixture& f) {
  uint64_t acked = 0;
  uint64_t hint = 0;
  for (uint64_t i = 0; i < 20; ++i) {
    auto running = f.Start(Fixture::MakeBatch(1, i, 1));
    f.world().RunUntil([&] {
      uint64_t now = f.loglet->TailHint().value();
      CHECK(now >= hint);
      hint = now;
      if (running->has_value()) acked = i + 1;
      CHECK(hint <= i + 1);
      if (!running->has_value() && hint > acked) {
        // Committed but not told yet: it must be readable.
        CHECK(hint == i + 1);
      }
      return running->has_value();
    });
  }
  CHECK(f.ReadAll(0, f.loglet->TailHint().value()).size() == hint);
}

void AwaitSeesGrowthSealAndDeadline(Fixture& f) {
  f.Fill(3);
  Instant soon = f.world().env().scheduler().Now() + std::chrono::milliseconds(30);
  auto late = f.world().Run(f.loglet->AwaitTail(Offset(3), soon));
  CHECK(absl::IsDeadlineExceeded(late->status()));
  Instant far = f.world().env().scheduler().Now() + std::chrono::minutes(5);
  auto at_once = f.world().Run(f.loglet->AwaitTail(Offset(2), far));
  CHECK((*at_once)->offset.value() == 3);
  auto growth = StartTask(f.world().env(), f.loglet->AwaitTail(Offset(3), far));
  REQUIRE(f.Append(1, 3, 1).ok());
  REQUIRE(f.world().RunUntil([&] { return growth->has_value(); }));
  CHECK((**growth)->offset.value() == 4);
  auto seal = StartTask(f.world().env(), f.loglet->AwaitTail(Offset(4), far));
  f.Seal();
  REQUIRE(f.world().RunUntil([&] { return seal->has_value(); }));
  CHECK((**seal)->sealed);
}

// --- Reads and trims ---------------------------------------------------------------------------

void ReadsRangesAndLimits(Fixture& f) {
  f.Fill(30);
  CHECK(f.ReadAll(0, 30).size() == 30);
  CHECK(f.ReadAll(7, 8) == std::vector<std::string>{Fixture::Payload(1, 7)});
  CHECK(f.ReadAll(0, 30, 1).size() == 30);  // a small limit still moves on
  auto limited = f.world().Run(f.loglet->Read(Offset(0), Offset(30), 1));
  CHECK((*limited)->batches.size() < 10);
}

void TrimIsExactAndMonotone(Fixture& f) {
  f.Fill(12);
  CHECK(f.Trim(5)->value() == 5);
  CHECK(f.Trim(5)->value() == 5);
  CHECK(f.Trim(2)->value() == 5);
  CHECK(f.loglet->TrimHint().value() == 5);
  auto below = f.world().Run(f.loglet->Read(Offset(4), Offset(12), 1 << 20));
  CHECK(absl::IsOutOfRange(below->status()));
  CHECK(f.ReadAll(5, 12).front() == Fixture::Payload(1, 5));
  CHECK(f.Trim(100)->value() == 12);  // clamped to the tail
  CHECK(f.CheckTail().offset.value() == 12);
  REQUIRE(f.Append(1, 12, 1).ok());
  CHECK(f.ReadAll(12, 13).size() == 1);
}

void TrimsEmptyAndSealedLoglets(Fixture& f) {
  CHECK(f.Trim(10)->value() == 0);
  f.Fill(6);
  f.Seal();
  CHECK(f.Trim(4)->value() == 4);
  CHECK(f.Trim(9)->value() == 6);
}

void TrimsForAClientThatDoesNotKnowTheTail(Fixture& f) {
  f.Fill(9);
  std::shared_ptr<Loglet> stranger = f.Open({"contract", SegmentIndex(4), ProposalId(77)});
  auto trimmed = f.world().Run(stranger->Trim(Offset(7)));
  REQUIRE(trimmed->ok());
  CHECK((*trimmed)->value() == 7);
  CHECK(f.Trim(0)->value() == 7);
}

// --- Seals -------------------------------------------------------------------------------------

void SealIsFinalAndIdempotent(Fixture& f) {
  f.Fill(5);
  Sealed first = f.Seal("one");
  CHECK(first.tail.value() == 5);
  Sealed second = f.Seal("two");
  CHECK(second.tail.value() == 5);
  CHECK(second.proposal == "one");
  CHECK(f.CheckTail().sealed);
  CHECK(absl::IsFailedPrecondition(f.Append(1, 5, 1).status()));
  CHECK(absl::IsFailedPrecondition(f.Append(8, 0, 1).status()));
  CHECK(f.ReadAll(0, 5).size() == 5);
  CHECK(f.Seal().tail.value() == 5);
}

void SealedLogletAcknowledgesNoDuplicate(Fixture& f) {
  f.Fill(3);
  f.Seal();
  CHECK_FALSE(f.Append(1, 0, 3).ok());
}

void SealsAnEmptyLoglet(Fixture& f) {
  CHECK(f.Seal("p").tail.value() == 0);
  CHECK(f.CheckTail().sealed);
  CHECK(absl::IsFailedPrecondition(f.Append(1, 0, 1).status()));
}

void ConcurrentSealersAgree(Fixture& f) {
  f.Fill(4);
  auto one = StartTask(f.world().env(), f.loglet->Seal("one"));
  auto two = StartTask(f.world().env(), f.loglet->Seal("two"));
  REQUIRE(f.world().RunUntil([&] { return one->has_value() && two->has_value(); }));
  CHECK((**one)->tail == (**two)->tail);
  CHECK((**one)->proposal == (**two)->proposal);
}

void SealUnderLoadCoversAcknowledged(Fixture& f) {
  std::vector<std::shared_ptr<std::optional<StatusOr<Offset>>>> results;
  for (uint64_t i = 0; i < 6; ++i) results.push_back(f.Start(Fixture::MakeBatch(1, i * 2, 2)));
  auto seal = StartTask(f.world().env(), f.loglet->Seal("s"));
  for (uint64_t i = 6; i < 12; ++i) results.push_back(f.Start(Fixture::MakeBatch(1, i * 2, 2)));
  REQUIRE(f.world().RunUntil([&] { return seal->has_value(); }));
  uint64_t tail = (**seal)->tail.value();
  for (auto& result : results) {
    StatusOr<Offset> offset = f.Wait(result);
    if (offset.ok()) CHECK(offset->value() + 2 <= tail);
    if (!offset.ok()) {
      CHECK((absl::IsFailedPrecondition(offset.status()) || absl::IsUnknown(offset.status())));
    }
  }
  CHECK(f.ReadAll(0, tail).size() == tail);
  CHECK(f.Seal().tail.value() == tail);
}

// --- Restarts ----------------------------------------------------------------------------------

void RestartKeepsData(Fixture& f) {
  f.Fill(20);
  f.Restart();
  CHECK(f.CheckTail().offset.value() == 20);
  std::vector<std::string> all = f.ReadAll(0, 20);
  for (uint64_t i = 0; i < 20; ++i) CHECK(all[i] == Fixture::Payload(1, i));
}

void RestartGoesOn(Fixture& f) {
  f.Fill(20);
  f.Restart();
  REQUIRE(f.Append(1, 20, 1).ok());
  CHECK(f.CheckTail().offset.value() == 21);
}

void RestartKeepsTheSeal(Fixture& f) {
  f.Fill(4);
  f.Seal("kept");
  f.Restart();
  CHECK(f.CheckTail().sealed);
  CHECK(f.Seal("other").proposal == "kept");
  CHECK(f.Seal().tail.value() == 4);
  CHECK(absl::IsFailedPrecondition(f.Append(1, 4, 1).status()));
}

void RestartKeepsTheTrimPoint(Fixture& f) {
  f.Fill(10);
  REQUIRE(f.Trim(6).ok());
  f.Restart();
  CHECK(f.loglet->TrimHint().value() == 6);
  CHECK(f.Trim(0)->value() == 6);
  auto below = f.world().Run(f.loglet->Read(Offset(5), Offset(10), 100));
  CHECK(absl::IsOutOfRange(below->status()));
}

void RestartKeepsTheWritersTable(Fixture& f) {
  f.Fill(9);
  REQUIRE(f.Trim(9).ok());
  f.Restart();
  StatusOr<Offset> again = f.Append(1, 6, 3);
  REQUIRE(again.ok());
  CHECK(again->value() == 6);
  CHECK(absl::IsInvalidArgument(f.Append(1, 12, 1).status()));
  CHECK(f.CheckTail().offset.value() == 9);
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"orders appends", OrdersAppends},
      {"pipelines appends", PipelinesAppends},
      {"batches are units", BatchesAreUnits},
      {"duplicates get their offset", DuplicatesGetTheirOffset},
      {"knows what a writer may still ask for", KnowsWhatAWriterMayStillAsk},
      {"refuses out of order", RefusesOutOfOrder},
      {"keeps large and empty records", KeepsLargeAndEmptyRecords},
      {"tail follows appends", TailFollowsAppends},
      {"hint is never above committed", HintIsNeverAboveCommitted},
      {"await sees growth, seal and deadline", AwaitSeesGrowthSealAndDeadline},
      {"reads ranges and limits", ReadsRangesAndLimits},
      {"trim is exact and monotone", TrimIsExactAndMonotone},
      {"trims empty and sealed loglets", TrimsEmptyAndSealedLoglets},
      {"trims for a client that does not know the tail", TrimsForAClientThatDoesNotKnowTheTail},
      {"seal is final and idempotent", SealIsFinalAndIdempotent},
      {"a sealed loglet acknowledges no duplicate", SealedLogletAcknowledgesNoDuplicate},
      {"seals an empty loglet", SealsAnEmptyLoglet},
      {"concurrent sealers agree", ConcurrentSealersAgree},
      {"a seal under load covers the acknowledged", SealUnderLoadCoversAcknowledged},
      {"restart keeps data", RestartKeepsData},
      {"restart goes on", RestartGoesOn},
      {"restart keeps the seal", RestartKeepsTheSeal},
      {"restart keeps the trim point", RestartKeepsTheTrimPoint},
      {"restart keeps the writers' table", RestartKeepsTheWritersTable},
  };
  return cases;
}

}  // namespace

void RunLogletSuite(const std::string& kind, const StartLoglets& start,
                    const std::function<std::unique_ptr<ContractWorld>()>& new_world) {
  auto excused = NotApplicable().find(kind);
  for (const Case& each : Cases()) {
    std::unique_ptr<ContractWorld> world = new_world();
    bool skip = excused != NotApplicable().end() && excused->second.contains(each.name);
    std::printf("%-8s %-10s %-48s %s\n", kind.c_str(), world->name().c_str(), each.name,
                skip ? "not applicable" : "");
    std::fflush(stdout);
    if (skip) continue;
    INFO(kind << ", " << world->name() << ": " << each.name);
    Fixture fixture(*world, start);
    each.run(fixture);
  }
}

}  // namespace vlog::testing

// The table that makes appends exactly-once inside one loglet.
#include "loglets/writers_table.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

namespace vlog::loglets {
namespace {

constexpr uint64_t kFirst = UINT64_MAX;  // as `prev`: marked as the first in this loglet

BatchHeader Header(uint64_t first, uint32_t count, uint64_t prev, uint64_t writer = 1) {
  BatchHeader header;
  header.writer = WriterId(writer);
  header.first = SeqNo(first);
  header.count = count;
  header.first_in_loglet = prev == kFirst;
  if (prev != kFirst) header.prev = SeqNo(prev);
  return header;
}

Judgement JudgementOf(const WritersTable& table, const BatchHeader& header) {
  return table.Judge(header).judgement;
}

// REQUIRES: the table says kNext.
void Take(WritersTable& table, const BatchHeader& header, uint64_t offset) {
  REQUIRE(JudgementOf(table, header) == Judgement::kNext);
  table.Take(header, Offset(offset));
}

TEST_CASE("Writers' table: a new writer begins with a batch marked as its first") {
  WritersTable table;
  CHECK(JudgementOf(table, Header(0, 1, 7)) == Judgement::kOutOfOrder);
  CHECK(JudgementOf(table, Header(8, 1, 7)) == Judgement::kOutOfOrder);
  CHECK(JudgementOf(table, Header(8, 3, kFirst)) == Judgement::kNext);  // any number will do
  CHECK(table.size() == 0);
  Take(table, Header(8, 3, kFirst), 100);
  CHECK(table.size() == 1);
}

TEST_CASE("Writers' table: a batch is next only right behind the last one taken") {
  WritersTable table;
  Take(table, Header(8, 3, kFirst), 100);
  CHECK(JudgementOf(table, Header(11, 1, 10)) == Judgement::kNext);
  CHECK(JudgementOf(table, Header(13, 1, 10)) == Judgement::kNext);  // 11 and 12 were refused
  CHECK(JudgementOf(table, Header(13, 1, 12)) == Judgement::kOutOfOrder);
  CHECK(JudgementOf(table, Header(11, 1, 9)) == Judgement::kOutOfOrder);
  CHECK(JudgementOf(table, Header(11, 1, 8)) == Judgement::kOutOfOrder);
  // "First" from a writer that is known here is a lie or a very late batch.
  CHECK(JudgementOf(table, Header(11, 1, kFirst)) == Judgement::kOutOfOrder);
}

TEST_CASE("Writers' table: a batch that was taken is a duplicate at the same offset") {
  WritersTable table;
  Take(table, Header(8, 3, kFirst), 100);
  Take(table, Header(11, 2, 10), 107);
  Take(table, Header(13, 1, 12), 109);
  for (auto [header, offset] :
       {std::pair(Header(8, 3, kFirst), 100), std::pair(Header(11, 2, 10), 107),
        std::pair(Header(13, 1, 12), 109)}) {
    Verdict verdict = table.Judge(header);
    CHECK(verdict.judgement == Judgement::kDuplicate);
    CHECK(verdict.offset == Offset(offset));
  }
  // Not one unit that was taken: never given an offset.
  CHECK(JudgementOf(table, Header(8, 2, kFirst)) == Judgement::kOutOfOrder);
  CHECK(JudgementOf(table, Header(9, 2, kFirst)) == Judgement::kOutOfOrder);
  CHECK(JudgementOf(table, Header(11, 3, 10)) == Judgement::kOutOfOrder);
  CHECK(JudgementOf(table, Header(7, 1, kFirst)) == Judgement::kOutOfOrder);
}

TEST_CASE("Writers' table: writers do not see each other") {
  WritersTable table;
  Take(table, Header(0, 1, kFirst, 1), 0);
  CHECK(JudgementOf(table, Header(1, 1, 0, 2)) == Judgement::kOutOfOrder);
  Take(table, Header(0, 1, kFirst, 2), 1);
  CHECK(table.Judge(Header(0, 1, kFirst, 1)).offset == Offset(0));
  CHECK(table.Judge(Header(0, 1, kFirst, 2)).offset == Offset(1));
  CHECK(table.size() == 2);
  table.Clear();
  CHECK(table.size() == 0);
  CHECK(JudgementOf(table, Header(1, 1, 0, 1)) == Judgement::kOutOfOrder);
}

TEST_CASE("Writers' table: the newest batches are duplicates, older ones are never taken again") {
  WritersTable table;
  constexpr uint64_t kBatches = WritersTable::kWindow + 5;
  for (uint64_t i = 0; i < kBatches; ++i) {
    Take(table, Header(i, 1, i == 0 ? kFirst : i - 1), 10 * i);
  }
  for (uint64_t i = 0; i < kBatches; ++i) {
    CAPTURE(i);
    Verdict verdict = table.Judge(Header(i, 1, i == 0 ? kFirst : i - 1));
    if (i < kBatches - WritersTable::kWindow) {
      CHECK(verdict.judgement == Judgement::kTooOld);
    } else {
      CHECK(verdict.judgement == Judgement::kDuplicate);
      CHECK(verdict.offset == Offset(10 * i));
    }
  }
}

TEST_CASE("Writers' table: what was ever taken is never called untaken nor taken again") {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    WritersTable table;
    std::vector<BatchHeader> taken;
    uint64_t next = 0;
    for (size_t i = 0; i < 3 * WritersTable::kWindow; ++i) {
      BatchHeader header =
          Header(next, 1 + random() % 4, taken.empty() ? kFirst : taken.back().last().value());
      Take(table, header, next);
      taken.push_back(header);
      next = header.last().value() + 1 + random() % 2;  // what lies between was never sent
      for (size_t k = 0; k < taken.size(); ++k) {
        bool in_window = k + WritersTable::kWindow >= taken.size();
        Judgement expected = in_window ? Judgement::kDuplicate : Judgement::kTooOld;
        REQUIRE(JudgementOf(table, taken[k]) == expected);
      }
    }
    // One that a writer of at most kWindow unresolved batches may still ask for is never unsure.
    BatchHeader never = Header(taken.back().first.value(), taken.back().count + 1, kFirst);
    CHECK(JudgementOf(table, never) == Judgement::kOutOfOrder);
  }
}

TEST_CASE("Writers' table: with nothing forgotten every verdict is certain") {
  WritersTable table;
  for (uint64_t i = 0; i + 1 < WritersTable::kWindow; ++i) {
    Take(table, Header(10 + i, 1, i == 0 ? kFirst : 9 + i), i);
  }
  CHECK(JudgementOf(table, Header(3, 1, kFirst)) == Judgement::kOutOfOrder);
}

TEST_CASE("Writers' table: it comes back from its bytes and judges as before") {
  WritersTable table;
  std::mt19937_64 random(1);
  std::map<uint64_t, uint64_t> next;
  uint64_t offset = 0;
  for (int i = 0; i < 200; ++i) {
    uint64_t writer = 1 + random() % 7;
    auto count = static_cast<uint32_t>(1 + random() % 3);
    uint64_t first = next[writer];
    Take(table, Header(first, count, first == 0 ? kFirst : first - 1, writer), offset);
    next[writer] = first + count;
    offset += count;
  }
  std::string bytes;
  table.EncodeTo(&bytes);
  StatusOr<WritersTable> decoded = WritersTable::Decode(bytes);
  REQUIRE(decoded.ok());
  CHECK(decoded->size() == table.size());
  std::string again;
  decoded->EncodeTo(&again);
  CHECK(again == bytes);
  for (uint64_t writer = 1; writer <= 8; ++writer) {
    for (uint64_t first = 0; first < 100; ++first) {
      for (uint32_t count = 1; count <= 3; ++count) {
        for (uint64_t prev : {kFirst, first - 1}) {
          if (first == 0 && prev != kFirst) continue;
          BatchHeader header = Header(first, count, prev, writer);
          Verdict a = table.Judge(header);
          Verdict b = decoded->Judge(header);
          REQUIRE(a.judgement == b.judgement);
          REQUIRE(a.offset == b.offset);
        }
      }
    }
  }
}

TEST_CASE("Writers' table: bytes that end early are data loss") {
  WritersTable table;
  CHECK(WritersTable::Decode("")->size() == 0);
  Take(table, Header(0, 2, kFirst, 1), 0);
  Take(table, Header(2, 1, 1, 1), 2);
  std::string one;
  table.EncodeTo(&one);
  Take(table, Header(5, 1, kFirst, 2), 3);
  std::string two;
  table.EncodeTo(&two);
  for (size_t length = 1; length < two.size(); ++length) {
    CAPTURE(length);
    StatusOr<WritersTable> decoded = WritersTable::Decode(two.substr(0, length));
    if (length == one.size()) {
      CHECK(decoded->size() == 1);
    } else {
      REQUIRE(absl::IsDataLoss(decoded.status()));
    }
  }
}

}  // namespace
}  // namespace vlog::loglets

// What an append handle decides, by plain calls; then against a model of a log whose loglets
// refuse, lose answers and are replaced at random.
#include "virtuallog/appender_core.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>

namespace vlog::virtuallog {
namespace {

constexpr WriterId kWriter(7);

// A core, and what came of each record that was submitted to it.
struct Handle {
  explicit Handle(AppenderOptions options = {}) : core(kWriter, options) {}

  Status Submit(std::string_view payload) {
    size_t id = results.size();
    RecordDone done = [this, id](StatusOr<Lsn> result) {
      ++calls[id];
      order.push_back(id);
      results[id] = std::move(result);
    };
    Status taken = core.Submit(payload, done);
    CHECK(static_cast<bool>(done) == !taken.ok());
    if (taken.ok()) results.emplace_back();
    return taken;
  }

  // Submits and sends one record as a batch of its own.
  Batch SendOne(std::string_view payload, Offset known_tail = Offset(0)) {
    REQUIRE(Submit(payload).ok());
    std::optional<Batch> batch = core.NextSend(known_tail);
    REQUIRE(batch.has_value());
    return *batch;
  }

  void Answer(uint64_t first, StatusOr<Offset> result) {
    core.OnResult(SeqNo(first), std::move(result));
    Deliver();
  }

  void Deliver() {
    for (auto& [done, result] : core.TakeCompletions()) done(std::move(result));
  }

  bool open(size_t id) const { return !results[id].has_value(); }
  Lsn lsn(size_t id) const {
    REQUIRE(!open(id));
    REQUIRE(results[id]->ok());
    return **results[id];
  }
  Status error(size_t id) const {
    REQUIRE(!open(id));
    return results[id]->status();
  }

  AppenderCore core;
  std::vector<std::optional<StatusOr<Lsn>>> results;  // by record
  std::map<size_t, int> calls;
  std::vector<size_t> order;
};

std::vector<std::string> Payloads(const Batch& batch) {
  REQUIRE(ValidateBatch(batch).ok());
  std::vector<std::string> payloads;
  RecordCursor cursor(batch.body.view());
  while (cursor.Next()) payloads.emplace_back(cursor.payload());
  return payloads;
}

Status Sealed() { return absl::FailedPreconditionError("sealed"); }
Status Lost() { return absl::UnknownError("the reply was lost"); }
Status Full() { return absl::ResourceExhaustedError("disk full"); }
Status OutOfOrder() { return absl::InvalidArgumentError("out of order"); }

TEST_CASE("Appender core: nothing is sent before a segment is entered") {
  Handle handle;
  CHECK(handle.core.idle());
  CHECK_FALSE(handle.core.must_move());
  REQUIRE(handle.Submit("a").ok());
  CHECK_FALSE(handle.core.idle());
  CHECK_FALSE(handle.core.NextSend(Offset(0)).has_value());
  handle.core.Enter(Lsn(10));
  std::optional<Batch> batch = handle.core.NextSend(Offset(0));
  REQUIRE(batch.has_value());
  CHECK(batch->header.writer == kWriter);
  CHECK(Payloads(*batch) == std::vector<std::string>{"a"});
}

TEST_CASE("Appender core: records that wait while the window is full share a batch") {
  AppenderOptions options;
  options.window = 2;
  Handle handle(options);
  handle.core.Enter(Lsn(0));
  handle.SendOne("a");
  handle.SendOne("b");
  for (const char* payload : {"c", "", "d"}) REQUIRE(handle.Submit(payload).ok());
  CHECK_FALSE(handle.core.NextSend(Offset(0)).has_value());
  handle.Answer(0, Offset(0));
  std::optional<Batch> batch = handle.core.NextSend(Offset(1));
  REQUIRE(batch.has_value());
  CHECK(Payloads(*batch) == std::vector<std::string>{"c", "", "d"});
  CHECK(batch->header.first == SeqNo(2));
  CHECK(batch->header.count == 3);
  CHECK(handle.core.next_seq() == SeqNo(5));
}

TEST_CASE("Appender core: a batch stays within its limit and a larger record goes alone") {
  AppenderOptions options;
  options.window = 10;
  options.max_batch_bytes = 2 * RecordBytes(10);
  Handle handle(options);
  handle.core.Enter(Lsn(0));
  // Two records fill a batch to the byte; one byte more does not fit.
  for (size_t size : {10, 10, 10, 11, 50, 1, 2}) {
    REQUIRE(handle.Submit(std::string(size, 'x')).ok());
  }
  std::vector<std::vector<size_t>> sizes;
  while (std::optional<Batch> batch = handle.core.NextSend(Offset(0))) {
    sizes.emplace_back();
    for (const std::string& payload : Payloads(*batch)) sizes.back().push_back(payload.size());
  }
  CHECK(sizes == std::vector<std::vector<size_t>>{{10, 10}, {10}, {11}, {50}, {1, 2}});
}

TEST_CASE("Appender core: each batch names the writer's last record before it") {
  AppenderOptions options;
  options.window = 2;
  Handle handle(options);
  handle.core.Enter(Lsn(0));
  Batch first = handle.SendOne("a");
  CHECK(first.header.first_in_loglet);
  Batch second = handle.SendOne("b");  // behind one that is in flight
  CHECK_FALSE(second.header.first_in_loglet);
  CHECK(second.header.prev == SeqNo(0));
  handle.Answer(0, Offset(0));
  handle.Answer(1, Offset(1));
  REQUIRE(handle.Submit("c").ok());
  Batch third = handle.SendOne("d");  // behind one that was taken
  CHECK(third.header.count == 2);
  CHECK_FALSE(third.header.first_in_loglet);
  CHECK(third.header.prev == SeqNo(1));
  Batch fourth = handle.SendOne("e");
  CHECK(fourth.header.prev == SeqNo(3));
}

TEST_CASE("Appender core: the first batch in the next segment is marked so") {
  Handle handle;
  handle.core.Enter(Lsn(0));
  handle.SendOne("a");
  handle.Answer(0, Offset(0));
  CHECK_FALSE(handle.SendOne("b").header.first_in_loglet);
  handle.Answer(1, Sealed());
  handle.core.Enter(Lsn(1));
  std::optional<Batch> again = handle.core.NextSend(Offset(0));
  REQUIRE(again.has_value());
  CHECK(again->header.first == SeqNo(1));
  CHECK(again->header.first_in_loglet);
  Batch next = handle.SendOne("c");
  CHECK_FALSE(next.header.first_in_loglet);
  CHECK(next.header.prev == SeqNo(1));
}

TEST_CASE("Appender core: records complete in order at the segment's base plus their offset") {
  AppenderOptions options;
  options.window = 1;
  Handle handle(options);
  handle.core.Enter(Lsn(100));
  handle.SendOne("a");
  for (int i = 0; i < 3; ++i) REQUIRE(handle.Submit("b").ok());
  handle.Answer(0, Offset(5));
  REQUIRE(handle.core.NextSend(Offset(6)).has_value());
  handle.Answer(1, Offset(9));
  CHECK(handle.order == std::vector<size_t>{0, 1, 2, 3});
  CHECK(handle.lsn(0) == Lsn(105));
  CHECK(handle.lsn(1) == Lsn(109));
  CHECK(handle.lsn(3) == Lsn(111));
  CHECK(handle.core.idle());
  CHECK(handle.core.TakeCompletions().empty());
}

TEST_CASE("Appender core: a refused batch takes those behind it along, all for its reason") {
  Handle handle;  // a window of four
  handle.core.Enter(Lsn(0));
  for (int i = 0; i < 4; ++i) handle.SendOne("x");
  REQUIRE(handle.Submit("later").ok());
  handle.Answer(0, Offset(0));
  CHECK(handle.lsn(0) == Lsn(0));
  handle.Answer(1, Full());
  // Nothing is sent behind the gap, although the window has room.
  CHECK_FALSE(handle.core.NextSend(Offset(1)).has_value());
  handle.Answer(2, OutOfOrder());
  CHECK_FALSE(handle.core.NextSend(Offset(1)).has_value());
  handle.Answer(3, OutOfOrder());
  for (size_t id : {1, 2, 3}) CHECK(handle.error(id) == Full());
  CHECK_FALSE(handle.core.must_move());
  CHECK(handle.open(4));
  std::optional<Batch> batch = handle.core.NextSend(Offset(1));
  REQUIRE(batch.has_value());
  CHECK(batch->header.first == SeqNo(4));
  CHECK_FALSE(batch->header.first_in_loglet);
  CHECK(batch->header.prev == SeqNo(0));  // the last that was taken
  handle.Answer(4, Offset(1));
  CHECK(handle.lsn(4) == Lsn(1));
  // The next refusal has a reason of its own.
  handle.SendOne("x");
  handle.Answer(5, absl::UnavailableError("busy"));
  CHECK(absl::IsUnavailable(handle.error(5)));
}

TEST_CASE("Appender core: after a refusal before anything was taken the next batch is the first") {
  Handle handle;
  handle.core.Enter(Lsn(0));
  handle.SendOne("a");
  handle.Answer(0, Full());
  Batch next = handle.SendOne("b");
  CHECK(next.header.first == SeqNo(1));
  CHECK(next.header.first_in_loglet);
}

TEST_CASE("Appender core: what the ended segment did not store goes first into the next") {
  AppenderOptions options;
  options.window = 3;
  Handle handle(options);
  handle.core.Enter(Lsn(0));
  for (const char* payload : {"a", "b", "c"}) handle.SendOne(payload);
  REQUIRE(handle.Submit("newer").ok());
  handle.Answer(0, Offset(0));
  // Answers may come in any order once the segment has ended.
  handle.Answer(2, Sealed());
  CHECK_FALSE(handle.core.must_move());
  CHECK_FALSE(handle.core.NextSend(Offset(1)).has_value());
  handle.Answer(1, Sealed());
  REQUIRE(handle.core.must_move());
  CHECK(handle.core.unresolved().empty());
  CHECK_FALSE(handle.core.idle());
  CHECK(handle.order == std::vector<size_t>{0});
  handle.core.Enter(Lsn(50));
  CHECK_FALSE(handle.core.must_move());
  std::vector<std::string> sent;
  while (std::optional<Batch> batch = handle.core.NextSend(Offset(0))) {
    for (const std::string& payload : Payloads(*batch)) sent.push_back(payload);
  }
  CHECK(sent == std::vector<std::string>{"b", "c", "newer"});
  for (uint64_t i = 1; i <= 3; ++i) handle.Answer(i, Offset(i - 1));
  CHECK(handle.lsn(3) == Lsn(52));
}

TEST_CASE("Appender core: a batch without an answer is unresolved from where it was sent") {
  Handle handle;
  handle.core.Enter(Lsn(20));
  handle.SendOne("a", Offset(3));
  REQUIRE(handle.Submit("b").ok());
  handle.SendOne("c", Offset(8));
  REQUIRE(handle.Submit("d").ok());
  handle.Answer(1, Lost());
  handle.Answer(0, Lost());
  REQUIRE(handle.core.must_move());
  CHECK_FALSE(handle.core.NextSend(Offset(8)).has_value());
  std::vector<Unresolved> unresolved = handle.core.unresolved();
  REQUIRE(unresolved.size() == 2);
  CHECK(unresolved[0].first == SeqNo(0));
  CHECK(unresolved[0].count == 1);
  CHECK(unresolved[0].from == Offset(3));
  CHECK(unresolved[1].first == SeqNo(1));
  CHECK(unresolved[1].count == 2);
  CHECK(unresolved[1].from == Offset(8));

  handle.core.ResolveFound(SeqNo(0), Offset(4));
  handle.core.ResolveFound(SeqNo(1), Offset(10));
  handle.Deliver();
  CHECK(handle.lsn(0) == Lsn(24));
  CHECK(handle.lsn(1) == Lsn(30));
  CHECK(handle.lsn(2) == Lsn(31));
  CHECK(handle.core.unresolved().empty());
  CHECK(handle.open(3));
}

TEST_CASE("Appender core: a handle is not idle while the fate of a batch is unknown") {
  Handle handle;
  handle.core.Enter(Lsn(0));
  handle.SendOne("a");
  handle.Answer(0, Lost());
  REQUIRE(handle.core.must_move());
  CHECK_FALSE(handle.core.idle());
  handle.core.ResolveFound(SeqNo(0), Offset(0));
  CHECK(handle.core.idle());
}

TEST_CASE("Appender core: what is found absent is sent again before anything newer") {
  Handle handle;
  handle.core.Enter(Lsn(0));
  for (const char* payload : {"a", "b", "c", "d"}) handle.SendOne(payload);
  REQUIRE(handle.Submit("newer").ok());
  handle.Answer(0, Lost());
  handle.Answer(1, Lost());
  handle.Answer(2, Lost());
  handle.Answer(3, Sealed());
  handle.core.ResolveFound(SeqNo(0), Offset(0));
  handle.core.ResolveAbsent(SeqNo(1));
  handle.core.ResolveAbsent(SeqNo(2));
  handle.Deliver();
  CHECK(handle.order == std::vector<size_t>{0});
  handle.core.Enter(Lsn(1));
  std::vector<std::string> sent;
  while (std::optional<Batch> batch = handle.core.NextSend(Offset(0))) {
    for (const std::string& payload : Payloads(*batch)) sent.push_back(payload);
  }
  CHECK(sent == std::vector<std::string>{"b", "c", "d", "newer"});
}

TEST_CASE("Appender core: out of order behind a lost answer is not stored, and goes again") {
  Handle handle;
  handle.core.Enter(Lsn(0));
  handle.SendOne("a");
  handle.SendOne("b");
  handle.Answer(0, Lost());
  handle.Answer(1, OutOfOrder());
  CHECK(handle.open(1));  // nothing was wrong with it but the batch before it
  REQUIRE(handle.core.must_move());
  handle.core.ResolveAbsent(SeqNo(0));
  handle.core.Enter(Lsn(0));
  std::vector<uint64_t> sent;
  while (std::optional<Batch> batch = handle.core.NextSend(Offset(0))) {
    sent.push_back(batch->header.first.value());
  }
  CHECK(sent == std::vector<uint64_t>{0, 1});
}

TEST_CASE("Appender core: what cannot be told any more is unknown, with the reason") {
  Handle handle;
  handle.core.Enter(Lsn(0));
  handle.SendOne("a");
  handle.Answer(0, Lost());
  handle.core.ResolveUnknown(SeqNo(0), absl::OutOfRangeError("trimmed away"));
  handle.Deliver();
  CHECK(handle.error(0) == absl::UnknownError("trimmed away"));
  CHECK(handle.core.waiting_bytes() == 0);
}

TEST_CASE("Appender core: failing all tells apart what may be stored and what certainly is not") {
  AppenderOptions options;
  options.window = 2;
  Handle handle(options);
  handle.core.Enter(Lsn(0));
  handle.SendOne("a");
  handle.SendOne("b");
  REQUIRE(handle.Submit("c").ok());
  handle.Answer(0, Lost());
  handle.Answer(1, Sealed());
  Status ended = absl::FailedPreconditionError("the log has ended");
  handle.core.FailAll(ended);
  handle.Deliver();
  CHECK(handle.order == std::vector<size_t>{0, 1, 2});
  CHECK(handle.error(0) == absl::UnknownError("the log has ended"));
  CHECK(handle.error(1) == ended);
  CHECK(handle.error(2) == ended);
  CHECK(handle.core.idle());
  CHECK(handle.core.waiting_bytes() == 0);
  // The handle lives on; its sequence numbers are not used again.
  handle.core.Enter(Lsn(9));
  CHECK(handle.SendOne("d").header.first == SeqNo(3));
}

TEST_CASE("Appender core: a record above the size limit is the caller's mistake") {
  AppenderOptions options;
  options.max_record_bytes = 100;
  Handle handle(options);
  CHECK(handle.Submit(std::string(100, 'x')).ok());
  CHECK(absl::IsInvalidArgument(handle.Submit(std::string(101, 'x'))));
  CHECK(handle.core.next_seq() == SeqNo(1));
}

TEST_CASE("Appender core: what waits is bounded and its bytes come back to zero") {
  AppenderOptions options;
  options.max_waiting_bytes = 100;
  Handle handle(options);
  CHECK(handle.Submit(std::string(500, 'x')).ok());  // a first record is always taken
  CHECK(handle.core.waiting_bytes() == RecordBytes(500));
  CHECK(absl::IsResourceExhausted(handle.Submit("y")));
  CHECK(handle.core.next_seq() == SeqNo(1));
  handle.core.Enter(Lsn(0));
  REQUIRE(handle.core.NextSend(Offset(0)).has_value());
  CHECK(absl::IsResourceExhausted(handle.Submit("y")));  // what is in flight waits, too
  handle.Answer(0, Offset(0));
  CHECK(handle.core.waiting_bytes() == 0);
  CHECK(handle.Submit(std::string(40, 'x')).ok());
  CHECK(handle.Submit(std::string(40, 'x')).ok());
  CHECK(absl::IsResourceExhausted(handle.Submit(std::string(40, 'x'))));
  CHECK(handle.core.waiting_bytes() == 2 * RecordBytes(40));
}

// --- Against a model ----------------------------------------------------------------------------

// A batch that was sent, on its way through the loglet.
struct Sent {
  Batch batch;
  std::optional<StatusOr<Offset>> answer;  // once the loglet has seen it
};

// One loglet and the network in front of it. It sees batches in the order of the calls and answers
// in that order.
struct ModelLoglet {
  std::vector<std::string> records;  // "" belongs to somebody else
  std::map<SeqNo, Offset> stored;
  std::optional<SeqNo> last;
  bool sealed = false;
  std::deque<Sent> sent;  // oldest first; what is seen is a prefix
};

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed), handle_(Options(random_)) {}

  void Run() {
    handle_.core.Enter(base_);
    for (int i = 0; i < 400; ++i) RandomStep();
    for (int round = 0; !handle_.core.idle(); ++round) {
      REQUIRE(round < 1000);
      SendAll();
      while (!loglet_.sent.empty()) LogletStep();
      if (handle_.core.must_move()) Move();
    }
    CloseLoglet();
    Judge();
  }

  uint64_t ok = 0;
  uint64_t refused = 0;
  uint64_t unknown = 0;
  uint64_t moves = 0;
  uint64_t sent_again = 0;

 private:
  static AppenderOptions Options(std::mt19937_64& random) {
    AppenderOptions options;
    options.window = 1 + random() % 4;
    options.max_batch_bytes = 20 + random() % 100;
    options.max_record_bytes = 60;
    options.max_waiting_bytes = 300 + random() % 300;
    return options;
  }
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }

  void RandomStep() {
    switch (Below(8)) {
      case 0:
      case 1:
      case 2:
        SubmitOne();
        break;
      case 3:
        SendAll();
        break;
      case 4:
        for (uint64_t i = Below(3); i > 0; --i) loglet_.records.emplace_back();
        break;
      default:
        LogletStep();
    }
    if (handle_.core.must_move() && Chance(50)) Move();
    if (!loglet_.sealed && Chance(2)) loglet_.sealed = true;
  }

  void SubmitOne() {
    std::string payload = "#" + std::to_string(payloads_.size()) + "#";
    payload.resize(std::max<size_t>(payload.size(), Below(70)), '.');
    size_t waiting = handle_.core.waiting_bytes();
    Status taken = handle_.Submit(payload);
    if (taken.ok()) {
      payloads_.push_back(payload);
    } else {
      REQUIRE((absl::IsInvalidArgument(taken) || absl::IsResourceExhausted(taken)));
      REQUIRE(handle_.core.waiting_bytes() == waiting);
    }
  }

  void SendAll() {
    Offset tail(Below(loglet_.records.size() + 1));
    while (std::optional<Batch> batch = handle_.core.NextSend(tail)) {
      REQUIRE(loglet_.sent.size() < 4);
      std::vector<std::string> payloads = Payloads(*batch);
      for (size_t i = 0; i < payloads.size(); ++i) {
        REQUIRE(payloads[i] == payloads_[batch->header.first.value() + i]);
      }
      auto [before, is_new] = counts_.emplace(batch->header.first, batch->header.count);
      REQUIRE(before->second == batch->header.count);  // a batch is one unit for ever
      sent_again += !is_new;
      loglet_.sent.push_back({*batch, std::nullopt});
    }
  }

  // The loglet sees the next batch, or answers the oldest.
  void LogletStep() {
    if (loglet_.sent.empty()) return;
    auto next = std::find_if(loglet_.sent.begin(), loglet_.sent.end(),
                             [](const Sent& s) { return !s.answer.has_value(); });
    if (next != loglet_.sent.end() && (next == loglet_.sent.begin() || Chance(50))) {
      next->answer = See(next->batch);
      return;
    }
    Sent oldest = std::move(loglet_.sent.front());
    loglet_.sent.pop_front();
    // Answers get lost when the segment ends: the loglet retries inside until then.
    bool lost = loglet_.sealed && Chance(40);
    handle_.Answer(oldest.batch.header.first.value(), lost ? Lost() : *oldest.answer);
  }

  StatusOr<Offset> See(const Batch& batch) {
    if (loglet_.sealed) return Sealed();
    const BatchHeader& header = batch.header;
    bool follows = header.first_in_loglet ? !loglet_.last : loglet_.last == header.prev;
    if (!follows) return OutOfOrder();
    if (Chance(10)) return Full();
    Offset offset(loglet_.records.size());
    for (std::string& payload : Payloads(batch)) loglet_.records.push_back(std::move(payload));
    loglet_.last = header.last();
    loglet_.stored[header.first] = offset;
    return offset;
  }

  void Move() {
    ++moves;
    REQUIRE(loglet_.sent.empty());
    for (const Unresolved& unresolved : handle_.core.unresolved()) {
      if (Chance(5)) {
        handle_.core.ResolveUnknown(unresolved.first, absl::OutOfRangeError("trimmed"));
      } else if (loglet_.stored.contains(unresolved.first)) {
        REQUIRE(loglet_.stored.at(unresolved.first) >= unresolved.from);
        handle_.core.ResolveFound(unresolved.first, loglet_.stored.at(unresolved.first));
      } else {
        handle_.core.ResolveAbsent(unresolved.first);
      }
    }
    if (Chance(5)) handle_.core.FailAll(absl::InternalError("stopped"));
    handle_.Deliver();
    CloseLoglet();
    handle_.core.Enter(base_);
  }

  void CloseLoglet() {
    log_.insert(log_.end(), loglet_.records.begin(), loglet_.records.end());
    base_ = Lsn(log_.size());
    loglet_ = ModelLoglet();
  }

  void Judge() {
    REQUIRE(handle_.core.waiting_bytes() == 0);
    REQUIRE(handle_.results.size() == payloads_.size());
    std::map<std::string, uint64_t> at;
    std::vector<uint64_t> written;
    for (uint64_t lsn = 0; lsn < log_.size(); ++lsn) {
      if (log_[lsn].empty()) continue;
      REQUIRE(at.emplace(log_[lsn], lsn).second);  // no record twice
      written.push_back(std::stoull(log_[lsn].substr(1)));
    }
    REQUIRE(std::is_sorted(written.begin(), written.end()));  // in the order of submission
    for (size_t id = 0; id < payloads_.size(); ++id) {
      CAPTURE(id);
      REQUIRE(handle_.calls[id] == 1);
      const StatusOr<Lsn>& result = *handle_.results[id];
      if (result.ok()) {
        ++ok;
        REQUIRE(at.contains(payloads_[id]));
        REQUIRE(*result == Lsn(at.at(payloads_[id])));
      } else if (absl::IsUnknown(result.status())) {
        ++unknown;
      } else {
        ++refused;
        INFO(result.status().ToString());
        // The reason of a cascade is its first one, never the "out of order" that follows from it.
        REQUIRE((absl::IsResourceExhausted(result.status()) || absl::IsInternal(result.status())));
        REQUIRE_FALSE(at.contains(payloads_[id]));
      }
    }
  }

  std::mt19937_64 random_;
  Handle handle_;
  std::vector<std::string> payloads_;  // by record
  std::map<SeqNo, uint32_t> counts_;   // of each batch that was ever sent
  std::vector<std::string> log_;       // of the segments before this one
  Lsn base_;
  ModelLoglet loglet_;
};

TEST_CASE("Appender core: every record has one fate, and the model's log holds it there") {
  uint64_t ok = 0;
  uint64_t refused = 0;
  uint64_t unknown = 0;
  uint64_t moves = 0;
  uint64_t sent_again = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    model.Run();
    ok += model.ok;
    refused += model.refused;
    unknown += model.unknown;
    moves += model.moves;
    sent_again += model.sent_again;
  }
  CAPTURE(ok, refused, unknown, moves, sent_again);
  CHECK(ok > 20000);
  CHECK(refused > 1000);
  CHECK(unknown > 50);
  CHECK(moves > 1000);
  CHECK(sent_again > 500);
}

}  // namespace
}  // namespace vlog::virtuallog

// The sequencer core, rule by rule; the log servers are the test's.
#include <map>
#include <string>

#include "loglets/sequencer/sequencer_core.h"
#include "unit/sequencer_fixture.h"

namespace vlog::loglets::sequencer {
namespace {

// A sequencer, its messages so far, and what became of each append.
struct Run {
  explicit Run(SequencerOptions options = {}, uint32_t write_quorum = 2)
      : core(ThreeServers(write_quorum), options) {}

  void Take() {
    SequencerCore::Output output = core.TakeOutput();
    for (auto& store : output.stores) stores[store.server].push_back(std::move(store));
    for (auto& seal : output.seals) seals[seal.server].push_back(std::move(seal.request));
    for (auto& done : output.appended) {
      REQUIRE(results.emplace(done.token, done.result).second);
      order.push_back(done.token);
    }
    for (auto& done : output.handed_over) handed.push_back(done.result);
    core.CheckInvariants();
  }
  // Connects a server that holds everything below `tail`, and answers the hello.
  void Connect(size_t server, uint64_t tail = 0) {
    core.Connected(server, now);
    Take();
    Answer(server, tail);
  }
  void ConnectAll() {
    for (size_t server = 0; server < 3; ++server) Connect(server);
  }
  AppendToken Append(uint64_t first, uint32_t count = 1, WriterId writer = WriterId(5)) {
    core.Append(MakeBatch(first, count, writer), ++last, now);
    Take();
    return last;
  }
  // Answers the oldest request to this server: it holds everything below `tail`.
  void Answer(size_t server, uint64_t tail, ServerCode code = ServerCode::kOk) {
    ServerWord word;
    word.code = code;
    word.sealed = code == ServerCode::kSealed;
    word.durable_tail = word.possible_tail = Offset(tail);
    Answer(server, word);
  }
  void Answer(size_t server, const ServerWord& word) {
    REQUIRE_FALSE(stores[server].empty());
    RequestId id = stores[server].front().id;
    stores[server].pop_front();
    core.OnStoreReply(server, id, word, now);
    Take();
  }
  void AnswerSeal(size_t server, uint64_t tail, const std::string& proposal = "") {
    REQUIRE_FALSE(seals[server].empty());
    seals[server].pop_front();
    ServerWord word;
    word.sealed = true;
    word.durable_tail = word.possible_tail = Offset(tail);
    word.proposal = proposal;
    core.OnSealReply(server, word, now);
    Take();
  }
  void Tick(int millis) {
    now = now + std::chrono::milliseconds(millis);
    core.Tick(now);
    Take();
  }
  bool open(AppendToken token) const { return !results.contains(token); }
  Offset offset(AppendToken token) const {
    REQUIRE(results.contains(token));
    INFO(results.at(token).status().ToString());
    REQUIRE(results.at(token).ok());
    return *results.at(token);
  }
  Status error(AppendToken token) const {
    REQUIRE(results.contains(token));
    return results.at(token).status();
  }

  SequencerCore core;
  Instant now = At(1000);
  AppendToken last = 0;
  std::map<size_t, std::deque<SequencerCore::Store>> stores;
  std::map<size_t, std::deque<SealRequest>> seals;
  std::map<AppendToken, StatusOr<Offset>> results;
  std::vector<AppendToken> order;
  std::vector<StatusOr<HandOver>> handed;
};

TEST_CASE("Sequencer: a batch is acknowledged when W servers hold it, in order") {
  Run run;
  run.ConnectAll();
  AppendToken first = run.Append(0, 2);
  AppendToken second = run.Append(2);
  for (size_t server = 0; server < 3; ++server) {
    REQUIRE(run.stores[server].size() == 2);
    CHECK(run.stores[server][0].request.disk == DiskId(101 + server));
    CHECK(run.stores[server][0].request.sequencer == kSequencer);
  }
  run.Answer(0, 2);
  CHECK(run.open(first));
  run.Answer(0, 3);
  run.Answer(2, 2);
  CHECK(run.offset(first) == Offset(0));
  CHECK(run.open(second));
  run.Answer(2, 3);
  CHECK(run.offset(second) == Offset(2));
  CHECK(run.core.committed() == Offset(3));
}

TEST_CASE("Sequencer: one cumulative answer acknowledges many batches") {
  Run run;
  run.ConnectAll();
  for (uint64_t i = 0; i < 3; ++i) run.Append(i);
  run.Answer(0, 3);
  run.Answer(1, 3);
  CHECK(run.order == std::vector<AppendToken>{1, 2, 3});
}

TEST_CASE("Sequencer: what arrives while the window is full shares the next request") {
  SequencerOptions options;
  options.flow.window = 2;
  Run run(options);
  run.Connect(0);
  for (uint64_t i = 0; i < 7; ++i) run.Append(i);
  REQUIRE(run.stores[0].size() == 2);
  run.Answer(0, 1);
  REQUIRE(run.stores[0].size() == 2);
  CHECK(run.stores[0][1].request.batches.size() == 5);
  CHECK(run.stores[0][1].request.batches[0].first == Offset(2));
}

TEST_CASE("Sequencer: requests are bounded by bytes, a larger batch goes alone") {
  SequencerOptions options;
  options.flow.window = 1;
  options.flow.request_bytes = 2 * (kBatchHeaderBytes + RecordBytes(2));
  Run run(options);
  run.Connect(0);
  for (uint64_t i = 0; i < 4; ++i) run.Append(i);
  run.Append(4, 50);
  run.Answer(0, 1);
  CHECK(run.stores[0][0].request.batches.size() == 2);
  run.Answer(0, 3);
  CHECK(run.stores[0][0].request.batches.size() == 1);
  run.Answer(0, 4);
  CHECK(run.stores[0][0].request.batches.size() == 1);
  CHECK(run.stores[0][0].request.batches[0].batch.header.count == 50);
}

TEST_CASE("Sequencer: duplicates get the same offset, gaps are out of order") {
  Run run;
  run.ConnectAll();
  AppendToken first = run.Append(0);
  AppendToken again = run.Append(0);
  CHECK(run.core.assigned() == Offset(1));
  CHECK(absl::IsInvalidArgument(run.error(run.Append(2))));
  run.Answer(0, 1);
  run.Answer(1, 1);
  CHECK(run.offset(first) == Offset(0));
  CHECK(run.offset(again) == Offset(0));
  CHECK(run.offset(run.Append(0)) == Offset(0));
  CHECK(run.core.assigned() == Offset(1));
}

TEST_CASE("Sequencer: a retry that is too old to tell is unknown, running or stopped, never new") {
  for (bool stopped : {false, true}) {
    CAPTURE(stopped);
    Run run;
    run.ConnectAll();
    constexpr uint64_t kTaken = WritersTable::kWindow + 1;
    for (uint64_t i = 0; i < kTaken; ++i) run.Append(i);
    run.Answer(0, kTaken);
    run.Answer(1, kTaken);
    if (stopped) run.Answer(2, 0, ServerCode::kSealed);
    CHECK((run.core.state() == SequencerCore::State::kStopped) == stopped);
    CHECK(absl::IsUnknown(run.error(run.Append(0))));
    CHECK(run.offset(run.Append(1)) == Offset(1));
    CHECK(run.core.assigned() == Offset(kTaken));
  }
}

TEST_CASE("Sequencer: bounded queues, and what comes behind a refused batch is refused") {
  SequencerOptions options;
  options.max_waiting_batches = 2;
  Run run(options);
  run.Append(0);
  run.Append(1);
  CHECK(absl::IsResourceExhausted(run.error(run.Append(2))));
  CHECK(absl::IsInvalidArgument(run.error(run.Append(3))));
  options.max_waiting_batches = 100;
  options.max_waiting_bytes = 10;
  Run bytes(options);
  CHECK(bytes.open(bytes.Append(0, 50)));  // one always fits
  CHECK(absl::IsResourceExhausted(bytes.error(bytes.Append(50))));
}

TEST_CASE("Sequencer: at the cap of writers it asks for a successor and keeps the writers it has") {
  SequencerOptions options;
  options.max_writers = 2;
  Run run(options);
  run.ConnectAll();
  run.Append(0, 1, WriterId(1));
  run.Append(0, 1, WriterId(2));
  CHECK_FALSE(run.core.successor_wanted());
  CHECK(absl::IsUnavailable(run.error(run.Append(0, 1, WriterId(3)))));
  CHECK(run.core.successor_wanted());
  CHECK(run.open(run.Append(1, 1, WriterId(1))));
}

TEST_CASE(
    "Sequencer: a commit that somebody waits for is pushed at once, idle ones hear heartbeats") {
  Run run;
  run.ConnectAll();
  run.Append(0);
  ServerWord word;
  word.durable_tail = word.possible_tail = Offset(1);
  word.waiters = true;
  run.Answer(0, word);
  CHECK(run.stores[0].empty());
  run.Answer(1, 1);
  REQUIRE(run.stores[0].size() == 1);
  CHECK(run.stores[0][0].request.batches.empty());
  CHECK(run.stores[0][0].request.known_tail == Offset(1));
  CHECK(run.stores[1].empty());
  Instant due = run.core.next_tick();
  CHECK(due == run.now + SequencerOptions().flow.heartbeat);
  run.Tick(10);
  REQUIRE(run.stores[1].size() == 1);
  CHECK(run.stores[1][0].request.known_tail == Offset(1));
  // Server 2 still has the store to answer; it hears nothing above what was sent to it.
  CHECK(run.stores[2].size() == 1);
}

TEST_CASE("Sequencer: a known tail never runs ahead of what was sent on a flow") {
  SequencerOptions options;
  options.flow.window = 1;
  Run run(options);
  run.ConnectAll();
  for (uint64_t i = 0; i < 3; ++i) run.Append(i);
  run.Answer(0, 1);
  run.Answer(1, 1);
  run.Answer(0, 3);
  run.Answer(1, 3);
  CHECK(run.core.committed() == Offset(3));
  // Server 2 has answered nothing yet: its next request is full of batches, not of holes.
  run.Answer(2, 1);
  REQUIRE(run.stores[2].size() == 1);
  CHECK(run.stores[2][0].request.batches.size() == 2);
  CHECK(run.stores[2][0].request.batches[0].first == Offset(1));
}

TEST_CASE("Sequencer: a slow server skips what is committed and not kept any more") {
  SequencerOptions options;
  options.max_kept_bytes = 0;
  Run run(options);
  run.ConnectAll();
  run.core.Disconnected(2, run.now);
  for (uint64_t i = 0; i < 3; ++i) {
    run.Append(i);
    run.Answer(0, i + 1);
    run.Answer(1, i + 1);
  }
  run.stores[2].clear();
  run.Append(3);
  run.Connect(2, 0);
  REQUIRE(run.stores[2].size() == 1);
  CHECK(run.stores[2][0].request.batches[0].first == Offset(3));
  CHECK(run.stores[2][0].request.known_tail == Offset(3));
  // The log server takes it so.
  TestServer server(3);
  server.core.Step(run.stores[2][0].request, 1, At(1));
  server.Flush();
  server.Sync();
  CHECK(server.answer(1).durable_tail == Offset(4));
}

TEST_CASE("Sequencer: a reconnect begins where the server is, and old answers count for nothing") {
  Run run;
  run.ConnectAll();
  run.Append(0);
  run.Append(1);
  RequestId old = run.stores[0][0].id;
  run.stores[0].clear();
  run.core.Disconnected(0, run.now);
  run.core.Connected(0, run.now);
  run.Take();
  REQUIRE(run.stores[0].size() == 1);
  CHECK(run.stores[0][0].request.batches.empty());
  ServerWord word;
  word.durable_tail = word.possible_tail = Offset(1);
  run.Answer(0, word);
  REQUIRE(run.stores[0].size() == 1);
  CHECK(run.stores[0][0].request.batches.size() == 1);
  CHECK(run.stores[0][0].request.batches[0].first == Offset(1));
  CHECK(run.core.flow(0).acked() == Offset(1));
  run.core.OnStoreReply(0, old, ServerWord{}, run.now);
  run.Take();
  CHECK(run.stores[0].size() == 1);
}

TEST_CASE("Sequencer: after a gap or a full disk the flow begins again with a hello") {
  for (ServerCode code : {ServerCode::kGap, ServerCode::kFull}) {
    Run run;
    run.ConnectAll();
    run.Append(0);
    run.Append(1);
    run.Answer(0, 0, code);
    CHECK(run.stores[0].size() == 1);  // the second is still out
    run.Answer(0, 0, ServerCode::kGap);
    CHECK(run.stores[0].empty());
    run.Tick(20);
    REQUIRE(run.stores[0].size() == 1);
    run.Answer(0, 0);
    REQUIRE(run.stores[0].size() == 1);
    CHECK(run.stores[0][0].request.batches.size() == 2);
  }
}

TEST_CASE("Sequencer: R5, the word of a sealed server acknowledges nothing") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0);
  run.Answer(0, 1);
  run.Answer(1, 1, ServerCode::kSealed);
  CHECK(run.core.committed() == Offset(0));
  CHECK(run.open(token));
  CHECK(run.core.state() == SequencerCore::State::kDraining);
}

TEST_CASE("Sequencer: race 25 and 45, sent batches are unknown, unsent ones certainly not stored") {
  SequencerOptions options;
  options.flow.window = 1;
  Run run(options);
  run.ConnectAll();
  AppendToken sent = run.Append(0);
  AppendToken unsent = run.Append(1);
  run.Answer(0, 0, ServerCode::kSealed);
  CHECK(run.core.seal_wanted());
  AppendToken late = run.Append(2);
  AppendToken again = run.Append(0);
  // Answers come in the order of the calls, so all wait for the first.
  CHECK(run.order.empty());
  run.Answer(1, 0, ServerCode::kSealed);
  CHECK(run.core.state() == SequencerCore::State::kStopped);
  CHECK(absl::IsUnknown(run.error(sent)));
  CHECK(absl::IsUnknown(run.error(again)));
  CHECK(absl::IsFailedPrecondition(run.error(unsent)));
  CHECK(absl::IsFailedPrecondition(run.error(late)));
  CHECK(run.order == std::vector<AppendToken>{sent, again, unsent, late});
  // After the end: what may be stored stays unknown, what was taken back was never stored.
  CHECK(absl::IsUnknown(run.error(run.Append(0))));
  CHECK(absl::IsFailedPrecondition(run.error(run.Append(1))));
}

TEST_CASE("Sequencer: while it drains, what W unsealed servers hold is still acknowledged") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0);
  run.Answer(2, 0, ServerCode::kSealed);
  run.Answer(0, 1);
  run.Answer(1, 1);
  CHECK(run.offset(token) == Offset(0));
  CHECK(run.core.state() == SequencerCore::State::kStopped);
}

TEST_CASE("Sequencer: race 52, one server sealed and one down does not hang") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0);
  run.core.Disconnected(1, run.now);
  run.Answer(0, 1);
  run.Answer(2, 0, ServerCode::kSealed);
  CHECK(run.open(token));
  CHECK(run.core.next_tick() <= run.now + SequencerOptions().drain_bound);
  run.Tick(200);
  CHECK(absl::IsUnknown(run.error(token)));
  CHECK(run.core.seal_wanted());
}

TEST_CASE("Sequencer: race 24, without a commit for a bound it ends, whoever reaches it") {
  Run run;
  run.Connect(0);
  AppendToken token = run.Append(0);
  run.Answer(0, 1);
  run.Tick(499);
  CHECK(run.core.state() == SequencerCore::State::kRunning);
  run.Tick(1);
  CHECK(run.core.state() == SequencerCore::State::kDraining);
  run.Tick(200);
  CHECK(absl::IsUnknown(run.error(token)));
  // With nothing waiting there is no bound.
  Run idle;
  idle.Connect(0);
  idle.Tick(5000);
  CHECK(idle.core.state() == SequencerCore::State::kRunning);
}

TEST_CASE("Sequencer: a hand-over seals behind the last batch and tells an exact tail") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0, 2);
  run.core.HandOverTo("next", 1, run.now);
  run.Take();
  for (size_t server = 0; server < 3; ++server) {
    REQUIRE(run.seals[server].size() == 1);
    CHECK(run.seals[server][0].proposal == "next");
    CHECK(run.seals[server][0].disk == DiskId(101 + server));
  }
  CHECK(run.open(run.Append(2)));
  run.Answer(0, 2);
  run.Answer(1, 2);
  CHECK(run.offset(token) == Offset(0));
  CHECK(absl::IsFailedPrecondition(run.error(2)));
  run.AnswerSeal(0, 2, "next");
  CHECK(run.handed.empty());
  run.AnswerSeal(1, 2, "next");
  REQUIRE(run.handed.size() == 1);
  REQUIRE(run.handed[0].ok());
  CHECK(run.handed[0]->tail == Offset(2));
  CHECK(run.handed[0]->proposal == "next");
  CHECK_FALSE(run.core.seal_wanted());
  // Whoever asks later gets the same.
  run.core.HandOverTo("other", 2, run.now);
  run.Take();
  REQUIRE(run.handed.size() == 2);
  CHECK(run.handed[1]->tail == Offset(2));
}

TEST_CASE(
    "Sequencer: race 30, no hand-over while something assigned is not known to be committed") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0, 2);
  run.core.HandOverTo("", 1, run.now);
  run.Take();
  // The servers hold it and are sealed, but their acknowledgements were lost on the way.
  run.AnswerSeal(0, 2);
  run.AnswerSeal(1, 2);
  // Nobody is left who could acknowledge: there is nothing to wait for.
  REQUIRE(run.handed.size() == 1);
  CHECK(absl::IsUnavailable(run.handed[0].status()));
  CHECK(absl::IsUnknown(run.error(token)));
  CHECK(run.core.seal_wanted());
  // Nor later.
  run.core.HandOverTo("", 2, run.now);
  run.Take();
  REQUIRE(run.handed.size() == 2);
  CHECK_FALSE(run.handed[1].ok());
}

TEST_CASE("Sequencer: race 30, nor with fewer than W acknowledgements while more may come") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0, 2);
  run.core.HandOverTo("", 1, run.now);
  run.Take();
  run.Answer(0, 2);
  run.AnswerSeal(0, 2);
  run.AnswerSeal(1, 2);
  CHECK(run.handed.empty());
  CHECK(run.open(token));
  run.Answer(2, 2);
  CHECK(run.offset(token) == Offset(0));
  REQUIRE(run.handed.size() == 1);
  REQUIRE(run.handed[0].ok());
  CHECK(run.handed[0]->tail == Offset(2));
}

TEST_CASE("Sequencer: a hand-over counts servers that somebody else has sealed") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0);
  run.Answer(0, 1);
  run.Answer(1, 1);
  CHECK(run.offset(token) == Offset(0));
  run.Answer(2, 0, ServerCode::kSealed);
  CHECK(run.core.state() == SequencerCore::State::kStopped);
  run.core.HandOverTo("", 1, run.now);
  run.Take();
  CHECK(run.seals[2].empty());
  run.AnswerSeal(1, 1, "theirs");
  REQUIRE(run.handed.size() == 1);
  REQUIRE(run.handed[0].ok());
  CHECK(run.handed[0]->tail == Offset(1));
  CHECK(run.handed[0]->proposal == "theirs");
}

TEST_CASE("Sequencer: batches that were never sent do not hold up a hand-over for ever") {
  Run run;  // no server is connected
  AppendToken token = run.Append(0);
  run.core.HandOverTo("", 1, run.now);
  run.Take();
  run.Tick(200);
  CHECK(absl::IsFailedPrecondition(run.error(token)));
  REQUIRE(run.handed.size() == 1);
  CHECK(absl::IsUnavailable(run.handed[0].status()));
}

TEST_CASE("Sequencer: a server that holds what was never assigned, or serves another, ends it") {
  Run run;
  run.Connect(0, 5);
  CHECK(run.core.state() != SequencerCore::State::kRunning);
  CHECK(run.core.committed() == Offset(0));
  CHECK(run.core.seal_wanted());
  Run fenced;
  fenced.core.Connected(0, fenced.now);
  fenced.Take();
  fenced.Answer(0, 0, ServerCode::kFenced);
  CHECK(fenced.core.state() != SequencerCore::State::kRunning);
  CHECK(fenced.core.flow(0).state() == ServerFlowCore::State::kLost);
}

TEST_CASE("Sequencer: race 8, a server with another disk is no replica any more") {
  Run run;
  run.ConnectAll();
  AppendToken token = run.Append(0);
  run.Answer(2, 0, ServerCode::kWrongDisk);
  CHECK(run.core.state() == SequencerCore::State::kRunning);
  run.core.Disconnected(2, run.now);
  run.stores[2].clear();
  run.core.Connected(2, run.now);
  run.Take();
  CHECK(run.stores[2].empty());
  run.Answer(0, 1);
  run.Answer(1, 1);
  CHECK(run.offset(token) == Offset(0));
}

}  // namespace
}  // namespace vlog::loglets::sequencer

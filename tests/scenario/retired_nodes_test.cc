// Handles with an old chain on loglets that do not answer any more: their nodes are down, have left
// the cluster, or cannot be reached. Two processes of one log, "old" and "fresh", on loglets in
// memory that pretend to live on nodes; each process reaches some of them.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "env/sim/sim_env.h"
#include "loglets/memory/memory_loglet.h"
#include "metastore/memory/memory_metastore.h"
#include "testing/run_task.h"
#include "virtuallog/shared_log.h"

namespace vlog::virtuallog {
namespace {

using loglets::Loglet;
using loglets::Tail;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What one process reaches, and how.
struct Reach {
  std::set<uint64_t> away;  // nodes
  bool hangs = false;       // calls to them never end; else they fail after a while
  bool mute = false;        // answers to appends get lost
  std::set<uint64_t> deaf;  // no news of the tail come from them; who asks is told
  Duration prepare{0};      // how long a Prepare() takes
  Status prepared;          // what comes of it
  int opened = 0;           // loglets
  size_t in_flight = 0;     // appends that were taken and not answered
};

// A loglet on one node, as one process opened it.
class PlacedLoglet final : public Loglet {
 public:
  PlacedLoglet(env::Env& env, std::shared_ptr<Loglet> inner, uint64_t node,
               std::shared_ptr<Reach> reach, std::optional<Offset> end)
      : env_(env), inner_(std::move(inner)), node_(node), reach_(std::move(reach)), end_(end) {
    if (end_) known_ = *end_;
  }

  void Append(Batch batch, loglets::AppendDone done) override {
    ++reach_->in_flight;
    if (Away()) {
      lost_.push_back(std::move(done));
      return;
    }
    if (reach_->mute) {
      lost_.push_back(std::move(done));
      inner_->Append(std::move(batch), [](const StatusOr<Offset>&) {});
      return;
    }
    inner_->Append(std::move(batch),
                   [reach = reach_, done = std::move(done)](StatusOr<Offset> result) mutable {
                     --reach->in_flight;
                     done(std::move(result));
                   });
  }
  Task<StatusOr<Tail>> CheckTail() override {
    if (Away()) co_return co_await NoAnswer();
    StatusOr<Tail> tail = co_await inner_->CheckTail();
    if (tail.ok() && !tail->sealed) known_ = std::max(known_, tail->offset);
    co_return tail;
  }
  Offset TailHint() override {
    if (!Away() && !reach_->deaf.contains(node_) && !end_) known_ = inner_->TailHint();
    return known_;
  }
  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    if (TailHint() > beyond) co_return Tail{known_, false};
    if (!Away() && !reach_->deaf.contains(node_)) {
      co_return co_await inner_->AwaitTail(beyond, deadline);
    }
    Status slept = co_await env_.scheduler().SleepUntil(deadline);
    VLOG_CO_RETURN_IF_ERROR(slept);
    co_return absl::DeadlineExceededError("no news");
  }
  Task<StatusOr<loglets::ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    if (!Away()) co_return co_await inner_->Read(from, to, max_bytes);
    Status none = co_await NoAnswer();
    co_return none;
  }
  // One that was not told the end goes no further than what it knows, and says OK.
  Task<StatusOr<Offset>> Trim(Offset to) override {
    if (!Away()) co_return co_await inner_->Trim(std::min(to, known_));
    Status none = co_await NoAnswer();
    co_return none;
  }
  Offset TrimHint() override { return inner_->TrimHint(); }
  Task<StatusOr<loglets::Sealed>> Seal(std::string proposal) override {
    if (!Away()) co_return co_await inner_->Seal(std::move(proposal));
    Status none = co_await NoAnswer();
    co_return none;
  }

 private:
  bool Away() const { return reach_->away.contains(node_); }
  Task<Status> NoAnswer() {
    Duration time = reach_->hangs ? Duration(std::chrono::hours(1)) : Duration(milliseconds(400));
    Status slept = co_await env_.scheduler().Sleep(time);
    VLOG_CO_RETURN_IF_ERROR(slept);
    co_return absl::UnavailableError("no answer");
  }

  env::Env& env_;
  std::shared_ptr<Loglet> inner_;
  const uint64_t node_;
  std::shared_ptr<Reach> reach_;
  const std::optional<Offset> end_;
  Offset known_;
  std::vector<loglets::AppendDone> lost_;
};

// Its parameters are the number of its node; a new one goes to the next node.
class PlacedKind final : public loglets::LogletKind {
 public:
  PlacedKind(std::string name, env::Env& env, loglets::LogletKind& memory,
             std::shared_ptr<Reach> reach)
      : name_(std::move(name)), env_(env), memory_(memory), reach_(std::move(reach)) {}
  std::string name() const override { return name_; }
  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest request) override {
    uint64_t node = request.previous_params.empty() ? 1 : std::stoull(request.previous_params) + 1;
    co_return std::to_string(node);
  }
  Task<Status> Prepare(LogletId, std::string) override {
    Status slept = co_await env_.scheduler().Sleep(reach_->prepare);
    VLOG_CO_RETURN_IF_ERROR(slept);
    co_return reach_->prepared;
  }
  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string params,
                                               std::optional<Offset> end) override {
    ++reach_->opened;
    Status slept = co_await env_.scheduler().Sleep(milliseconds(3));
    VLOG_CO_RETURN_IF_ERROR(slept);
    StatusOr<std::shared_ptr<Loglet>> inner = co_await memory_.Open(id, params, end);
    VLOG_CO_RETURN_IF_ERROR(inner);
    co_return std::make_shared<PlacedLoglet>(env_, *inner, std::stoull(params), reach_, end);
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    return memory_.Drop(std::move(log), from, to);
  }

 private:
  const std::string name_;
  env::Env& env_;
  loglets::LogletKind& memory_;
  std::shared_ptr<Reach> reach_;
};

// A register that a process may lose.
class FarMetastore final : public metastore::Metastore {
 public:
  FarMetastore(env::Env& env, metastore::Metastore& inner) : env_(env), inner_(inner) {}
  bool away = false;
  int reads = 0;

  Task<StatusOr<metastore::Versioned>> Read(std::string log) override {
    ++reads;
    if (!away) co_return co_await inner_.Read(std::move(log));
    Status slept = co_await env_.scheduler().Sleep(seconds(10));
    VLOG_CO_RETURN_IF_ERROR(slept);
    co_return absl::UnavailableError("away");
  }
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override {
    return inner_.Write(std::move(log), std::move(value), expected);
  }
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant until) override {
    if (!away) co_return co_await inner_.AwaitChange(std::move(log), known, until);
    Status slept = co_await env_.scheduler().SleepUntil(until);
    VLOG_CO_RETURN_IF_ERROR(slept);
    co_return absl::DeadlineExceededError("away");
  }
  void EndWaits(const std::string& log) override { inner_.EndWaits(log); }
  Task<StatusOr<std::vector<std::string>>> List() override { return inner_.List(); }

 private:
  env::Env& env_;
  metastore::Metastore& inner_;
};

struct Process {
  Process(env::Env& env, metastore::Metastore& register_, loglets::LogletKind& memory)
      : metastore(env, register_), reach(std::make_shared<Reach>()) {
    for (const char* kind : {"placed", "other"}) {
      factory.Register(std::make_unique<PlacedKind>(kind, env, memory, reach));
    }
  }
  FarMetastore metastore;
  loglets::LogletFactory factory;
  std::shared_ptr<Reach> reach;
  std::unique_ptr<SharedLog> log;
  std::unique_ptr<Appender> appender;
};

struct RetiredWorld {
  RetiredWorld() : world(9), image(world), env(world, image, "host"), store(env.scheduler()) {
    for (Process* process : {&old, &fresh}) {
      OpenOptions options;
      options.create_with_kind = "placed";
      process->log =
          *Run(SharedLog::Open(env, process->metastore, process->factory, "log", options));
      process->appender = process->log->NewAppender();
    }
  }
  ~RetiredWorld() { env.Crash(); }

  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> result = testing::RunTask(world, env, std::move(task), seconds(5));
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  Lsn Append(Process& process, const std::string& text) {
    StatusOr<Lsn> lsn = Run(process.appender->Append(text));
    REQUIRE(lsn.ok());
    return *lsn;
  }
  void Swap() { REQUIRE(Run(fresh.log->Reconfigure(ReconfigureRequest())).ok()); }
  // The text of the next record, or "gap".
  std::string Next(Reader& reader) {
    StatusOr<ReadItem> item = Run(reader.Next());
    REQUIRE(item.ok());
    if (item->gap) return "gap";
    std::string text;
    item->runs.front().ForEach([&](Lsn, std::string_view payload) { text = payload; });
    return text;
  }
  void Pass(Duration time) {
    world.RunUntil([] { return false; }, world.now() + time);
  }

  env::SimWorld world;
  env::SimDiskImage image;
  env::SimEnv env;
  metastore::MemoryMetastore store;
  std::unique_ptr<loglets::LogletKind> memory{loglets::NewMemoryKind(env)};
  Process old{env, store, *memory};
  Process fresh{env, store, *memory};
};

TEST_CASE("Retired: an idle handle whose nodes are gone does all it is asked for") {
  bool hangs = GENERATE(false, true);
  CAPTURE(hangs);
  RetiredWorld world;
  CHECK(world.Append(world.old, "a") == Lsn(0));
  for (int i = 0; i < 3; ++i) {
    world.Swap();
    world.Append(world.fresh, "n" + std::to_string(i));
  }
  world.old.reach->hangs = hangs;
  world.old.reach->away = {1, 2, 3};  // the last segment is on node 4
  SECTION("append") { CHECK(world.Append(world.old, "b") == Lsn(4)); }
  SECTION("tail") { CHECK(*world.Run(world.old.log->CheckTail()) == Lsn(4)); }
  SECTION("trim") { CHECK(*world.Run(world.old.log->Trim(Lsn(4))) == Lsn(4)); }
  SECTION("read") { CHECK(world.Next(*world.old.log->NewReader(Lsn(3))) == "n2"); }
  SECTION("swap") {
    CHECK(world.Run(world.old.log->Reconfigure(ReconfigureRequest())).ok());
    CHECK(world.Append(world.fresh, "b") == Lsn(4));
  }
}

TEST_CASE("Retired: what was on its way when its node left is appended once, in order") {
  RetiredWorld world;
  world.Append(world.old, "a");
  world.old.reach->away = {1};
  auto x = testing::StartTask(world.env, world.old.appender->Append(std::string("x")));
  world.Pass(seconds(2));
  CHECK_FALSE(x->has_value());
  auto y = testing::StartTask(world.env, world.old.appender->Append(std::string("y")));
  world.Swap();
  world.Pass(milliseconds(100));
  REQUIRE(x->has_value());
  REQUIRE(y->has_value());
  CHECK(***x == Lsn(1));
  CHECK(***y == Lsn(2));
  std::unique_ptr<Reader> reader = world.fresh.log->NewReader(Lsn(1));
  reader->set_read_bytes(1);
  CHECK(world.Next(*reader) == "x");
  CHECK(world.Next(*reader) == "y");
}

TEST_CASE("Retired: what was stored before its node left is found, not appended again") {
  RetiredWorld world;
  world.Append(world.old, "a");
  // The answer to "x" is lost, not "x" itself.
  world.old.reach->mute = true;
  auto x = testing::StartTask(world.env, world.old.appender->Append(std::string("x")));
  world.Pass(milliseconds(10));
  world.old.reach->away = {1};
  world.Swap();
  CHECK(world.Append(world.fresh, "b") == Lsn(2));
  world.Pass(seconds(1));
  CHECK_FALSE(x->has_value());  // nobody can tell yet
  world.old.reach->mute = false;
  world.old.reach->away.clear();
  world.Pass(seconds(1));
  REQUIRE(x->has_value());
  CHECK(***x == Lsn(1));
  CHECK(*world.Run(world.fresh.log->CheckTail()) == Lsn(3));
}

TEST_CASE("Retired: a reader that waits at a node which has left follows the log") {
  RetiredWorld world;
  world.Append(world.old, "a");
  std::unique_ptr<Reader> reader = world.old.log->NewReader(Lsn(1));
  auto next = testing::StartTask(world.env, reader->Next());
  world.Pass(seconds(3));
  world.old.reach->away = {1};
  world.old.reach->hangs = true;
  world.Swap();
  world.Append(world.fresh, "b");
  world.Pass(milliseconds(20));
  REQUIRE(next->has_value());
  CHECK((**next)->runs.front().begin == Lsn(1));
}

TEST_CASE("Retired: a trim by a handle from before the seal goes as far as it was asked to") {
  RetiredWorld world;
  world.Append(world.old, "a");
  world.old.reach->deaf = {1};
  for (int i = 0; i < 5; ++i) world.Append(world.fresh, std::to_string(i));
  world.Swap();
  world.Append(world.fresh, "last");
  CHECK(*world.Run(world.old.log->Trim(Lsn(4))) == Lsn(4));
  std::unique_ptr<Reader> reader = world.fresh.log->NewReader(Lsn(0));
  CHECK(world.Next(*reader) == "gap");
  CHECK(reader->position() == Lsn(4));
}

TEST_CASE("Retired: a reader to whom no news come asks for the tail") {
  RetiredWorld world;
  world.Append(world.fresh, "a");
  world.old.reach->deaf = {1};
  std::unique_ptr<Reader> reader = world.old.log->NewReader(Lsn(1));
  auto next = testing::StartTask(world.env, reader->Next());
  world.Pass(milliseconds(100));
  world.Append(world.fresh, "b");
  world.Pass(seconds(1));
  CHECK(next->has_value());
  // The same for one who only looks in now and then.
  std::unique_ptr<Reader> visitor = world.old.log->NewReader(Lsn(2));
  world.Append(world.fresh, "c");
  bool seen = false;
  for (int i = 0; i < 40 && !seen; ++i) {
    seen = world.Run(visitor->Next(world.world.now() + milliseconds(50))).ok();
  }
  CHECK(seen);
}

TEST_CASE("Retired: an idle reader does not mind that the metastore is away") {
  RetiredWorld world;
  world.Append(world.old, "a");
  std::unique_ptr<Reader> reader = world.old.log->NewReader(Lsn(1));
  auto next = testing::StartTask(world.env, reader->Next());
  world.Pass(milliseconds(50));
  world.old.metastore.away = true;
  world.Pass(seconds(60));
  CHECK_FALSE(next->has_value());
  world.Append(world.old, "b");
  world.Pass(milliseconds(10));
  REQUIRE(next->has_value());
  CHECK((*next)->ok());
}

TEST_CASE("Retired: handles of one process share one loglet, however they come") {
  RetiredWorld world;
  world.Append(world.fresh, "a");
  world.old.reach->opened = 0;
  auto tail = testing::StartTask(world.env, world.old.log->CheckTail());
  auto append = testing::StartTask(world.env, world.old.appender->Append(std::string("b")));
  auto trim = testing::StartTask(world.env, world.old.log->TrimPoint());
  world.Pass(seconds(1));
  REQUIRE(append->has_value());
  CHECK((*append)->ok());
  CHECK(world.old.reach->opened == 1);
}

TEST_CASE("Retired: a window that is too large for a loglet is made smaller") {
  RetiredWorld world;
  world.Append(world.old, "a");
  AppenderOptions options;
  options.window = 1000;
  options.max_batch_bytes = 1;
  std::unique_ptr<Appender> appender = world.old.log->NewAppender(options);
  world.old.reach->away = {1};
  world.old.reach->in_flight = 0;
  for (int i = 0; i < 100; ++i) appender->Append("record", [](StatusOr<Lsn>) {});
  world.Pass(seconds(1));
  CHECK(world.old.reach->in_flight == loglets::kMaxAppendWindow);
}

TEST_CASE("Retired: an idle process costs no reads and learns of a swap at once") {
  RetiredWorld world;
  world.Append(world.old, "a");
  Version known = world.old.log->chain_version();
  auto changed =
      testing::StartTask(world.env, world.old.log->AwaitChainChange(known, Instant::Max()));
  world.Pass(milliseconds(10));
  world.old.metastore.reads = 0;
  world.Pass(seconds(60));
  CHECK(world.old.metastore.reads == 0);
  world.Swap();
  world.Pass(milliseconds(1));
  CHECK(changed->has_value());
}

Task<bool> CloseOf(SharedLog* log) {
  co_await log->Close();
  co_return true;
}

TEST_CASE("Retired: a log is closed at once although its register is being watched") {
  RetiredWorld world;
  world.Append(world.old, "a");
  auto changed = testing::StartTask(
      world.env, world.old.log->AwaitChainChange(world.old.log->chain_version(), Instant::Max()));
  world.Pass(seconds(1));
  Instant began = world.world.now();
  CHECK(world.Run(CloseOf(world.old.log.get())));
  CHECK(world.world.now() - began < milliseconds(50));
}

TEST_CASE("Retired: a plan that was withdrawn is not carried out by a helper") {
  RetiredWorld world;
  world.Append(world.old, "a");
  // "old" cannot prepare what it plans; "fresh" can, but takes longer.
  world.old.reach->prepare = milliseconds(50);
  world.old.reach->prepared = absl::UnavailableError("no answer");
  world.fresh.reach->prepare = milliseconds(200);
  ReconfigureRequest planned;
  planned.reason = "planned";
  ReconfigureRequest other;
  other.reason = "other";
  auto plan = testing::StartTask(world.env, world.old.log->Reconfigure(planned));
  world.Pass(milliseconds(20));
  auto help = testing::StartTask(world.env, world.fresh.log->Reconfigure(other));
  world.Pass(seconds(2));
  REQUIRE(plan->has_value());
  REQUIRE(help->has_value());
  CHECK(absl::IsUnavailable(**plan));
  CHECK(Message(**plan).find("withdrawn") != std::string::npos);
  CHECK((*help)->ok());
  std::shared_ptr<const Chain> chain = *world.Run(world.fresh.log->ReadChain());
  for (const Segment& segment : chain->segments()) CHECK(segment.made.reason != "planned");
  CHECK(chain->last().made.reason == "other");
}

TEST_CASE("Swap: one that another swap overtakes leaves as it is what that one changed") {
  for (bool names_kind : {false, true}) {
    CAPTURE(names_kind);
    RetiredWorld world;
    world.Append(world.fresh, "a");
    world.fresh.reach->prepare = milliseconds(200);
    loglets::Policy policy;
    policy.kind = names_kind ? "placed" : "other";
    policy.copies = 5;
    ReconfigureRequest operators;
    operators.kind = policy.kind;
    operators.policy = policy;
    ReconfigureRequest plain;
    plain.kind = names_kind ? "other" : "";
    plain.reason = "plain";
    auto first = testing::StartTask(world.env, world.fresh.log->Reconfigure(operators));
    world.Pass(milliseconds(20));
    auto second = testing::StartTask(world.env, world.old.log->Reconfigure(plain));
    world.Pass(seconds(2));
    REQUIRE(first->has_value());
    CHECK((*first)->ok());
    REQUIRE(second->has_value());
    CHECK((*second)->ok());
    std::shared_ptr<const Chain> chain = *world.Run(world.fresh.log->ReadChain());
    CHECK(chain->last().made.reason == "plain");
    CHECK(chain->last().made.kind == "other");
    CHECK(chain->policy().kind == "other");
    CHECK(chain->policy().copies == 5);
  }
}

TEST_CASE("Retired: whoever meets a seal without a sealer helps within a moment") {
  for (int i = 0; i < 20; ++i) {
    RetiredWorld world;
    world.Append(world.fresh, "a");
    std::shared_ptr<const Chain> chain = *world.Run(world.fresh.log->ReadChain());
    LogletId id{"log", chain->last().index, chain->last().made.id};
    auto loglet = world.Run(world.memory->Open(id, chain->last().made.params, std::nullopt));
    REQUIRE(world.Run((*loglet)->Seal("")).ok());
    for (int steps = 0; steps < i; ++steps) world.env.RandomBelow(2);
    Instant began = world.world.now();
    world.Append(world.fresh, "b");
    CHECK(world.world.now() - began <= milliseconds(50));
  }
}

}  // namespace
}  // namespace vlog::virtuallog

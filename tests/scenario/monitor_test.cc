// The monitor on a scripted world: loglets in memory that pretend to need nodes.
#include "virtuallog/monitor.h"

#include <catch2/catch.hpp>
#include <map>

#include "env/sim/sim_env.h"
#include "loglets/memory/memory_loglet.h"
#include "metastore/memory/memory_metastore.h"
#include "testing/run_task.h"

namespace vlog::virtuallog {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ScriptedHealth final : public NodeHealth {
 public:
  explicit ScriptedHealth(env::Env& env) : changed_(env.scheduler()) {}
  Liveness Of(const loglets::NodeLife& life) override { return states_[life.node]; }
  Task<Status> AwaitChange(Instant deadline) override { return changed_.Wait(deadline); }
  Task<std::vector<Testimony>> Ask(std::vector<NodeId> witnesses,
                                   std::vector<loglets::NodeLife> lives) override {
    ++asked;
    std::vector<Testimony> testimonies;
    for (NodeId witness : witnesses) {
      if (others_hear) {
        testimonies.push_back({witness, {}});
      } else {
        testimonies.push_back({witness, lives});
      }
    }
    co_return testimonies;
  }
  bool others_hear = false;
  int asked = 0;
  void Set(uint64_t node, Liveness state) {
    states_[NodeId(node)] = state;
    changed_.NotifyAll();
  }

 private:
  std::map<NodeId, Liveness> states_;
  async::Event changed_;
};

// Says of each seal that it found so many copies.
class RepairedLoglet final : public loglets::Loglet {
 public:
  RepairedLoglet(std::shared_ptr<Loglet> inner, const uint32_t& copies)
      : inner_(std::move(inner)), copies_(copies) {}
  void Append(Batch batch, loglets::AppendDone done) override {
    inner_->Append(std::move(batch), std::move(done));
  }
  Task<StatusOr<loglets::Tail>> CheckTail() override { return inner_->CheckTail(); }
  Offset TailHint() override { return inner_->TailHint(); }
  Task<StatusOr<loglets::Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    return inner_->AwaitTail(beyond, deadline);
  }
  Task<StatusOr<loglets::ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    return inner_->Read(from, to, max_bytes);
  }
  Task<StatusOr<Offset>> Trim(Offset to) override { return inner_->Trim(to); }
  Offset TrimHint() override { return inner_->TrimHint(); }
  Task<StatusOr<loglets::Sealed>> Seal(std::string proposal) override {
    StatusOr<loglets::Sealed> sealed = co_await inner_->Seal(std::move(proposal));
    if (sealed.ok()) sealed->least_copies = copies_;
    co_return sealed;
  }

 private:
  std::shared_ptr<Loglet> inner_;
  const uint32_t& copies_;
};

// What the kind's users asked of it, and what its loglets are to say.
struct Script {
  std::vector<loglets::ProposeRequest> asked;
  uint32_t copies_at_seal = 0;
};

// Its parameters are the number of the node that it needs; a new one goes to the next node.
class PlacedKind final : public loglets::LogletKind {
 public:
  PlacedKind(env::Env& env, ScriptedHealth& health, Script& script)
      : memory_(loglets::NewMemoryKind(env)), health_(health), script_(script) {}
  std::string name() const override { return "placed"; }
  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest request) override {
    script_.asked.push_back(request);
    uint64_t node = request.previous_params.empty() ? 1 : std::stoull(request.previous_params) + 1;
    co_return std::to_string(node);
  }
  loglets::Needs NeedsOf(const std::string& params) const override {
    loglets::Needs needs;
    needs.all_of = {{NodeId(std::stoull(params)), Incarnation(1)}};
    // Its copies lie on nodes that are always well, the monitor's own among them.
    for (uint64_t node : {101, 102, 103}) needs.some_of.push_back({NodeId(node), Incarnation()});
    needs.least = 2;
    return needs;
  }
  Task<Status> Prepare(LogletId, std::string params) override {
    if (health_.Of({NodeId(std::stoull(params)), Incarnation(1)}) == Liveness::kAlive) {
      co_return absl::OkStatus();
    }
    co_return absl::UnavailableError("node " + params + " does not answer");
  }
  Task<StatusOr<std::shared_ptr<loglets::Loglet>>> Open(LogletId id, std::string params,
                                                        std::optional<Offset> tail) override {
    StatusOr<std::shared_ptr<loglets::Loglet>> opened =
        co_await memory_->Open(std::move(id), std::move(params), tail);
    VLOG_CO_RETURN_IF_ERROR(opened);
    std::shared_ptr<loglets::Loglet> loglet =
        std::make_shared<RepairedLoglet>(*std::move(opened), script_.copies_at_seal);
    co_return loglet;
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    return memory_->Drop(std::move(log), from, to);
  }

 private:
  std::unique_ptr<loglets::LogletKind> memory_;
  ScriptedHealth& health_;
  Script& script_;
};

// A register that can be away.
class FlakyMetastore final : public metastore::Metastore {
 public:
  explicit FlakyMetastore(env::Env& env) : inner_(env.scheduler()) {}
  bool away = false;
  bool reserves = true;

  Task<StatusOr<metastore::Versioned>> Read(std::string log) override {
    if (away) co_return absl::UnavailableError("away");
    co_return co_await inner_.Read(std::move(log));
  }
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override {
    if (away) co_return absl::UnavailableError("away");
    co_return co_await inner_.Write(std::move(log), std::move(value), expected);
  }
  Task<Status> Reserve(std::string, Version) override {
    if (away || !reserves) co_return absl::UnavailableError("no majority");
    co_return absl::OkStatus();
  }
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant until) override {
    return inner_.AwaitChange(std::move(log), known, until);
  }
  Task<StatusOr<std::vector<std::string>>> List() override { return inner_.List(); }

 private:
  metastore::MemoryMetastore inner_;
};

struct MonitorWorld {
  explicit MonitorWorld(NodeId self = NodeId(101), Duration replace_after = seconds(10))
      : world(5), image(world), env(world, image, "node"), health(env), metastore(env) {
    factory.Register(std::make_unique<PlacedKind>(env, health, script));
    MonitorOptions options;
    options.self = self;
    options.replace_after = replace_after;
    options.spares = [this]() -> Task<StatusOr<std::vector<NodeId>>> {
      ++spares_asked;
      co_return spares;
    };
    options.report = [this](const std::string&, const std::string& what, const Status&) {
      reports.push_back(what);
    };
    monitor.emplace(env, metastore, factory, health, options);
    monitor->Start();
  }
  ~MonitorWorld() { env.Crash(); }

  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> result = testing::RunTask(world, env, std::move(task));
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  SharedLog& Open(const std::string& name, loglets::Policy policy = {}) {
    OpenOptions options;
    options.create_policy = std::move(policy);
    options.create_with_kind = "placed";
    logs.push_back(*Run(SharedLog::Open(env, metastore, factory, name, options)));
    return *logs.back();
  }
  void Pass(Duration time) {
    world.RunUntil([] { return false; }, world.now() + time);
  }
  Segment Last(SharedLog& log) { return (*Run(log.ReadChain()))->last(); }

  env::SimWorld world;
  env::SimDiskImage image;
  env::SimEnv env;
  ScriptedHealth health;
  Script script;
  FlakyMetastore metastore;
  loglets::LogletFactory factory;
  std::vector<std::unique_ptr<SharedLog>> logs;
  std::vector<std::string> reports;
  std::vector<NodeId> spares;
  int spares_asked = 0;
  std::optional<Monitor> monitor;
};

TEST_CASE("Monitor: an idle log moves away from a dead node, and the chain says why") {
  MonitorWorld world;
  SharedLog& log = world.Open("idle");
  world.Pass(seconds(3));
  CHECK(world.Last(log).index == SegmentIndex(0));
  world.health.Set(1, Liveness::kDead);
  world.Pass(milliseconds(200));
  Segment last = world.Last(log);
  CHECK(last.index == SegmentIndex(1));
  CHECK(last.made.params == "2");
  CHECK(last.made.reason == "fail-over: the sequencer on node 1 is gone");
  CHECK(last.made.fail_overs == 1);
  world.Pass(seconds(60));
  CHECK(world.Last(log).index == SegmentIndex(1));
}

TEST_CASE("Monitor: a suspicion seals nothing while the metastore is out of reach") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  world.Pass(seconds(2));
  world.metastore.reserves = false;
  world.health.Set(1, Liveness::kSuspected);
  world.Pass(seconds(20));
  CHECK(world.Last(log).index == SegmentIndex(0));
  // Its loglet still takes appends: nothing was sealed.
  std::unique_ptr<Appender> appender = log.NewAppender();
  CHECK(world.Run(appender->Append(std::string("still open"))).ok());
  CHECK(world.Last(log).index == SegmentIndex(0));
  world.metastore.reserves = true;
  world.Pass(seconds(5));
  CHECK(world.Last(log).index == SegmentIndex(1));
}

TEST_CASE("Monitor: it waits in peace while the metastore is away, and acts when it is back") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  world.Pass(seconds(2));
  world.metastore.away = true;
  world.health.Set(1, Liveness::kDead);
  world.Pass(seconds(60));
  world.metastore.away = false;
  world.Pass(seconds(5));
  CHECK(world.Last(log).index == SegmentIndex(1));
  CHECK(world.monitor->fail_overs() == 1);
}

TEST_CASE("Monitor: suspicions one after the other come to rest, each further apart") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  for (uint64_t node = 1; node < 40; ++node) world.health.Set(node, Liveness::kAlive);
  world.Pass(seconds(2));
  // Whoever is chosen is suspected as soon as it has the log.
  int64_t begin = world.env.WallNow().unix_millis;
  while (world.env.WallNow().unix_millis - begin < 20'000) {
    world.health.Set(std::stoull(world.Last(log).made.params), Liveness::kSuspected);
    world.Pass(milliseconds(5));
  }
  // 0 + 50 + 200 + 1,000 ms, then every 5 s.
  uint64_t made = world.Last(log).index.value();
  CHECK(made >= 5);
  CHECK(made <= 9);
}

TEST_CASE("Monitor: a successor that is proven dead is replaced without a pause") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  world.Pass(seconds(2));
  for (uint64_t node = 1; node <= 5; ++node) {
    world.health.Set(node, Liveness::kDead);
    world.Pass(milliseconds(150));
    CHECK(world.Last(log).index == SegmentIndex(node));
  }
}

TEST_CASE("Monitor: a new log is found, and a log that has ended is left alone") {
  MonitorWorld world;
  world.Pass(seconds(3));
  SharedLog& ended = world.Open("ended");
  CHECK(world.Run(ended.SealLog("enough")).ok());
  SharedLog& fresh = world.Open("fresh");
  world.Pass(seconds(3));
  world.health.Set(1, Liveness::kDead);
  world.Pass(seconds(1));
  CHECK(world.Last(ended).is_marker());
  CHECK(world.Last(ended).index == SegmentIndex(1));
  CHECK(world.Last(fresh).index == SegmentIndex(1));
}

TEST_CASE("Monitor: a suspicion that the others do not share moves no log") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  world.Pass(seconds(2));
  world.health.others_hear = true;
  world.health.Set(1, Liveness::kSuspected);
  world.Pass(seconds(20));
  CHECK(world.Last(log).index == SegmentIndex(0));
  // They are asked again now and then, not all the time, and the node's log is told once.
  CHECK(world.health.asked > 10);
  CHECK(world.health.asked < 100);
  CHECK(world.reports.size() == 1);
  world.health.others_hear = false;
  world.Pass(seconds(1));
  CHECK(world.Last(log).index == SegmentIndex(1));
  CHECK(world.Last(log).made.reason == "fail-over: the sequencer on node 1 is silent");
}

TEST_CASE("Monitor: a death that is proven ends the pause of a suspicion at once") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  for (uint64_t node = 1; node < 40; ++node) world.health.Set(node, Liveness::kAlive);
  world.Pass(seconds(2));
  for (uint64_t node = 1; node <= 4; ++node) {
    world.health.Set(node, Liveness::kSuspected);
    world.Pass(seconds(3));
  }
  REQUIRE(world.Last(log).index == SegmentIndex(4));
  // The next suspicion would wait for five seconds.
  world.health.Set(5, Liveness::kSuspected);
  world.Pass(milliseconds(200));
  REQUIRE(world.Last(log).index == SegmentIndex(4));
  world.health.Set(5, Liveness::kDead);
  world.Pass(milliseconds(50));
  CHECK(world.Last(log).index == SegmentIndex(5));
}

TEST_CASE("Monitor: a death that is proven while others deny it is acted on at once") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  world.Pass(seconds(2));
  world.health.others_hear = true;
  world.health.Set(1, Liveness::kSuspected);
  world.Pass(seconds(5));
  REQUIRE(world.Last(log).index == SegmentIndex(0));
  world.health.Set(1, Liveness::kDead);
  world.Pass(milliseconds(50));
  CHECK(world.Last(log).index == SegmentIndex(1));
}

TEST_CASE("Monitor: of several monitors that help, one counts and tells the fail-over") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  MonitorOptions options;
  options.self = NodeId(101);  // the same turn: both act at once
  env::SimDiskImage image(world.world);
  env::SimEnv env(world.world, image, "other");
  Monitor other(env, world.metastore, world.factory, world.health, options);
  other.Start();
  world.Pass(seconds(2));
  world.health.Set(1, Liveness::kDead);
  world.Pass(seconds(1));
  CHECK(world.Last(log).index == SegmentIndex(1));
  CHECK(world.monitor->fail_overs() + other.fail_overs() == 1);
  env.Crash();
  world.env.Crash();
}

// A kind that elects its leaders: its parameters are its members, "1,2,3".
class ElectingKind final : public loglets::LogletKind {
 public:
  explicit ElectingKind(env::Env& env) : memory_(loglets::NewMemoryKind(env)) {}
  std::string name() const override { return "electing"; }
  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest request) override {
    std::string members = request.previous_params.empty() ? "1,2,3" : "1,4,5";
    if (request.wish.nodes.empty()) co_return members;
    std::string text;
    for (NodeId node : request.wish.nodes) {
      absl::StrAppend(&text, text.empty() ? "" : ",", node.value());
    }
    co_return text;
  }
  loglets::Needs NeedsOf(const std::string& params) const override {
    loglets::Needs needs;
    for (size_t at = 0; at < params.size(); at += 2) {
      uint64_t node = static_cast<uint64_t>(params[at] - '0');
      needs.some_of.push_back({NodeId(node), Incarnation(), DiskId(node)});
    }
    needs.least = 2;
    return needs;
  }
  Task<Status> Prepare(LogletId, std::string) override { co_return absl::OkStatus(); }
  Task<StatusOr<std::shared_ptr<loglets::Loglet>>> Open(LogletId id, std::string params,
                                                        std::optional<Offset> tail) override {
    return memory_->Open(std::move(id), std::move(params), tail);
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    return memory_->Drop(std::move(log), from, to);
  }

 private:
  std::unique_ptr<loglets::LogletKind> memory_;
};

struct ElectingWorld : MonitorWorld {
  explicit ElectingWorld(Duration replace_after = seconds(10))
      : MonitorWorld(NodeId(1), replace_after) {
    factory.Register(std::make_unique<ElectingKind>(env));
    OpenOptions options;
    options.create_with_kind = "electing";
    logs.push_back(*Run(SharedLog::Open(env, metastore, factory, "log", options)));
    Pass(seconds(2));
  }
  Segment Last() { return MonitorWorld::Last(*logs.back()); }
};

TEST_CASE("Monitor: a member that is gone for long is replaced, one that comes back is not") {
  ElectingWorld world;
  world.spares = {NodeId(1), NodeId(2), NodeId(3), NodeId(4)};
  world.health.Set(3, Liveness::kDead);
  world.Pass(seconds(9));
  CHECK(world.Last().index == SegmentIndex(0));
  world.health.Set(3, Liveness::kAlive);
  world.Pass(seconds(9));
  world.health.Set(3, Liveness::kDead);
  world.Pass(seconds(15));
  CHECK(world.Last().index == SegmentIndex(0));  // it was away for nine seconds before
  world.Pass(seconds(5));
  Segment last = world.Last();
  CHECK(last.index == SegmentIndex(1));
  CHECK(last.made.params == "1,2,4");
  CHECK(last.made.reason == "copies restored: node 3 is away for 18 s");
  CHECK(last.made.fail_overs == 0);
  CHECK(world.monitor->replacements() == 1);
  CHECK(world.monitor->fail_overs() == 0);
  world.Pass(seconds(60));
  CHECK(world.Last().index == SegmentIndex(1));
}

TEST_CASE("Monitor: replace_after says whether a log leaves a dead leader soon or waits for it") {
  for (bool soon : {true, false}) {
    CAPTURE(soon);
    ElectingWorld world(soon ? Duration(milliseconds(100)) : Duration(std::chrono::hours(1)));
    world.spares = {NodeId(1), NodeId(2), NodeId(3), NodeId(4)};
    world.health.Set(3, Liveness::kDead);
    world.Pass(milliseconds(600));
    CHECK(world.Last().index == SegmentIndex(soon ? 1 : 0));
    world.Pass(std::chrono::minutes(30));
    CHECK(world.monitor->replacements() == (soon ? 1 : 0));
    CHECK(world.monitor->fail_overs() == 0);
  }
}

TEST_CASE("Monitor: where nobody can take a member's place, its log is left as it is") {
  ElectingWorld world;
  world.spares = {NodeId(1), NodeId(2), NodeId(3), NodeId(4)};
  world.health.Set(4, Liveness::kSuspected);
  world.health.Set(3, Liveness::kDead);
  world.Pass(seconds(40));
  CHECK(world.Last().index == SegmentIndex(0));
  CHECK(world.reports.empty());
  world.health.Set(4, Liveness::kAlive);
  world.Pass(seconds(2));
  CHECK(world.Last().made.params == "1,2,4");
}

TEST_CASE("Monitor: while nobody can take a member's place, nobody is troubled with it") {
  ElectingWorld world;
  OpenOptions more;
  more.create_with_kind = "electing";
  for (const char* name : {"second", "third"}) {
    world.logs.push_back(
        *world.Run(SharedLog::Open(world.env, world.metastore, world.factory, name, more)));
  }
  world.spares = {NodeId(1), NodeId(2), NodeId(3)};
  world.health.Set(3, Liveness::kSuspected);
  world.Pass(seconds(40));
  CHECK(world.health.asked == 0);
  // Once a second for all three logs.
  CHECK(world.spares_asked > 20);
  CHECK(world.spares_asked <= 31);
}

TEST_CASE("Monitor: a member whom the others hear is not replaced") {
  ElectingWorld world;
  world.spares = {NodeId(4)};
  world.health.others_hear = true;
  world.health.Set(3, Liveness::kSuspected);
  world.Pass(seconds(40));
  CHECK(world.Last().index == SegmentIndex(0));
  world.health.others_hear = false;
  world.Pass(seconds(2));
  CHECK(world.Last().made.params == "1,2,4");
}

TEST_CASE("Monitor: a log that cannot elect a leader any more is helped at once") {
  ElectingWorld world;
  world.health.Set(3, Liveness::kDead);
  world.health.Set(2, Liveness::kDead);
  world.Pass(milliseconds(300));
  CHECK(world.Last().index == SegmentIndex(1));
  CHECK(world.monitor->fail_overs() == 1);
}

TEST_CASE("Fail-over: a segment that was sealed with too few copies is flagged in the chain") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  std::unique_ptr<Appender> appender = log.NewAppender();
  REQUIRE(world.Run(appender->Append(std::string("one"))).ok());
  world.Pass(seconds(2));
  world.script.copies_at_seal = 1;
  world.health.Set(1, Liveness::kDead);
  world.Pass(milliseconds(200));
  REQUIRE(world.Run(appender->Append(std::string("two"))).ok());
  world.script.copies_at_seal = 0;
  world.health.Set(2, Liveness::kDead);
  world.Pass(milliseconds(200));
  std::shared_ptr<const Chain> chain = *world.Run(log.ReadChain());
  REQUIRE(chain->segments().size() == 3);
  CHECK(chain->segments()[0].least_copies == 1);
  CHECK(chain->segments()[1].least_copies == 0);
  // A planned swap is no different.
  world.script.copies_at_seal = 2;
  REQUIRE(world.Run(appender->Append(std::string("three"))).ok());
  REQUIRE(world.Run(log.Reconfigure({})).ok());
  chain = *world.Run(log.ReadChain());
  CHECK(chain->segments()[2].least_copies == 2);
}

TEST_CASE("Policy: successors that nobody asked for are made by it, and an operator changes it") {
  MonitorWorld world;
  loglets::Policy policy;
  policy.copies = 2;
  policy.candidates = {NodeId(7)};
  SharedLog& log = world.Open("log", policy);
  policy.kind = "placed";
  auto kept = [&] { return (*world.Run(log.ReadChain()))->policy(); };
  CHECK(kept() == policy);
  CHECK(world.script.asked.back().policy == policy);
  world.Pass(seconds(2));
  world.health.Set(1, Liveness::kDead);
  world.Pass(milliseconds(200));
  REQUIRE(world.Last(log).index == SegmentIndex(1));
  CHECK(world.script.asked.back().policy == policy);
  CHECK(kept() == policy);
  // A placement for once is no policy.
  ReconfigureRequest request;
  request.placement.nodes = {NodeId(8)};
  REQUIRE(world.Run(log.Reconfigure(request)).ok());
  CHECK(kept() == policy);
  policy.copies = 5;
  request.policy = policy;
  REQUIRE(world.Run(log.Reconfigure(request)).ok());
  CHECK(kept() == policy);
  world.health.Set(4, Liveness::kDead);
  world.Pass(milliseconds(200));
  REQUIRE(world.Last(log).index == SegmentIndex(4));
  CHECK(world.script.asked.back().policy == policy);
  CHECK(world.script.asked.back().wish.nodes.empty());
  CHECK(kept() == policy);
  REQUIRE(world.Run(log.SealLog("enough")).ok());
  CHECK(kept() == policy);
}

TEST_CASE("Helping: what follows a loglet that ended by itself counts among the fail-overs") {
  MonitorWorld world;
  SharedLog& log = world.Open("log");
  std::unique_ptr<Appender> appender = log.NewAppender();
  for (uint32_t number = 1; number <= 3; ++number) {
    REQUIRE(world.Run(appender->Append(std::string("record"))).ok());
    Segment last = world.Last(log);
    loglets::LogletKind* kind = *world.factory.Find("placed");
    LogletId id{"log", last.index, last.made.id};
    auto loglet = *world.Run(kind->Open(id, last.made.params, std::nullopt));
    REQUIRE(world.Run(loglet->Seal("")).ok());
    REQUIRE(world.Run(appender->Append(std::string("goes on"))).ok());
    CHECK(world.Last(log).made.reason == "sealed without a successor");
    CHECK(world.Last(log).made.fail_overs == number);
  }
  world.Pass(seconds(60));
  REQUIRE(world.Run(log.Reconfigure({})).ok());
  CHECK(world.Last(log).made.fail_overs == 0);
}

TEST_CASE("Log: one whose register was moved before it was written does not exist, and is made") {
  MonitorWorld world;
  REQUIRE(world.Run(world.metastore.Write("log", "", Version(0))).ok());
  OpenOptions options;
  auto open = [&] {
    return world.Run(SharedLog::Open(world.env, world.metastore, world.factory, "log", options));
  };
  CHECK(absl::IsNotFound(open().status()));
  options.create_with_kind = "placed";
  StatusOr<std::unique_ptr<SharedLog>> made = open();
  REQUIRE(made.ok());
  CHECK((*made)->chain_version() == Version(2));
  CHECK(world.Run((*made)->NewAppender()->Append(std::string("a"))).ok());
}

Task<bool> StopOf(Monitor* monitor) {
  co_await monitor->Stop();
  co_return true;
}

TEST_CASE("Monitor: it stops at any moment") {
  for (uint64_t steps = 0; steps < 60; ++steps) {
    CAPTURE(steps);
    MonitorWorld world;
    world.Open("log");
    world.Pass(seconds(2));
    world.health.Set(1, Liveness::kDead);
    for (uint64_t i = 0; i < steps; ++i) world.world.Step();
    Task<bool> stopping = StopOf(&*world.monitor);
    CHECK(world.Run(std::move(stopping)));
  }
}

}  // namespace
}  // namespace vlog::virtuallog

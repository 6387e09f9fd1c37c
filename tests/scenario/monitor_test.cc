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

// Its parameters are the number of the node that it needs; a new one goes to the next node.
class PlacedKind final : public loglets::LogletKind {
 public:
  PlacedKind(env::Env& env, ScriptedHealth& health)
      : memory_(loglets::NewMemoryKind(env)), health_(health) {}
  std::string name() const override { return "placed"; }
  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest request) override {
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
    return memory_->Open(std::move(id), std::move(params), tail);
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    return memory_->Drop(std::move(log), from, to);
  }

 private:
  std::unique_ptr<loglets::LogletKind> memory_;
  ScriptedHealth& health_;
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
  MonitorWorld() : world(5), image(world), env(world, image, "node"), health(env), metastore(env) {
    factory.Register(std::make_unique<PlacedKind>(env, health));
    MonitorOptions options;
    options.self = NodeId(101);
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
  SharedLog& Open(const std::string& name) {
    OpenOptions options;
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
  FlakyMetastore metastore;
  loglets::LogletFactory factory;
  std::vector<std::unique_ptr<SharedLog>> logs;
  std::vector<std::string> reports;
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

// Competing writers and readers of one register while acceptors lose power, clients die and the
// network misbehaves, over many seeds. Each history is checked: one winner a version, nobody told
// "lost" ever wins, reads are linearizable, and after the faults everything works again.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "scenario/metastore_world.h"

namespace vlog::testing {
namespace {

using metastore::Versioned;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Counts {
  uint64_t won = 0;
  uint64_t lost = 0;
  uint64_t unknown = 0;
  uint64_t unavailable = 0;
  uint64_t reads = 0;
  uint64_t crashes = 0;
  uint64_t deaths = 0;
  uint64_t moves = 0;
};

// What is known of the register, from what calls answered. Values are unique.
class RegisterHistory {
 public:
  // The lowest version that a call which begins now may still see.
  uint64_t low() const { return highest_seen_; }
  const std::string& why() const { return why_; }

  void Proposed(const std::string& value, uint64_t expected) { proposed_[value] = expected; }
  void Won(const std::string& value, uint64_t version, uint64_t low) {
    if (version <= low) Fail(value + " won a version that had been decided before it began");
    See(version, value);
    auto [it, is_new] = winners_.emplace(version, value);
    if (!is_new) Fail(value + " and " + it->second + " both won one version");
  }
  void Lost(const std::string& value) {
    lost_.insert(value);
    if (shown_.contains(value)) Fail(value + " was reported as lost and had won");
  }
  void Read(const Versioned& read, uint64_t low) {
    if (read.version.value() < low) Fail("a read went back behind what was known before it began");
    See(read.version.value(), read.value);
  }

 private:
  void Fail(const std::string& why) {
    if (why_.empty()) why_ = why;
  }
  void See(uint64_t version, const std::string& value) {
    highest_seen_ = std::max(highest_seen_, version);
    auto [it, is_new] = values_.emplace(version, value);
    if (it->second != value) Fail("version " + std::to_string(version) + " has two values");
    auto proposed = proposed_.find(value);
    bool moved = version > 1 && values_.contains(version - 1) && values_[version - 1] == value;
    if (moved) return;  // a change of acceptors carries the value on
    if (proposed == proposed_.end()) return Fail("nobody wrote " + value);
    if (proposed->second + 1 > version) Fail(value + " shows before the version it follows");
    shown_.insert(value);
    if (lost_.contains(value)) Fail(value + " was reported as lost and shows");
  }

  uint64_t highest_seen_ = 0;
  std::map<uint64_t, std::string> values_;
  std::map<uint64_t, std::string> winners_;
  std::map<std::string, uint64_t> proposed_;
  std::set<std::string> shown_;
  std::set<std::string> lost_;
  std::string why_;
};

class Competition {
 public:
  Competition(uint64_t seed, Counts& counts) : world_(seed, 4), counts_(counts) {
    // Short, so that many a write is left behind and settled later.
    world_.options().patience = milliseconds(250);
    for (int i = 0; i < 3; ++i) StartWorker(i);
  }
  ~Competition() {
    for (auto& worker : workers_) worker.reset();
  }

  std::string Run() {
    Instant end = world_.world.now() + seconds(6);
    while (world_.world.now() < end && history_.why().empty()) {
      Disturb();
      world_.RunFor(milliseconds(static_cast<int64_t>(20 + world_.world.RandomBelow(200))));
    }
    if (history_.why().empty()) Heal();
    return why_.empty() ? history_.why() : why_;
  }

 private:
  struct Worker {
    std::unique_ptr<MetastoreClient> client;
    std::unique_ptr<async::TaskGroup> tasks;
    bool stop = false;
    ~Worker() { client->env.Crash(), tasks.reset(), client.reset(); }
  };

  void StartWorker(int number) {
    std::string host = "c" + std::to_string(number);
    auto worker = std::make_unique<Worker>();
    worker->client = world_.NewClient(host);
    worker->tasks = std::make_unique<async::TaskGroup>(worker->client->env.scheduler());
    worker->tasks->Spawn(Work(*worker, host + "." + std::to_string(++lives_)));
    workers_[static_cast<size_t>(number)] = std::move(worker);
  }

  // Reads, and writes on what it read; again and again.
  Task<void> Work(Worker& worker, std::string name) {
    metastore::PaxosMetastore& store = *worker.client->store;
    env::Env& env = worker.client->env;
    Version known;
    for (uint64_t turn = 0; !worker.stop; ++turn) {
      uint64_t low = history_.low();
      if (known == Version() || env.RandomBelow(3) == 0) {
        StatusOr<Versioned> read = co_await store.Read("a");
        counts_.reads += read.ok();
        if (read.ok()) history_.Read(*read, low);
        if (read.ok()) known = read->version;
      } else {
        if (env.RandomBelow(3) == 0) {
          Status reserved = co_await store.Reserve("a", known);
          (void)reserved;
        }
        std::string value = name + "#" + std::to_string(turn);
        co_await WriteOnce(store, value, known);
        known = Version();
      }
      if (known == Version() && turn == 0) co_await WriteOnce(store, name + "#first", known);
      Status slept = co_await env.scheduler().Sleep(milliseconds(1 + env.RandomBelow(40)));
      if (!slept.ok()) co_return;
    }
  }

  Task<void> WriteOnce(metastore::PaxosMetastore& store, std::string value, Version expected) {
    uint64_t low = history_.low();
    history_.Proposed(value, expected.value());
    for (int attempt = 0; attempt < 3; ++attempt) {
      StatusOr<Version> written = co_await store.Write("a", value, expected);
      counts_.won += written.ok();
      counts_.lost += absl::IsAborted(written.status());
      counts_.unknown += absl::IsUnknown(written.status());
      counts_.unavailable += absl::IsUnavailable(written.status());
      if (written.ok()) history_.Won(value, written->value(), low);
      if (absl::IsAborted(written.status())) history_.Lost(value);
      // An unknown outcome is settled by the same call again.
      if (!absl::IsUnknown(written.status())) co_return;
    }
  }

  void Disturb() {
    env::SimWorld& random = world_.world;
    uint64_t node = 1 + random.RandomBelow(4);
    std::string some_client = "c" + std::to_string(random.RandomBelow(3));
    switch (random.RandomBelow(9)) {
      case 0:
        ++counts_.crashes;
        if (world_.IsUp(node)) {
          world_.CrashNode(node);
        } else {
          world_.StartNode(node);
        }
        break;
      case 1:
        ++counts_.crashes;
        world_.RestartNode(node);
        break;
      case 2:
        for (uint64_t each : {node, node % 4 + 1})
          world_.fabric.Cut(world_.Host(each), some_client);
        break;
      case 3:
        for (uint64_t each : {node, node % 4 + 1})
          world_.fabric.Cut(some_client, world_.Host(each));
        break;
      case 4:
      case 5:
        world_.fabric.HealAll();
        for (uint64_t each = 1; each <= 4; ++each) {
          if (!world_.IsUp(each)) world_.StartNode(each);
        }
        break;
      case 6:
        world_.fabric.SetLoss(random.Chance(0.5) ? 0.02 : 0, milliseconds(300));
        world_.fabric.SetDuplication(random.Chance(0.5) ? 0.05 : 0);
        world_.fabric.SetStragglers(random.Chance(0.5) ? 0.5 : 0, milliseconds(100));
        break;
      case 7:
        ++counts_.deaths;
        StartAnew(static_cast<int>(random.RandomBelow(3)));
        break;
      case 8:
        Move();
        break;
    }
  }

  void StartAnew(int number) {
    workers_[static_cast<size_t>(number)].reset();
    StartWorker(number);
  }

  // An administrator moves the register to some three of the four nodes.
  void Move() {
    uint64_t without = 1 + world_.world.RandomBelow(4);
    std::vector<Replica> next;
    for (uint64_t node = 1; node <= 4; ++node) {
      if (node != without) next.push_back(world_.ReplicaOf(node));
    }
    Worker& worker = *workers_[0];
    worker.tasks->Spawn(MoveTask(worker, std::move(next)));
  }

  Task<void> MoveTask(Worker& worker, std::vector<Replica> next) {
    metastore::PaxosMetastore& store = *worker.client->store;
    StatusOr<metastore::Anchor> now = co_await store.ReadAcceptors("a");
    if (!now.ok()) co_return;
    StatusOr<Version> moved = co_await store.ChangeAcceptors("a", std::move(next), now->version);
    counts_.moves += moved.ok();
  }

  void Heal() {
    world_.fabric.HealAll();
    world_.fabric.SetLoss(0);
    world_.fabric.SetDuplication(0);
    world_.fabric.SetStragglers(0, milliseconds(0));
    for (uint64_t node = 1; node <= 4; ++node) {
      if (!world_.IsUp(node)) world_.StartNode(node);
    }
    for (auto& worker : workers_) worker->stop = true;
    world_.RunFor(seconds(8));
    for (auto& worker : workers_) {
      if (worker->tasks->active() > 0) why_ = "a call does not end after the faults";
    }
    auto fresh = world_.NewClient("c9");
    uint64_t low = history_.low();
    StatusOr<Versioned> last = world_.Read(*fresh);
    if (!last.ok() && !absl::IsNotFound(last.status())) why_ = last.status().ToString();
    if (!last.ok()) return;
    history_.Read(*last, low);
    history_.Proposed("last", last->version.value());
    StatusOr<Version> written = world_.Write(*fresh, "last", last->version.value());
    if (!written.ok()) {
      why_ = "a write fails after the faults: " + written.status().ToString();
    } else {
      history_.Won("last", written->value(), last->version.value());
    }
  }

  MetastoreWorld world_;
  Counts& counts_;
  RegisterHistory history_;
  std::array<std::unique_ptr<Worker>, 3> workers_;
  uint64_t lives_ = 0;
  std::string why_;
};

TEST_CASE("Metastore: competing writers under crashes, cuts, losses and moves") {
  Counts counts;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    Competition competition(seed, counts);
    std::string why = competition.Run();
    if (!why.empty()) FAIL("seed " << seed << ": " << why);
  }
  CAPTURE(counts.won, counts.lost, counts.unknown, counts.unavailable, counts.reads, counts.crashes,
          counts.deaths, counts.moves);
  CHECK(counts.won > 5000);
  CHECK(counts.lost > 3000);
  CHECK(counts.unknown > 20);
  CHECK(counts.reads > 10'000);
  CHECK(counts.crashes > 1000);
  CHECK(counts.deaths > 300);
  CHECK(counts.moves > 100);
}

}  // namespace
}  // namespace vlog::testing

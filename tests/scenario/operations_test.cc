// An operator's work on simulated nodes: drains and replaced disks while a client appends, each
// interrupted and run again, and then one record for each acknowledgement, in order.
#include <catch2/catch.hpp>

#include "client/operations.h"
#include "testing/node_world.h"

namespace vlog::testing {
namespace {

using client::Cluster;
using client::OperationResult;
using std::chrono::milliseconds;

// A client process, or an operator's.
struct Person {
  Person(NodeWorld& nodes, const std::string& host)
      : nodes(nodes),
        image(nodes.world),
        env(std::make_shared<env::SimEnv>(nodes.world, image, host, &nodes.fabric)) {}
  ~Person() { env->Crash(); }

  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> result = RunTask(nodes.world, *env, std::move(task));
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  void Connect(uint64_t seed_node) {
    client::ClusterOptions options;
    options.seeds = {NodeWorld::AddressOf(seed_node)};
    auto found = Run(Cluster::ConnectOn(env, std::move(options)));
    REQUIRE(found.ok());
    cluster = *std::move(found);
  }

  NodeWorld& nodes;
  env::SimDiskImage image;
  std::shared_ptr<env::SimEnv> env;
  std::unique_ptr<Cluster> cluster;
};

struct World {
  explicit World(uint64_t seed) : nodes(seed), user(nodes, "user") {
    nodes.StartAll();
    REQUIRE(nodes.AwaitJoined());
    user.Connect(1);
    client::NewLog made;
    auto opened = user.Run(user.cluster->OpenOrCreateLog("a", std::move(made)));
    REQUIRE(opened.ok());
    log = *opened;
    appender = log->NewAppender();
  }

  void Append() {
    std::string text = std::to_string(acknowledged.size());
    StatusOr<Lsn> at = user.Run(appender->Append(text));
    REQUIRE(at.ok());
    CHECK(*at == Lsn(acknowledged.size()));
    acknowledged.push_back(text);
  }
  void CheckAll() {
    std::unique_ptr<virtuallog::Reader> reader = log->NewReader(Lsn(0));
    std::vector<std::string> read;
    while (read.size() < acknowledged.size()) {
      auto next = user.Run(reader->Next());
      REQUIRE(next.ok());
      REQUIRE_FALSE(next->gap.has_value());
      for (const virtuallog::RecordRun& run : next->runs) {
        run.ForEach([&](Lsn, std::string_view payload) { read.emplace_back(payload); });
      }
    }
    CHECK(read == acknowledged);
  }
  loglets::Needs OpenNeeds() {
    client::LookOptions options;
    client::ClusterView view = user.Run(client::Look(*user.cluster, options));
    REQUIRE(view.metastore.ok());
    REQUIRE(view.logs.size() == 1);
    return view.logs[0].open_segment()->needs;
  }

  NodeWorld nodes;
  Person user;
  virtuallog::SharedLog* log = nullptr;
  std::unique_ptr<virtuallog::Appender> appender;
  std::vector<std::string> acknowledged;
};

using Operation = Task<StatusOr<OperationResult>> (*)(Cluster&, NodeId, client::Progress);

void Ignore(const std::string&) {}

// Runs the operation in processes that die after ever more time, until one gets to its end.
OperationResult RunInterrupted(World& world, Operation operation, uint64_t node, int* deaths) {
  for (int life = 0;; ++life) {
    REQUIRE(life < 200);
    Person person(world.nodes, absl::StrCat("operator", life));
    person.Connect(1);
    Task<StatusOr<OperationResult>> task = operation(*person.cluster, NodeId(node), Ignore);
    auto result = StartTask(*person.env, std::move(task));
    Instant limit = world.nodes.world.now() + milliseconds(1 + 3 * life);
    world.nodes.world.RunUntil([&] { return result->has_value(); }, limit);
    if (result->has_value()) {
      CHECK((*result)->ok());
      INFO((*result)->status().message());
      REQUIRE((*result)->ok());
      return ***result;
    }
    ++*deaths;
    world.Append();
  }
}

TEST_CASE("Operations: a node is drained by operators that die, stops, and comes back") {
  uint64_t seed = GENERATE(range(1, 7));
  CAPTURE(seed);
  World world(seed);
  uint64_t victim = 2 + seed % 2;
  for (int i = 0; i < 5; ++i) world.Append();
  int deaths = 0;
  OperationResult drained = RunInterrupted(world, client::Drain, victim, &deaths);
  CHECK(deaths > 0);
  CHECK(drained.unsafe.empty());
  CHECK_FALSE(drained.sealed.empty());
  for (const loglets::NodeLife& life : world.OpenNeeds().some_of) {
    CHECK(life.node != NodeId(victim));
  }
  REQUIRE(world.nodes.Stop(victim).ok());
  for (int i = 0; i < 5; ++i) world.Append();
  world.CheckAll();
  world.nodes.Start(victim);
  REQUIRE(world.nodes.AwaitJoined());
  RunInterrupted(world, client::Undrain, victim, &deaths);
  CHECK(world.OpenNeeds().some_of.size() == 3);
  // One of the others may go now.
  world.nodes.Crash(5 - victim);
  for (int i = 0; i < 5; ++i) world.Append();
  world.CheckAll();
}

TEST_CASE("Operations: a wiped node counts again after replace-disk, and its old disk never") {
  uint64_t seed = GENERATE(range(1, 7));
  CAPTURE(seed);
  World world(seed);
  uint64_t victim = 2 + seed % 2;
  for (int i = 0; i < 5; ++i) world.Append();
  world.nodes.Crash(victim);
  auto blank = std::make_unique<env::SimDiskImage>(world.nodes.world);
  std::unique_ptr<env::SimDiskImage> old = world.nodes.SwapDisk(victim, std::move(blank));
  world.nodes.Format(victim);
  world.nodes.Start(victim);
  REQUIRE(world.nodes.AwaitJoined());
  CHECK_FALSE(world.nodes.node(victim)->status().votes);
  world.Append();
  int deaths = 0;
  OperationResult replaced = RunInterrupted(world, client::ReplaceDisk, victim, &deaths);
  CHECK(deaths > 0);
  CHECK_FALSE(replaced.sealed.empty());
  Replica now = world.nodes.node(victim)->identity().replica();
  bool named = false;
  for (const loglets::NodeLife& life : world.OpenNeeds().some_of) {
    named = named || (life.node == now.node && life.disk == now.disk);
  }
  CHECK(named);
  // Its vote and its copy carry the log with one other node.
  world.nodes.Crash(5 - victim);
  for (int i = 0; i < 5; ++i) world.Append();
  world.nodes.Start(5 - victim);
  REQUIRE(world.nodes.AwaitJoined());
  world.CheckAll();
  // Somebody puts the old disk back.
  world.nodes.Crash(victim);
  std::unique_ptr<env::SimDiskImage> kept = world.nodes.SwapDisk(victim, std::move(old));
  world.nodes.Start(victim);
  REQUIRE(world.nodes.RunUntil([&] { return !world.nodes.Failure(victim).ok(); }));
  CHECK(Message(world.nodes.Failure(victim)).find("was replaced by 'vlog replace-disk") !=
        std::string::npos);
  world.Append();
  world.nodes.Crash(victim);
  world.nodes.SwapDisk(victim, std::move(kept));
  world.nodes.Start(victim);
  REQUIRE(world.nodes.AwaitJoined());
  world.Append();
  world.CheckAll();
}

TEST_CASE("Operations: two operators who drain different nodes never leave too few") {
  uint64_t seed = GENERATE(range(1, 11));
  CAPTURE(seed);
  World world(seed);
  world.Append();
  Person first(world.nodes, "first");
  Person second(world.nodes, "second");
  first.Connect(1);
  second.Connect(1);
  auto one = StartTask(*first.env, client::Drain(*first.cluster, NodeId(2), Ignore));
  auto two = StartTask(*second.env, client::Drain(*second.cluster, NodeId(3), Ignore));
  REQUIRE(world.nodes.RunUntil([&] { return one->has_value() && two->has_value(); }));
  // The write quorum is two of the three: at most one of them may be told to stop its node.
  bool both = (*one)->ok() && (**one)->unsafe.empty() && (*two)->ok() && (**two)->unsafe.empty();
  CHECK_FALSE(both);
  CHECK(world.OpenNeeds().some_of.size() >= 2);
  world.Append();
  world.CheckAll();
}

}  // namespace
}  // namespace vlog::testing

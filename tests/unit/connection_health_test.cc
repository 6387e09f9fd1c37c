// What connections say about the lives of nodes: judged alone, and on the simulated network.
#include "server/connection_health.h"

#include <catch2/catch.hpp>

#include "env/sim/sim_env.h"
#include "env/sim/sim_fabric.h"
#include "rpc/server.h"
#include "server/health_wire.h"
#include "testing/run_task.h"

namespace vlog::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using virtuallog::Liveness;

constexpr SuspicionBounds kBounds{milliseconds(300), seconds(3)};

Instant At(int64_t millis) { return Instant(milliseconds(millis)); }

loglets::NodeLife Life(uint64_t incarnation = 0, uint64_t disk = 0) {
  return {NodeId(2), Incarnation(incarnation), DiskId(disk)};
}

rpc::NodeHealth HeardAt(int64_t millis) {
  rpc::NodeHealth health;
  health.incarnation = Incarnation(4);
  health.last_heard = At(millis);
  return health;
}

TEST_CASE("Health: silence counts by what is usual for the node, within bounds") {
  rpc::NodeHealth health = HeardAt(1000);
  CHECK(Judge(health, Life(4), At(1300), kBounds) == Liveness::kAlive);
  CHECK(Judge(health, Life(4), At(1301), kBounds) == Liveness::kSuspected);
  health.usual_gap = milliseconds(200);
  CHECK(Judge(health, Life(4), At(1800), kBounds) == Liveness::kAlive);
  CHECK(Judge(health, Life(4), At(1801), kBounds) == Liveness::kSuspected);
  health.usual_gap = seconds(100);
  CHECK(Judge(health, Life(4), At(4001), kBounds) == Liveness::kSuspected);
}

TEST_CASE("Health: a refused connection or a later life is proof, a torn connection is not") {
  rpc::NodeHealth health = HeardAt(1000);
  CHECK(Judge(health, Life(3), At(1001), kBounds) == Liveness::kDead);
  CHECK(Judge(health, Life(), At(1001), kBounds) == Liveness::kAlive);
  // A disk that was wiped counts its lives anew: the same number is another life.
  health.disk = DiskId(9);
  CHECK(Judge(health, Life(4, 9), At(1001), kBounds) == Liveness::kAlive);
  CHECK(Judge(health, Life(4, 8), At(1001), kBounds) == Liveness::kDead);
  // Disks have no order: what was heard long ago may have been the older one.
  CHECK(Judge(health, Life(4, 8), At(1400), kBounds) == Liveness::kSuspected);
  CHECK(Judge(rpc::NodeHealth(), Life(4, 8), At(100), kBounds) == Liveness::kAlive);
  health.failure = env::Disconnect::kReset;
  health.failed_at = At(1100);
  CHECK(Judge(health, Life(4), At(1101), kBounds) == Liveness::kSuspected);
  health.failure = env::Disconnect::kRefused;
  CHECK(Judge(health, Life(4), At(1101), kBounds) == Liveness::kDead);
  health.last_heard = At(1150);
  CHECK(Judge(health, Life(4), At(1151), kBounds) == Liveness::kAlive);
}

TEST_CASE("Health: what is usual grows at once and fades slowly") {
  rpc::PeerHealth peers;
  NodeId node(2);
  Instant now = At(1000);
  auto hear = [&](Duration later) { peers.Heard(node, now = now + later); };
  for (int i = 0; i < 100; ++i) hear(milliseconds(10));
  CHECK(peers.Of(node).usual_gap == milliseconds(10));
  hear(milliseconds(500));
  CHECK(peers.Of(node).usual_gap == milliseconds(500));
  for (int i = 0; i < 50; ++i) hear(milliseconds(10));
  CHECK(peers.Of(node).usual_gap > milliseconds(100));
  for (int i = 0; i < 1000; ++i) hear(milliseconds(10));
  CHECK(peers.Of(node).usual_gap == milliseconds(10));
}

// A node that answers nothing but pings.
struct Node {
  Node(env::SimWorld& world, env::SimFabric& fabric, uint64_t number, uint64_t life)
      : image(world), env(world, image, "host" + std::to_string(number), &fabric) {
    identity.cluster = ClusterId(1);
    identity.node = NodeId(number);
    identity.incarnation = Incarnation(life);
    identity.disk = DiskId(number);
    identity.instance = env.RandomId();
    dispatcher.emplace(env);
    rpc::PeersOptions options;
    options.keep_alive.ping_every = milliseconds(50);
    peers.emplace(env, identity, &*dispatcher, options);
    rpc::ServerOptions server_options;
    server_options.keep_alive = options.keep_alive;
    server = rpc::NewServer(env, identity, *dispatcher, server_options, &peers->health());
    auto listening = testing::RunTask(world, env, server->Listen({env.ProcessName(), 7000}));
    REQUIRE((listening.has_value() && listening->ok()));
  }
  ~Node() { env.Crash(); }

  env::SimDiskImage image;
  env::SimEnv env;
  rpc::Identity identity;
  std::optional<rpc::Dispatcher> dispatcher;
  std::optional<rpc::Peers> peers;
  std::shared_ptr<rpc::Server> server;
};

TEST_CASE("Health: a killed process is dead at once, a cut link is a suspicion that ends") {
  env::SimWorld world(3);
  env::SimFabric fabric(world);
  Node watcher(world, fabric, 1, 1);
  auto watched = std::make_unique<Node>(world, fabric, 2, 5);
  watcher.peers->SetAddress(NodeId(2), {"host2", 7000});
  ConnectionHealth health(watcher.env, *watcher.peers, kBounds);
  auto pass = [&](Duration time) { world.RunUntil([] { return false; }, world.now() + time); };
  auto is = [&](Liveness state) { return health.Of({NodeId(2), Incarnation(5)}) == state; };
  CHECK(is(Liveness::kAlive));
  pass(seconds(2));
  CHECK(is(Liveness::kAlive));
  fabric.Isolate({"host2"});
  pass(milliseconds(200));
  CHECK(is(Liveness::kAlive));
  pass(milliseconds(400));
  CHECK(is(Liveness::kSuspected));
  fabric.HealAll();
  pass(seconds(5));
  CHECK(is(Liveness::kAlive));
  watched.reset();
  Instant killed = world.now();
  world.RunUntil([&] { return is(Liveness::kDead); }, killed + seconds(10));
  CHECK(world.now() - killed < milliseconds(50));
  // The same host in another life: the old one is dead, the new one is not.
  watched = std::make_unique<Node>(world, fabric, 2, 6);
  pass(seconds(3));
  CHECK(is(Liveness::kDead));
  CHECK(health.Of({NodeId(2), Incarnation(6)}) == Liveness::kAlive);
}

TEST_CASE("Health: who is cut off from one node only hears of others that it lives") {
  env::SimWorld world(4);
  env::SimFabric fabric(world);
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::unique_ptr<ConnectionHealth>> health;
  for (uint64_t number = 1; number <= 3; ++number) {
    nodes.push_back(std::make_unique<Node>(world, fabric, number, 5));
  }
  for (auto& node : nodes) {
    for (auto& peer : nodes) {
      node->peers->SetAddress(peer->identity.node, {peer->env.ProcessName(), 7000});
    }
    health.push_back(std::make_unique<ConnectionHealth>(node->env, *node->peers, kBounds));
    ConnectionHealth* own = health.back().get();
    node->dispatcher->Register(kTestimonyMethod,
                               [own](const rpc::Request& request, rpc::Responder respond) {
                                 respond(own->Testify(request));
                               });
  }
  loglets::NodeLife suspect{NodeId(3), Incarnation(5), DiskId(3)};
  loglets::NodeLife former{NodeId(3), Incarnation(4), DiskId(3)};
  auto ask = [&] {
    auto asked = testing::RunTask(world, nodes[0]->env,
                                  health[0]->Ask({NodeId(2), NodeId(3)}, {suspect, former}));
    REQUIRE(asked.has_value());
    return *asked;
  };
  auto pass = [&](Duration time) {
    Instant until = world.now() + time;
    while (world.now() < until) {
      for (auto& each : health) each->Of(suspect);
      world.RunUntil([] { return false; }, world.now() + milliseconds(50));
    }
  };
  pass(seconds(2));
  CHECK(ask().size() == 2);
  fabric.Cut("host1", "host3");
  fabric.Cut("host3", "host1");
  pass(seconds(2));
  CHECK(health[0]->Of(suspect) == Liveness::kSuspected);
  std::vector<virtuallog::Testimony> told = ask();
  REQUIRE(told.size() == 1);  // the suspect itself does not answer
  CHECK(told[0].witness == NodeId(2));
  CHECK(told[0].silent == std::vector<loglets::NodeLife>{former});
  fabric.Isolate({"host3"});
  pass(seconds(2));
  told = ask();
  REQUIRE(told.size() == 1);
  CHECK(told[0].silent == std::vector<loglets::NodeLife>{suspect, former});
  // Of a node that it does not know it says nothing.
  auto strange = testing::RunTask(
      world, nodes[0]->env, health[0]->Ask({NodeId(2)}, {{NodeId(77), Incarnation(1), DiskId(1)}}));
  REQUIRE(strange.has_value());
  CHECK(strange->front().silent.empty());
  health.clear();
}

TEST_CASE("Health: questions that make no sense are refused") {
  CHECK(absl::IsInvalidArgument(DecodeTestimonyCall("\xff\xff").status()));
  std::vector<loglets::NodeLife> many(kMostLivesAsked + 1, Life(1));
  CHECK(absl::IsInvalidArgument(DecodeTestimonyCall(EncodeTestimonyCall(many).header).status()));
  std::vector<loglets::NodeLife> two = {Life(3, 4), {NodeId(9), Incarnation(), DiskId(1)}};
  CHECK(*DecodeTestimonyCall(EncodeTestimonyCall(two).header) == two);
  CHECK(*DecodeTestimonyReply(EncodeTestimonyReply(two).header) == two);
}

}  // namespace
}  // namespace vlog::server

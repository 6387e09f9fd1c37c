// What becomes of calls when the network or a process fails, in the simulated world.
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "env/sim/sim_env.h"
#include "rpc/frame.h"
#include "rpc/handshake.h"
#include "testing/run_task.h"
#include "unit/rpc_service.h"

namespace vlog::testing {
namespace {

using env::Disconnect;
using std::chrono::milliseconds;
using std::chrono::seconds;

// One host, whose process can crash and start again.
struct Node {
  Node(env::SimWorld& world, env::SimFabric& fabric, std::string name, uint64_t number)
      : world(world), fabric(fabric), name(std::move(name)), number(number), image(world) {}
  ~Node() { Crash(); }

  void Boot() {
    ++incarnation;
    env = std::make_unique<env::SimEnv>(world, image, name, &fabric);
    service = std::make_unique<TestService>(*env);
    if (number == 0) return;
    rpc::ServerOptions options;
    options.limits = limits;
    server = rpc::NewServer(*env, NodeIdentity(*env, number, incarnation), service->dispatcher,
                            options, &health);
    REQUIRE(RunTask(world, *env, server->Listen({name, 7000}))->ok());
  }
  void Crash() {
    if (env == nullptr) return;
    env->Crash();
    channel.reset();
    server.reset();
    service.reset();
    env.reset();
    image.Crash();
  }
  void Open(const std::string& to, uint64_t node) {
    rpc::ChannelOptions options;
    options.address = {to, 7000};
    options.expected_node = NodeId(node);
    channel = rpc::NewChannel(*env, ClientIdentity(*env), options, &health);
  }
  void Start(int n, rpc::Method method, std::string header, Duration timeout = seconds(20)) {
    channel->Start(MakeCall(*env, method, std::move(header), "", timeout), results.Done(n));
  }

  env::SimWorld& world;
  env::SimFabric& fabric;
  const std::string name;
  const uint64_t number;  // 0: a client
  env::SimDiskImage image;
  uint64_t incarnation = 0;
  rpc::ServerLimits limits;
  std::unique_ptr<env::SimEnv> env;
  rpc::PeerHealth health;
  std::unique_ptr<TestService> service;
  std::shared_ptr<rpc::Server> server;
  std::shared_ptr<rpc::Channel> channel;
  Results results;
};

struct Pair {
  explicit Pair(uint64_t seed, rpc::ServerLimits limits = {})
      : world(seed),
        fabric(world),
        server(world, fabric, "server", 1),
        client(world, fabric, "client", 0) {
    server.limits = limits;
    server.Boot();
    client.Boot();
    client.Open("server", 1);
  }
  StatusOr<rpc::Reply> Call(std::string header, Duration timeout = seconds(20)) {
    rpc::Call call = MakeCall(*client.env, kEcho, std::move(header), "", timeout);
    auto reply = RunTask(world, *client.env, client.channel->Run(std::move(call)));
    REQUIRE(reply.has_value());
    return *reply;
  }
  // Calls until one succeeds.
  void CallUntilItWorks(Duration limit) {
    Instant end = world.now() + limit;
    while (!Call("again", seconds(2)).ok()) {
      RunTask(world, *client.env, client.env->scheduler().Sleep(milliseconds(20)));
      REQUIRE(world.now() < end);
    }
  }
  void Pass(Duration duration) {
    Instant end = world.now() + duration;
    RunTask(world, *client.env, client.env->scheduler().SleepUntil(end));
  }
  bool Await(size_t results) {
    return world.RunUntil([&] { return client.results.all.size() >= results; },
                          world.now() + seconds(60));
  }

  env::SimWorld world;
  env::SimFabric fabric;
  Node server;
  Node client;
};

TEST_CASE("Rpc faults: a call that was sent to a process that crashed has an unknown outcome") {
  int resets = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Pair p(seed);
    REQUIRE(p.Call("warm").ok());
    p.client.Start(0, kHold, "x");
    REQUIRE(p.world.RunUntil([&] { return p.server.service->held.size() == 1; },
                             p.world.now() + seconds(1)));
    Instant crashed = p.world.now();
    p.server.Crash();
    REQUIRE(p.Await(1));
    Status status = p.client.results.all[0].second.status();
    INFO(status.ToString());
    CHECK(absl::IsUnknown(status));
    CHECK(env::DisconnectOf(status).has_value());
    bool reset = env::DisconnectOf(status) == Disconnect::kReset;
    resets += reset;
    // A reset is noticed at once, silence by the missing pings.
    CHECK(p.world.now() - crashed < (reset ? Duration(milliseconds(2)) : Duration(seconds(4))));
    // Nobody listens there now.
    Status refused = p.Call("y").status();
    if (absl::IsUnknown(refused)) refused = p.Call("y").status();
    CHECK(absl::IsUnavailable(refused));
    CHECK(env::DisconnectOf(refused) == Disconnect::kRefused);
    CHECK(p.client.health.Of(NodeId(1)).failure == Disconnect::kRefused);
    p.server.Boot();
    p.CallUntilItWorks(seconds(3));
    CHECK(p.client.channel->peer()->incarnation == Incarnation(2));
    CHECK(p.client.health.Of(NodeId(1)).incarnation == Incarnation(2));
    CHECK(!p.client.health.Of(NodeId(1)).failure.has_value());
  }
  CHECK(resets > 5);
  CHECK(resets < 35);
}

TEST_CASE("Rpc faults: a silent crash is told by the next life of the host") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Pair p(seed);
    p.fabric.SetCrashNews(env::CrashNews::kSilent);
    REQUIRE(p.Call("warm").ok());
    p.client.Start(0, kHold, "x");
    p.Pass(milliseconds(5));
    p.server.Crash();
    p.server.Boot();
    Instant booted = p.world.now();
    REQUIRE(p.Await(1));
    CHECK(env::DisconnectOf(p.client.results.all[0].second.status()) == Disconnect::kReset);
    CHECK(p.world.now() - booted < milliseconds(1100));  // a ping was answered with a reset
  }
}

TEST_CASE("Rpc faults: an idle connection lives on by its pings") {
  Pair p(3);
  REQUIRE(p.Call("warm").ok());
  uint64_t connection = p.client.channel->peer()->connection;
  p.Pass(std::chrono::minutes(5));
  REQUIRE(p.client.channel->peer() != nullptr);
  CHECK(p.client.channel->peer()->connection == connection);
  CHECK(p.world.now() - p.client.channel->last_heard() < milliseconds(600));
  CHECK(p.world.now() - p.client.health.Of(NodeId(1)).last_heard < milliseconds(600));
  CHECK(p.server.server->stats().connections == 1);
}

TEST_CASE("Rpc faults: a cut in either direction ends in silence, and heals") {
  int unsent = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    for (bool outgoing : {true, false}) {
      CAPTURE(seed, outgoing);
      Pair p(seed);
      REQUIRE(p.Call("warm").ok());
      std::string from = outgoing ? "client" : "server";
      std::string to = outgoing ? "server" : "client";
      p.fabric.Cut(from, to);
      Status status = p.Call("into the cut").status();
      CHECK(absl::IsUnknown(status));
      CHECK((p.server.service->started.size() == 2) == !outgoing);
      Status again = p.Call("still cut").status();
      CHECK(absl::IsUnavailable(again));
      CHECK(env::DisconnectOf(again) == Disconnect::kSilent);
      unsent += absl::IsUnavailable(again);
      p.Pass(seconds(5));
      CHECK(p.server.server->stats().connections == 0);
      p.fabric.Heal(from, to);
      p.CallUntilItWorks(seconds(4));
    }
  }
  CHECK(unsent == 80);
}

TEST_CASE("Rpc faults: a short cut is survived, or its connection replaced") {
  int survived = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Pair p(seed);
    REQUIRE(p.Call("warm").ok());
    uint64_t connection = p.client.channel->peer()->connection;
    p.fabric.Cut("client", "server");
    p.client.Start(0, kEcho, "x");
    p.Pass(seconds(1));
    p.fabric.HealAll();
    REQUIRE(p.Await(1));
    bool same = p.client.channel->peer() && p.client.channel->peer()->connection == connection;
    CHECK(p.client.results.all[0].second.ok() == same);
    survived += same;
    p.CallUntilItWorks(seconds(4));
  }
  CHECK(survived > 5);
  CHECK(survived < 35);
}

TEST_CASE("Rpc faults: resets end calls at once and the next call connects again") {
  Pair p(5);
  for (int round = 0; round < 20; ++round) {
    p.CallUntilItWorks(seconds(1));
    p.client.Start(round, kHold, "x");
    p.Pass(milliseconds(2));
    Instant torn = p.world.now();
    p.fabric.ResetConnections("server", "client");
    REQUIRE(p.Await(static_cast<size_t>(round) + 1));
    CHECK(env::DisconnectOf(p.client.results.all.back().second.status()) == Disconnect::kReset);
    CHECK(p.world.now() - torn < milliseconds(2));
  }
  CHECK(p.fabric.fault_counts().at("connection reset") == 20);
}

TEST_CASE("Rpc faults: a paused server is waited for, or given up after the bound") {
  for (bool briefly : {true, false}) {
    CAPTURE(briefly);
    Pair p(7);
    REQUIRE(p.Call("warm").ok());
    uint64_t connection = p.client.channel->peer()->connection;
    p.world.Pause(p.server.env->life(), p.world.now() + (briefly ? seconds(2) : seconds(20)));
    StatusOr<rpc::Reply> reply = p.Call("x");
    CHECK(reply.ok() == briefly);
    if (!briefly) {
      CHECK(env::DisconnectOf(reply.status()) == Disconnect::kSilent);
      // When it wakes it serves what its kernel has kept, and then sees the end.
      p.Pass(seconds(25));
      CHECK(p.server.service->started.back() == "x");
    }
    p.CallUntilItWorks(seconds(2));
    CHECK((p.client.channel->peer()->connection == connection) == briefly);
  }
}

TEST_CASE("Rpc faults: a client that was paused for long reads first and keeps its connection") {
  Pair p(8);
  REQUIRE(p.Call("warm").ok());
  uint64_t connection = p.client.channel->peer()->connection;
  p.client.Start(0, kEcho, "x");
  p.world.Pause(p.client.env->life(), p.world.now() + milliseconds(2500));
  REQUIRE(p.Await(1));
  CHECK(p.client.results.all[0].second.ok());
  p.Pass(seconds(10));
  CHECK(p.client.channel->peer()->connection == connection);
}

TEST_CASE("Rpc faults: duplicated frames start handlers twice and complete calls once") {
  uint64_t duplicates = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Pair p(seed);
    p.fabric.SetDuplication(0.3);
    for (int i = 0; i < 50; ++i) p.client.Start(i, kEcho, std::to_string(i));
    REQUIRE(p.Await(50));
    p.Pass(seconds(2));
    CHECK(p.client.results.all.size() == 50);
    std::set<int> numbers;
    for (auto& [number, reply] : p.client.results.all) {
      REQUIRE(reply.ok());
      CHECK(reply->header == std::to_string(number));
      numbers.insert(number);
    }
    CHECK(numbers.size() == 50);
    CHECK(p.server.service->started.size() > 50);
    duplicates += p.fabric.fault_counts().at("duplicated message");
  }
  CHECK(duplicates > 200);
}

TEST_CASE("Rpc faults: bytes of an old connection may arrive after those of the next one") {
  int overtaken = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Pair p(seed);
    p.fabric.SetStragglers(1.0, milliseconds(50));
    REQUIRE(p.Call("warm").ok());
    p.client.Start(0, kEcho, "old");
    p.client.channel.reset();
    p.client.Open("server", 1);
    REQUIRE(p.Call("new").ok());
    p.Pass(milliseconds(200));
    std::vector<std::string> started = p.server.service->started;
    if (started == std::vector<std::string>{"warm", "new", "old"}) ++overtaken;
  }
  CHECK(overtaken > 10);
}

TEST_CASE("Rpc faults: lost pieces delay calls or end them as unknown, never wrongly") {
  int ok = 0;
  int unknown = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Pair p(seed);
    p.fabric.SetLoss(0.05);
    for (int i = 0; i < 30; ++i) {
      StatusOr<rpc::Reply> reply = p.Call(std::to_string(i));
      if (reply.ok()) CHECK(reply->header == std::to_string(i));
      bool expected =
          reply.ok() || absl::IsUnknown(reply.status()) || absl::IsUnavailable(reply.status());
      INFO(reply.status().ToString());
      CHECK(expected);
      ok += reply.ok();
      unknown += absl::IsUnknown(reply.status());
    }
    p.fabric.SetLoss(0);
    p.CallUntilItWorks(seconds(10));
  }
  CHECK(ok > 600);
  CHECK(unknown > 10);
}

TEST_CASE("Rpc faults: a process on an old copy of its disk is refused") {
  Pair p(9);
  REQUIRE(p.Call("warm").ok());
  p.server.Crash();
  p.server.incarnation = 0;  // as the copy says
  p.server.Boot();
  Status status = p.Call("x").status();
  if (absl::IsUnknown(status)) status = p.Call("x").status();
  for (int i = 0; i < 5 && rpc::RefusalOf(status) == rpc::Refusal::kNone; ++i) {
    p.Pass(milliseconds(300));
    status = p.Call("x").status();
  }
  CHECK(rpc::RefusalOf(status) == rpc::Refusal::kOldCopy);
  CHECK(p.server.service->started.empty());
}

TEST_CASE("Rpc faults: a client that takes no replies is closed and gives its bytes back") {
  rpc::ServerLimits limits;
  limits.max_unsent_bytes = 1 << 20;
  Pair p(10, limits);
  REQUIRE(p.Call("warm").ok());
  // It reads nothing any more, while its replies pile up.
  for (int i = 0; i < 100; ++i) {
    rpc::Call call = MakeCall(*p.client.env, kEcho, "x", std::string(100'000, 'x'));
    p.client.channel->Start(std::move(call), p.client.results.Done(i));
  }
  p.Pass(milliseconds(2));
  p.world.Pause(p.client.env->life(), p.world.now() + seconds(30));
  Instant piled = p.world.now() + seconds(1);
  p.world.RunUntil([&] { return p.world.now() >= piled; }, piled);
  CHECK(p.server.server->stats().connections == 1);
  CHECK(p.server.server->stats().bytes > (1 << 20));
  CHECK(p.server.server->stats().bytes < (1 << 20) + 300'000);
  Instant end = p.world.now() + seconds(15);
  p.world.RunUntil([&] { return p.world.now() >= end; }, end);
  CHECK(p.server.server->stats().connections == 0);
  CHECK(p.server.server->stats().silent == 1);
  CHECK(p.server.server->stats().bytes == 0);
}

TEST_CASE("Rpc faults: a server without descriptors accepts again when it has some") {
  Pair p(11);
  REQUIRE(p.Call("warm").ok());
  p.fabric.SetAcceptShortage("server", true);
  auto second = rpc::NewChannel(*p.client.env, ClientIdentity(*p.client.env),
                                rpc::ChannelOptions{{"server", 7000}}, nullptr);
  rpc::Call first = MakeCall(*p.client.env, kEcho, "x", "", milliseconds(500));
  // The one that was waiting in Accept() when the shortage began is still served.
  RunTask(p.world, *p.client.env, second->Run(std::move(first)));
  auto third = rpc::NewChannel(*p.client.env, ClientIdentity(*p.client.env),
                               rpc::ChannelOptions{{"server", 7000}}, nullptr);
  rpc::Call refused = MakeCall(*p.client.env, kEcho, "y", "", milliseconds(500));
  CHECK(!RunTask(p.world, *p.client.env, third->Run(std::move(refused)))->ok());
  CHECK(p.Call("peers stay alive").ok());
  p.fabric.SetAcceptShortage("server", false);
  p.Pass(seconds(2));
  rpc::Call served = MakeCall(*p.client.env, kEcho, "z");
  CHECK(RunTask(p.world, *p.client.env, third->Run(std::move(served)))->ok());
  CHECK(p.server.server->stats().accept_failures > 3);
}

TEST_CASE("Rpc faults: a frame that trickles in does not hold its room for long") {
  Pair p(12);
  Instant deadline = p.world.now() + seconds(5);
  auto connected =
      RunTask(p.world, *p.client.env, p.client.env->network().Connect({"server", 7000}, deadline));
  std::shared_ptr<env::Connection> slow = **connected;
  slow->Write(rpc::EncodeFrame(rpc::FrameType::kHello, 0, 0,
                               rpc::EncodeHello(ClientIdentity(*p.client.env), NodeId(1)),
                               rpc::Payload()));
  BytesList frame = rpc::EncodeFrame(rpc::FrameType::kRequest, kEcho, 1, "x",
                                     rpc::Payload(Bytes(std::string(1 << 20, 'x'))));
  slow->Write(BytesList(1, frame.front()));
  int seconds_held = 0;
  while (seconds_held < 60) {
    slow->Write(BytesList(1, frame.back().Slice(0, 1)));
    p.Pass(seconds(1));
    if (p.server.server->stats().connections == 0) break;
    CHECK(p.server.server->stats().bytes > (1 << 20));
    ++seconds_held;
  }
  CHECK(seconds_held > 25);
  CHECK(seconds_held < 35);
  CHECK(p.server.server->stats().bytes == 0);
}

uint64_t RunMixedFaults(uint64_t seed) {
  Pair p(seed);
  p.fabric.SetLoss(0.02);
  p.fabric.SetDuplication(0.05);
  p.fabric.SetStragglers(0.5, milliseconds(30));
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 5; ++i) p.client.Start(i, i % 2 ? kEcho : kSleep, "3", seconds(2));
    if (round % 7 == 3) p.fabric.Cut("client", "server");
    if (round % 7 == 5) p.fabric.HealAll();
    if (round % 11 == 8) p.fabric.ResetConnections("client", "server");
    if (round == 20) p.server.Crash();
    if (round == 22) p.server.Boot();
    p.Pass(milliseconds(100));
  }
  p.fabric.HealAll();
  p.fabric.SetLoss(0);
  p.CallUntilItWorks(seconds(20));
  CHECK(p.Await(150));
  CHECK(p.client.results.all.size() == 150);
  return p.world.trace_hash();
}

TEST_CASE("Rpc faults: the same seed gives the same run") {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    uint64_t hash = RunMixedFaults(seed);
    CHECK(RunMixedFaults(seed) == hash);
    hashes.insert(hash);
  }
  CHECK(hashes.size() == 20);
}

}  // namespace
}  // namespace vlog::testing

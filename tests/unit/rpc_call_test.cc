// Calls between two processes, on the real and the simulated network, and to the own process.
#include <catch2/catch.hpp>
#include <functional>

#include "base/crc32c.h"
#include "contract/net_world.h"
#include "unit/rpc_service.h"

namespace vlog::testing {
namespace {

using env::Disconnect;
using rpc::Refusal;

// Process 0 serves as node 1, process 1 calls.
class Fixture {
 public:
  Fixture(NetWorld& world, bool local, rpc::ServerLimits limits = {})
      : world(world), local(local), service(world.env(0)) {
    Identify();
    if (local) {
      channel = rpc::NewLocalChannel(world.env(0), NodeIdentity(world.env(0), 1),
                                     service.dispatcher, channel_options.limits);
      return;
    }
    rpc::ServerOptions options;
    options.limits = limits;
    server = rpc::NewServer(world.env(0), NodeIdentity(world.env(0), 1), service.dispatcher,
                            options, &health);
    Status listening = *world.Run(0, server->Listen(world.AnyPort(0)));
    INFO(listening.ToString());
    REQUIRE(listening.ok());
    channel_options.address = server->address();
    Open();
  }
  void Identify() { channel_options.expected_node = NodeId(1); }
  void Open() { channel = rpc::NewChannel(env(), ClientIdentity(env()), channel_options, nullptr); }
  env::Env& env() { return world.env(local ? 0 : 1); }
  int number() const { return local ? 0 : 1; }

  StatusOr<rpc::Reply> Run(rpc::Call call) {
    auto reply = world.Run(number(), channel->Run(std::move(call)));
    REQUIRE(reply.has_value());
    return *reply;
  }
  StatusOr<rpc::Reply> Call(rpc::Method method, std::string header, std::string payload = "") {
    return Run(MakeCall(env(), method, std::move(header), std::move(payload)));
  }
  void Start(int n, rpc::Method method, std::string header, std::string payload = "") {
    channel->Start(MakeCall(env(), method, std::move(header), std::move(payload)), results.Done(n));
  }
  void Await(size_t count) {
    REQUIRE(world.RunUntil([&] { return results.all.size() >= count; }));
  }

  NetWorld& world;
  const bool local;
  rpc::PeerHealth health;
  TestService service;
  rpc::ChannelOptions channel_options;
  std::shared_ptr<rpc::Server> server;
  std::shared_ptr<rpc::Channel> channel;
  Results results;
};

void CallsAndReplies(Fixture& f) {
  for (size_t size : {0, 10, 1024, 5000, 1'000'000}) {
    CAPTURE(size);
    std::string payload(size, 'q');
    StatusOr<rpc::Reply> reply = f.Call(kEcho, "hello", payload);
    INFO(reply.status().ToString());
    REQUIRE(reply.ok());
    CHECK(reply->header == "hello");
    CHECK(reply->payload.view() == payload);
    CHECK(reply->payload_crc == Crc32c(payload));
    CHECK(f.service.payload_crc == Crc32c(payload));
    CHECK(reply->peer->node == NodeId(1));
  }
  CHECK(f.channel->pending_calls() == 0);
  CHECK(f.channel->pending_bytes() == 0);
}

void ErrorsCarryTheirDetail(Fixture& f) {
  Status status = f.Call(kFail, "x").status();
  CHECK(absl::IsOutOfRange(status));
  CHECK(vlog::Message(status) == "trimmed: x");
  CHECK(rpc::DetailOf(status) == "at 7");
  CHECK(!env::DisconnectOf(status).has_value());
  CHECK(absl::IsUnknown(f.Call(kDrop, "x").status()));
  Status nobody = f.Call(kNobody, "x").status();
  CHECK(absl::IsInvalidArgument(nobody));
  CHECK(vlog::Message(nobody).find("does not serve method 0x7f63") != std::string::npos);
  CHECK(f.service.dispatcher.unknown_methods() == 1);
}

void RepliesComeInAnyOrder(Fixture& f) {
  for (int i = 0; i < 3; ++i) f.Start(i, kHold, std::to_string(i));
  REQUIRE(f.world.RunUntil([&] { return f.service.held.size() == 3; }));
  CHECK(f.channel->pending_calls() == 3);
  for (int i : {2, 0, 1}) {
    f.service.held[i](rpc::Message("late " + std::to_string(i)));
    f.Await(f.results.all.size() + 1);
  }
  std::vector<int> order;
  for (auto& [number, reply] : f.results.all) {
    REQUIRE(reply.ok());
    CHECK(reply->header == "late " + std::to_string(number));
    order.push_back(number);
  }
  CHECK(order == std::vector<int>{2, 0, 1});
}

void HandlersStartInOrder(Fixture& f) {
  std::vector<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    std::string header = std::to_string(i);
    f.Start(i, i % 3 == 0 ? kSleep : kEcho, header, std::string(i % 7 * 800, 'x'));
    expected.push_back(header);
  }
  f.Await(60);
  CHECK(f.service.started == expected);
  for (auto& [number, reply] : f.results.all) CHECK(reply.ok());
}

void ADeadlineLeavesTheOutcomeUnknown(Fixture& f) {
  REQUIRE(f.Call(kEcho, "warm").ok());
  Status late = f.Run(MakeCall(f.env(), kHold, "x", "", std::chrono::milliseconds(50))).status();
  CHECK(absl::IsUnknown(late));
  CHECK(env::DisconnectOf(late) == Disconnect::kSilent);
  CHECK(f.channel->pending_calls() == 0);
  f.service.held.front()(rpc::Message("too late"));
  CHECK(f.Call(kEcho, "goes on").ok());
}

void LimitsRefuseBeforeSending(Fixture& f) {
  Status large = f.Call(kEcho, "", std::string((4 << 20) + 1, 'x')).status();
  CHECK(absl::IsInvalidArgument(large));
  CHECK(absl::IsInvalidArgument(f.Call(kEcho, std::string(300'000, 'h')).status()));
  // 64 MiB may be pending.
  for (int i = 0; i < 17; ++i) f.Start(i, kHold, "", std::string(4 << 20, 'x'));
  f.Await(1);
  CHECK(f.results.all[0].first == 16);
  CHECK(absl::IsResourceExhausted(f.results.all[0].second.status()));
}

void TheMeantProcessIsChecked(Fixture& f) {
  REQUIRE(f.Call(kEcho, "x").ok());
  rpc::Call right = MakeCall(f.env(), kEcho, "right");
  right.disk = DiskId(1001);
  right.incarnation = Incarnation(1);
  CHECK(f.Run(right).ok());
  rpc::Call disk = MakeCall(f.env(), kEcho, "wrong");
  disk.disk = DiskId(5);
  Status other_disk = f.Run(disk).status();
  CHECK(absl::IsNotFound(other_disk));
  CHECK(rpc::RefusalOf(other_disk) == Refusal::kOtherDisk);
  rpc::Call life = MakeCall(f.env(), kEcho, "wrong");
  life.incarnation = Incarnation(2);
  CHECK(rpc::RefusalOf(f.Run(life).status()) == Refusal::kOtherIncarnation);
  CHECK(f.service.started == std::vector<std::string>{"x", "right"});
}

void CompletionsMayDestroyTheChannel(Fixture& f) {
  int done = 0;
  for (int i = 0; i < 3; ++i) {
    f.channel->Start(MakeCall(f.env(), kHold, "x"), [&](StatusOr<rpc::Reply> reply) {
      ++done;
      if (reply.ok()) f.channel.reset();
      if (!reply.ok()) CHECK(absl::IsCancelled(reply.status()));
    });
  }
  REQUIRE(f.world.RunUntil([&] { return f.service.held.size() == 3; }));
  f.service.held[1](rpc::Message("first"));
  REQUIRE(f.world.RunUntil([&] { return done == 3; }));
}

const std::vector<std::pair<const char*, void (*)(Fixture&)>> kCases = {
    {"calls and replies", CallsAndReplies},
    {"errors carry their detail", ErrorsCarryTheirDetail},
    {"replies come in any order", RepliesComeInAnyOrder},
    {"handlers start in order", HandlersStartInOrder},
    {"a deadline leaves the outcome unknown", ADeadlineLeavesTheOutcomeUnknown},
    {"limits refuse before sending", LimitsRefuseBeforeSending},
    {"the meant process is checked", TheMeantProcessIsChecked},
    {"completions may destroy the channel", CompletionsMayDestroyTheChannel},
};

void RunSuite(const std::function<std::unique_ptr<NetWorld>()>& new_world, bool local) {
  for (const auto& [name, run] : kCases) {
    std::unique_ptr<NetWorld> world = new_world();
    INFO(world->name() << (local ? ", local: " : ": ") << name);
    Fixture fixture(*world, local);
    run(fixture);
    fixture.channel.reset();
    world->StopAll();
  }
}

TEST_CASE("Rpc: calls over the simulated network") {
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    CAPTURE(seed);
    RunSuite([seed] { return NewSimNetWorld(seed); }, false);
  }
}

TEST_CASE("Rpc: calls over the real network") { RunSuite(NewRealNetWorld, false); }

TEST_CASE("Rpc: calls to the own process") {
  RunSuite(NewRealNetWorld, true);
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    CAPTURE(seed);
    RunSuite([seed] { return NewSimNetWorld(seed); }, true);
  }
}

void InBothWorlds(const std::function<void(NetWorld&)>& test) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    std::unique_ptr<NetWorld> world = NewSimNetWorld(seed);
    test(*world);
    world->StopAll();
  }
  std::unique_ptr<NetWorld> world = NewRealNetWorld();
  test(*world);
  world->StopAll();
}

TEST_CASE("Rpc: where nobody listens, calls fail as not sent, and at once in the pause") {
  InBothWorlds([](NetWorld& world) {
    world.env(0);
    rpc::ChannelOptions options;
    options.address = world.Nobody(0);
    auto channel = rpc::NewChannel(world.env(1), ClientIdentity(world.env(1)), options, nullptr);
    for (int i = 0; i < 5; ++i) {
      rpc::Call call = MakeCall(world.env(1), kEcho, "x");
      auto reply = world.Run(1, channel->Run(std::move(call)));
      REQUIRE(reply.has_value());
      CHECK(absl::IsUnavailable(reply->status()));
      CHECK(env::DisconnectOf(reply->status()) == Disconnect::kRefused);
    }
    CHECK(env::DisconnectOf(channel->last_error()) == Disconnect::kRefused);
  });
}

TEST_CASE("Rpc: a peer that is not the one that was meant is refused with the reason") {
  InBothWorlds([](NetWorld& world) {
    Fixture f(world, false);
    auto refused = [&](rpc::Identity identity, NodeId expected) {
      f.channel_options.expected_node = expected;
      f.channel = rpc::NewChannel(f.env(), identity, f.channel_options, nullptr);
      return rpc::RefusalOf(f.Call(kEcho, "x").status());
    };
    CHECK(refused(ClientIdentity(f.env()), NodeId(2)) == Refusal::kOtherNode);
    rpc::Identity other = ClientIdentity(f.env());
    other.cluster = ClusterId(78);
    CHECK(refused(other, NodeId(1)) == Refusal::kOtherCluster);
    CHECK(refused(NodeIdentity(f.env(), 7, 5), NodeId(1)) == Refusal::kNone);
    CHECK(refused(NodeIdentity(f.env(), 7, 4), NodeId(1)) == Refusal::kOldCopy);
    CHECK(f.server->stats().refused_handshakes == 3);
    CHECK(f.service.started.size() == 1);
    CHECK(f.health.Of(NodeId(7)).incarnation == Incarnation(5));
  });
}

TEST_CASE("Rpc: a server stops reading from a client that has too much unanswered") {
  InBothWorlds([](NetWorld& world) {
    rpc::ServerLimits limits;
    limits.max_requests = 4;
    Fixture f(world, false, limits);
    for (int i = 0; i < 50; ++i) f.Start(i, kHold, std::to_string(i), std::string(10'000, 'x'));
    REQUIRE(f.world.RunUntil([&] { return f.service.held.size() == 4; }));
    f.world.Settle(0, std::chrono::milliseconds(50));
    CHECK(f.service.held.size() == 4);
    CHECK(f.server->stats().paused_reads == 1);
    // Another client is served meanwhile.
    auto second = rpc::NewChannel(f.env(), ClientIdentity(f.env()), f.channel_options, nullptr);
    rpc::Call call = MakeCall(f.env(), kEcho, "other");
    CHECK(world.Run(1, second->Run(std::move(call)))->ok());
    for (size_t i = 0; i < 50; ++i) {
      REQUIRE(f.world.RunUntil([&] { return f.service.held.size() > i; }));
      CHECK(f.service.held.size() <= i + 4);
      f.service.held[i](rpc::Message("done"));
    }
    f.Await(50);
    for (auto& [number, reply] : f.results.all) CHECK(reply.ok());
    CHECK(world.RunUntil([&] { return f.server->stats().bytes == 0; }));
  });
}

TEST_CASE("Rpc: all connections together stay within the server's bytes") {
  InBothWorlds([](NetWorld& world) {
    rpc::ServerLimits limits;
    limits.max_total_bytes = 100'000;
    Fixture f(world, false, limits);
    std::vector<std::shared_ptr<rpc::Channel>> channels;
    for (int i = 0; i < 10; ++i) {
      channels.push_back(
          rpc::NewChannel(f.env(), ClientIdentity(f.env()), f.channel_options, nullptr));
      rpc::Call call = MakeCall(f.env(), kHold, "x", std::string(30'000, 'x'));
      channels.back()->Start(std::move(call), f.results.Done(i));
    }
    for (size_t i = 0; i < 10; ++i) {
      REQUIRE(f.world.RunUntil([&] { return f.service.held.size() > i; }));
      f.world.Settle(0, std::chrono::milliseconds(10));
      CHECK(f.server->stats().bytes <= 100'000);
      CHECK(f.service.held.size() <= i + 3);
      f.service.held[i](rpc::Message("done"));
    }
    f.Await(10);
  });
}

TEST_CASE("Rpc: connections above the limit are told so") {
  InBothWorlds([](NetWorld& world) {
    rpc::ServerLimits limits;
    limits.max_connections = 1;
    Fixture f(world, false, limits);
    CHECK(f.Call(kEcho, "x").ok());
    auto second = rpc::NewChannel(f.env(), ClientIdentity(f.env()), f.channel_options, nullptr);
    rpc::Call call = MakeCall(f.env(), kEcho, "y");
    Status refused = world.Run(1, second->Run(std::move(call)))->status();
    CHECK(rpc::RefusalOf(refused) == Refusal::kTooMany);
    CHECK(f.server->stats().refused_connections == 1);
    CHECK(f.Call(kEcho, "z").ok());
  });
}

TEST_CASE("Rpc: a server that stops answers what it has taken and refuses the rest") {
  InBothWorlds([](NetWorld& world) {
    Fixture f(world, false);
    f.Start(0, kHold, "taken");
    REQUIRE(world.RunUntil([&] { return f.service.held.size() == 1; }));
    Instant deadline = world.env(0).scheduler().Now() + std::chrono::seconds(5);
    auto stopped = std::make_shared<bool>(false);
    auto stop = [](std::shared_ptr<rpc::Server> server, Instant deadline,
                   std::shared_ptr<bool> stopped) -> Task<Status> {
      co_await server->Stop(deadline);
      *stopped = true;
      co_return absl::OkStatus();
    };
    auto stopping = StartTask<Status>(world.env(0), stop(f.server, deadline, stopped));
    world.Settle(0, std::chrono::milliseconds(20));
    CHECK(!*stopped);
    Status refused = f.Call(kEcho, "not taken").status();
    CHECK(absl::IsUnavailable(refused));
    f.service.held.front()(rpc::Message("answered"));
    f.Await(1);
    REQUIRE(f.results.all[0].second.ok());
    REQUIRE(world.RunUntil([&] { return *stopped; }));
    CHECK(f.server->stats().connections == 0);
    CHECK(!f.Call(kEcho, "after").ok());
    CHECK(f.service.started == std::vector<std::string>{"taken"});
  });
}

TEST_CASE("Rpc: peers reach each other, themselves, and a node whose address comes later") {
  InBothWorlds([](NetWorld& world) {
    Fixture f(world, false);
    rpc::Identity identity = NodeIdentity(world.env(0), 9);
    TestService own(world.env(0));
    rpc::Peers peers(world.env(0), identity, &own.dispatcher, rpc::PeersOptions());
    auto call = [&](NodeId node) {
      return *world.Run(0, peers.To(node)->Run(MakeCall(world.env(0), kEcho, "x")));
    };
    CHECK(call(NodeId(9)).ok());
    CHECK(own.started.size() == 1);
    Status unknown = call(NodeId(1)).status();
    CHECK(absl::IsUnavailable(unknown));
    CHECK(env::DisconnectOf(unknown) == Disconnect::kUnreachable);
    peers.SetAddress(NodeId(1), f.server->address());
    CHECK(call(NodeId(1)).ok());
    CHECK(peers.health().Of(NodeId(1)).incarnation == Incarnation(1));
    CHECK(peers.health().Of(NodeId(1)).last_heard > Instant());
    CHECK(f.health.Of(NodeId(9)).disk == DiskId(1009));
    peers.SetAddress(NodeId(1), world.Nobody(0));
    Status moved = call(NodeId(1)).status();
    if (absl::IsUnknown(moved)) moved = call(NodeId(1)).status();
    CHECK(absl::IsUnavailable(moved));
  });
}

}  // namespace
}  // namespace vlog::testing

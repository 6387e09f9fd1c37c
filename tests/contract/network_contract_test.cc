// The contract of a network (env/network.h), for the real and the simulated one.
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "contract/net_world.h"
#include "env/network.h"

namespace vlog::testing {
namespace {

using env::Address;
using env::Connection;
using env::Disconnect;
using env::Listener;

using ConnectionOr = StatusOr<std::shared_ptr<Connection>>;

BytesList One(std::string text) { return BytesList(1, Bytes(std::move(text))); }

// Process 0 listens, process 1 connects.
class Fixture {
 public:
  explicit Fixture(NetWorld& world) : world(world) {
    auto listening = world.Run(0, world.env(0).network().Listen(world.AnyPort(0)));
    REQUIRE(listening.has_value());
    INFO(listening->status().ToString());
    REQUIRE(listening->ok());
    listener = **listening;
  }

  ConnectionOr Connect(const Address& to) {
    Instant deadline = world.env(1).scheduler().Now() + std::chrono::seconds(5);
    return *world.Run(1, world.env(1).network().Connect(to, deadline));
  }
  void Pair() {
    auto accepting = StartTask(world.env(0), listener->Accept());
    ConnectionOr connected = Connect(listener->address());
    INFO(connected.status().ToString());
    REQUIRE(connected.ok());
    REQUIRE(world.RunUntil([&] { return accepting->has_value(); }));
    REQUIRE((*accepting)->ok());
    client = *connected;
    server = ***accepting;
  }
  // What was received and not consumed, once there are so many bytes.
  std::string Read(int number, Connection& from, size_t at_least) {
    auto read = world.Run(number, from.Read(at_least));
    REQUIRE(read.has_value());
    INFO(read->status().ToString());
    REQUIRE(read->ok());
    return std::string((**read).view());
  }
  Status ReadError(int number, Connection& from) {
    return world.Run(number, from.Read(1))->status();
  }

  NetWorld& world;
  std::shared_ptr<Listener> listener;
  std::shared_ptr<Connection> client;
  std::shared_ptr<Connection> server;
};

void BytesArriveInOrder(Fixture& f) {
  f.Pair();
  f.client->Write(One("hello "));
  f.client->Write(One("world"));
  CHECK(f.Read(0, *f.server, 11) == "hello world");
  f.server->Consume(6);
  CHECK(f.Read(0, *f.server, 1) == "world");
  f.server->Consume(5);
  f.server->Write(One("and back"));
  CHECK(f.Read(1, *f.client, 8) == "and back");
  CHECK(f.client->received() == 8);
  CHECK(f.server->received() == 11);
}

void AWindowOutlivesWhatComesLater(Fixture& f) {
  f.Pair();
  f.client->Write(One("first"));
  auto first = f.world.Run(0, f.server->Read(5));
  f.server->Consume(5);
  f.client->Write(One("other"));
  CHECK(f.Read(0, *f.server, 5) == "other");
  CHECK((**first).view() == "first");
  f.server->Consume(5);
  f.client->Write(One(std::string(200'000, 'x')));
  CHECK(f.Read(0, *f.server, 200'000) == std::string(200'000, 'x'));
  CHECK((**first).view() == "first");
}

std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

void MuchDataArrivesUnchanged(Fixture& f) {
  f.Pair();
  constexpr size_t kBytes = 3'000'000;
  const std::string sent = Pattern(kBytes);
  size_t at = 0;
  for (size_t step = 1; at < kBytes; step = step * 3 % 70'001 + 1) {
    BytesList pieces;
    for (int i = 0; i < 3 && at < kBytes; ++i) {
      size_t bytes = std::min(step, kBytes - at);
      pieces.push_back(Bytes(sent.substr(at, bytes)));
      at += bytes;
    }
    f.client->Write(std::move(pieces));
  }
  std::string got;
  for (size_t step = 1; got.size() < kBytes; step = step * 5 % 300'007 + 1) {
    std::string window = f.Read(0, *f.server, std::min(step, kBytes - got.size()));
    f.server->Consume(window.size());
    got += window;
  }
  CHECK(got == sent);
  CHECK(f.client->unsent() == 0);
}

void ASlowReaderSlowsTheWriter(Fixture& f) {
  f.Pair();
  constexpr size_t kBytes = 32 << 20;
  Bytes piece(std::string(1 << 20, 'p'));
  for (size_t i = 0; i < kBytes / piece.size(); ++i) f.client->Write(BytesList(1, piece));
  f.world.Settle(1, std::chrono::milliseconds(200));
  CHECK(f.client->unsent() > 0);
  auto sent = StartTask(f.world.env(1), f.client->AwaitUnsent(1 << 20));
  f.world.Settle(1, std::chrono::milliseconds(50));
  CHECK(!sent->has_value());
  size_t got = 0;
  while (got < kBytes) {
    size_t bytes = f.Read(0, *f.server, 1).size();
    f.server->Consume(bytes);
    got += bytes;
  }
  REQUIRE(f.world.RunUntil([&] { return sent->has_value(); }));
  CHECK((*sent)->ok());
}

void NobodyListens(Fixture& f) {
  ConnectionOr refused = f.Connect(f.world.Nobody(0));
  CHECK(absl::IsUnavailable(refused.status()));
  CHECK(env::DisconnectOf(refused.status()) == Disconnect::kRefused);
  Address gone = f.listener->address();
  f.listener.reset();
  CHECK(env::DisconnectOf(f.Connect(gone).status()) == Disconnect::kRefused);
}

void CloseSendsWhatIsQueued(Fixture& f) {
  f.Pair();
  const std::string all = Pattern(16 << 20);  // more than the system takes at once
  f.server->Write(One("never read by the client's end before it closes"));
  f.client->Write(One(all));
  f.client->Close();
  f.client.reset();
  CHECK(f.Read(0, *f.server, all.size()) == all);
  f.server->Consume(all.size());
  CHECK(env::DisconnectOf(f.ReadError(0, *f.server)) == Disconnect::kClosed);
  CHECK(absl::IsUnavailable(f.ReadError(0, *f.server)));  // final
}

void ADroppedConnectionEndsThePeers(Fixture& f) {
  f.Pair();
  auto reading = StartTask(f.world.env(0), f.server->Read(1));
  f.client.reset();
  REQUIRE(f.world.RunUntil([&] { return reading->has_value(); }));
  CHECK(absl::IsUnavailable((*reading)->status()));
  CHECK(env::DisconnectOf((*reading)->status()).has_value());
}

void ClosingEndsTheOwnRead(Fixture& f) {
  f.Pair();
  auto reading = StartTask(f.world.env(1), f.client->Read(1));
  f.world.Settle(1, std::chrono::milliseconds(5));
  f.client->Close();
  REQUIRE(f.world.RunUntil([&] { return reading->has_value(); }));
  CHECK(env::DisconnectOf((*reading)->status()) == Disconnect::kClosedHere);
}

void AddressesExclude(Fixture& f) {
  auto second = f.world.Run(0, f.world.env(0).network().Listen(f.listener->address()));
  CHECK(absl::IsAlreadyExists(second->status()));
  Address here = f.listener->address();
  f.listener.reset();
  auto third = f.world.Run(0, f.world.env(0).network().Listen(here));
  INFO(third->status().ToString());
  CHECK(third->ok());
}

void TheListenerEndsItsAccept(Fixture& f) {
  auto accepting = StartTask(f.world.env(0), f.listener->Accept());
  f.world.Settle(0, std::chrono::milliseconds(5));
  f.listener.reset();
  REQUIRE(f.world.RunUntil([&] { return accepting->has_value(); }));
  CHECK(absl::IsCancelled((*accepting)->status()));
}

void StoppingEndsEveryWait(Fixture& f) {
  f.Pair();
  auto accepting = StartTask(f.world.env(0), f.listener->Accept());
  auto reading = StartTask(f.world.env(0), f.server->Read(1));
  f.world.Settle(0, std::chrono::milliseconds(5));
  f.world.StopAll();
  REQUIRE((accepting->has_value() && reading->has_value()));
  CHECK(absl::IsCancelled((*accepting)->status()));
  CHECK(absl::IsCancelled((*reading)->status()));
}

void ManyConnections(Fixture& f) {
  std::vector<std::shared_ptr<Connection>> clients;
  std::vector<std::shared_ptr<Connection>> servers;
  for (int i = 0; i < 40; ++i) {
    f.Pair();
    f.client->Write(One("n" + std::to_string(i)));
    clients.push_back(f.client);
    servers.push_back(f.server);
  }
  for (size_t i = 0; i < servers.size(); ++i) {
    std::string expected = "n" + std::to_string(i);
    CHECK(f.Read(0, *servers[i], expected.size()) == expected);
  }
}

const std::vector<std::pair<const char*, void (*)(Fixture&)>> kCases = {
    {"bytes arrive in order", BytesArriveInOrder},
    {"a window outlives what comes later", AWindowOutlivesWhatComesLater},
    {"much data arrives unchanged", MuchDataArrivesUnchanged},
    {"a slow reader slows the writer", ASlowReaderSlowsTheWriter},
    {"nobody listens", NobodyListens},
    {"close sends what is queued", CloseSendsWhatIsQueued},
    {"a dropped connection ends the peer's", ADroppedConnectionEndsThePeers},
    {"closing ends the own read", ClosingEndsTheOwnRead},
    {"addresses exclude", AddressesExclude},
    {"the listener ends its accept", TheListenerEndsItsAccept},
    {"stopping ends every wait", StoppingEndsEveryWait},
    {"many connections", ManyConnections},
};

void RunSuite(const std::function<std::unique_ptr<NetWorld>()>& new_world) {
  for (const auto& [name, run] : kCases) {
    std::unique_ptr<NetWorld> world = new_world();
    std::printf("network  %-10s %s\n", world->name().c_str(), name);
    INFO(world->name() << ": " << name);
    Fixture fixture(*world);
    run(fixture);
  }
}

TEST_CASE("Network contract: the simulated network") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    RunSuite([seed] { return NewSimNetWorld(seed); });
  }
}

TEST_CASE("Network contract: the real network") { RunSuite(NewRealNetWorld); }

// Leaves the process as many more file descriptors as it says, while it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(int more) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    int lowest = ::dup(0);
    REQUIRE(lowest >= 0);
    ::close(lowest);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(lowest + more);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

TEST_CASE("Real network: without file descriptors, accepting waits and peers stay alive") {
  std::unique_ptr<NetWorld> world = NewRealNetWorld();
  Fixture f(*world);
  f.Pair();
  std::shared_ptr<Connection> old_client = f.client;
  std::shared_ptr<Connection> old_server = f.server;
  auto accepting = StartTask(world->env(0), f.listener->Accept());
  auto limit = std::make_unique<DescriptorLimit>(1);
  ConnectionOr connected = f.Connect(f.listener->address());
  REQUIRE(connected.ok());
  world->Settle(0, std::chrono::milliseconds(120));
  CHECK(!accepting->has_value());
  CHECK(f.listener->accept_failures() > 1);
  old_client->Write(One("alive"));
  CHECK(f.Read(0, *old_server, 5) == "alive");
  limit.reset();
  REQUIRE(world->RunUntil([&] { return accepting->has_value(); }));
  CHECK((*accepting)->ok());
}

TEST_CASE("Addresses: host and port are parsed and printed, IPv6 in brackets") {
  for (const char* text : {"node1:7000", "127.0.0.1:1", "[::1]:65535", "[fe80::1]:0"}) {
    CAPTURE(text);
    StatusOr<Address> address = Address::Parse(text);
    REQUIRE(address.ok());
    CHECK(address->ToString() == text);
  }
  CHECK(Address::Parse("[::1]:7")->host == "::1");
  for (const char* text : {"", "host", ":7", "host:", "host:x", "host:70000", "::1:7", "[::1:7",
                           "host:7x", "host:-1"}) {
    CAPTURE(text);
    CHECK(absl::IsInvalidArgument(Address::Parse(text).status()));
  }
}

}  // namespace
}  // namespace vlog::testing

// Malformed input: good frames with random damage, through every decoder and into a running server.
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "env/sim/sim_env.h"
#include "rpc/frame.h"
#include "rpc/handshake.h"
#include "testing/run_task.h"
#include "unit/rpc_corpus.h"
#include "unit/rpc_service.h"

namespace vlog::testing {
namespace {

using std::chrono::seconds;

constexpr int kMutations = 100'000;

// One to four random changes: bits, bytes, cuts, repeats, interesting lengths.
std::string Mutate(std::string bytes, std::mt19937& random) {
  auto below = [&](size_t bound) { return bound == 0 ? 0 : random() % bound; };
  int changes = 1 + static_cast<int>(below(4));
  for (int i = 0; i < changes && !bytes.empty(); ++i) {
    size_t at = below(bytes.size());
    // Half of the changes hit the fixed part, where the lengths are.
    if (below(2) == 0) at = below(std::min<size_t>(bytes.size(), rpc::kFixedHeaderBytes));
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, 1 + below(40)));
        break;
      case 4:
        bytes.erase(at, 1 + below(10));
        break;
      default:
        for (size_t j = at; j < std::min(at + 4, bytes.size()); ++j) bytes[j] = '\xff';
        break;
    }
  }
  return bytes;
}

TEST_CASE("Rpc mutations: no decoder crashes or accepts a damaged frame") {
  std::mt19937 random(1);
  std::vector<std::string> corpus = RpcCorpus();
  int accepted = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string& good = corpus[random() % corpus.size()];
    std::string bad = Mutate(good, random);
    bool same_start = bad.substr(0, good.size()) == good;
    bool taken = DecodeEverything(bad);
    if (taken && !same_start) ++accepted;
  }
  CHECK(accepted == 0);
  for (const std::string& good : corpus) CHECK(DecodeEverything(good));
}

struct Attack {
  explicit Attack(uint64_t seed)
      : world(seed),
        fabric(world),
        server_image(world),
        client_image(world),
        server_env(world, server_image, "server", &fabric),
        client_env(world, client_image, "client", &fabric),
        service(server_env) {
    limits.max_total_bytes = 8 << 20;
    rpc::ServerOptions options;
    options.limits = limits;
    server = rpc::NewServer(server_env, NodeIdentity(server_env, 1), service.dispatcher, options,
                            nullptr);
    REQUIRE(RunTask(world, server_env, server->Listen({"server", 7000}))->ok());
    rpc::ChannelOptions channel_options;
    channel_options.address = {"server", 7000};
    good = rpc::NewChannel(client_env, ClientIdentity(client_env), channel_options, nullptr);
  }
  ~Attack() {
    client_env.Crash();
    server_env.Crash();
  }

  // Sends `bytes` on a connection of its own and closes it.
  void Send(std::string bytes) {
    Instant deadline = world.now() + seconds(5);
    auto connection =
        RunTask(world, client_env, client_env.network().Connect({"server", 7000}, deadline));
    REQUIRE(connection->ok());
    (**connection)->Write(BytesList(1, Bytes(std::move(bytes))));
    (**connection)->Close();
  }
  bool GoodCallWorks() {
    rpc::Call call = MakeCall(client_env, kEcho, "good");
    return RunTask(world, client_env, good->Run(std::move(call)))->ok();
  }

  env::SimWorld world;
  env::SimFabric fabric;
  env::SimDiskImage server_image;
  env::SimDiskImage client_image;
  env::SimEnv server_env;
  env::SimEnv client_env;
  rpc::ServerLimits limits;
  TestService service;
  std::shared_ptr<rpc::Server> server;
  std::shared_ptr<rpc::Channel> good;
};

TEST_CASE("Rpc mutations: a server closes what is malformed, counts it and serves the others") {
  Attack attack(1);
  REQUIRE(attack.GoodCallWorks());
  std::mt19937 random(2);
  std::string hello = RpcHello();
  std::vector<std::string> corpus = RpcCorpus();
  constexpr int kConnections = kMutations / 10;
  for (int i = 0; i < kConnections; ++i) {
    // Ten frames a connection, behind a good hello or a damaged one.
    std::string bytes = random() % 8 == 0 ? Mutate(hello, random) : hello;
    for (int frame = 0; frame < 9; ++frame) {
      const std::string& good = corpus[random() % corpus.size()];
      bytes += random() % 3 == 0 ? Mutate(good, random) : good;
    }
    attack.Send(std::move(bytes));
    CHECK(attack.server->stats().bytes <= attack.limits.max_total_bytes);
    if (i % 500 == 0) REQUIRE(attack.GoodCallWorks());
  }
  Instant end = attack.world.now() + seconds(30);
  attack.world.RunUntil([&] { return attack.world.now() >= end; }, end);
  rpc::ServerStats stats = attack.server->stats();
  CHECK(stats.connections == 1);
  CHECK(stats.bytes == 0);
  CHECK(stats.malformed > kConnections / 2);
  CHECK(attack.GoodCallWorks());
}

}  // namespace
}  // namespace vlog::testing

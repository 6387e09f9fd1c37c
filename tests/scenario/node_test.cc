// Whole nodes in the simulated world: how they begin together, serve, fail, stop and come back.
#include <catch2/catch.hpp>

#include "async/event.h"
#include "server/node_wire.h"
#include "testing/node_world.h"

namespace vlog::testing {
namespace {

using server::Node;
using server::NodeState;
using server::NodeStatus;

TEST_CASE("Node: three nodes begin a cluster, and registers survive the loss of one of them") {
  uint64_t seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  NodeWorld cluster(seed);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  auto client = cluster.NewClient("c1");
  REQUIRE(cluster.Connect(*client).ok());
  REQUIRE(cluster.Write(*client, "one", 0).ok());
  uint64_t victim = 1 + seed % 3;
  cluster.Crash(victim);
  StatusOr<Version> second = cluster.Write(*client, "two", 1);
  REQUIRE(second.ok());
  cluster.Start(victim);
  REQUIRE(cluster.AwaitJoined());
  CHECK(cluster.node(victim)->identity().incarnation == Incarnation(2));
  // The one that missed it and one other are a majority.
  cluster.Crash(1 + (seed + 1) % 3);
  StatusOr<metastore::Versioned> read = cluster.Read(*client);
  REQUIRE(read.ok());
  CHECK(read->value == "two");
  CHECK(read->version == Version(2));
}

// What the crashes of one run met.
struct Met {
  uint64_t nobody_joined = 0;
  uint64_t some_joined = 0;
};

bool HasJoined(NodeWorld& cluster, uint64_t node) {
  return cluster.node(node) != nullptr && cluster.node(node)->joined();
}

// Starts and crashes nodes at random; all run in the end.
void Trouble(NodeWorld& cluster, Met* met) {
  for (int step = 0; step < 30; ++step) {
    uint64_t node = 1 + cluster.world.RandomBelow(3);
    int joined = 0;
    for (uint64_t each : {1, 2, 3}) joined += HasJoined(cluster, each) ? 1 : 0;
    if (!cluster.IsUp(node)) {
      cluster.Start(node);
    } else if (cluster.world.Chance(0.5)) {
      cluster.Crash(node);
      ++(joined == 0 ? met->nobody_joined : met->some_joined);
    }
    cluster.RunFor(Duration(cluster.world.RandomBelow(100'000'000)));
  }
  for (uint64_t node : {1, 2, 3}) {
    if (!cluster.IsUp(node)) cluster.Start(node);
  }
}

void CheckOneList(uint64_t seed, Met* met) {
  CAPTURE(seed);
  NodeWorld cluster(seed);
  Trouble(cluster, met);
  REQUIRE(cluster.AwaitJoined());
  std::vector<Replica> list = cluster.node(1)->status().first_acceptors;
  REQUIRE(list.size() == 3);
  for (uint64_t node : {1, 2, 3}) {
    CHECK(cluster.node(node)->status().first_acceptors == list);
    CHECK(cluster.node(node)->status().votes);
    CHECK(list[node - 1] == cluster.node(node)->identity().replica());
  }
}

TEST_CASE("Node: however nodes crash while they begin, all have one list of who votes first") {
  Met met;
  for (uint64_t seed = 100; seed < 160; ++seed) CheckOneList(seed, &met);
  CHECK(met.nobody_joined > 60);
  CHECK(met.some_joined > 60);
}

TEST_CASE("Node: a new cluster waits for every node that is configured, and says for whom") {
  NodeWorld cluster(1);
  cluster.Start(1);
  cluster.Start(2);
  CHECK_FALSE(cluster.AwaitJoined());
  NodeStatus status = cluster.node(1)->status();
  CHECK(status.state == NodeState::kJoining);
  CHECK(status.problem == "waiting for the first start of node 3");
  auto client = cluster.NewClient("c1");
  REQUIRE(cluster.Connect(*client).ok());
  CHECK(absl::IsUnavailable(cluster.Write(*client, "x", 0).status()));
  cluster.Start(3);
  REQUIRE(cluster.AwaitJoined());
  CHECK(cluster.Write(*client, "x", 0).ok());
}

TEST_CASE("Node: a node with another list of peers is named and begins nothing") {
  NodeWorld cluster(1);
  cluster.SetPeers(2, {1, 2});
  cluster.StartAll();
  CHECK_FALSE(cluster.AwaitJoined());
  for (uint64_t node : {1, 2, 3}) CHECK_FALSE(cluster.node(node)->joined());
  CHECK(cluster.node(1)->status().problem ==
        "node 2 is configured with nodes 1, 2, this node with 1, 2, 3: all nodes of a new cluster "
        "need the same list of peers");
  cluster.Crash(2);
  cluster.SetPeers(2, {1, 2, 3});
  cluster.Start(2);
  CHECK(cluster.AwaitJoined());
}

TEST_CASE("Node: a disk that was replaced learns who votes and is not one of them") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  std::vector<Replica> list = cluster.node(1)->status().first_acceptors;
  cluster.Crash(1);
  cluster.Format(1);
  cluster.Start(1);
  REQUIRE(cluster.AwaitJoined());
  CHECK(cluster.node(1)->status().first_acceptors == list);
  CHECK(cluster.node(1)->identity().replica() != list[0]);
  // Two others are a majority; with one of them gone, the new disk does not stand in.
  auto client = cluster.NewClient("c1");
  REQUIRE(cluster.Connect(*client).ok());
  REQUIRE(cluster.Write(*client, "one", 0).ok());
  cluster.Crash(2);
  CHECK_FALSE(cluster.Write(*client, "two", 1).ok());
}

TEST_CASE("Node: a node that joins later learns who votes") {
  NodeWorld cluster(1, 4);
  for (uint64_t node : {1, 2, 3}) cluster.SetPeers(node, {1, 2, 3});
  for (uint64_t node : {1, 2, 3}) cluster.Start(node);
  REQUIRE(cluster.AwaitJoined());
  cluster.Start(4);
  REQUIRE(cluster.AwaitJoined());
  CHECK(cluster.node(4)->status().first_acceptors.size() == 3);
  CHECK(cluster.node(4)->members().nodes.size() == 4);
}

TEST_CASE("Node: a journal that is gone is not taken for a new one") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  REQUIRE(cluster.Stop(2).ok());
  cluster.Start(2);
  REQUIRE(cluster.AwaitJoined());
  CHECK(cluster.node(2)->identity().incarnation == Incarnation(2));
  REQUIRE(cluster.Stop(2).ok());
  {
    env::SimEnv thief(cluster.world, cluster.image(2), "thief");
    auto names = RunTask(cluster.world, thief, thief.disk().List(server::kJournalDirectory));
    REQUIRE(names.has_value());
    REQUIRE(names->ok());
    for (const std::string& name : **names) {
      auto gone = RunTask(cluster.world, thief, thief.disk().Remove("journal/" + name));
      REQUIRE(gone.has_value());
      CHECK(gone->ok());
    }
    REQUIRE(RunTask(cluster.world, thief, thief.disk().SyncDirectory("journal"))->ok());
    thief.Crash();
  }
  cluster.Start(2);
  REQUIRE(cluster.RunUntil([&] { return !cluster.StartError(2).ok(); }));
  CHECK(absl::IsDataLoss(cluster.StartError(2)));
  CHECK(Message(cluster.StartError(2)).find("journal is gone") != std::string::npos);
}

TEST_CASE("Node: one on an old copy of its disk is refused before it serves anybody") {
  uint64_t seed = GENERATE(range(1, 21));
  CAPTURE(seed);
  NodeWorld cluster(seed);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  cluster.Crash(1);
  std::unique_ptr<env::SimDiskImage> old = cluster.image(1).Copy();
  cluster.Start(1);
  REQUIRE(cluster.AwaitJoined());
  cluster.Crash(1);
  cluster.SwapDisk(1, std::move(old));
  cluster.Start(1);
  bool served = false;
  auto over = [&] {
    served |= HasJoined(cluster, 1);
    return !cluster.Failure(1).ok();
  };
  REQUIRE(cluster.RunUntil(over));
  CHECK_FALSE(served);
  CHECK(absl::IsDataLoss(cluster.Failure(1)));
}

TEST_CASE("Node: one that starts alone serves once a majority answers, and says so until then") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  for (uint64_t node : {1, 2, 3}) cluster.Crash(node);
  cluster.Start(1);
  cluster.RunFor(std::chrono::seconds(5));
  REQUIRE(cluster.node(1) != nullptr);
  CHECK(cluster.node(1)->status().state == NodeState::kJoining);
  CHECK(cluster.node(1)->status().problem ==
        "only 1 of 3 nodes answer; it serves once most of them, or of its cluster's 3 voters, do");
  auto client = cluster.NewClient("c1");
  REQUIRE(cluster.Connect(*client).ok());
  StatusOr<metastore::Versioned> read = cluster.Read(*client);
  CHECK(absl::IsUnavailable(read.status()));
  cluster.Start(3);
  REQUIRE(cluster.AwaitJoined());
  CHECK(cluster.Write(*client, "one", 0).ok());
}

// Only `voters` vote on the directory from now on.
void LetVote(NodeWorld& cluster, NodeWorldClient& client, const std::vector<uint64_t>& voters) {
  REQUIRE(cluster.Connect(client).ok());
  auto now =
      RunTask(cluster.world, client.env, client.store->ReadAcceptors(metastore::kDirectoryLog));
  REQUIRE(now.has_value());
  REQUIRE(now->ok());
  std::vector<Replica> left = (*now)->acceptors;
  std::erase_if(left, [&voters](const Replica& each) {
    return std::find(voters.begin(), voters.end(), each.node.value()) == voters.end();
  });
  REQUIRE(left.size() == voters.size());
  auto moved = RunTask(
      cluster.world, client.env,
      client.store->ChangeAcceptors(metastore::kDirectoryLog, std::move(left), (*now)->version));
  REQUIRE(moved.has_value());
  REQUIRE(moved->ok());
}

TEST_CASE("Node: what was drained and stopped holds up nobody who starts again") {
  NodeWorld cluster(1, 5);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  auto client = cluster.NewClient("c1");
  LetVote(cluster, *client, {1, 2, 3});
  cluster.RunFor(std::chrono::seconds(1));
  for (uint64_t node : {1, 2, 3, 4, 5}) cluster.Crash(node);
  // One of three voters is not enough.
  cluster.Start(1);
  cluster.RunFor(std::chrono::seconds(5));
  CHECK_FALSE(HasJoined(cluster, 1));
  cluster.Start(2);
  REQUIRE(cluster.AwaitJoined());
  auto directory = RunTask(cluster.world, client->env, client->store->ReadDirectory());
  REQUIRE(directory.has_value());
  CHECK(directory->ok());
}

TEST_CASE("Node: an old copy of the only voter is refused by those who need not be asked") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  auto client = cluster.NewClient("c1");
  LetVote(cluster, *client, {1});
  cluster.RunFor(std::chrono::seconds(1));
  cluster.Crash(1);
  std::unique_ptr<env::SimDiskImage> old = cluster.image(1).Copy();
  cluster.Start(1);
  REQUIRE(cluster.AwaitJoined());
  cluster.Crash(1);
  cluster.SwapDisk(1, std::move(old));
  cluster.Start(1);
  bool served = false;
  auto over = [&] {
    served |= HasJoined(cluster, 1);
    return !cluster.Failure(1).ok();
  };
  REQUIRE(cluster.RunUntil(over));
  CHECK_FALSE(served);
}

TEST_CASE("Node: a directory in use is refused, and the node in it does not notice") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  env::SimEnv second(cluster.world, cluster.image(1), "second");
  server::ExpectedIdentity expected;
  expected.node = NodeId(1);
  auto opened = RunTask(cluster.world, second, server::DataDirectory::Open(second, expected));
  REQUIRE(opened.has_value());
  CHECK(absl::IsAlreadyExists(opened->status()));
  second.Crash();
  CHECK(cluster.node(1)->status().state == NodeState::kServing);
}

TEST_CASE("Node: a failed sync ends the node, and the others go on") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  auto client = cluster.NewClient("c1");
  REQUIRE(cluster.Connect(*client).ok());
  Outcome<Status> failed = StartTask(cluster.env(3), cluster.node(3)->AwaitFailure());
  cluster.image(3).FailNextSync();
  REQUIRE(cluster.Write(*client, "one", 0).ok());
  REQUIRE(cluster.RunUntil([&] { return failed->has_value(); }));
  CHECK_FALSE((*failed)->ok());
  CHECK(cluster.node(3)->status().state == NodeState::kFailed);
  CHECK_FALSE(cluster.node(3)->status().journal.problem.empty());
  CHECK(cluster.log().find("level=error component=n3 msg=\"cannot go on\"") != std::string::npos);
  CHECK_FALSE(cluster.Stop(3).ok());
  CHECK(cluster.Write(*client, "two", 1).ok());
  cluster.Start(3);
  CHECK(cluster.AwaitJoined());
}

TEST_CASE("Node: whoever asks one node learns the members and the state of each") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  auto client = cluster.NewClient("c1", 2);
  Instant deadline = cluster.world.now() + std::chrono::seconds(5);
  auto members = RunTask(cluster.world, client->env, client->nodes.FindMembers(deadline));
  REQUIRE(members.has_value());
  REQUIRE(members->ok());
  CHECK((*members)->cluster == cluster.cluster());
  CHECK((*members)->cluster_name == "orders");
  CHECK((*members)->nodes.at(NodeId(3)) == server::Member{"node-3", "n3:7400"});
  CHECK(**members == cluster.node(2)->members());
  for (uint64_t node : {1, 2, 3}) {
    auto status =
        RunTask(cluster.world, client->env, client->nodes.StatusOf(NodeId(node), Instant::Max()));
    REQUIRE(status.has_value());
    REQUIRE(status->ok());
    CHECK((*status)->identity.node == NodeId(node));
    CHECK((*status)->state == NodeState::kServing);
    CHECK((*status)->listen == "n" + std::to_string(node) + ":7400");
    CHECK((*status)->peers.size() == 2);
    CHECK((*status)->journal.stats.groups > 0);
  }
}

TEST_CASE("Node: a client of another cluster is refused and counted") {
  NodeWorld cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.AwaitJoined());
  auto client = cluster.NewClient("c1", 1, ClusterId(77));
  CHECK(absl::IsAborted(cluster.Connect(*client)));
  CHECK(cluster.node(1)->status().rpc.refused_handshakes == 1);
}

// ---- What a kind sees of its node ---------------------------------------------------------------

constexpr rpc::Method kHold = rpc::kTestBase + 1;

// Counts entries, so that the journal has streams of a kind that the node does not know.
class CountState final : public storage::StreamState {
 public:
  void Apply(const storage::Entry&) override { ++count_; }
  void Damaged(uint64_t) override {}
  void SkipTo(uint64_t) override {}
  uint64_t trim() const override { return 0; }
  uint64_t end() const override { return 0; }
  std::string Encode() const override { return std::to_string(count_); }
  Status Decode(std::string_view data) override {
    count_ = std::stoull(std::string(data));
    return absl::OkStatus();
  }
  uint64_t count() const { return count_; }

 private:
  uint64_t count_ = 0;
};

// Holds each request until it is told to stop; then it writes an entry and answers.
class HoldHost final : public loglets::KindHost {
 public:
  explicit HoldHost(loglets::HostContext context)
      : context_(context), stop_(context.env.scheduler()) {}

  Task<Status> Start() override {
    context_.dispatcher.RegisterTask(kHold, [this](rpc::Request) { return Hold(); });
    storage::Stream* stream = context_.journal.streams().Find("holds");
    if (stream == nullptr) {
      stream_ = context_.journal.CreateStream("count", "holds", [](const Status&) {});
    } else {
      stream_ = stream->id;
    }
    co_return absl::OkStatus();
  }
  Task<void> Stop() override {
    stopping_ = true;
    stop_.NotifyAll();
    context_.dispatcher.Unregister(kHold);
    while (held_ > 0) co_await stop_.Wait();
  }
  Task<Status> Drop(std::string, SegmentIndex, SegmentIndex) override {
    co_return absl::OkStatus();
  }
  std::vector<loglets::HostedLoglet> Loglets() const override {
    std::vector<loglets::HostedLoglet> loglets(2);
    loglets[0].id.log = "a";
    loglets[0].sealed = true;
    loglets[1].id.log = "b";
    loglets[1].tail = Offset(count());
    return loglets;
  }

 private:
  uint64_t count() const {
    storage::Stream* stream = context_.journal.streams().Find("holds");
    return stream == nullptr ? 0 : static_cast<CountState&>(*stream->state).count();
  }
  Task<StatusOr<rpc::Message>> Hold() {
    ++held_;
    while (!stopping_) {
      Status waited = co_await stop_.Wait();
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    storage::Entry entry;
    entry.stream = stream_;
    entry.type = 1;
    Status written = co_await context_.journal.AppendControl(std::move(entry));
    --held_;
    stop_.NotifyAll();
    VLOG_CO_RETURN_IF_ERROR(written);
    co_return rpc::Message("held");
  }

  loglets::HostContext context_;
  storage::StreamId stream_;
  bool stopping_ = false;
  int held_ = 0;
  async::Event stop_;
};

class HoldKind final : public loglets::HostableKind {
 public:
  std::string name() const override { return "hold"; }
  std::unique_ptr<storage::StreamState> NewStreamState(const std::string& kind) const override {
    if (kind != "count") return nullptr;
    return std::make_unique<CountState>();
  }
  std::unique_ptr<loglets::KindHost> Host(loglets::HostContext context) override {
    return std::make_unique<HoldHost>(context);
  }
};

std::vector<std::unique_ptr<loglets::HostableKind>> HoldKinds() {
  std::vector<std::unique_ptr<loglets::HostableKind>> kinds;
  kinds.push_back(std::make_unique<HoldKind>());
  return kinds;
}

TEST_CASE("Node: what has arrived at a kind is answered and durable before the node is down") {
  uint64_t seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  NodeWorld cluster(seed, 1, HoldKinds);
  cluster.Start(1);
  REQUIRE(cluster.AwaitJoined());
  auto client = cluster.NewClient("c1");
  REQUIRE(cluster.Connect(*client).ok());
  std::vector<Outcome<StatusOr<rpc::Reply>>> replies;
  uint64_t before = cluster.node(1)->status().rpc.requests;
  for (int i = 0; i < 3; ++i) {
    rpc::Call call(kHold, std::string(), rpc::Payload(), Instant::Max());
    replies.push_back(
        StartTask(client->env, client->nodes.peers().To(NodeId(1))->Run(std::move(call))));
  }
  REQUIRE(cluster.RunUntil([&] { return cluster.node(1)->status().rpc.requests == before + 3; }));
  Instant begun = cluster.world.now();
  CHECK(cluster.Stop(1).ok());
  CHECK(cluster.world.now() - begun < std::chrono::seconds(2));
  for (auto& reply : replies) {
    REQUIRE(cluster.RunUntil([&] { return reply->has_value(); }));
    REQUIRE((*reply)->ok());
    CHECK((*reply)->value().header == "held");
  }
  cluster.Start(1);
  REQUIRE(cluster.AwaitJoined());
  NodeStatus status = cluster.node(1)->status();
  CHECK(status.loglet_count == 2);
  REQUIRE(status.loglets.size() == 2);
  // Open loglets come first.
  CHECK(status.loglets[0].kind == "hold");
  CHECK(status.loglets[0].loglet.id.log == "b");
  CHECK(status.loglets[0].loglet.tail == Offset(3));
}

}  // namespace
}  // namespace vlog::testing

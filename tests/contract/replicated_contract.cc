#include "contract/replicated_contract.h"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <vector>

#include "contract/loglet_suite.h"
#include "env/real/real_env.h"
#include "env/real/temp_directory.h"
#include "scenario/replicated_world.h"

namespace vlog::testing {
namespace {

using loglets::replicated::ReplicaKind;

// A world in which everything dies at once and the nodes come up again.
class KindWorld : public ContractWorld {
 public:
  virtual loglets::LogletKind& kind() = 0;
};

class SimKindWorld final : public KindWorld {
 public:
  SimKindWorld(uint64_t seed, uint64_t nodes, const ReplicaKind& kind)
      : nodes_(nodes), cluster_(seed, nodes, kind), client_(cluster_.NewClient("c1")) {}

  std::string name() const override { return "simulated"; }
  env::Env& env() override { return client_->env; }
  loglets::LogletKind& kind() override { return *client_->kind; }
  bool RunUntil(std::function<bool()> done) override {
    return cluster_.world.RunUntil(std::move(done), cluster_.world.now() + std::chrono::minutes(1));
  }
  void Kill(std::function<void()> before_env_goes) override {
    client_->env.Crash();
    before_env_goes();
    client_.reset();
    for (uint64_t node = 1; node <= nodes_; ++node) cluster_.CrashNode(node);
    for (uint64_t node = 1; node <= nodes_; ++node) cluster_.StartNode(node);
    REQUIRE(cluster_.AwaitNodes());
    client_ = cluster_.NewClient("c1");
  }

 private:
  const uint64_t nodes_;
  ReplicatedWorld cluster_;
  std::unique_ptr<ReplicatedClient> client_;
};

class RealKindWorld final : public KindWorld {
 public:
  RealKindWorld(const ReplicaKind& kind, uint64_t nodes)
      : replica_kind_(kind), directories_(nodes) {
    Begin();
  }
  ~RealKindWorld() override {
    End([] {});
  }

  std::string name() const override { return "real"; }
  env::Env& env() override { return *client_env_; }
  loglets::LogletKind& kind() override { return *kind_; }
  bool RunUntil(std::function<bool()> done) override {
    // Generous: it only ends a test that would hang.
    constexpr int kRounds = 600;
    for (int round = 0; round < kRounds && !done(); ++round) {
      context_->restart();
      context_->run_one_for(std::chrono::milliseconds(100));
      while (!done() && context_->poll_one() > 0) {
      }
    }
    return done();
  }
  void Kill(std::function<void()> before_env_goes) override {
    End(std::move(before_env_goes));
    Begin();
  }

 private:
  struct Node {
    std::unique_ptr<env::Env> env;
    std::unique_ptr<ReplicatedNode> node;
  };

  void Begin() {
    ++boots_;
    context_ = std::make_unique<boost::asio::io_context>(1);
    loglets::ReplicatedKindOptions options;
    AddressBook book;
    for (uint64_t i = 0; i < directories_.size(); ++i) {
      Node& node = nodes_.emplace_back();
      node.env = env::NewRealEnv(context_->get_executor(), directories_[i].path());
      Replica replica{NodeId(i + 1), DiskId(100 + i)};
      rpc::Identity identity = NodeIdentity(*node.env, replica, Incarnation(boots_));
      auto opened = StartTask(
          *node.env, ReplicatedNode::Open(*node.env, replica_kind_, identity, {"127.0.0.1", 0}));
      REQUIRE(RunUntil([&] { return opened->has_value(); }));
      INFO((*opened)->status().ToString());
      REQUIRE((*opened)->ok());
      node.node = std::move((*opened)->value());
      book[replica.node] = node.node->server->address();
      options.nodes.push_back(replica.node);
    }
    for (Node& node : nodes_) node.node->SetAddresses(book);
    client_env_ = env::NewRealEnv(context_->get_executor(), client_directory_.path());
    peers_ = std::make_unique<rpc::Peers>(*client_env_, ClientIdentity(*client_env_), nullptr,
                                          rpc::PeersOptions());
    for (const auto& [node, address] : book) peers_->SetAddress(node, address);
    kind_ = loglets::NewReplicatedKind(replica_kind_, *client_env_, *peers_, options);
  }
  void End(std::function<void()> before_env_goes) {
    // As near to a kill as one process can come: every wait ends, nothing new reaches a disk.
    client_env_->scheduler().Stop();
    for (Node& node : nodes_) node.env->scheduler().Stop();
    context_->restart();
    context_->poll();
    before_env_goes();
    kind_.reset();
    peers_.reset();
    for (Node& node : nodes_) node.node.reset();
    context_->restart();
    context_->poll();
    client_env_.reset();
    nodes_.clear();
    context_.reset();
  }

  const ReplicaKind replica_kind_;
  std::vector<env::TempDirectory> directories_;
  env::TempDirectory client_directory_;
  uint64_t boots_ = 0;
  std::unique_ptr<boost::asio::io_context> context_;
  std::vector<Node> nodes_;
  std::unique_ptr<env::Env> client_env_;
  std::unique_ptr<rpc::Peers> peers_;
  std::unique_ptr<loglets::LogletKind> kind_;
};

struct KindProcess final : LogletProcess {
  explicit KindProcess(KindWorld& world) : world_(world) {}
  loglets::LogletKind& kind() override { return world_.kind(); }
  KindWorld& world_;
};

std::unique_ptr<LogletProcess> Start(ContractWorld& world) {
  return std::make_unique<KindProcess>(static_cast<KindWorld&>(world));
}

}  // namespace

void RunSimulatedContract(const ReplicaKind& kind, uint64_t nodes, uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    RunLogletSuite(kind.name, Start,
                   [&] { return std::make_unique<SimKindWorld>(seed, nodes, kind); });
  }
}

void RunRealContract(const ReplicaKind& kind, uint64_t nodes) {
  RunLogletSuite(kind.name, Start, [&] { return std::make_unique<RealKindWorld>(kind, nodes); });
}

}  // namespace vlog::testing

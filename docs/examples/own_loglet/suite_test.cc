// The contract of a loglet, held against the single kind on simulated nodes. In this world
// everything comes from one seed: the order of events, the delays of disk and network, what a crash
// tears.
#include <catch2/catch.hpp>

#include "base/batch.h"
#include "contract/loglet_suite.h"
#include "server/kinds.h"
#include "single_host.h"
#include "single_kind.h"
#include "testing/node_world.h"

namespace {

using vlog::NodeId;

constexpr uint64_t kNodes = 3;

std::vector<std::unique_ptr<vlog::loglets::HostableKind>> Kinds() {
  auto kinds = vlog::server::HostableKinds();
  kinds.push_back(single::NewHostableKind());
  return kinds;
}

// Whole nodes, as the node program runs them, and one client. A restart kills them all at once.
class SimulatedNodes final : public vlog::testing::ContractWorld {
 public:
  explicit SimulatedNodes(uint64_t seed) : nodes_(seed, kNodes, Kinds) { Begin(); }

  std::string name() const override { return "simulated"; }
  vlog::env::Env& env() override { return client_->env; }
  vlog::loglets::LogletKind& kind() { return *kind_; }
  vlog::testing::NodeWorld& nodes() { return nodes_; }
  bool RunUntil(std::function<bool()> done) override { return nodes_.RunUntil(std::move(done)); }
  void Kill(std::function<void()> before_env_goes) override {
    client_->env.Crash();
    before_env_goes();
    kind_.reset();
    client_.reset();
    for (uint64_t node = 1; node <= kNodes; ++node) nodes_.Crash(node);
    Begin();
  }

 private:
  void Begin() {
    nodes_.StartAll();
    REQUIRE(nodes_.AwaitJoined());
    client_ = nodes_.NewClient("client");
    REQUIRE(nodes_.Connect(*client_).ok());
    std::vector<NodeId> nodes{NodeId(1), NodeId(2), NodeId(3)};
    kind_ = single::NewLogletKind(client_->env, client_->nodes.peers(), nodes);
  }

  vlog::testing::NodeWorld nodes_;
  std::unique_ptr<vlog::testing::NodeWorldClient> client_;
  std::unique_ptr<vlog::loglets::LogletKind> kind_;
};

struct Process final : vlog::testing::LogletProcess {
  explicit Process(SimulatedNodes& world) : world_(world) {}
  vlog::loglets::LogletKind& kind() override { return world_.kind(); }
  SimulatedNodes& world_;
};

std::unique_ptr<vlog::testing::LogletProcess> Start(vlog::testing::ContractWorld& world) {
  return std::make_unique<Process>(static_cast<SimulatedNodes&>(world));
}

TEST_CASE("Loglet contract: single in the simulated world") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    vlog::testing::RunLogletSuite("single", Start,
                                  [seed] { return std::make_unique<SimulatedNodes>(seed); });
  }
}

// The suite kills the whole world between calls. What happens in the middle of one is a matter of
// the kind: here, that the home dies with batches on their way, and comes back.
TEST_CASE("Single: appends survive the death of their home, each once and in order") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    SimulatedNodes world(seed);
    vlog::LogletId id{"orders", vlog::SegmentIndex(0), vlog::ProposalId(7)};
    auto params = *world.Run(world.kind().ProposeParams(vlog::loglets::ProposeRequest()));
    REQUIRE(params.ok());
    auto loglet = *world.Run(world.kind().Open(id, *params, std::nullopt));
    REQUIRE(loglet.ok());

    std::vector<vlog::StatusOr<vlog::Offset>> answers;
    uint64_t sent = 0;
    while (answers.size() < 40) {
      if (sent == answers.size()) {  // a window of eight batches, of one record each
        for (uint64_t end = sent + 8; sent < end; ++sent) {
          vlog::BatchBuilder builder{vlog::WriterId(1), vlog::SeqNo(sent)};
          builder.Add("record " + std::to_string(sent));
          vlog::Batch batch = std::move(builder).Finish();
          batch.header.first_in_loglet = sent == 0;
          if (sent > 0) batch.header.prev = vlog::SeqNo(sent - 1);
          (*loglet)->Append(std::move(batch), [&answers](vlog::StatusOr<vlog::Offset> answer) {
            answers.push_back(std::move(answer));
          });
        }
      }
      // The home is node 1. Its power goes at some point of each window.
      uint64_t microseconds = world.nodes().world.RandomBelow(3000);
      world.nodes().RunFor(std::chrono::microseconds(microseconds));
      world.nodes().Crash(1);
      world.nodes().Start(1);
      REQUIRE(world.RunUntil([&] { return answers.size() == sent; }));
    }
    for (size_t i = 0; i < answers.size(); ++i) {
      INFO(answers[i].status().ToString());
      REQUIRE(answers[i].ok());
      CHECK(*answers[i] == vlog::Offset(i));
    }
    auto tail = *world.Run((*loglet)->CheckTail());
    REQUIRE(tail.ok());
    CHECK(tail->offset == vlog::Offset(40));
  }
}

}  // namespace

// Every kind of loglet, in every world, against the contract suite.
#include <catch2/catch.hpp>

#include "contract/loglet_suite.h"
#include "loglets/local/local_core.h"
#include "loglets/local/local_host.h"
#include "loglets/memory/memory_loglet.h"

namespace vlog::testing {
namespace {

struct MemoryProcess final : LogletProcess {
  explicit MemoryProcess(ContractWorld& world) : kind_(loglets::NewMemoryKind(world.env())) {}
  loglets::LogletKind& kind() override { return *kind_; }
  std::unique_ptr<loglets::LogletKind> kind_;
};

struct LocalProcess final : LogletProcess {
  explicit LocalProcess(ContractWorld& world) {
    storage::JournalOptions options;
    options.segment_bytes = 4 << 20;
    auto opened = world.Run(
        storage::Journal::Open(world.env(), "journal", options, loglets::NewLocalStreamState));
    REQUIRE(opened.has_value());
    INFO(opened->status().ToString());
    REQUIRE(opened->ok());
    journal_ = **std::move(opened);
    kind_ = loglets::NewLocalKind(world.env(), *journal_);
  }
  loglets::LogletKind& kind() override { return *kind_; }
  std::unique_ptr<storage::Journal> journal_;
  std::unique_ptr<loglets::LogletKind> kind_;
};

std::unique_ptr<LogletProcess> StartMemory(ContractWorld& world) {
  return std::make_unique<MemoryProcess>(world);
}
std::unique_ptr<LogletProcess> StartLocal(ContractWorld& world) {
  return std::make_unique<LocalProcess>(world);
}

TEST_CASE("Loglet contract: memory in the simulated world") {
  RunLogletSuite("memory", StartMemory, [] { return NewSimContractWorld(1); });
}

TEST_CASE("Loglet contract: memory in the real world") {
  RunLogletSuite("memory", StartMemory, NewRealContractWorld);
}

TEST_CASE("Loglet contract: local in the simulated world") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    RunLogletSuite("local", StartLocal, [seed] { return NewSimContractWorld(seed); });
  }
}

TEST_CASE("Loglet contract: local in the real world") {
  RunLogletSuite("local", StartLocal, NewRealContractWorld);
}

}  // namespace
}  // namespace vlog::testing

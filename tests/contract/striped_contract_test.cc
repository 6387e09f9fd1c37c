// The composite loglet of the tests against the contract suite: races on it say something only if
// it is a loglet like others.
#include <catch2/catch.hpp>

#include "contract/loglet_suite.h"
#include "loglets/local/local_core.h"
#include "loglets/local/local_host.h"
#include "scenario/striped_kind.h"

namespace vlog::testing {
namespace {

struct StripedProcess final : LogletProcess {
  StripedProcess(ContractWorld& world, uint64_t limit) {
    auto opened = world.Run(storage::Journal::Open(
        world.env(), "journal", storage::JournalOptions(), loglets::NewLocalStreamState));
    REQUIRE(opened.has_value());
    REQUIRE(opened->ok());
    journal_ = **std::move(opened);
    factory_.Register(loglets::NewLocalKind(world.env(), *journal_));
    StripedOptions options;
    options.kinds = {loglets::kLocalKind, loglets::kLocalKind};
    options.limit = limit;
    factory_.Register(NewStripedKind(world.env(), factory_, options));
  }
  loglets::LogletKind& kind() override { return **factory_.Find(kStripedKind); }
  std::unique_ptr<storage::Journal> journal_;
  loglets::LogletFactory factory_;
};

TEST_CASE("Loglet contract: striped in the simulated world") {
  for (uint64_t limit : {1, 2, 3, 1000}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      CAPTURE(limit, seed);
      auto start = [limit](ContractWorld& world) -> std::unique_ptr<LogletProcess> {
        return std::make_unique<StripedProcess>(world, limit);
      };
      RunLogletSuite(kStripedKind, start, [seed] { return NewSimContractWorld(seed); });
    }
  }
}

}  // namespace
}  // namespace vlog::testing

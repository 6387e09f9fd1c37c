#include <catch2/catch.hpp>

#include "unit/raft_cluster.h"

namespace vlog::loglets::raft {
namespace {

TEST_CASE("Raft: the first leader is up after one round, and appends become durable on all") {
  RaftCluster cluster(3, 1);
  cluster.Campaign(0, true);
  cluster.Settle();
  REQUIRE(cluster.Leader() == 0u);
  Token first = cluster.Append(0, MakeBatch('a', 0, 2, std::nullopt));
  Token second = cluster.Append(0, MakeBatch('a', 2, 1, 1));
  cluster.Settle();
  CHECK(**cluster.Result(first) == Offset(0));
  CHECK(**cluster.Result(second) == Offset(2));
  cluster.Run(std::chrono::milliseconds(100));
  for (size_t i = 0; i < 3; ++i) CHECK(cluster.Read(i).size() == 3);
  CHECK(cluster.violation() == "");
}

}  // namespace
}  // namespace vlog::loglets::raft

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

TEST_CASE("Raft: who slept through a trim is given all that is not trimmed") {
  RaftCluster cluster(3, 1);
  cluster.Campaign(0, true);
  cluster.Settle();
  cluster.Crash(2);
  for (uint64_t i = 0; i < 40; ++i) {
    cluster.Append(0, MakeBatch('a', i, 1, i == 0 ? std::nullopt : std::optional(i - 1)));
    cluster.Settle();
  }
  cluster.Run(std::chrono::milliseconds(100));
  cluster.Trim(0, Offset(30));
  cluster.Trim(1, Offset(30));
  cluster.Settle();
  const RaftState& state = cluster.core(0).log().state();
  CHECK(state.trim_point() == Offset(30));
  CHECK(state.start().end > Offset(10));
  CHECK(state.start().end <= Offset(30));
  cluster.Restart(2);
  cluster.Run(std::chrono::milliseconds(500));
  CHECK(cluster.counts.moves > 0);
  CHECK(cluster.core(2).log().state().trim_point() == state.start().end);
  CHECK(cluster.Read(2).size() == 40 - state.start().end.value());
  CHECK(cluster.violation() == "");
}

TEST_CASE("Raft: a trim of all that is applied gives everything back") {
  RaftCluster cluster(3, 1);
  cluster.Campaign(0, true);
  cluster.Settle();
  cluster.Append(0, MakeBatch('a', 0, 3, std::nullopt));
  cluster.Settle();
  cluster.Run(std::chrono::milliseconds(100));
  cluster.Trim(1, Offset(3));
  cluster.Settle();
  const RaftState& state = cluster.core(1).log().state();
  CHECK(state.start().index == cluster.core(1).log().applied());
  CHECK(state.trim() == state.end());
}

}  // namespace
}  // namespace vlog::loglets::raft

// The leader of a loglet that elects its leaders dies: what the monitors make of it is a policy.
#include <catch2/catch.hpp>

#include "client/log_health.h"
#include "testing/log_process.h"

namespace vlog::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kNodes = 4;
constexpr char kLog[] = "led";

std::vector<std::string> ElectingKinds() {
  std::vector<std::string> names;
  for (const auto& kind : server::HostableKinds()) {
    if (kind->name() != "sequencer") names.push_back(kind->name());
  }
  return names;
}

// Four nodes, and a log whose loglet lives on the first three.
struct Scene {
  Scene(uint64_t seed, Duration replace_after, const std::string& kind) : nodes(seed, kNodes) {
    nodes.SetReplaceAfter(replace_after);
    nodes.StartAll();
    REQUIRE(nodes.AwaitJoined());
    client = std::make_unique<LogProcess>(nodes, "client", kNodes, kLog);
    REQUIRE(nodes.RunUntil([this] { return client->opened->has_value(); }));
    REQUIRE((*client->opened)->ok());
    appender = client->log->NewAppender();
    virtuallog::ReconfigureRequest request;
    request.kind = kind;
    request.reason = "test";
    for (uint64_t node = 1; node <= 3; ++node) request.placement.nodes.emplace_back(node);
    request.placement.write_quorum = 2;
    REQUIRE(Run(client->log->Reconfigure(std::move(request))).ok());
  }
  ~Scene() { client->Crash(); }

  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> result = RunTask(nodes.world, *client->env, std::move(task));
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  void Append() {
    StatusOr<Lsn> at = Run(appender->Append(std::to_string(appended)));
    INFO(at.status().ToString());
    REQUIRE(at.ok());
    CHECK(*at == Lsn(appended++));
  }
  uint64_t Leader() {
    for (int round = 0; round < 100; ++round) {
      client::ClusterView view = Run(client::Look(*client->cluster, client::LookOptions()));
      REQUIRE(view.logs.size() == 1);
      std::optional<NodeId> leader = client::HealthOf(view, view.logs[0]).leader;
      if (leader) return leader->value();
      nodes.RunFor(milliseconds(50));
    }
    return 0;
  }
  virtuallog::Segment Last() {
    auto chain = Run(client->log->ReadChain());
    REQUIRE(chain.ok());
    return (*chain)->last();
  }

  NodeWorld nodes;
  std::unique_ptr<LogProcess> client;
  std::unique_ptr<virtuallog::Appender> appender;
  uint64_t appended = 0;
};

TEST_CASE("Leader death: a short replace_after swaps the log away, a long one waits") {
  for (const std::string& kind : ElectingKinds()) {
    for (bool soon : {true, false}) {
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        CAPTURE(kind, soon, seed);
        Scene scene(seed, soon ? Duration(milliseconds(100)) : Duration(hours(1)), kind);
        scene.Append();
        SegmentIndex before = scene.Last().index;
        uint64_t leader = scene.Leader();
        REQUIRE(leader != 0);
        scene.nodes.Crash(leader);
        scene.Append();  // whoever leads now
        scene.nodes.RunFor(seconds(5));
        virtuallog::Segment last = scene.Last();
        CHECK(last.made.kind == kind);
        CHECK((last.index > before) == soon);
        if (soon) CHECK(last.made.reason.find("copies restored") == 0);
        scene.nodes.RunFor(seconds(30));
        CHECK(scene.Last().index == last.index);
        scene.Append();
      }
    }
  }
}

}  // namespace
}  // namespace vlog::testing

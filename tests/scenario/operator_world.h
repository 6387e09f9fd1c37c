// An operator and a user on simulated nodes: what the scenarios of an operator's commands play in.
#ifndef VLOG_TESTS_SCENARIO_OPERATOR_WORLD_H_
#define VLOG_TESTS_SCENARIO_OPERATOR_WORLD_H_

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/cluster_view.h"
#include "testing/node_world.h"

namespace vlog::testing {

// A client process, or an operator's.
struct Person {
  Person(NodeWorld& nodes, const std::string& host)
      : nodes(nodes),
        image(nodes.world),
        env(std::make_shared<env::SimEnv>(nodes.world, image, host, &nodes.fabric)) {}
  ~Person() { env->Crash(); }

  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> result = RunTask(nodes.world, *env, std::move(task));
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  void Connect(uint64_t seed_node) {
    client::ClusterOptions options;
    options.seeds = {NodeWorld::AddressOf(seed_node)};
    auto found = Run(client::Cluster::ConnectOn(env, std::move(options)));
    REQUIRE(found.ok());
    cluster = *std::move(found);
  }

  NodeWorld& nodes;
  env::SimDiskImage image;
  std::shared_ptr<env::SimEnv> env;
  std::unique_ptr<client::Cluster> cluster;
};

// Nodes, and a user of the log "a" that writes down what was acknowledged.
struct OperatorWorld {
  explicit OperatorWorld(uint64_t seed, uint64_t count = 3, client::NewLog made = {},
                         Duration rehome_after = Duration(0))
      : nodes(seed, count), user(nodes, "user") {
    nodes.SetRehomeAfter(rehome_after);
    nodes.StartAll();
    REQUIRE(nodes.AwaitJoined());
    user.Connect(1);
    auto opened = user.Run(user.cluster->OpenOrCreateLog("a", std::move(made)));
    REQUIRE(opened.ok());
    log = *opened;
    appender = log->NewAppender();
  }

  void Append() {
    std::string text = std::to_string(acknowledged.size());
    StatusOr<Lsn> at = user.Run(appender->Append(text));
    REQUIRE(at.ok());
    CHECK(*at == Lsn(acknowledged.size()));
    acknowledged.push_back(text);
  }
  // Reads on to the end of what was acknowledged. REQUIRES: `reader` is at `read.size()`.
  void ReadOn(virtuallog::Reader& reader, std::vector<std::string>* read) {
    while (read->size() < acknowledged.size()) {
      auto next = user.Run(reader.Next());
      INFO(next.status().ToString());
      REQUIRE(next.ok());
      REQUIRE_FALSE(next->gap.has_value());
      for (const virtuallog::RecordRun& run : next->runs) {
        run.ForEach([&](Lsn, std::string_view payload) { read->emplace_back(payload); });
      }
    }
    CHECK(*read == acknowledged);
  }
  void CheckAll() {
    std::unique_ptr<virtuallog::Reader> reader = log->NewReader(Lsn(0));
    std::vector<std::string> read;
    ReadOn(*reader, &read);
  }
  loglets::Needs OpenNeeds() {
    client::LookOptions options;
    client::ClusterView view = user.Run(client::Look(*user.cluster, options));
    REQUIRE(view.metastore.ok());
    REQUIRE(view.logs.size() == 1);
    return view.logs[0].open_segment()->needs;
  }

  NodeWorld nodes;
  Person user;
  virtuallog::SharedLog* log = nullptr;
  std::unique_ptr<virtuallog::Appender> appender;
  std::vector<std::string> acknowledged;
};

inline void Ignore(const std::string&) {}

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_OPERATOR_WORLD_H_

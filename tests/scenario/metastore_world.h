// A simulated cluster of metastore acceptors with clients of several processes: what the scenarios
// of the replicated metastore play in.
#ifndef VLOG_TESTS_SCENARIO_METASTORE_WORLD_H_
#define VLOG_TESTS_SCENARIO_METASTORE_WORLD_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/sim/sim_env.h"
#include "metastore/paxos/paxos_metastore.h"
#include "rpc/peers.h"
#include "scenario/acceptor_node.h"
#include "testing/run_task.h"

namespace vlog::testing {

// One client process. Its host is "c<number>".
struct MetastoreClient {
  MetastoreClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                  metastore::PaxosMetastoreOptions options,
                  const std::map<NodeId, env::Address>& book);
  ~MetastoreClient() { env.Crash(); }

  env::SimDiskImage image;
  env::SimEnv env;
  rpc::Peers peers;
  std::unique_ptr<metastore::PaxosMetastore> store;
};

// Nodes 1 to `nodes`, of which 1, 2 and 3 are the first acceptors. Hosts are "n1", "n2", ...
class MetastoreWorld {
 public:
  explicit MetastoreWorld(uint64_t seed, uint64_t nodes = 3);
  ~MetastoreWorld();

  static Replica ReplicaOf(uint64_t node) { return {NodeId(node), DiskId(100 + node)}; }
  static std::string Host(uint64_t node) { return "n" + std::to_string(node); }

  // Begins to open its journal and listens when that is done.
  void StartNode(uint64_t node);
  // Power is lost. Nothing happens if it is down.
  void CrashNode(uint64_t node);
  bool IsUp(uint64_t node) { return nodes_.at(node).env != nullptr; }
  void RestartNode(uint64_t node) { CrashNode(node), StartNode(node); }
  // The node comes back with an empty disk of another id. REQUIRES: it is down.
  void WipeNode(uint64_t node);
  // The node, once it serves; else null.
  AcceptorNode* node(uint64_t node);
  env::SimDiskImage& image(uint64_t node) { return *nodes_.at(node).image; }
  // True when all nodes that are up serve.
  bool AwaitNodes();

  // A client that knows where all nodes are; the next life of the same host if it has one.
  std::unique_ptr<MetastoreClient> NewClient(const std::string& host);
  metastore::PaxosMetastoreOptions& options() { return options_; }

  template <typename T>
  std::optional<T> Run(MetastoreClient& client, Task<T> task) {
    return RunTask<T>(world, client.env, std::move(task));
  }
  StatusOr<Version> Write(MetastoreClient& client, const std::string& value, uint64_t expected) {
    return *Run(client, client.store->Write("a", value, Version(expected)));
  }
  StatusOr<metastore::Versioned> Read(MetastoreClient& client) {
    return *Run(client, client.store->Read("a"));
  }
  bool RunFor(Duration time) {
    return world.RunUntil([] { return false; }, world.now() + time);
  }

  env::SimWorld world;
  env::SimFabric fabric;

 private:
  using Opened = Outcome<StatusOr<std::unique_ptr<AcceptorNode>>>;
  struct Machine {
    Replica replica;
    std::unique_ptr<env::SimDiskImage> image;
    std::unique_ptr<env::SimEnv> env;
    Opened opened;
  };

  std::map<uint64_t, Machine> nodes_;
  std::map<NodeId, env::Address> book_;
  metastore::PaxosMetastoreOptions options_;
  uint64_t boots_ = 0;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_METASTORE_WORLD_H_

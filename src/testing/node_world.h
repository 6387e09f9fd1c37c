// A simulated cluster of whole nodes, as vlogd runs them, each with its disk and its host
// "n<number>".
#ifndef VLOG_TESTING_NODE_WORLD_H_
#define VLOG_TESTING_NODE_WORLD_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/sim/sim_env.h"
#include "metastore/paxos/paxos_metastore.h"
#include "server/kinds.h"
#include "server/node.h"
#include "server/node_client.h"
#include "testing/run_task.h"

namespace vlog::testing {

// A client process on a host of its own, with a metastore that finds the cluster through node 1 and
// whoever it names.
struct NodeWorldClient {
  NodeWorldClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                  std::vector<env::Address> seeds, ClusterId cluster = ClusterId());
  ~NodeWorldClient() { env.Crash(); }

  env::SimDiskImage image;
  env::SimEnv env;
  server::NodeClient nodes;
  std::unique_ptr<metastore::PaxosMetastore> store;  // after NodeWorld::Connect()
};

class NodeWorld {
 public:
  using MakeKinds = std::function<std::vector<std::unique_ptr<loglets::HostableKind>>()>;

  // All nodes are formatted, none runs.
  explicit NodeWorld(uint64_t seed, uint64_t nodes = 3, MakeKinds kinds = server::HostableKinds);
  ~NodeWorld();

  static std::string Host(uint64_t node) { return "n" + std::to_string(node); }
  static env::Address AddressOf(uint64_t node) { return {Host(node), 7400}; }

  // Makes an empty disk, with an identity on it. REQUIRES: it is down.
  void Format(uint64_t node);
  // Peers that a node is configured with from its next start on; all nodes unless set.
  void SetPeers(uint64_t node, std::vector<uint64_t> peers) { peers_[node] = std::move(peers); }
  // Size of the journal's files from the next start of a node on; 4 MiB unless set.
  void SetSegmentBytes(uint64_t bytes) { segment_bytes_ = bytes; }
  // monitor.replace_after of all nodes from their next start on; as configured unless set.
  void SetReplaceAfter(Duration time) { replace_after_ = time; }
  // When copies of sealed segments are moved, from the next start of a node on; as configured
  // unless set.
  void SetRehomeAfter(Duration after) { rehome_after_ = after; }
  // Begins to start. REQUIRES: it is down.
  void Start(uint64_t node);
  void StartAll();
  // Power is lost. Nothing happens if it is down.
  void Crash(uint64_t node);
  // In good order; the node is down then.
  Status Stop(uint64_t node);

  bool IsUp(uint64_t node) { return machines_.at(node).env != nullptr; }
  // Puts another disk in and returns the one that was there. REQUIRES: it is down.
  std::unique_ptr<env::SimDiskImage> SwapDisk(uint64_t node,
                                              std::unique_ptr<env::SimDiskImage> disk);
  // How far the node's wall clock is off, now and in its next lives.
  void SetWallClockError(uint64_t node, Duration error);
  // The node, once it serves; else null.
  server::Node* node(uint64_t node);
  // Why it did not start; OK while it is on its way and when it serves.
  Status StartError(uint64_t node);
  // Why it cannot go on, or did not start: vlogd ends then. OK while it is well.
  Status Failure(uint64_t node);
  env::SimEnv& env(uint64_t node) { return *machines_.at(node).env; }
  env::SimDiskImage& image(uint64_t node) { return *machines_.at(node).image; }
  std::string log() const { return log_; }  // of all nodes
  ClusterId cluster() const { return cluster_; }

  // True when all nodes that are up have joined; false after a minute.
  bool AwaitJoined();
  // Until `done()`; false after a minute of virtual time.
  bool RunUntil(std::function<bool()> done);
  void RunFor(Duration time);

  std::unique_ptr<NodeWorldClient> NewClient(const std::string& host, uint64_t seed_node = 1,
                                             ClusterId cluster = ClusterId());
  // Finds the cluster and makes the client's metastore.
  Status Connect(NodeWorldClient& client);
  StatusOr<Version> Write(NodeWorldClient& client, const std::string& value, uint64_t expected);
  StatusOr<metastore::Versioned> Read(NodeWorldClient& client);

  env::SimWorld world;
  env::SimFabric fabric;

 private:
  using Started = Outcome<StatusOr<std::unique_ptr<server::Node>>>;
  struct Machine {
    std::unique_ptr<env::SimDiskImage> image;
    std::unique_ptr<env::SimEnv> env;
    Started started;
    Outcome<Status> failed;  // once somebody asked
    Duration wall_error{0};
  };
  server::NodeConfig ConfigOf(uint64_t node);

  MakeKinds kinds_;
  std::map<uint64_t, std::vector<uint64_t>> peers_;
  std::map<uint64_t, Machine> machines_;
  ClusterId cluster_{0xc105};
  uint64_t segment_bytes_ = 0;  // 0: as configured
  Duration replace_after_{0};   // 0: as configured
  Duration rehome_after_{0};    // the same
  std::string log_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTING_NODE_WORLD_H_

// A simulated cluster of nodes that host one replicated kind, with clients in processes of their
// own: what the scenarios of these kinds play in. Nodes and clients start, crash, pause, and are
// cut off.
#ifndef VLOG_TESTS_SCENARIO_REPLICATED_WORLD_H_
#define VLOG_TESTS_SCENARIO_REPLICATED_WORLD_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/sim/sim_env.h"
#include "loglets/replicated/replica_host.h"
#include "loglets/replicated/replicated_kind.h"
#include "rpc/server.h"
#include "scenario/cluster_world.h"
#include "testing/run_task.h"

namespace vlog::testing {

// One node that hosts one replicated kind and nothing else.
struct ReplicatedNode {
  ReplicatedNode(env::Env& env, rpc::Identity identity)
      : dispatcher(env), peers(env, std::move(identity), &dispatcher, rpc::PeersOptions()) {}

  // Opens the journal in "journal" and listens at `at`. The Env outlives the node.
  static Task<StatusOr<std::unique_ptr<ReplicatedNode>>> Open(env::Env& env,
                                                              loglets::replicated::ReplicaKind kind,
                                                              rpc::Identity identity,
                                                              env::Address at);
  static Task<Status> Stop(ReplicatedNode& node);
  void SetAddresses(const AddressBook& book);
  loglets::replicated::ReplicaHost& replicas() {
    return static_cast<loglets::replicated::ReplicaHost&>(*host);
  }

  std::unique_ptr<loglets::HostableKind> hostable;
  std::unique_ptr<storage::Journal> journal;
  rpc::Dispatcher dispatcher;
  rpc::Peers peers;
  std::unique_ptr<loglets::KindHost> host;
  std::shared_ptr<rpc::Server> server;
};

// One client process. Its host is "c1", "c2", ...
struct ReplicatedClient {
  ReplicatedClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                   loglets::replicated::ReplicaKind kind, loglets::ReplicatedKindOptions options,
                   const AddressBook& book);
  ~ReplicatedClient() { env.Crash(); }

  env::SimDiskImage image;
  env::SimEnv env;
  rpc::Peers peers;
  std::unique_ptr<loglets::LogletKind> kind;
};

// Nodes 1 to `nodes` on the hosts "n1", "n2", ...
class ReplicatedWorld {
 public:
  ReplicatedWorld(uint64_t seed, uint64_t nodes, loglets::replicated::ReplicaKind kind);
  ~ReplicatedWorld();

  static std::string Host(uint64_t node) { return "n" + std::to_string(node); }

  // Begins to open its journal and listens when that is done.
  void StartNode(uint64_t node);
  // Power is lost. Nothing happens if it is down.
  void CrashNode(uint64_t node);
  void RestartNode(uint64_t node);
  // The node comes back with an empty disk of another id. REQUIRES: it is down.
  void WipeNode(uint64_t node);
  void PauseNode(uint64_t node, Duration time);
  bool IsUp(uint64_t node) { return nodes_.at(node).env != nullptr; }
  // The node, once it serves; else null.
  ReplicatedNode* node(uint64_t node);
  env::SimEnv& env(uint64_t node) { return *nodes_.at(node).env; }
  env::SimDiskImage& image(uint64_t node) { return *nodes_.at(node).image; }
  // True when all nodes that are up serve.
  bool AwaitNodes();
  // What a node says of the loglet `id`; none while it is down or has nothing of it.
  std::optional<loglets::HostedLoglet> RowOf(uint64_t node);
  // Which node says that it leads; 0: none or several do.
  uint64_t Leader();
  bool AwaitLeader() {
    return Until([this] { return Leader() != 0; });
  }

  // A client that knows where all nodes are.
  std::unique_ptr<ReplicatedClient> NewClient(const std::string& host);
  const AddressBook& book() const { return book_; }
  loglets::ReplicatedKindOptions& options() { return options_; }

  template <typename T>
  T Run(ReplicatedClient& client, Task<T> task) {
    return *RunTask<T>(world, client.env, std::move(task));
  }
  // Parameters by which `node` leads first.
  std::string Propose(ReplicatedClient& client, uint64_t node = 1);
  std::shared_ptr<loglets::Loglet> Open(ReplicatedClient& client, const std::string& params,
                                        std::optional<Offset> end = std::nullopt);
  StatusOr<Offset> Append(loglets::Loglet& loglet, uint64_t writer, uint64_t first,
                          uint32_t count = 1);
  StatusOr<Offset> Wait(Appended appended);
  // The payloads of [from, to); what is missing is an error.
  StatusOr<std::vector<std::string>> ReadAll(ReplicatedClient& client, loglets::Loglet& loglet,
                                             uint64_t from, uint64_t to);
  // Steps until `done()`, and checks the invariants of all replicas on the way. False after a
  // minute.
  bool Until(const std::function<bool()>& done);
  void RunFor(Duration time) {
    Instant end = world.now() + time;
    Until([this, end] { return world.now() >= end; });
  }

  env::SimWorld world;
  env::SimFabric fabric;
  const LogletId id{"races", SegmentIndex(4), ProposalId(77)};

 private:
  using Opened = Outcome<StatusOr<std::unique_ptr<ReplicatedNode>>>;
  struct Machine {
    Replica replica;
    std::unique_ptr<env::SimDiskImage> image;
    std::unique_ptr<env::SimEnv> env;
    Opened opened;
    bool addressed = false;
    uint64_t boots = 0;  // of this disk: one that was wiped counts anew
  };

  void CheckInvariants();

  const loglets::replicated::ReplicaKind kind_;
  uint64_t steps_ = 0;
  std::map<uint64_t, Machine> nodes_;
  AddressBook book_;
  loglets::ReplicatedKindOptions options_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_REPLICATED_WORLD_H_

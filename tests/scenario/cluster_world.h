// A simulated cluster of nodes that host the sequencer kind, with clients in processes of their
// own: what the scenarios of that kind play in. Nodes and clients start, crash, pause, and are cut
// off.
#ifndef VLOG_TESTS_SCENARIO_CLUSTER_WORLD_H_
#define VLOG_TESTS_SCENARIO_CLUSTER_WORLD_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/sim/sim_env.h"
#include "loglets/sequencer/sequencer_kind.h"
#include "scenario/cluster_node.h"
#include "testing/run_task.h"

namespace vlog::testing {

// One client process. Its host is "c1", "c2", ...
struct ClusterClient {
  ClusterClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                loglets::SequencerKindOptions options, const AddressBook& book);
  ~ClusterClient() { env.Crash(); }

  env::SimDiskImage image;
  env::SimEnv env;
  rpc::Peers peers;
  std::unique_ptr<loglets::LogletKind> kind;
};

using Appended = std::shared_ptr<std::optional<StatusOr<Offset>>>;

// `count` records "w<writer>.<sequence number>".
Batch MakeBatch(uint64_t writer, uint64_t first, uint32_t count);
// Starts an append; its answer appears in the result.
Appended StartAppend(loglets::Loglet& loglet, Batch batch);

// Nodes 1 to `nodes` on the hosts "n1", "n2", ...
class ClusterWorld {
 public:
  explicit ClusterWorld(uint64_t seed, uint64_t nodes = 3,
                        loglets::sequencer::SequencerOptions sequencers = {});
  ~ClusterWorld();

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
  ClusterNode* node(uint64_t node);
  env::SimEnv& env(uint64_t node) { return *nodes_.at(node).env; }
  env::SimDiskImage& image(uint64_t node) { return *nodes_.at(node).image; }
  // True when all nodes that are up serve.
  bool AwaitNodes();

  // A client that knows where all nodes are.
  std::unique_ptr<ClusterClient> NewClient(const std::string& host);
  const AddressBook& book() const { return book_; }
  loglets::SequencerKindOptions& options() { return options_; }

  template <typename T>
  T Run(ClusterClient& client, Task<T> task) {
    return *RunTask<T>(world, client.env, std::move(task));
  }
  // Parameters with the sequencer on `node`, proposed by `client`.
  std::string Propose(ClusterClient& client, uint64_t node);
  std::shared_ptr<loglets::Loglet> Open(ClusterClient& client, const std::string& params,
                                        std::optional<Offset> end = std::nullopt);
  StatusOr<Offset> Append(loglets::Loglet& loglet, uint64_t writer, uint64_t first,
                          uint32_t count = 1);
  StatusOr<Offset> Wait(Appended appended);
  // The payloads of [from, to); what is missing is an error.
  StatusOr<std::vector<std::string>> ReadAll(ClusterClient& client, loglets::Loglet& loglet,
                                             uint64_t from, uint64_t to);
  // False after a minute.
  bool Until(std::function<bool()> done) {
    return world.RunUntil(std::move(done), world.now() + std::chrono::minutes(1));
  }
  void RunFor(Duration time) {
    world.RunUntil([] { return false; }, world.now() + time);
  }

  env::SimWorld world;
  env::SimFabric fabric;
  const LogletId id{"races", SegmentIndex(4), ProposalId(77)};

 private:
  using Opened = Outcome<StatusOr<std::unique_ptr<ClusterNode>>>;
  struct Machine {
    Replica replica;
    std::unique_ptr<env::SimDiskImage> image;
    std::unique_ptr<env::SimEnv> env;
    Opened opened;
    bool addressed = false;
    uint64_t boots = 0;  // of this disk: one that was wiped counts anew
  };

  const loglets::sequencer::SequencerOptions sequencers_;
  std::map<uint64_t, Machine> nodes_;
  AddressBook book_;
  loglets::SequencerKindOptions options_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_CLUSTER_WORLD_H_

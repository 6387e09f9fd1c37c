// A cluster of three whole nodes, as vlogd runs them, and clients of one log: what the races of the
// cluster play in. All that the clients do is written down and judged in the end.
#ifndef VLOG_TESTS_SCENARIO_CLUSTER_SCENE_H_
#define VLOG_TESTS_SCENARIO_CLUSTER_SCENE_H_

#include <memory>
#include <string>
#include <vector>

#include "testing/log_process.h"
#include "testing/log_workload.h"

namespace vlog::testing {

inline constexpr uint64_t kSceneNodes = 3;

struct SceneClient : LogProcess {
  using LogProcess::LogProcess;
  ~SceneClient() { Crash(); }

  std::unique_ptr<virtuallog::Appender> appender;
  std::unique_ptr<LogWorkload> workload;
};

using AppendedAt = std::shared_ptr<std::optional<StatusOr<Lsn>>>;

class ClusterScene {
 public:
  // All nodes have joined. The first segment has its sequencer on node 1.
  explicit ClusterScene(uint64_t seed);
  ~ClusterScene();

  env::SimWorld& world() { return nodes.world; }
  env::SimFabric& fabric() { return nodes.fabric; }

  // A client on `host` whose log is open.
  std::unique_ptr<SceneClient> NewClient(const std::string& host);
  // Writers, a reader and tail checks, until the client goes.
  void Load(SceneClient& client);
  // One record more of the client's appender.
  AppendedAt Append(SceneClient& client);
  // The same, and waits for the answer, for a minute.
  StatusOr<Lsn> AppendNow(SceneClient& client);

  // Swaps of the last segment; the answer appears in the result. A fail-over takes the loglet for
  // dead and declares no intent.
  Outcome<Status> StartSwap(SceneClient& client, loglets::Placement wish = {},
                            std::string kind = "");
  Outcome<Status> StartFailOver(SceneClient& client);
  StatusOr<Lsn> CheckTail(SceneClient& client);

  // False after a minute.
  bool Until(std::function<bool()> done) { return nodes.RunUntil(std::move(done)); }
  void RunFor(Duration time) { nodes.RunFor(time); }
  void Step(uint64_t steps);
  template <typename T>
  T Run(SceneClient& client, Task<T> task) {
    return *RunTask<T>(world(), *client.env, std::move(task));
  }

  void Cut(const std::string& a, const std::string& b);  // both directions
  // Everything works again: reads all, appends, swaps. What is wrong with the answers or with the
  // history; "" if nothing is. The clients have gone.
  std::string Verdict();
  // Records that a read of the whole log shows, by value.
  std::vector<std::string> ReadAll(SceneClient& client);
  uint64_t acked() const { return counts_.acked; }

  NodeWorld nodes;

 private:
  static Task<Status> Swap(virtuallog::SharedLog* log, virtuallog::ReconfigureRequest request);
  static Task<Status> FailOver(virtuallog::SharedLog* log, std::string reason);
  static Task<Status> ReadTo(virtuallog::SharedLog* log, Lsn tail,
                             std::vector<std::string>* records);

  HistoryRecorder history_;
  WorkloadCounts counts_;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_CLUSTER_SCENE_H_

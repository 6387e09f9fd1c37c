// A cluster of real vlogd processes on loopback, for programs that try one out: the demo and the
// benchmarks. What they store lies in one folder; they end with this process.
#ifndef VLOG_TOOLS_LOCAL_CLUSTER_LOCAL_CLUSTER_H_
#define VLOG_TOOLS_LOCAL_CLUSTER_LOCAL_CLUSTER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/network.h"
#include "local_cluster/child_process.h"

namespace vlog::local_cluster {

struct LocalClusterOptions {
  std::string vlogd;      // the program; "": the one beside this program
  std::string directory;  // made where it is missing; node1, node2 ... in it are formatted
  std::string logs;       // folder of node1.log ...; "": `directory`
  uint32_t nodes = 3;     // numbered from 1
  std::string config;     // lines of a configuration that all nodes share, without peers
  Duration patience = std::chrono::seconds(30);  // until a node serves
};

// Calls with a node REQUIRE that it is one of nodes().
//
// Thread rule: the main thread, for the nodes end with the thread that started them. Calls block.
class LocalCluster {
 public:
  // OK: all nodes serve. kInvalidArgument: no such program, or the nodes' folders are in use.
  // kUnavailable: a node does not come up; the message ends with the last lines of its log.
  static StatusOr<std::unique_ptr<LocalCluster>> Start(LocalClusterOptions options);
  // Kills all nodes.
  ~LocalCluster();

  std::vector<NodeId> nodes() const;
  // Of all nodes in their order, running or not; the same for the whole life.
  std::vector<env::Address> addresses() const;
  // 0: it was killed, or its end was seen.
  pid_t pid(NodeId node) const;
  // Whether its process lives; sees its end.
  bool Running(NodeId node) { return Find(node).process.Running(); }

  // SIGKILL; returns when the process is gone. Nothing if none runs.
  void Kill(NodeId node);
  // SIGSTOP and SIGCONT. Nothing if none runs.
  void Pause(NodeId node);
  void Resume(NodeId node);
  // Starts it again on its folder and its ports, at once after Kill(); returns before it serves.
  // REQUIRES: it was killed. Errors as ChildProcess::Start().
  Status Restart(NodeId node);
  // Whether it says that it does all its work. Blocks until it answers, a second at most.
  bool Serves(NodeId node) const { return Health(Find(node)).ok(); }
  // Waits for that. kUnavailable as Start().
  Status AwaitServing(NodeId node) { return AwaitServing(std::vector<NodeId>{node}); }
  // The error that says what a node lacks, and ends with the last lines of its log.
  Status NotServing(NodeId node) const;

 private:
  struct Node {
    NodeId id;
    uint16_t port = 0;
    uint16_t http_port = 0;
    ChildProcess process;
  };

  explicit LocalCluster(LocalClusterOptions options) : options_(std::move(options)) {}
  // kAborted: another process has taken a port.
  Status Begin();
  Status ChoosePorts();
  Status WriteConfig();
  Status Format();
  StatusOr<std::string> FormatNode(const Node& node, const std::string& cluster);
  Status Launch(Node& node);
  Status AwaitServing(const std::vector<NodeId>& nodes);
  static Status Health(const Node& node);

  const Node& Find(NodeId node) const;
  Node& Find(NodeId node) { return const_cast<Node&>(std::as_const(*this).Find(node)); }
  std::string FolderOf(const Node& node) const;
  std::string LogOf(const Node& node) const;

  LocalClusterOptions options_;
  std::string config_file_;
  std::vector<Node> nodes_;
};

}  // namespace vlog::local_cluster

#endif  // VLOG_TOOLS_LOCAL_CLUSTER_LOCAL_CLUSTER_H_

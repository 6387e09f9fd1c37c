// Three real nodes on loopback and this process as their client, with one log and one append
// handle.
#ifndef VLOG_BENCH_CLUSTER_OPENED_CLUSTER_H_
#define VLOG_BENCH_CLUSTER_OPENED_CLUSTER_H_

#include <memory>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "local_cluster/local_cluster.h"

namespace vlog::bench {

// The name of the one log.
inline constexpr char kLogName[] = "bench";

// Thread rule: the main thread, which runs the client's loop. What changes processes blocks the
// loop, for the time of a fork at most, except where a method says otherwise.
struct OpenedCluster {
  std::unique_ptr<local_cluster::LocalCluster> nodes;
  std::unique_ptr<client::Cluster> client;
  virtuallog::SharedLog* log = nullptr;
  std::unique_ptr<virtuallog::Appender> appender;

  async::Scheduler& scheduler() const { return client->env().scheduler(); }
  // Of the log's last segment, as far as this client knows.
  StatusOr<NodeId> Sequencer() const;
  // Who orders the records of the last segment: its sequencer, or whoever leads it, as the nodes
  // say. kUnavailable: nobody, or more than one, for 10 s.
  Task<StatusOr<NodeId>> Leader();
  // That nodes host, the sequencer kind first.
  std::vector<std::string> Kinds() const;
  // The first node but this one.
  NodeId NodeBeside(NodeId node) const;
  std::vector<pid_t> Processes() const;

  // Of all nodes together: groups, each of which is one sync, and their bytes.
  Task<StatusOr<storage::JournalStats>> JournalStats();

  // SIGKILL, without waiting for the process to be gone.
  void KillSoon(NodeId node);
  // REQUIRES: it was killed. Starts it, and AwaitBack().
  Task<Status> RestartAndAwait(NodeId node);
  // Waits until the node serves and its copy holds what was committed before the call, so that it
  // is worth as much as the others again. kUnavailable: it takes longer than 30 s.
  Task<Status> AwaitBack(NodeId node);
  // A planned move of the log's last segment. Its errors are those of Reconfigure().
  Task<Status> MoveTo(NodeId sequencer);
  // A planned swap to another kind, or to a new loglet of the same.
  Task<Status> SwapTo(std::string kind);
  Task<void> Sleep(Duration duration);

  Task<Status> Close();

 private:
  Task<std::vector<NodeId>> LeadersOf(LogletId id);
  // Whether the node serves and holds the last segment up to `tail`.
  Task<bool> HasUpTo(NodeId node, Lsn tail);
};

// Starts the nodes in `directory`, which is made.
Task<StatusOr<OpenedCluster>> OpenCluster(boost::asio::any_io_executor executor,
                                          std::string directory);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_OPENED_CLUSTER_H_

// One node of a cluster: the parts that its data directory, its configuration and the kinds that it
// hosts make up (DESIGN 8). Runs on any Env; the program around it is tools/vlogd.
//
//   data directory (identity, lock, boot number) -> journal -> acceptor, kinds -> rpc server ->
//   join
//
// Each part starts when what stands before it works, and stops in the opposite order.
#ifndef VLOG_SERVER_NODE_H_
#define VLOG_SERVER_NODE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "loglets/host.h"
#include "metastore/paxos/acceptor_server.h"
#include "rpc/peers.h"
#include "rpc/server.h"
#include "server/cluster_join.h"
#include "server/cluster_watch.h"
#include "server/config.h"
#include "server/log.h"
#include "server/node_identity.h"
#include "server/node_status.h"

namespace vlog::server {

// The folder of the journal in the data directory.
inline constexpr char kJournalDirectory[] = "journal";

struct NodeOptions {
  NodeConfig config;
  std::vector<std::unique_ptr<loglets::HostableKind>> kinds;
  // Registers the same kinds as clients see them, for the monitor; null: the node watches nothing.
  std::function<void(env::Env&, rpc::Peers&, std::vector<NodeId>, loglets::NodesInService,
                     loglets::LogletFactory*)>
      client_kinds;
  std::string version;  // of the program, for people
};

// Thread rule: the Env's executor. The Env, whose disk is the data directory, outlives it. Stop()
// is awaited before it is destroyed (a crash drops both).
class Node {
 public:
  // A node that listens. It goes on to join its cluster by itself, when enough of the others are
  // there, and serves from then on; status() tells.
  //   kNotFound, kAlreadyExists, kInvalidArgument, kDataLoss   as DataDirectory::Open()
  //   kDataLoss         the journal is gone, or damaged beyond what it can settle
  //   kAlreadyExists    another socket listens at network.listen
  //   kInvalidArgument  network.listen is not an address of this machine
  //   others            of disk and network
  static Task<StatusOr<std::unique_ptr<Node>>> Start(env::Env& env, NodeOptions options,
                                                     Logger log);

  // OK: it has joined its cluster. Else as AwaitFailure().
  Task<Status> AwaitJoined();
  // Returns once the node cannot go on: its journal has stopped, or its disk cannot take part in
  // the cluster. Why; the caller calls Stop() then. kCancelled: somebody else called Stop().
  Task<Status> AwaitFailure();

  // Takes nothing more, answers what has arrived, until `deadline`, closes the journal. OK: all of
  // that. Once.
  Task<Status> Stop(Instant deadline);

  const NodeIdentity& identity() const { return directory_->identity(); }
  // Where it listens, with the port that it got.
  env::Address address() const { return server_->address(); }
  bool joined() const { return join_->joined(); }
  NodeStatus status() const;
  // The nodes of the configuration and those that the cluster's register names, as far as it is
  // known here.
  Members members() const;

  rpc::Peers& peers() { return *peers_; }
  storage::Journal& journal() { return *journal_; }

 private:
  Node(env::Env& env, NodeOptions options, Logger log);

  // Starting, in this order; in node.cc.
  Task<Status> OpenDirectory();
  Task<Status> OpenJournal();
  void OpenPeers();
  Task<Status> StartHosts();
  Task<Status> Listen();
  Task<void> Join();
  void TellJoined();
  void StartWatch();
  Task<void> WatchJournal();
  std::unique_ptr<storage::StreamState> NewStreamState(const std::string& kind) const;
  void RegisterMethods();
  void Fail(Status why);
  static Task<void> StopServer(std::shared_ptr<rpc::Server> server, Instant deadline);

  std::string Advertised() const;
  std::vector<PeerStatus> PeerStatuses() const;
  void AddLoglets(NodeStatus* status) const;

  struct HostedKind {
    std::string name;
    std::unique_ptr<loglets::KindHost> host;
    bool started = false;
  };

  env::Env& env_;
  const NodeConfig config_;
  const std::vector<std::unique_ptr<loglets::HostableKind>> kinds_;
  const decltype(NodeOptions::client_kinds) client_kinds_;
  const std::string version_;
  Logger log_;
  const Instant started_;
  bool stopping_ = false;
  Status failure_;

  std::unique_ptr<DataDirectory> directory_;
  rpc::Dispatcher dispatcher_;
  std::unique_ptr<storage::Journal> journal_;
  std::unique_ptr<rpc::Peers> peers_;
  std::unique_ptr<metastore::AcceptorServer> acceptor_;
  std::unique_ptr<ClusterJoin> join_;
  std::vector<HostedKind> hosts_;
  std::shared_ptr<rpc::Server> server_;
  loglets::LogletFactory client_factory_;
  std::unique_ptr<ClusterWatch> watch_;  // once joined
  async::Event changed_;                 // stopping_ or failure_ did
  async::TaskGroup tasks_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_H_

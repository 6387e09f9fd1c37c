// A cluster of nodes, as a program that uses its logs sees it, on the caller's Asio executor.
#ifndef VLOG_CLIENT_CLUSTER_H_
#define VLOG_CLIENT_CLUSTER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "loglets/factory.h"
#include "metastore/paxos/paxos_metastore.h"
#include "server/node_client.h"
#include "virtuallog/shared_log.h"

namespace vlog::client {

struct ClusterOptions {
  std::vector<env::Address> seeds;  // any nodes; one that lives is enough
  ClusterId cluster;                // 0: whichever the first seed that answers belongs to
  Duration patience = std::chrono::seconds(5);  // to find it
};

// What a log is made of that does not exist yet.
struct NewLog {
  std::string kind = "sequencer";
  loglets::Placement placement = {};  // left empty: nodes in service, majority, the first sequencer
  // What its successors are to be like; none: what of the placement is named, and nothing else.
  std::optional<loglets::Policy> policy = {};
};

// Thread rule: everything on `executor`, which must be serial: an io_context run by one thread, or
// a strand. Await Close() before destroying it.
class Cluster {
 public:
  // kUnavailable: no seed answers; the message says why, seed by seed. kAborted: a seed belongs to
  // another cluster or speaks another version.
  static Task<StatusOr<std::unique_ptr<Cluster>>> Connect(boost::asio::any_io_executor executor,
                                                          ClusterOptions options);
  // The same on another world; for the simulator.
  static Task<StatusOr<std::unique_ptr<Cluster>>> ConnectOn(std::shared_ptr<env::Env> env,
                                                            ClusterOptions options);
  ~Cluster();

  // The log of this name, opened once and owned by the cluster. kNotFound: there is none.
  Task<StatusOr<virtuallog::SharedLog*>> OpenLog(std::string name);
  // The same, and makes it if there is none.
  Task<StatusOr<virtuallog::SharedLog*>> OpenOrCreateLog(std::string name, NewLog made);
  // Makes a log. kAlreadyExists: there is one of this name.
  Task<StatusOr<virtuallog::SharedLog*>> CreateLog(std::string name, NewLog made);
  Task<StatusOr<std::vector<std::string>>> Logs() { return metastore_->List(); }

  server::NodeClient& nodes() { return *nodes_; }
  metastore::PaxosMetastore& metastore() { return *metastore_; }
  const loglets::LogletFactory& factory() const { return factory_; }
  // The nodes, as the first seed that answered told.
  const server::Members& members() const { return members_; }
  env::Env& env() { return *env_; }

  // Close the handles first.
  Task<void> Close();

 private:
  Cluster(std::shared_ptr<env::Env> env, ClusterOptions options);
  Task<Status> Find();
  Task<StatusOr<virtuallog::SharedLog*>> Open(std::string name, virtuallog::OpenOptions options);
  static virtuallog::OpenOptions OptionsOf(NewLog made);

  std::shared_ptr<env::Env> env_;
  ClusterOptions options_;
  std::unique_ptr<server::NodeClient> nodes_;
  server::Members members_;
  std::unique_ptr<metastore::PaxosMetastore> metastore_;
  loglets::LogletFactory factory_;
  std::map<std::string, std::unique_ptr<virtuallog::SharedLog>> logs_;
};

}  // namespace vlog::client

#endif  // VLOG_CLIENT_CLUSTER_H_

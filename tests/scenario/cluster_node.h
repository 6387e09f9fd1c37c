// One node that hosts the sequencer kind and nothing else.
#ifndef VLOG_TESTS_SCENARIO_CLUSTER_NODE_H_
#define VLOG_TESTS_SCENARIO_CLUSTER_NODE_H_

#include <map>
#include <memory>
#include <string>

#include "loglets/host.h"
#include "loglets/sequencer/sequencer_kind_host.h"
#include "rpc/server.h"

namespace vlog::testing {

using AddressBook = std::map<NodeId, env::Address>;

rpc::Identity ClientIdentity(env::Env& env);
rpc::Identity NodeIdentity(env::Env& env, Replica replica, Incarnation incarnation);

struct ClusterNode {
  ClusterNode(env::Env& env, rpc::Identity identity)
      : dispatcher(env), peers(env, std::move(identity), &dispatcher, rpc::PeersOptions()) {}

  // Opens the journal in `directory` and listens at `at`. The Env outlives the node.
  static Task<StatusOr<std::unique_ptr<ClusterNode>>> Open(
      env::Env& env, std::string directory, rpc::Identity identity, env::Address at,
      loglets::sequencer::SequencerOptions options = {});
  static Task<Status> Stop(ClusterNode& node);
  void SetAddresses(const AddressBook& book);

  std::unique_ptr<loglets::HostableKind> hostable;
  std::unique_ptr<storage::Journal> journal;
  rpc::Dispatcher dispatcher;
  rpc::Peers peers;
  std::unique_ptr<loglets::KindHost> host;
  std::shared_ptr<rpc::Server> server;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_CLUSTER_NODE_H_

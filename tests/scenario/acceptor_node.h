// One node that hosts an acceptor of the replicated metastore and nothing else.
#ifndef VLOG_TESTS_SCENARIO_ACCEPTOR_NODE_H_
#define VLOG_TESTS_SCENARIO_ACCEPTOR_NODE_H_

#include <memory>
#include <string>

#include "metastore/paxos/acceptor_server.h"
#include "rpc/server.h"

namespace vlog::testing {

struct AcceptorNode {
  explicit AcceptorNode(env::Env& env) : dispatcher(env) {}

  // Opens the journal in `directory`, formats it if it is new, and listens at `at`. The Env
  // outlives the node.
  static Task<StatusOr<std::unique_ptr<AcceptorNode>>> Open(env::Env& env, std::string directory,
                                                            metastore::ClusterRecord record,
                                                            Incarnation incarnation,
                                                            env::Address at);

  std::unique_ptr<storage::Journal> journal;
  rpc::Dispatcher dispatcher;
  std::unique_ptr<metastore::AcceptorServer> acceptor;
  std::shared_ptr<rpc::Server> server;
};

}  // namespace vlog::testing

#endif  // VLOG_TESTS_SCENARIO_ACCEPTOR_NODE_H_

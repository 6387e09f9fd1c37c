#include "scenario/acceptor_node.h"

namespace vlog::testing {

Task<StatusOr<std::unique_ptr<AcceptorNode>>> AcceptorNode::Open(env::Env& env,
                                                                 std::string directory,
                                                                 metastore::ClusterRecord record,
                                                                 Incarnation incarnation,
                                                                 env::Address at) {
  storage::JournalOptions options;
  options.segment_bytes = 4 << 20;
  options.checkpoint_bytes = 64 << 10;
  StatusOr<std::unique_ptr<storage::Journal>> journal =
      co_await storage::Journal::Open(env, directory, options, metastore::NewAcceptorStreamState);
  VLOG_CO_RETURN_IF_ERROR(journal);
  auto node = std::make_unique<AcceptorNode>(env);
  node->journal = *std::move(journal);
  node->acceptor =
      std::make_unique<metastore::AcceptorServer>(env, *node->journal, node->dispatcher);
  Status formatted = co_await node->acceptor->Format(record);
  // A node that cannot be formatted serves what it may.
  if (!formatted.ok() && !absl::IsAlreadyExists(formatted) && !absl::IsDataLoss(formatted)) {
    co_return formatted;
  }
  rpc::Identity identity;
  identity.cluster = record.cluster;
  identity.node = record.self.node;
  identity.disk = record.self.disk;
  identity.incarnation = incarnation;
  identity.instance = env.RandomId();
  identity.process = env.ProcessName();
  node->server = rpc::NewServer(env, identity, node->dispatcher, rpc::ServerOptions(), nullptr);
  Status listening = co_await node->server->Listen(at);
  VLOG_CO_RETURN_IF_ERROR(listening);
  co_return node;
}

}  // namespace vlog::testing

#include "scenario/cluster_node.h"

namespace vlog::testing {
namespace {

constexpr ClusterId kCluster(42);

}  // namespace

rpc::Identity ClientIdentity(env::Env& env) {
  rpc::Identity identity;
  identity.cluster = kCluster;
  identity.instance = env.RandomId();
  identity.process = env.ProcessName();
  return identity;
}

rpc::Identity NodeIdentity(env::Env& env, Replica replica, Incarnation incarnation) {
  rpc::Identity identity = ClientIdentity(env);
  identity.node = replica.node;
  identity.disk = replica.disk;
  identity.incarnation = incarnation;
  return identity;
}

Task<StatusOr<std::unique_ptr<ClusterNode>>> ClusterNode::Open(
    env::Env& env, std::string directory, rpc::Identity identity, env::Address at,
    loglets::sequencer::SequencerOptions options) {
  storage::JournalOptions journal_options;
  journal_options.segment_bytes = 4 << 20;
  journal_options.checkpoint_bytes = 64 << 10;
  auto node = std::make_unique<ClusterNode>(env, identity);
  node->hostable = loglets::NewSequencerHostable(options);
  auto states = [kind = node->hostable.get()](const std::string& stream) {
    return kind->NewStreamState(stream);
  };
  StatusOr<std::unique_ptr<storage::Journal>> journal =
      co_await storage::Journal::Open(env, directory, journal_options, states);
  VLOG_CO_RETURN_IF_ERROR(journal);
  node->journal = *std::move(journal);
  loglets::HostContext context{env, *node->journal, node->dispatcher, node->peers};
  node->host = node->hostable->Host(context);
  Status started = co_await node->host->Start();
  VLOG_CO_RETURN_IF_ERROR(started);
  node->server = rpc::NewServer(env, identity, node->dispatcher, rpc::ServerOptions(), nullptr);
  Status listening = co_await node->server->Listen(at);
  VLOG_CO_RETURN_IF_ERROR(listening);
  co_return node;
}

Task<Status> ClusterNode::Stop(ClusterNode& node) {
  co_await node.host->Stop();
  co_await node.server->Stop(Instant::Max());
  co_return co_await node.journal->Close();
}

void ClusterNode::SetAddresses(const AddressBook& book) {
  for (const auto& [node, address] : book) peers.SetAddress(node, address);
}

}  // namespace vlog::testing

#include "client/cluster.h"

#include "client/cluster_view.h"
#include "client/kinds.h"
#include "client/placement_plan.h"
#include "env/real/real_env.h"

namespace vlog::client {
namespace {

// A client stores nothing.
constexpr char kNoDisk[] = "/nonexistent";
constexpr int kUnwindTurns = 8;

}  // namespace

Cluster::Cluster(std::shared_ptr<env::Env> env, ClusterOptions options)
    : env_(std::move(env)), options_(std::move(options)) {}

Cluster::~Cluster() = default;

Task<StatusOr<std::unique_ptr<Cluster>>> Cluster::Connect(boost::asio::any_io_executor executor,
                                                          ClusterOptions options) {
  std::shared_ptr<env::Env> env = env::NewRealEnv(std::move(executor), kNoDisk);
  return ConnectOn(std::move(env), std::move(options));
}

Task<StatusOr<std::unique_ptr<Cluster>>> Cluster::ConnectOn(std::shared_ptr<env::Env> env,
                                                            ClusterOptions options) {
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(env), std::move(options)));
  Status found = co_await cluster->Find();
  if (!found.ok()) {
    co_await cluster->Close();
    co_return found;
  }
  co_return std::move(cluster);
}

Task<Status> Cluster::Find() {
  nodes_ = std::make_unique<server::NodeClient>(*env_, options_.seeds, options_.cluster);
  Instant deadline = env_->scheduler().Now() + options_.patience;
  StatusOr<server::Members> members = co_await nodes_->FindMembers(deadline);
  VLOG_CO_RETURN_IF_ERROR(members);
  members_ = *std::move(members);
  metastore::PaxosMetastoreOptions options;
  options.cluster = members_.cluster;
  std::vector<NodeId> nodes;
  for (const auto& [node, member] : members_.nodes) nodes.push_back(node);
  options.seeds = nodes;
  metastore_ = std::make_unique<metastore::PaxosMetastore>(*env_, nodes_->peers(), options);
  auto in_service = [this] { return metastore_->NodesInService(); };
  RegisterKinds(*env_, nodes_->peers(), nodes, in_service, &factory_);
  co_return absl::OkStatus();
}

Task<StatusOr<virtuallog::SharedLog*>> Cluster::OpenLog(std::string name) {
  return Open(std::move(name), virtuallog::OpenOptions());
}

Task<StatusOr<virtuallog::SharedLog*>> Cluster::OpenOrCreateLog(std::string name, NewLog made) {
  StatusOr<virtuallog::SharedLog*> existing = co_await OpenLog(name);
  if (!absl::IsNotFound(existing.status())) co_return existing;
  virtuallog::OpenOptions options = OptionsOf(std::move(made));
  co_return co_await Open(std::move(name), std::move(options));
}

Task<StatusOr<virtuallog::SharedLog*>> Cluster::CreateLog(std::string name, NewLog made) {
  StatusOr<virtuallog::SharedLog*> existing = co_await OpenLog(name);
  if (existing.ok()) co_return absl::AlreadyExistsError("there is a log '" + name + "' already");
  if (!absl::IsNotFound(existing.status())) co_return existing;
  co_return co_await OpenOrCreateLog(std::move(name), std::move(made));
}

// Without names the kind chooses among the nodes in service, anew at each attempt: so a node that
// is drained meanwhile gets no new log, unless it is named.
virtuallog::OpenOptions Cluster::OptionsOf(NewLog made) {
  virtuallog::OpenOptions options;
  options.create_with_kind = std::move(made.kind);
  NewPlacement named;
  named.wish = made.placement;
  options.create_policy = made.policy.value_or(PolicyOf(named));
  options.create_placement = std::move(made.placement);
  return options;
}

Task<StatusOr<virtuallog::SharedLog*>> Cluster::Open(std::string name,
                                                     virtuallog::OpenOptions options) {
  auto it = logs_.find(name);
  if (it != logs_.end()) co_return it->second.get();
  StatusOr<std::unique_ptr<virtuallog::SharedLog>> log =
      co_await virtuallog::SharedLog::Open(*env_, *metastore_, factory_, name, std::move(options));
  VLOG_CO_RETURN_IF_ERROR(log);
  // Another caller may have opened it meanwhile; its object counts.
  auto [entry, added] = logs_.emplace(name, nullptr);
  if (added) {
    entry->second = *std::move(log);
  } else {
    co_await (*log)->Close();
  }
  co_return entry->second.get();
}

Task<void> Cluster::Close() {
  for (auto& [name, log] : logs_) co_await log->Close();
  if (metastore_ != nullptr) co_await metastore_->Close();
  env_->scheduler().Stop();
  // Each wait now ends as work of its own; let those that are parked unwind.
  for (int turn = 0; turn < kUnwindTurns; ++turn) {
    Status unwound = co_await env_->scheduler().Sleep(Duration(0));
    if (unwound.ok()) break;
  }
}

}  // namespace vlog::client

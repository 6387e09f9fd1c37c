#include "server/node_client.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/node_wire.h"

namespace vlog::server {
namespace {

// A seed that is silent does not keep the others from being asked.
constexpr Duration kSeedTimeout = std::chrono::seconds(2);

}  // namespace

Task<StatusOr<NodeStatus>> AskStatus(std::shared_ptr<rpc::Channel> channel, Instant deadline) {
  rpc::Call call(kStatusMethod, std::string(), rpc::Payload(), deadline);
  StatusOr<rpc::Reply> reply = co_await channel->Run(std::move(call));
  VLOG_CO_RETURN_IF_ERROR(reply);
  co_return DecodeStatus(*reply);
}

Task<StatusOr<Members>> AskMembers(std::shared_ptr<rpc::Channel> channel, Instant deadline) {
  rpc::Call call(kMembersMethod, std::string(), rpc::Payload(), deadline);
  StatusOr<rpc::Reply> reply = co_await channel->Run(std::move(call));
  VLOG_CO_RETURN_IF_ERROR(reply);
  co_return DecodeMembers(*reply);
}

NodeClient::NodeClient(env::Env& env, std::vector<env::Address> seeds, ClusterId cluster)
    : env_(env), seeds_(std::move(seeds)), cluster_(cluster) {}

NodeClient::~NodeClient() = default;

rpc::Identity NodeClient::IdentityIn(ClusterId cluster) {
  rpc::Identity identity;
  identity.cluster = cluster;
  identity.instance = env_.RandomId();
  identity.process = env_.ProcessName();
  return identity;
}

Task<StatusOr<Members>> NodeClient::AskSeed(env::Address seed, Instant deadline) {
  rpc::ChannelOptions options;
  options.address = std::move(seed);
  std::shared_ptr<rpc::Channel> channel =
      rpc::NewChannel(env_, IdentityIn(cluster_), std::move(options), nullptr);
  Instant until = std::min(deadline, env_.scheduler().Now() + kSeedTimeout);
  co_return co_await AskMembers(channel, until);
}

Task<StatusOr<Members>> NodeClient::FindMembers(Instant deadline) {
  if (seeds_.empty()) co_return absl::InvalidArgumentError("no address of any node is given");
  std::string reasons;
  for (const env::Address& seed : seeds_) {
    StatusOr<Members> members = co_await AskSeed(seed, deadline);
    if (!members.ok()) {
      Status why = Annotate(members.status(), seed.ToString());
      if (absl::IsAborted(why) || absl::IsCancelled(why)) co_return why;
      reasons += (reasons.empty() ? "" : "; ") + Message(why);
      continue;
    }
    rpc::PeersOptions options;
    peers_ = std::make_unique<rpc::Peers>(env_, IdentityIn(members->cluster), nullptr, options);
    for (const auto& [node, member] : members->nodes) {
      StatusOr<env::Address> address = env::Address::Parse(member.address);
      if (address.ok()) peers_->SetAddress(node, *std::move(address));
    }
    co_return std::move(members);
  }
  co_return absl::UnavailableError("no node answers: " + reasons);
}

Task<StatusOr<NodeStatus>> NodeClient::StatusOf(NodeId node, Instant deadline) {
  VLOG_CHECK(peers_ != nullptr, "the members are known");
  co_return co_await AskStatus(peers_->To(node), deadline);
}

}  // namespace vlog::server

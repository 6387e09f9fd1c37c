#include "rpc/peers.h"

#include "rpc/remote_channel.h"

namespace vlog::rpc {

Peers::Peers(env::Env& env, Identity identity, Dispatcher* local, PeersOptions options)
    : env_(env), identity_(std::move(identity)), options_(options) {
  if (local != nullptr) local_ = NewLocalChannel(env, identity_, *local, options.limits);
}

Peers::~Peers() = default;

void Peers::SetAddress(NodeId node, env::Address address) {
  addresses_[node] = address;
  auto it = channels_.find(node);
  if (it != channels_.end()) it->second->SetAddress(std::move(address));
}

std::optional<env::Address> Peers::AddressOf(NodeId node) const {
  auto it = addresses_.find(node);
  if (it == addresses_.end()) return std::nullopt;
  return it->second;
}

std::shared_ptr<Channel> Peers::To(NodeId node) {
  if (local_ != nullptr && node == identity_.node) return local_;
  RemoteTo(node);
  return channels_[node];
}

void Peers::KeepConnected(NodeId node) {
  if (local_ == nullptr || node != identity_.node) RemoteTo(node).KeepConnected();
}

RemoteChannel& Peers::RemoteTo(NodeId node) {
  std::shared_ptr<RemoteChannel>& channel = channels_[node];
  if (channel == nullptr) {
    ChannelOptions options;
    options.address = AddressOf(node).value_or(env::Address());
    options.expected_node = node;
    options.limits = options_.limits;
    options.keep_alive = options_.keep_alive;
    channel = std::make_shared<RemoteChannel>(env_, identity_, std::move(options), &health_);
  }
  return *channel;
}

}  // namespace vlog::rpc

// A channel over the network.
#ifndef VLOG_RPC_REMOTE_CHANNEL_H_
#define VLOG_RPC_REMOTE_CHANNEL_H_

#include <memory>

#include "rpc/channel.h"

namespace vlog::rpc {

class RemoteChannel final : public Channel {
 public:
  RemoteChannel(env::Env& env, Identity identity, ChannelOptions options, PeerHealth* health);
  ~RemoteChannel() override;

  // Another address closes the connection to the old one.
  void SetAddress(env::Address address);
  // As ChannelOptions::keep_connected, from now on.
  void KeepConnected();

  void Start(Call call, CallDone done) override;
  Task<StatusOr<Reply>> Run(Call call) override;
  size_t pending_bytes() const override;
  size_t pending_calls() const override;
  std::shared_ptr<const Peer> peer() const override;
  Instant last_heard() const override;
  const Status& last_error() const override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace vlog::rpc

#endif  // VLOG_RPC_REMOTE_CHANNEL_H_

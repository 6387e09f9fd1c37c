// The messages of the node's own rpc service, as plain values and as bytes.
#ifndef VLOG_SERVER_NODE_WIRE_H_
#define VLOG_SERVER_NODE_WIRE_H_

#include <string>
#include <vector>

#include "rpc/message.h"
#include "rpc/methods.h"
#include "server/node_status.h"

namespace vlog::server {

// Requests are empty.
inline constexpr rpc::Method kStatusMethod = rpc::kNodeBase + 1;
inline constexpr rpc::Method kMembersMethod = rpc::kNodeBase + 2;
inline constexpr rpc::Method kOriginMethod = rpc::kNodeBase + 3;

// What a node knows about the beginning of its cluster.
struct Origin {
  std::vector<NodeId> configured;        // nodes of its configuration, itself included; sorted
  std::vector<Replica> first_acceptors;  // durable there; empty: not settled yet
  std::vector<Replica> retired;          // disks that were replaced, as far as it knows
  friend bool operator==(const Origin&, const Origin&) = default;
};

rpc::Message EncodeStatus(const NodeStatus& status);
rpc::Message EncodeMembers(const Members& members);
rpc::Message EncodeOrigin(const Origin& origin);

// kInvalidArgument: not what this version understands.
StatusOr<NodeStatus> DecodeStatus(const rpc::Reply& reply);
StatusOr<Members> DecodeMembers(const rpc::Reply& reply);
StatusOr<Origin> DecodeOrigin(const rpc::Reply& reply);

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_WIRE_H_

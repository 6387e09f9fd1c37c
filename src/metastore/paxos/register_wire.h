// The messages of the register's rpc service, as plain values and as bytes.
#ifndef VLOG_METASTORE_PAXOS_REGISTER_WIRE_H_
#define VLOG_METASTORE_PAXOS_REGISTER_WIRE_H_

#include <string>

#include "metastore/paxos/acceptor_core.h"
#include "rpc/message.h"
#include "rpc/methods.h"

namespace vlog::metastore {

inline constexpr rpc::Method kVoteMethod = rpc::kMetastorePaxosBase + 1;
inline constexpr rpc::Method kWatchMethod = rpc::kMetastorePaxosBase + 2;
inline constexpr rpc::Method kInfoMethod = rpc::kMetastorePaxosBase + 3;

struct VoteCall {
  ClusterId cluster;
  RegisterRequest request;
};

struct WatchCall {
  ClusterId cluster;
  std::string log;
  Version known;
  Duration wait{0};
};

struct WatchResult {
  Version version;  // the newest that the acceptor knows
  Bytes chosen;     // its value, if it is above what the caller knew
  bool stalled = false;
};

struct NodeInfo {
  ClusterRecord record;
  Version directory_version;
  Bytes directory;          // the newest chosen value of the directory that the node knows
  bool lost_votes = false;  // its acceptor lost entries: it never votes again
};

rpc::Message EncodeVoteCall(const VoteCall& call);
rpc::Message EncodeVoteReply(const RegisterReply& reply);
rpc::Message EncodeWatchCall(const WatchCall& call);
rpc::Message EncodeWatchResult(const WatchResult& result);
rpc::Message EncodeNodeInfo(const NodeInfo& info);

// kInvalidArgument: not what this version understands.
StatusOr<VoteCall> DecodeVoteCall(const std::string& header, const Bytes& payload);
StatusOr<RegisterReply> DecodeVoteReply(const std::string& header, const Bytes& payload);
StatusOr<WatchCall> DecodeWatchCall(const std::string& header);
StatusOr<WatchResult> DecodeWatchResult(const std::string& header, const Bytes& payload);
StatusOr<NodeInfo> DecodeNodeInfo(const std::string& header, const Bytes& payload);

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_REGISTER_WIRE_H_

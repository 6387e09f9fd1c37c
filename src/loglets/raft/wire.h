// The wire form of Raft's messages (raft.proto). Whatever arrives is checked here: sizes before
// anything is allocated, checksums, and what the core takes for granted of a well-formed message.
#ifndef VLOG_LOGLETS_RAFT_WIRE_H_
#define VLOG_LOGLETS_RAFT_WIRE_H_

#include "base/status.h"
#include "loglets/raft/messages.h"
#include "loglets/replicated/replica_core.h"

namespace vlog::loglets::raft {

using replicated::PeerMessage;

PeerMessage Encode(const RequestMessage& request);
PeerMessage Encode(const ReplyMessage& reply);
// kInvalidArgument: malformed. kDataLoss: a checksum is wrong.
StatusOr<RequestMessage> DecodeRequest(const PeerMessage& message);
StatusOr<ReplyMessage> DecodeReply(const PeerMessage& message);

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_WIRE_H_

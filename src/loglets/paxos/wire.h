// The messages between the replicas of a Paxos loglet as bytes. Each body travels with its
// checksum, and the receiver verifies that before it believes it. Pure.
#ifndef VLOG_LOGLETS_PAXOS_WIRE_H_
#define VLOG_LOGLETS_PAXOS_WIRE_H_

#include "loglets/paxos/messages.h"
#include "loglets/replicated/replica_core.h"

namespace vlog::loglets::paxos {

// Entries and ballot runs in one message.
inline constexpr size_t kMaxEntries = 4096;
inline constexpr size_t kMaxBallotRuns = 256;

replicated::PeerMessage Encode(const Request& request);
replicated::PeerMessage Encode(const Reply& reply);
// kInvalidArgument: not what this version understands, or out of bounds; kDataLoss: a body does not
// have its checksum.
StatusOr<Request> DecodeRequest(const replicated::PeerMessage& message);
StatusOr<Reply> DecodeReply(const replicated::PeerMessage& message);

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_WIRE_H_

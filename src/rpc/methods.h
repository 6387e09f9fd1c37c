// Who owns which method numbers. A service defines its methods in its own folder as
// `kServiceBase + n` with n < 256; numbers are part of the wire format and are never reused.
#ifndef VLOG_RPC_METHODS_H_
#define VLOG_RPC_METHODS_H_

#include "rpc/message.h"

namespace vlog::rpc {

inline constexpr Method kNodeBase = 0x0100;  // status, membership, administration
inline constexpr Method kNodeEnd = 0x0200;
inline constexpr Method kMetastorePaxosBase = 0x0200;  // acceptors of the replicated register
inline constexpr Method kSequencerBase = 0x0300;       // sequencers
inline constexpr Method kLogServerBase = 0x0400;       // log servers
inline constexpr Method kPaxosLogletBase = 0x0500;
inline constexpr Method kRaftLogletBase = 0x0600;
inline constexpr Method kClientBase = 0x0700;   // whole-log calls of thin clients
inline constexpr Method kTestBase = 0x7f00;     // tests
inline constexpr Method kForeignBase = 0x8000;  // from here on: programs outside this repository

}  // namespace vlog::rpc

#endif  // VLOG_RPC_METHODS_H_

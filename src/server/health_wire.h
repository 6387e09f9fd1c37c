// How nodes ask each other about the lives of others, as plain values and as bytes.
#ifndef VLOG_SERVER_HEALTH_WIRE_H_
#define VLOG_SERVER_HEALTH_WIRE_H_

#include <vector>

#include "loglets/factory.h"
#include "rpc/message.h"
#include "rpc/methods.h"

namespace vlog::server {

// A request and its reply are both a list of lives: those asked about, and those of them that the
// node does not find alive.
inline constexpr rpc::Method kTestimonyMethod = rpc::kNodeBase + 16;

// No honest node asks about more.
inline constexpr size_t kMostLivesAsked = 1000;

rpc::Message EncodeTestimonyCall(const std::vector<loglets::NodeLife>& lives);
rpc::Message EncodeTestimonyReply(const std::vector<loglets::NodeLife>& silent);

// kInvalidArgument: not what this version understands, or too many.
StatusOr<std::vector<loglets::NodeLife>> DecodeTestimonyCall(const std::string& header);
StatusOr<std::vector<loglets::NodeLife>> DecodeTestimonyReply(const std::string& header);

}  // namespace vlog::server

#endif  // VLOG_SERVER_HEALTH_WIRE_H_

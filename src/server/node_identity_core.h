// What is in an identity file, and what the names in a directory say about it. Pure.
#ifndef VLOG_SERVER_NODE_IDENTITY_CORE_H_
#define VLOG_SERVER_NODE_IDENTITY_CORE_H_

#include <string>
#include <string_view>
#include <vector>

#include "server/node_identity.h"

namespace vlog::server {

inline constexpr char kIdentityFile[] = "identity";
inline constexpr char kLockFile[] = "LOCK";

std::string EncodeIdentity(const NodeIdentity& identity);
// kInvalidArgument: of another format version. kDataLoss: malformed.
StatusOr<NodeIdentity> DecodeIdentity(std::string_view data);

// OK if a directory with these names may be formatted; else the error of FormatDataDirectory().
Status MayFormat(const std::vector<std::string>& names, const std::string& directory);
// OK if an identity is there; else the error of DataDirectory::Open().
Status HasIdentity(const std::vector<std::string>& names, const std::string& directory);
// OK if the directory is the one that was expected.
Status MatchIdentity(const NodeIdentity& found, const ExpectedIdentity& expected,
                     const std::string& directory);

// "node 3 of cluster vlog (00000000deadbeef)"
std::string DescribeIdentity(const NodeIdentity& identity);

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_IDENTITY_CORE_H_

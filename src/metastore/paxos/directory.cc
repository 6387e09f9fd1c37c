#include "metastore/paxos/directory.h"

#include <algorithm>

#include "metastore/paxos/register_value.h"

namespace vlog::metastore {
namespace {

// The second one has retired disks; without any the first is written, for older programs.
constexpr uint8_t kPlainFormat = 1;
constexpr uint8_t kFormat = 2;

bool Contains(const std::vector<Replica>& list, const Replica& replica) {
  return std::find(list.begin(), list.end(), replica) != list.end();
}

}  // namespace

StatusOr<Directory> Change(Directory directory, const MemberChange& change) {
  std::vector<Replica> voters = change.join;
  for (const Replica& joining : change.join) {
    if (!Contains(directory.retired, joining)) continue;
    return absl::FailedPreconditionError(absl::StrFormat(
        "nothing was changed: disk %016x of node %d was replaced before and never counts again",
        joining.disk.value(), joining.node.value()));
  }
  for (const Replica& voter : directory.default_acceptors) {
    auto same_node = [&](const Replica& joining) { return joining.node == voter.node; };
    bool stays = !Contains(change.leave, voter) && !Contains(change.retire, voter) &&
                 std::none_of(change.join.begin(), change.join.end(), same_node);
    if (stays) voters.push_back(voter);
  }
  if (voters.empty()) {
    return absl::FailedPreconditionError(
        "nothing was changed: no node would be left to vote on new logs; let another one in first");
  }
  Status fine = NormalizeAcceptors(&voters);
  VLOG_RETURN_IF_ERROR(fine);
  directory.default_acceptors = std::move(voters);
  for (const Replica& disk : change.retire) {
    if (!Contains(directory.retired, disk)) directory.retired.push_back(disk);
  }
  std::sort(directory.retired.begin(), directory.retired.end());
  for (const auto& [node, address] : change.addresses) directory.addresses[node] = address;
  return directory;
}

std::string EncodeDirectory(const Directory& directory) {
  std::string out;
  uint8_t format = directory.retired.empty() ? kPlainFormat : kFormat;
  PutFixed(&out, format);
  PutReplicas(&out, directory.default_acceptors);
  PutFixed(&out, static_cast<uint32_t>(directory.logs.size()));
  for (const auto& [log, anchor] : directory.logs) {
    PutString(&out, log);
    PutFixed(&out, anchor.version.value());
    PutReplicas(&out, anchor.acceptors);
  }
  PutFixed(&out, static_cast<uint32_t>(directory.addresses.size()));
  for (const auto& [node, address] : directory.addresses) {
    PutFixed(&out, node.value());
    PutString(&out, address);
  }
  if (format == kFormat) PutReplicas(&out, directory.retired);
  return out;
}

StatusOr<Directory> DecodeDirectory(std::string_view data, const std::vector<Replica>& first) {
  Directory directory;
  directory.default_acceptors = first;
  if (data.empty()) return directory;
  Decoder in(data);
  auto format = in.Fixed<uint8_t>();
  if (in.ok() && format > kFormat) {
    return absl::InvalidArgumentError("the directory was written by a newer version");
  }
  directory.default_acceptors = GetReplicas(in);
  bool fine = NormalizeAcceptors(&directory.default_acceptors).ok();
  auto logs = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < logs && in.ok(); ++i) {
    std::string log(in.String());
    Anchor& anchor = directory.logs[log];
    anchor.version = Version(in.Fixed<uint64_t>());
    anchor.acceptors = GetReplicas(in);
    fine = fine && NormalizeAcceptors(&anchor.acceptors).ok();
  }
  auto addresses = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < addresses && in.ok(); ++i) {
    NodeId node(in.Fixed<uint64_t>());
    directory.addresses[node] = std::string(in.String());
  }
  if (format == kFormat) directory.retired = GetReplicas(in);
  if (!in.done() || !fine) return absl::DataLossError("malformed directory of the cluster");
  return directory;
}

}  // namespace vlog::metastore

#include "metastore/paxos/directory.h"

#include "metastore/paxos/register_value.h"

namespace vlog::metastore {
namespace {

constexpr uint8_t kFormat = 1;

}  // namespace

std::string EncodeDirectory(const Directory& directory) {
  std::string out;
  PutFixed(&out, kFormat);
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
  if (!in.done() || !fine) return absl::DataLossError("malformed directory of the cluster");
  return directory;
}

}  // namespace vlog::metastore

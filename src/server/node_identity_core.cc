#include "server/node_identity_core.h"

#include <algorithm>

#include "base/coding.h"

namespace vlog::server {
namespace {

// Value: | magic u32 | format version u32 | cluster u64 | node u64 | disk u64 | boot number u64 |
//        | journal u8 | cluster name |
// The state file around it has the checksum.
constexpr uint32_t kMagic = 0x444e4c56;  // "VLND"
constexpr uint32_t kFormatVersion = 1;

// Names that say nothing about what a directory is: the lock, what a cut --init left behind, and
// what a fresh file system may bring along.
bool IsNeutral(const std::string& name) {
  return name == kLockFile || name == std::string(kIdentityFile) + ".new" || name == "lost+found";
}

std::vector<std::string> Others(const std::vector<std::string>& names) {
  std::vector<std::string> others;
  std::copy_if(names.begin(), names.end(), std::back_inserter(others),
               [](const std::string& name) { return !IsNeutral(name); });
  return others;
}

// "a, b, c and 4 more"
std::string Listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() <= kShown ? text
                                : absl::StrCat(text, " and ", names.size() - kShown, " more");
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string EncodeIdentity(const NodeIdentity& identity) {
  std::string out;
  PutFixed(&out, kMagic);
  PutFixed(&out, kFormatVersion);
  PutFixed(&out, identity.cluster.value());
  PutFixed(&out, identity.node.value());
  PutFixed(&out, identity.disk.value());
  PutFixed(&out, identity.incarnation.value());
  PutFixed(&out, static_cast<uint8_t>(identity.has_journal));
  PutString(&out, identity.cluster_name);
  return out;
}

StatusOr<NodeIdentity> DecodeIdentity(std::string_view data) {
  Decoder in(data);
  uint32_t magic = in.Fixed<uint32_t>();
  uint32_t version = in.Fixed<uint32_t>();
  if (!in.ok() || magic != kMagic) return absl::DataLossError("is no identity of a node");
  if (version != kFormatVersion) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has format version ", version, ", and this program knows only ", kFormatVersion,
        ": start the node with the program version that wrote it, or a newer one"));
  }
  NodeIdentity identity;
  identity.cluster = ClusterId(in.Fixed<uint64_t>());
  identity.node = NodeId(in.Fixed<uint64_t>());
  identity.disk = DiskId(in.Fixed<uint64_t>());
  identity.incarnation = Incarnation(in.Fixed<uint64_t>());
  identity.has_journal = in.Fixed<uint8_t>() != 0;
  identity.cluster_name = std::string(in.String());
  bool complete = in.done() && identity.cluster != ClusterId() && identity.node != NodeId() &&
                  identity.disk != DiskId();
  if (!complete) return absl::DataLossError("is malformed");
  return identity;
}

std::string DescribeIdentity(const NodeIdentity& identity) {
  return absl::StrFormat("node %d of cluster %s (%016x)", identity.node.value(),
                         identity.cluster_name, identity.cluster.value());
}

Status MayFormat(const std::vector<std::string>& names, const std::string& directory) {
  if (Contains(names, kIdentityFile)) {
    return absl::AlreadyExistsError(directory +
                                    " is formatted already: start the node without --init");
  }
  std::vector<std::string> others = Others(names);
  if (others.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(directory + " is not empty (" + Listed(others) +
                                    "): --init formats only an empty directory, so that it never "
                                    "hides data; choose another node.data_dir");
}

Status HasIdentity(const std::vector<std::string>& names, const std::string& directory) {
  if (Contains(names, kIdentityFile)) return absl::OkStatus();
  std::vector<std::string> others = Others(names);
  if (!others.empty()) {
    return absl::DataLossError(
        directory + " holds files (" + Listed(others) + ") and no identity: it is not the data " +
        "directory of a node, or its identity was lost. Check node.data_dir. If it is the right " +
        "one, this disk is not to be trusted: empty it, run 'vlogd --init' and then, on a node " +
        "that works, 'vlog replace-disk NODE'");
  }
  return absl::NotFoundError(
      directory + " is empty. Check node.data_dir, and that its disk is mounted. For a node that " +
      "never ran, format it with 'vlogd --init'. If a disk was lost or wiped, do that too, and " +
      "then, on a node that works, run 'vlog replace-disk NODE', so that the others stop "
      "counting " +
      "on what it held");
}

Status MatchIdentity(const NodeIdentity& found, const ExpectedIdentity& expected,
                     const std::string& directory) {
  if (expected.cluster && *expected.cluster != found.cluster) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s belongs to %s, and cluster.id is %016x: check cluster.id and node.data_dir; a node "
        "joins another cluster only with an empty directory and 'vlogd --init'",
        directory, DescribeIdentity(found), expected.cluster->value()));
  }
  if (expected.node != found.node) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s belongs to %s, and node.id is %d: check node.id and node.data_dir; a disk never "
        "changes its node",
        directory, DescribeIdentity(found), expected.node.value()));
  }
  return absl::OkStatus();
}

}  // namespace vlog::server

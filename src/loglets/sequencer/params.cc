#include "loglets/sequencer/params.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/check.h"
#include "base/coding.h"

namespace vlog::loglets::sequencer {
namespace {

constexpr uint16_t kFormatVersion = 2;

}  // namespace

StatusOr<Params> MakeParams(std::vector<Replica> replicas, std::optional<uint32_t> write_quorum,
                            SequencerId sequencer) {
  Params params;
  params.replicas = std::move(replicas);
  auto majority = static_cast<uint32_t>(params.replicas.size() / 2 + 1);
  params.write_quorum = write_quorum.value_or(majority);
  params.sequencer = sequencer;
  Status valid = Validate(params);
  VLOG_RETURN_IF_ERROR(valid);
  return params;
}

Status Validate(const Params& params) {
  size_t n = params.replicas.size();
  if (n == 0 || n > kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sequencer loglet needs 1 to ", kMaxReplicas, " log servers, not ", n));
  }
  if (params.write_quorum == 0 || params.write_quorum > n) {
    return absl::InvalidArgumentError(absl::StrCat("a write quorum of ", params.write_quorum,
                                                   " is impossible with ", n, " log servers"));
  }
  std::set<NodeId> nodes;
  for (const Replica& replica : params.replicas) {
    if (replica.node == NodeId() || replica.disk == DiskId()) {
      return absl::InvalidArgumentError("a log server has no node id or no disk id");
    }
    if (!nodes.insert(replica.node).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", replica.node.value(), " is named twice as a log server"));
    }
  }
  const SequencerId& sequencer = params.sequencer;
  if (sequencer.node == NodeId() || sequencer.incarnation == Incarnation() ||
      sequencer.disk == DiskId()) {
    return absl::InvalidArgumentError("the sequencer has no node id, no incarnation or no disk id");
  }
  return absl::OkStatus();
}

std::string EncodeParams(const Params& params) {
  std::string out;
  PutFixed(&out, kFormatVersion);
  PutFixed(&out, params.write_quorum);
  PutFixed(&out, params.sequencer.node.value());
  PutFixed(&out, params.sequencer.incarnation.value());
  PutFixed(&out, params.sequencer.disk.value());
  PutFixed(&out, static_cast<uint32_t>(params.replicas.size()));
  for (const Replica& replica : params.replicas) {
    PutFixed(&out, replica.node.value());
    PutFixed(&out, replica.disk.value());
  }
  return out;
}

StatusOr<Params> DecodeParams(std::string_view data) {
  Decoder in(data);
  auto version = in.Fixed<uint16_t>();
  if (in.ok() && version != kFormatVersion) {
    bool older = version < kFormatVersion;
    return absl::InvalidArgumentError(
        absl::StrCat("parameters of a sequencer loglet in format ", version, ", of ",
                     older ? "an older" : "a newer",
                     " version of this program, which reads format ", kFormatVersion,
                     older ? ": read this log with that version and append it to a new one"
                           : ": use that version"));
  }
  Params params;
  params.write_quorum = in.Fixed<uint32_t>();
  params.sequencer.node = NodeId(in.Fixed<uint64_t>());
  params.sequencer.incarnation = Incarnation(in.Fixed<uint64_t>());
  params.sequencer.disk = DiskId(in.Fixed<uint64_t>());
  auto count = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    Replica replica;
    replica.node = NodeId(in.Fixed<uint64_t>());
    replica.disk = DiskId(in.Fixed<uint64_t>());
    params.replicas.push_back(replica);
  }
  if (!in.done()) return absl::DataLossError("malformed parameters of a sequencer loglet");
  Status valid = Validate(params);
  VLOG_RETURN_IF_ERROR(valid);
  return params;
}

Offset NthLargest(std::vector<Offset> tails, size_t n) {
  VLOG_CHECK(n >= 1 && n <= tails.size(), "there is an n-th of n and more");
  auto nth = tails.begin() + static_cast<ptrdiff_t>(n - 1);
  std::nth_element(tails.begin(), nth, tails.end(), std::greater<>());
  return *nth;
}

CommittedBounds BoundsOf(const std::vector<Offset>& tails, size_t replicas, size_t write_quorum) {
  size_t silent = replicas - tails.size();
  VLOG_CHECK(tails.size() >= write_quorum && silent < write_quorum,
             "fewer answers leave the tail open");
  // Whoever is silent may hold anything: it counts as one of the W.
  return {NthLargest(tails, write_quorum), NthLargest(tails, write_quorum - silent)};
}

}  // namespace vlog::loglets::sequencer

#include "metastore/paxos/register_value.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::metastore {
namespace {

constexpr uint8_t kFormat = 1;

}  // namespace

void PutReplicas(std::string* out, const std::vector<Replica>& replicas) {
  PutFixed(out, static_cast<uint32_t>(replicas.size()));
  for (const Replica& replica : replicas) {
    PutFixed(out, replica.node.value());
    PutFixed(out, replica.disk.value());
  }
}

std::vector<Replica> GetReplicas(Decoder& in) {
  std::vector<Replica> replicas;
  auto count = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    NodeId node(in.Fixed<uint64_t>());
    DiskId disk(in.Fixed<uint64_t>());
    replicas.push_back({node, disk});
  }
  return replicas;
}

Bytes EncodeRegisterValue(const RegisterValue& value) {
  std::string out;
  PutFixed(&out, kFormat);
  PutFixed(&out, value.proposal.value());
  PutReplicas(&out, value.acceptors);
  PutFixed(&out, static_cast<uint32_t>(value.recent.size()));
  for (ProposalId proposal : value.recent) PutFixed(&out, proposal.value());
  PutString(&out, value.user);
  return Bytes(std::move(out));
}

StatusOr<RegisterValue> DecodeRegisterValue(std::string_view data) {
  Decoder in(data);
  auto format = in.Fixed<uint8_t>();
  if (in.ok() && format > kFormat) {
    return absl::InvalidArgumentError("the register was written by a newer version");
  }
  RegisterValue value;
  value.proposal = ProposalId(in.Fixed<uint64_t>());
  value.acceptors = GetReplicas(in);
  auto count = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    value.recent.push_back(ProposalId(in.Fixed<uint64_t>()));
  }
  value.user = std::string(in.String());
  if (!in.done() || format != kFormat || !NormalizeAcceptors(&value.acceptors).ok()) {
    return absl::DataLossError("malformed value of a register");
  }
  return value;
}

ProposalId ProposalOf(std::string_view data) {
  Decoder in(data);
  in.Fixed<uint8_t>();
  ProposalId proposal(in.Fixed<uint64_t>());
  return in.ok() ? proposal : ProposalId();
}

Status NormalizeAcceptors(std::vector<Replica>* acceptors) {
  if (acceptors->empty()) return absl::InvalidArgumentError("a register needs an acceptor");
  std::sort(acceptors->begin(), acceptors->end());
  for (size_t i = 0; i < acceptors->size(); ++i) {
    const Replica& replica = (*acceptors)[i];
    if (replica.node == NodeId() || replica.disk == DiskId()) {
      return absl::InvalidArgumentError("an acceptor needs a node id and a disk id");
    }
    if (i > 0 && (*acceptors)[i - 1].node == replica.node) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", replica.node.value(), " would vote twice"));
    }
  }
  return absl::OkStatus();
}

Chosen Bootstrap(std::vector<Replica> acceptors) {
  Status fine = NormalizeAcceptors(&acceptors);
  VLOG_CHECK(fine.ok(), Message(fine));
  Chosen chosen;
  chosen.value.acceptors = std::move(acceptors);
  return chosen;
}

RegisterValue NextValue(const Chosen& before, ProposalId proposal, std::string user) {
  RegisterValue next;
  next.acceptors = before.value.acceptors;
  next.proposal = proposal;
  next.recent = before.value.recent;
  next.recent.push_back(proposal);
  if (next.recent.size() > kRecentProposals) next.recent.erase(next.recent.begin());
  next.user = std::move(user);
  return next;
}

std::optional<ProposalId> ProposalAt(const Chosen& chosen, Version version) {
  VLOG_CHECK(version > Version() && version <= chosen.version, "the version was written");
  uint64_t back = chosen.version.value() - version.value();
  const std::vector<ProposalId>& recent = chosen.value.recent;
  if (back >= recent.size()) return std::nullopt;
  return recent[recent.size() - 1 - back];
}

}  // namespace vlog::metastore

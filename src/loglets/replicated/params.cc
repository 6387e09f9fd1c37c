#include "loglets/replicated/params.h"

#include <algorithm>
#include <set>

#include "base/coding.h"

namespace vlog::loglets::replicated {
namespace {

constexpr uint8_t kFormatVersion = 1;
constexpr uint8_t kVotes = 1;
constexpr uint8_t kServes = 2;

Status Invalid(const std::string& what) {
  return absl::InvalidArgumentError("a replicated loglet: " + what);
}

Status ValidateMembers(const std::vector<Member>& members) {
  if (members.empty() || members.size() > kMaxMembers) {
    return Invalid(absl::StrCat("1 to ", kMaxMembers, " members, not ", members.size()));
  }
  std::set<NodeId> nodes;
  for (const Member& member : members) {
    NodeId node = member.replica.node;
    if (node == NodeId() || member.replica.disk == DiskId()) {
      return Invalid("a member has no node id or no disk id");
    }
    if (!nodes.insert(node).second) {
      return Invalid(absl::StrCat("node ", node.value(), " is named twice"));
    }
    if (!member.votes && !member.serves) {
      return Invalid(absl::StrCat("node ", node.value(), " neither votes nor serves"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

size_t Params::voters() const {
  return static_cast<size_t>(std::count_if(members.begin(), members.end(),
                                           [](const Member& member) { return member.votes; }));
}

std::optional<size_t> Params::Find(const Replica& replica) const {
  std::optional<size_t> found = Find(replica.node);
  if (found && members[*found].replica != replica) return std::nullopt;
  return found;
}

std::optional<size_t> Params::Find(NodeId node) const {
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].replica.node == node) return i;
  }
  return std::nullopt;
}

StatusOr<Params> MakeParams(const std::vector<Replica>& replicas,
                            std::optional<uint32_t> write_quorum) {
  Params params;
  for (const Replica& replica : replicas) params.members.push_back({replica, Incarnation()});
  auto majority = static_cast<uint32_t>(replicas.size() / 2 + 1);
  params.write_quorum = write_quorum.value_or(majority);
  if (!replicas.empty()) params.first_leader = replicas.front().node;
  Status valid = Validate(params);
  VLOG_RETURN_IF_ERROR(valid);
  return params;
}

Status Validate(const Params& params) {
  Status members = ValidateMembers(params.members);
  VLOG_RETURN_IF_ERROR(members);
  bool serves = std::any_of(params.members.begin(), params.members.end(),
                            [](const Member& member) { return member.serves; });
  if (!serves) return Invalid("nobody serves reads");
  size_t voters = params.voters();
  if (params.write_quorum == 0 || params.write_quorum > voters) {
    return Invalid(absl::StrCat("a write quorum of ", params.write_quorum, " is impossible with ",
                                voters, " voters"));
  }
  std::optional<size_t> first = params.Find(params.first_leader);
  if (!first || !params.members[*first].serves) {
    return Invalid(absl::StrCat("node ", params.first_leader.value(),
                                " is to lead and is no member, or one that only votes"));
  }
  return absl::OkStatus();
}

std::string EncodeParams(const Params& params) {
  std::string out;
  PutFixed(&out, kFormatVersion);
  PutFixed(&out, params.write_quorum);
  PutFixed(&out, params.first_leader.value());
  PutFixed(&out, static_cast<uint32_t>(params.members.size()));
  for (const Member& member : params.members) {
    PutFixed(&out, member.replica.node.value());
    PutFixed(&out, member.replica.disk.value());
    PutFixed(&out, member.born.value());
    int roles = (member.votes ? kVotes : 0) | (member.serves ? kServes : 0);
    PutFixed(&out, static_cast<uint8_t>(roles));
  }
  return out;
}

StatusOr<Params> DecodeParams(std::string_view data) {
  Decoder in(data);
  auto version = in.Fixed<uint8_t>();
  if (in.ok() && version != kFormatVersion) {
    return Invalid(absl::StrCat("its parameters are in format ", int{version},
                                "; this program reads ", int{kFormatVersion}));
  }
  Params params;
  params.write_quorum = in.Fixed<uint32_t>();
  params.first_leader = NodeId(in.Fixed<uint64_t>());
  auto count = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    Member member;
    member.replica.node = NodeId(in.Fixed<uint64_t>());
    member.replica.disk = DiskId(in.Fixed<uint64_t>());
    member.born = Incarnation(in.Fixed<uint64_t>());
    auto roles = in.Fixed<uint8_t>();
    member.votes = (roles & kVotes) != 0;
    member.serves = (roles & kServes) != 0;
    params.members.push_back(member);
  }
  if (!in.done()) return absl::DataLossError("malformed parameters of a replicated loglet");
  Status valid = Validate(params);
  VLOG_RETURN_IF_ERROR(valid);
  return params;
}

}  // namespace vlog::loglets::replicated

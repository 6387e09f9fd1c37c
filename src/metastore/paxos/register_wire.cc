#include "metastore/paxos/register_wire.h"

#include "metastore/paxos/register.pb.h"

namespace vlog::metastore {
namespace {

using consensus::Ballot;
using consensus::PaxosRequest;

constexpr uint32_t kHighestKind = static_cast<uint32_t>(PaxosRequest::Kind::kAccept);
constexpr uint32_t kHighestOutcome = static_cast<uint32_t>(RegisterReply::Outcome::kNoVote);

Status Malformed() { return absl::InvalidArgumentError("malformed message of a register"); }

void Put(const Ballot& ballot, pb::Ballot* out) {
  out->set_round(ballot.round);
  out->set_node(ballot.node.value());
  out->set_incarnation(ballot.incarnation.value());
}

Ballot Get(const pb::Ballot& in) {
  return {in.round(), NodeId(in.node()), Incarnation(in.incarnation())};
}

void Put(const Replica& replica, pb::Member* out) {
  out->set_node(replica.node.value());
  out->set_disk(replica.disk.value());
}

Replica Get(const pb::Member& in) { return {NodeId(in.node()), DiskId(in.disk())}; }

rpc::Payload Join(const Bytes& first, const Bytes& second) {
  rpc::Payload payload;
  if (!first.empty()) payload.pieces.push_back(first);
  if (!second.empty()) payload.pieces.push_back(second);
  return payload;
}

}  // namespace

rpc::Message EncodeVoteCall(const VoteCall& call) {
  const RegisterRequest& request = call.request;
  pb::VoteRequest out;
  out.set_cluster(call.cluster.value());
  out.set_log(request.log);
  out.set_slot(request.slot.value());
  out.set_previous(request.previous.value());
  out.set_chosen_bytes(static_cast<uint32_t>(request.chosen.size()));
  out.set_announce(request.announce);
  out.set_kind(static_cast<uint32_t>(request.paxos.kind));
  Put(request.paxos.ballot, out.mutable_ballot());
  return rpc::Message(out.SerializeAsString(), Join(request.chosen, request.paxos.value));
}

StatusOr<VoteCall> DecodeVoteCall(const std::string& header, const Bytes& payload) {
  pb::VoteRequest in;
  bool fine = in.ParseFromString(header) && in.kind() <= kHighestKind &&
              in.chosen_bytes() <= payload.size();
  if (!fine) return Malformed();
  VoteCall call;
  call.cluster = ClusterId(in.cluster());
  RegisterRequest& request = call.request;
  request.log = in.log();
  request.slot = Version(in.slot());
  request.previous = ProposalId(in.previous());
  request.announce = in.announce();
  request.paxos.kind = static_cast<PaxosRequest::Kind>(in.kind());
  request.paxos.ballot = Get(in.ballot());
  request.chosen = payload.Slice(0, in.chosen_bytes());
  request.paxos.value = payload.Slice(in.chosen_bytes(), payload.size() - in.chosen_bytes());
  Status valid = Validate(request);
  VLOG_RETURN_IF_ERROR(valid);
  return call;
}

rpc::Message EncodeVoteReply(const RegisterReply& reply) {
  pb::VoteReply out;
  out.set_outcome(static_cast<uint32_t>(reply.outcome));
  out.set_slot(reply.slot.value());
  out.set_version(reply.version.value());
  out.set_chosen_bytes(static_cast<uint32_t>(reply.chosen.size()));
  out.set_kind(static_cast<uint32_t>(reply.paxos.kind));
  Put(reply.paxos.ballot, out.mutable_ballot());
  out.set_granted(reply.paxos.granted);
  Put(reply.paxos.promised, out.mutable_promised());
  Put(reply.paxos.accepted, out.mutable_accepted());
  return rpc::Message(out.SerializeAsString(), Join(reply.chosen, reply.paxos.value));
}

StatusOr<RegisterReply> DecodeVoteReply(const std::string& header, const Bytes& payload) {
  pb::VoteReply in;
  bool fine = in.ParseFromString(header) && in.outcome() <= kHighestOutcome &&
              in.kind() <= kHighestKind && in.chosen_bytes() <= payload.size();
  if (!fine) return Malformed();
  RegisterReply reply;
  reply.outcome = static_cast<RegisterReply::Outcome>(in.outcome());
  reply.slot = Version(in.slot());
  reply.version = Version(in.version());
  reply.chosen = payload.Slice(0, in.chosen_bytes());
  reply.paxos.kind = static_cast<PaxosRequest::Kind>(in.kind());
  reply.paxos.ballot = Get(in.ballot());
  reply.paxos.granted = in.granted();
  reply.paxos.promised = Get(in.promised());
  reply.paxos.accepted = Get(in.accepted());
  reply.paxos.value = payload.Slice(in.chosen_bytes(), payload.size() - in.chosen_bytes());
  return reply;
}

rpc::Message EncodeWatchCall(const WatchCall& call) {
  pb::WatchRequest out;
  out.set_cluster(call.cluster.value());
  out.set_log(call.log);
  out.set_known(call.known.value());
  auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(call.wait);
  out.set_wait_ms(static_cast<uint64_t>(wait.count()));
  return rpc::Message(out.SerializeAsString());
}

StatusOr<WatchCall> DecodeWatchCall(const std::string& header) {
  constexpr uint64_t kLongestMs = 60'000;
  pb::WatchRequest in;
  if (!in.ParseFromString(header) || in.wait_ms() > kLongestMs) return Malformed();
  WatchCall call;
  call.cluster = ClusterId(in.cluster());
  call.log = in.log();
  call.known = Version(in.known());
  call.wait = std::chrono::milliseconds(in.wait_ms());
  return call;
}

rpc::Message EncodeWatchResult(const WatchResult& result) {
  pb::WatchReply out;
  out.set_version(result.version.value());
  out.set_stalled(result.stalled);
  return rpc::Message(out.SerializeAsString(), Join(result.chosen, Bytes()));
}

StatusOr<WatchResult> DecodeWatchResult(const std::string& header, const Bytes& payload) {
  pb::WatchReply in;
  if (!in.ParseFromString(header)) return Malformed();
  return WatchResult{Version(in.version()), payload, in.stalled()};
}

rpc::Message EncodeNodeInfo(const NodeInfo& info) {
  pb::InfoReply out;
  out.set_cluster(info.record.cluster.value());
  Put(info.record.self, out.mutable_self());
  for (const Replica& replica : info.record.acceptors) Put(replica, out.add_first_acceptors());
  out.set_directory_version(info.directory_version.value());
  out.set_lost_votes(info.lost_votes);
  return rpc::Message(out.SerializeAsString(), Join(info.directory, Bytes()));
}

StatusOr<NodeInfo> DecodeNodeInfo(const std::string& header, const Bytes& payload) {
  pb::InfoReply in;
  if (!in.ParseFromString(header)) return Malformed();
  NodeInfo info;
  info.record.cluster = ClusterId(in.cluster());
  info.record.self = Get(in.self());
  for (const pb::Member& member : in.first_acceptors()) {
    info.record.acceptors.push_back(Get(member));
  }
  info.directory_version = Version(in.directory_version());
  info.directory = payload;
  info.lost_votes = in.lost_votes();
  Status fine = NormalizeAcceptors(&info.record.acceptors);
  VLOG_RETURN_IF_ERROR(fine);
  return info;
}

}  // namespace vlog::metastore

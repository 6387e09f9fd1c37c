#include "server/node_wire.h"

#include "server/node.pb.h"

namespace vlog::server {
namespace {

void Put(const std::vector<Replica>& replicas,
         google::protobuf::RepeatedPtrField<pb::Replica>* out) {
  for (const Replica& replica : replicas) {
    pb::Replica* added = out->Add();
    added->set_node(replica.node.value());
    added->set_disk(replica.disk.value());
  }
}

std::vector<Replica> Get(const google::protobuf::RepeatedPtrField<pb::Replica>& in) {
  std::vector<Replica> replicas;
  for (const pb::Replica& replica : in) {
    replicas.push_back({NodeId(replica.node()), DiskId(replica.disk())});
  }
  return replicas;
}

void Put(const LogletStatus& status, pb::Loglet* out) {
  out->set_kind(status.kind);
  out->set_log(status.loglet.id.log);
  out->set_segment(status.loglet.id.segment.value());
  out->set_proposal(status.loglet.id.proposal.value());
  out->set_role(status.loglet.role);
  out->set_trim(status.loglet.trim.value());
  out->set_tail(status.loglet.tail.value());
  out->set_known_tail(status.loglet.known_tail.value());
  out->set_sealed(status.loglet.sealed);
  out->set_no_vote(status.loglet.no_vote);
}

LogletStatus Get(const pb::Loglet& in) {
  LogletStatus status;
  status.kind = in.kind();
  status.loglet.id = {in.log(), SegmentIndex(in.segment()), ProposalId(in.proposal())};
  status.loglet.role = in.role();
  status.loglet.trim = Offset(in.trim());
  status.loglet.tail = Offset(in.tail());
  status.loglet.known_tail = Offset(in.known_tail());
  status.loglet.sealed = in.sealed();
  status.loglet.no_vote = in.no_vote();
  return status;
}

void Put(const PeerStatus& peer, pb::PeerStatus* out) {
  out->set_node(peer.node.value());
  out->set_name(peer.name);
  out->set_address(peer.address);
  out->set_incarnation(peer.incarnation.value());
  out->set_disk(peer.disk.value());
  out->set_heard(peer.silence.has_value());
  if (peer.silence) out->set_silent_ns(static_cast<uint64_t>(peer.silence->count()));
  out->set_failure(peer.failure);
}

// A duration from outside; what does not fit is the longest one.
Duration GetDuration(uint64_t nanoseconds) {
  auto most = static_cast<uint64_t>(Duration::max().count());
  return Duration(static_cast<int64_t>(std::min(nanoseconds, most)));
}

PeerStatus Get(const pb::PeerStatus& in) {
  PeerStatus peer;
  peer.node = NodeId(in.node());
  peer.name = in.name();
  peer.address = in.address();
  peer.incarnation = Incarnation(in.incarnation());
  peer.disk = DiskId(in.disk());
  if (in.heard()) peer.silence = GetDuration(in.silent_ns());
  peer.failure = in.failure();
  return peer;
}

void Put(const JournalStatus& journal, pb::JournalStatus* out) {
  out->set_groups(journal.stats.groups);
  out->set_entries(journal.stats.entries);
  out->set_bytes(journal.stats.bytes);
  out->set_segments(journal.segments);
  out->set_damaged(journal.damaged);
  out->set_problem(journal.problem);
}

JournalStatus Get(const pb::JournalStatus& in) {
  JournalStatus journal;
  journal.stats = {in.groups(), in.entries(), in.bytes()};
  journal.segments = in.segments();
  journal.damaged = in.damaged();
  journal.problem = in.problem();
  return journal;
}

void Put(const rpc::ServerStats& stats, pb::RpcStatus* out) {
  out->set_accepted(stats.accepted);
  out->set_refused_handshakes(stats.refused_handshakes);
  out->set_refused_connections(stats.refused_connections);
  out->set_malformed(stats.malformed);
  out->set_silent(stats.silent);
  out->set_requests(stats.requests);
  out->set_replies(stats.replies);
  out->set_errors(stats.errors);
  out->set_unknown_methods(stats.unknown_methods);
  out->set_paused_reads(stats.paused_reads);
  out->set_accept_failures(stats.accept_failures);
  out->set_connections(stats.connections);
  out->set_bytes(stats.bytes);
}

rpc::ServerStats Get(const pb::RpcStatus& in) {
  rpc::ServerStats stats;
  stats.accepted = in.accepted();
  stats.refused_handshakes = in.refused_handshakes();
  stats.refused_connections = in.refused_connections();
  stats.malformed = in.malformed();
  stats.silent = in.silent();
  stats.requests = in.requests();
  stats.replies = in.replies();
  stats.errors = in.errors();
  stats.unknown_methods = in.unknown_methods();
  stats.paused_reads = in.paused_reads();
  stats.accept_failures = in.accept_failures();
  stats.connections = in.connections();
  stats.bytes = in.bytes();
  return stats;
}

template <typename T>
Status Parse(std::string_view data, T* out) {
  if (out->ParseFromArray(data.data(), static_cast<int>(data.size()))) return absl::OkStatus();
  return absl::InvalidArgumentError("the answer of the node cannot be read");
}

}  // namespace

rpc::Message EncodeStatus(const NodeStatus& status) {
  pb::Status out;
  out.set_cluster(status.identity.cluster.value());
  out.set_cluster_name(status.identity.cluster_name);
  out.set_node(status.identity.node.value());
  out.set_disk(status.identity.disk.value());
  out.set_incarnation(status.identity.incarnation.value());
  out.set_name(status.name);
  out.set_process(status.process);
  out.set_version(status.version);
  out.set_state(static_cast<uint32_t>(status.state));
  out.set_problem(status.problem);
  out.set_uptime_ns(static_cast<uint64_t>(status.uptime.count()));
  out.set_listen(status.listen);
  out.set_advertise(status.advertise);
  Put(status.first_acceptors, out.mutable_first_acceptors());
  out.set_votes(status.votes);
  out.set_lost_votes(status.lost_votes);
  out.set_directory_version(status.directory_version.value());
  Put(status.voters, out.mutable_voters());
  Put(status.journal, out.mutable_journal());
  Put(status.rpc, out.mutable_rpc());
  for (const PeerStatus& peer : status.peers) Put(peer, out.add_peers());
  out.set_loglet_count(status.loglet_count);
  for (const LogletStatus& loglet : status.loglets) Put(loglet, out.add_loglets());
  return rpc::Message(std::string(), rpc::Payload(Bytes(out.SerializeAsString())));
}

StatusOr<NodeStatus> DecodeStatus(const rpc::Reply& reply) {
  pb::Status in;
  Status parsed = Parse(reply.payload.view(), &in);
  VLOG_RETURN_IF_ERROR(parsed);
  NodeStatus status;
  status.identity.cluster = ClusterId(in.cluster());
  status.identity.cluster_name = in.cluster_name();
  status.identity.node = NodeId(in.node());
  status.identity.disk = DiskId(in.disk());
  status.identity.incarnation = Incarnation(in.incarnation());
  status.name = in.name();
  status.process = in.process();
  status.version = in.version();
  status.state = static_cast<NodeState>(in.state());
  status.problem = in.problem();
  status.uptime = GetDuration(in.uptime_ns());
  status.listen = in.listen();
  status.advertise = in.advertise();
  status.first_acceptors = Get(in.first_acceptors());
  status.votes = in.votes();
  status.lost_votes = in.lost_votes();
  status.directory_version = Version(in.directory_version());
  status.voters = Get(in.voters());
  status.journal = Get(in.journal());
  status.rpc = Get(in.rpc());
  for (const pb::PeerStatus& peer : in.peers()) status.peers.push_back(Get(peer));
  status.loglet_count = in.loglet_count();
  for (const pb::Loglet& loglet : in.loglets()) status.loglets.push_back(Get(loglet));
  return status;
}

rpc::Message EncodeMembers(const Members& members) {
  pb::MembersReply out;
  out.set_cluster(members.cluster.value());
  out.set_cluster_name(members.cluster_name);
  for (const auto& [node, member] : members.nodes) {
    pb::Member* added = out.add_members();
    added->set_node(node.value());
    added->set_name(member.name);
    added->set_address(member.address);
  }
  return rpc::Message(out.SerializeAsString());
}

StatusOr<Members> DecodeMembers(const rpc::Reply& reply) {
  pb::MembersReply in;
  Status parsed = Parse(reply.header, &in);
  VLOG_RETURN_IF_ERROR(parsed);
  Members members;
  members.cluster = ClusterId(in.cluster());
  members.cluster_name = in.cluster_name();
  for (const pb::Member& member : in.members()) {
    members.nodes[NodeId(member.node())] = {member.name(), member.address()};
  }
  return members;
}

rpc::Message EncodeOrigin(const Origin& origin) {
  pb::OriginReply out;
  for (NodeId node : origin.configured) out.add_configured(node.value());
  Put(origin.first_acceptors, out.mutable_first_acceptors());
  Put(origin.retired, out.mutable_retired());
  return rpc::Message(out.SerializeAsString());
}

StatusOr<Origin> DecodeOrigin(const rpc::Reply& reply) {
  pb::OriginReply in;
  Status parsed = Parse(reply.header, &in);
  VLOG_RETURN_IF_ERROR(parsed);
  Origin origin;
  for (uint64_t node : in.configured()) origin.configured.push_back(NodeId(node));
  origin.first_acceptors = Get(in.first_acceptors());
  origin.retired = Get(in.retired());
  return origin;
}

}  // namespace vlog::server

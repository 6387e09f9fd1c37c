// What a node says about itself and its cluster.
#include <algorithm>

#include "server/known_directory.h"
#include "server/node.h"

namespace vlog::server {

const char* ToString(NodeState state) {
  switch (state) {
    case NodeState::kJoining:
      return "joining";
    case NodeState::kServing:
      return "serving";
    case NodeState::kStopping:
      return "stopping";
    case NodeState::kFailed:
      return "failed";
  }
  return "unknown";  // of a later version
}

// A node that was told to take any port can only be reached under the one that it got.
std::string Node::Advertised() const {
  bool derived = config_.network.advertise == config_.network.listen;
  return derived && server_ != nullptr ? server_->address().ToString() : config_.network.advertise;
}

NodeStatus Node::status() const {
  NodeStatus status;
  status.identity = identity();
  status.name = config_.node.name;
  status.process = env_.ProcessName();
  status.version = version_;
  status.state = join_->joined() ? NodeState::kServing : NodeState::kJoining;
  status.problem = join_->waiting_for();
  if (stopping_) status.state = NodeState::kStopping;
  if (!failure_.ok()) {
    status.state = NodeState::kFailed;
    status.problem = Message(failure_);
  }
  status.uptime = env_.scheduler().Now() - started_;
  if (server_ != nullptr) {
    status.listen = server_->address().ToString();
    status.rpc = server_->stats();
  }
  status.advertise = Advertised();
  status.first_acceptors = acceptor_->record().acceptors;
  KnownDirectory known = DirectoryKnownTo(acceptor_->core());
  status.directory_version = known.version;
  status.votes = acceptor_->core().votes() && known.Votes(identity().replica());
  status.lost_votes = acceptor_->core().formatted() && !acceptor_->core().votes();
  status.voters = std::move(known.voters);
  status.journal.stats = journal_->stats();
  status.journal.segments = journal_->segment_count();
  status.journal.damaged = journal_->damage().size();
  if (!journal_->status().ok()) status.journal.problem = Message(journal_->status());
  status.peers = PeerStatuses();
  AddLoglets(&status);
  return status;
}

std::vector<PeerStatus> Node::PeerStatuses() const {
  std::vector<PeerStatus> peers;
  Instant now = env_.scheduler().Now();
  for (const auto& [node, member] : members().nodes) {
    if (node == identity().node) continue;
    rpc::NodeHealth health = peers_->health().Of(node);
    PeerStatus peer;
    peer.node = node;
    peer.name = member.name;
    peer.address = member.address;
    peer.incarnation = health.incarnation;
    peer.disk = health.disk;
    if (health.last_heard != Instant()) peer.silence = now - health.last_heard;
    if (health.failure) peer.failure = env::ToString(*health.failure);
    peers.push_back(std::move(peer));
  }
  return peers;
}

void Node::AddLoglets(NodeStatus* status) const {
  for (const HostedKind& hosted : hosts_) {
    if (!hosted.started) continue;
    for (loglets::HostedLoglet& loglet : hosted.host->Loglets()) {
      status->loglets.push_back({hosted.name, std::move(loglet)});
    }
  }
  status->loglet_count = status->loglets.size();
  auto open = [](const LogletStatus& each) { return !each.loglet.sealed; };
  std::stable_partition(status->loglets.begin(), status->loglets.end(), open);
  if (status->loglets.size() > kMostLogletsShown) status->loglets.resize(kMostLogletsShown);
}

Members Node::members() const {
  Members members;
  members.cluster = identity().cluster;
  members.cluster_name = identity().cluster_name;
  for (const PeerConfig& peer : config_.peers) members.nodes[peer.id] = {peer.name, peer.address};
  // The cluster's register knows better than a file that may be old.
  KnownDirectory known = DirectoryKnownTo(acceptor_->core());
  for (const auto& [node, address] : known.directory.addresses) {
    members.nodes[node].address = address;
  }
  members.nodes[identity().node] = {config_.node.name, Advertised()};
  return members;
}

}  // namespace vlog::server

#include "client/cluster_view.h"

#include <algorithm>

#include "consensus/quorum.h"

namespace vlog::client {

DiskId ClusterView::DiskOf(NodeId node) const {
  auto it = nodes.find(node);
  if (it == nodes.end() || !it->second.answer.ok()) return DiskId();
  return it->second.status.identity.disk;
}

bool ClusterView::Lives(const loglets::NodeLife& life) const {
  auto it = nodes.find(life.node);
  if (it == nodes.end() || !it->second.serves()) return false;
  const server::NodeIdentity& now = it->second.status.identity;
  return (life.disk == DiskId() || life.disk == now.disk) &&
         (life.incarnation == Incarnation() || life.incarnation == now.incarnation);
}

bool ClusterView::Serves(const Replica& replica) const {
  return Lives({replica.node, Incarnation(), replica.disk}) &&
         !nodes.at(replica.node).status.lost_votes;
}

size_t ClusterView::Serving(const std::vector<Replica>& replicas) const {
  auto serves = [this](const Replica& replica) { return Serves(replica); };
  return static_cast<size_t>(std::count_if(replicas.begin(), replicas.end(), serves));
}

size_t ClusterView::Living(const std::vector<loglets::NodeLife>& lives) const {
  auto living = [this](const loglets::NodeLife& life) { return Lives(life); };
  return static_cast<size_t>(std::count_if(lives.begin(), lives.end(), living));
}

std::vector<NodeId> ClusterView::InService() const { return NodesOf(directory.default_acceptors); }

std::string Listed(const std::vector<NodeId>& nodes) {
  std::string text;
  for (NodeId node : nodes) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", node.value());
  }
  return text.empty() ? "none" : text;
}

std::vector<NodeId> NodesOf(const std::vector<Replica>& replicas) {
  std::vector<NodeId> nodes;
  for (const Replica& replica : replicas) nodes.push_back(replica.node);
  return nodes;
}

std::vector<NodeId> NodesOf(const std::vector<loglets::NodeLife>& lives) {
  std::vector<NodeId> nodes;
  for (const loglets::NodeLife& life : lives) nodes.push_back(life.node);
  return nodes;
}

std::vector<NodeId> NodesWithCopies(const loglets::Needs& needs) {
  std::vector<NodeId> nodes = NodesOf(needs.some_of);
  for (const loglets::NodeLife& life : needs.beside) nodes.push_back(life.node);
  return nodes;
}

}  // namespace vlog::client

#include "server/origin_core.h"

#include <algorithm>

namespace vlog::server {
namespace {

std::string Listed(const std::vector<NodeId>& nodes) {
  std::string text;
  for (NodeId node : nodes) {
    if (!text.empty()) text += ", ";
    text += std::to_string(node.value());
  }
  return text;
}

OriginVerdict Wait(std::string why) {
  OriginVerdict verdict;
  verdict.waiting = std::move(why);
  return verdict;
}

OriginVerdict Conflict(std::string why) {
  OriginVerdict verdict = Wait(std::move(why));
  verdict.conflict = true;
  return verdict;
}

std::vector<NodeId> NodesOf(const std::vector<Replica>& replicas) {
  std::vector<NodeId> nodes;
  for (const Replica& replica : replicas) nodes.push_back(replica.node);
  return nodes;
}

// A cluster that began without this node is one to join only if most of the nodes that this one
// was told of belong to it. Else a node that was misconfigured has begun a cluster by itself.
bool MayTake(NodeId self, const std::vector<NodeId>& configured,
             const std::vector<NodeId>& acceptors) {
  auto is_one = [&](NodeId node) {
    return std::find(acceptors.begin(), acceptors.end(), node) != acceptors.end();
  };
  if (is_one(self)) return true;
  auto known = static_cast<size_t>(std::count_if(configured.begin(), configured.end(), is_one));
  return known * 2 > configured.size() - 1;
}

OriginVerdict TakeSettled(const Replica& self, const std::vector<NodeId>& configured, NodeId from,
                          const std::map<NodeId, OriginAnswer>& answers) {
  const std::vector<Replica>& list = answers.at(from).origin.first_acceptors;
  for (const auto& [node, answer] : answers) {
    const std::vector<Replica>& other = answer.origin.first_acceptors;
    if (other.empty() || other == list) continue;
    return Conflict(absl::StrCat("nodes ", from.value(), " and ", node.value(),
                                 " began two clusters with one id, of nodes ",
                                 Listed(NodesOf(list)), " and of nodes ", Listed(NodesOf(other)),
                                 ": empty the directory of the one that is wrong, correct its "
                                 "peers and format it again"));
  }
  if (!MayTake(self.node, configured, NodesOf(list))) {
    return Conflict(absl::StrCat(
        "node ", from.value(), " began the cluster with nodes ", Listed(NodesOf(list)),
        ", this node is configured with ", Listed(configured),
        ": empty the directory of that node, correct its peers and format it again; or, to join "
        "it, let the peers of this node name only nodes of that cluster"));
  }
  OriginVerdict verdict;
  verdict.first_acceptors = list;
  return verdict;
}

}  // namespace

OriginVerdict SettleOrigin(const Replica& self, const std::vector<NodeId>& configured,
                           const std::map<NodeId, OriginAnswer>& answers) {
  for (const auto& [node, answer] : answers) {
    if (!answer.origin.first_acceptors.empty()) {
      return TakeSettled(self, configured, node, answers);
    }
  }
  std::vector<NodeId> missing;
  OriginVerdict verdict;
  for (NodeId node : configured) {
    if (node == self.node) {
      verdict.first_acceptors.push_back(self);
      continue;
    }
    auto answer = answers.find(node);
    if (answer == answers.end()) {
      missing.push_back(node);
      continue;
    }
    if (answer->second.origin.configured != configured) {
      return Conflict(absl::StrCat("node ", node.value(), " is configured with nodes ",
                                   Listed(answer->second.origin.configured), ", this node with ",
                                   Listed(configured),
                                   ": all nodes of a new cluster need the same list of peers"));
    }
    verdict.first_acceptors.push_back({node, answer->second.disk});
  }
  if (!missing.empty()) return Wait("waiting for the first start of node " + Listed(missing));
  if (configured.front() != self.node) {
    return Wait(absl::StrCat("waiting for node ", configured.front().value(),
                             " to settle who votes first"));
  }
  verdict.settled_here = true;
  return verdict;
}

}  // namespace vlog::server

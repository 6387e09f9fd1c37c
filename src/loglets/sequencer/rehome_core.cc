#include "loglets/sequencer/rehome_core.h"

#include <algorithm>

namespace vlog::loglets::sequencer {
namespace {

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

bool HasCopy(const Params& params, NodeId node) {
  return std::any_of(params.replicas.begin(), params.replicas.end(),
                     [node](const Replica& replica) { return replica.node == node; });
}

bool Serves(const Answers& answers, const Replica& replica) {
  auto known = answers.find(replica.node);
  return known != answers.end() && known->second.disk == replica.disk;
}

// Why a server is to leave; "" if it stays.
std::string WhyLeave(const HomeWanted& wanted, const Answers& answers, const Replica& replica) {
  if (!answers.contains(replica.node)) return wanted.replace_silent ? "does not answer" : "";
  if (!Serves(answers, replica)) return "has another disk";
  if (!Contains(wanted.in_service, replica.node)) return "is not in service";
  return wanted.unfit.contains(replica.node) ? "lacks records in the middle" : "";
}

// Nodes without a copy that could take one, the preferred first.
std::vector<Replica> SparesOf(const HomeWanted& wanted, const Answers& answers) {
  std::vector<Replica> spares;
  for (NodeId node : HomeCandidates(wanted)) {
    auto known = answers.find(node);
    bool may = known != answers.end() && Contains(wanted.in_service, node);
    if (may && !HasCopy(wanted.from, node)) spares.push_back({node, known->second.disk});
  }
  return spares;
}

// Who takes the place of `replica`; none if nobody can.
std::optional<Replica> SuccessorOf(const HomeWanted& wanted, const Answers& answers,
                                   const Replica& replica, std::vector<Replica>* spares) {
  auto known = answers.find(replica.node);
  bool other_disk = known != answers.end() && known->second.disk != replica.disk;
  if (other_disk && Contains(wanted.in_service, replica.node)) {
    return Replica{replica.node, known->second.disk};
  }
  if (spares->empty()) return std::nullopt;
  Replica first = spares->front();
  spares->erase(spares->begin());
  return first;
}

}  // namespace

std::vector<NodeId> HomeCandidates(const HomeWanted& wanted) {
  std::vector<NodeId> nodes;
  auto add = [&nodes](NodeId node) {
    if (!Contains(nodes, node)) nodes.push_back(node);
  };
  for (const Replica& replica : wanted.from.replicas) add(replica.node);
  for (NodeId node : wanted.preferred) {
    if (Contains(wanted.in_service, node)) add(node);
  }
  for (NodeId node : wanted.in_service) add(node);
  return nodes;
}

StatusOr<Home> ChooseHome(const HomeWanted& wanted, const Answers& answers) {
  Home home;
  home.params = wanted.from;
  std::vector<Replica> spares = SparesOf(wanted, answers);
  for (Replica& replica : home.params.replicas) {
    std::string why = WhyLeave(wanted, answers, replica);
    std::optional<Replica> successor;
    if (!why.empty()) successor = SuccessorOf(wanted, answers, replica, &spares);
    if (successor) {
      absl::StrAppend(&home.what, home.what.empty() ? "" : "; ", "node ", replica.node.value(), " ",
                      why, ", node ", successor->node.value(), " takes its place");
      if (Serves(answers, replica)) home.leaving.push_back(replica);
      replica = *successor;
    }
    home.comes.push_back(successor.has_value());
    home.lives.push_back(Serves(answers, replica));
  }
  auto living = std::count(home.lives.begin(), home.lives.end(), true);
  if (living < static_cast<ptrdiff_t>(home.params.write_quorum)) {
    return absl::UnavailableError(
        absl::StrCat(living, " of the nodes that would hold it answer; its copies need ",
                     home.params.write_quorum));
  }
  return home;
}

}  // namespace vlog::loglets::sequencer

#include "loglets/replicated/placement_core.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace vlog::loglets::replicated {
namespace {

// Copies of a log that nobody said anything about.
constexpr size_t kUsualCopies = 3;

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

Status BadRoles(const std::string& word) {
  return absl::InvalidArgumentError(
      "roles are \"acceptors=1,2 learners=4,5\", one of them, or \"all\", not \"" + word + "\"");
}

uint32_t WishedQuorum(const Wanted& wanted) {
  uint32_t wish = wanted.wish.write_quorum;
  return wish > 0 ? wish : wanted.policy.write_quorum;
}

size_t CopiesWanted(const Wanted& wanted, size_t candidates) {
  if (!wanted.wish.nodes.empty()) return candidates;
  if (wanted.policy.copies > 0) return std::min<size_t>(wanted.policy.copies, candidates);
  if (!wanted.previous) return candidates;
  return std::max(wanted.previous->members.size(), std::min(candidates, kUsualCopies));
}

Member Newcomer(const Wanted& wanted, NodeId node) {
  Member member;
  member.replica.node = node;
  const std::optional<Params>& previous = wanted.previous;
  std::optional<size_t> before = previous ? previous->Find(node) : std::nullopt;
  if (wanted.roles.empty() && before) {
    member.votes = previous->members[*before].votes;
    member.serves = previous->members[*before].serves;
  } else {
    member.votes = !wanted.roles.learners.contains(node);
    member.serves = !wanted.roles.acceptors.contains(node);
  }
  return member;
}

uint32_t QuorumOf(const Wanted& wanted, size_t voters) {
  auto majority = static_cast<uint32_t>(voters / 2 + 1);
  const std::optional<Params>& previous = wanted.previous;
  if (wanted.majority && previous && wanted.wish.write_quorum == 0) return majority;
  uint32_t wished = WishedQuorum(wanted);
  if (wished > 0) return wished;
  if (!previous || voters < previous->voters()) return majority;
  return voters > previous->voters() ? std::max(previous->write_quorum, majority)
                                     : previous->write_quorum;
}

// The members that answer, then those that are silent, as many as are wanted.
std::vector<Member> ChooseMembers(const Wanted& wanted, const std::vector<NodeId>& candidates,
                                  const Census& census) {
  size_t count = CopiesWanted(wanted, candidates.size());
  std::vector<Member> members;
  for (NodeId node : candidates) {
    auto known = census.find(node);
    if (known == census.end() || members.size() == count) continue;
    Member member = Newcomer(wanted, node);
    member.replica.disk = known->second.disk;
    member.born = known->second.incarnation;
    members.push_back(member);
  }
  for (NodeId node : candidates) {
    std::optional<size_t> before;
    if (wanted.previous && !census.contains(node)) before = wanted.previous->Find(node);
    if (!before || members.size() == count) continue;
    Member member = Newcomer(wanted, node);
    member.replica.disk = wanted.previous->members[*before].replica.disk;
    members.push_back(member);
  }
  return members;
}

size_t AliveVoters(const Params& params, const Census& census) {
  return static_cast<size_t>(
      std::count_if(params.members.begin(), params.members.end(), [&census](const Member& member) {
        return member.votes && census.contains(member.replica.node);
      }));
}

// With too few alive it goes on with those, as far as the policy allows.
void Shrink(const Wanted& wanted, const Census& census, Params* params) {
  uint32_t least = wanted.policy.least_copies;
  size_t alive = AliveVoters(*params, census);
  size_t needed = std::max<size_t>(params->write_quorum, params->election_quorum());
  if (alive >= needed || least == 0 || alive < least) return;
  std::erase_if(params->members,
                [&census](const Member& member) { return !census.contains(member.replica.node); });
  auto majority = static_cast<uint32_t>(alive / 2 + 1);
  params->write_quorum = std::max(least, majority);
}

StatusOr<NodeId> ChooseLeader(const Wanted& wanted, const Params& params, const Census& census) {
  auto may_lead = [&](NodeId node) {
    std::optional<size_t> member = params.Find(node);
    return member && params.members[*member].serves && census.contains(node);
  };
  if (NodeId wished = wanted.wish.sequencer; wished != NodeId()) {
    if (may_lead(wished)) return wished;
    if (std::optional<size_t> member = params.Find(wished)) {
      if (!params.members[*member].serves) {
        return absl::InvalidArgumentError(
            absl::StrCat("node ", wished.value(), " is to lead and is only an acceptor"));
      }
      return absl::UnavailableError(
          absl::StrCat("node ", wished.value(), " is to lead and does not answer"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("node ", wished.value(), " is to lead and is no member"));
  }
  if (wanted.previous && may_lead(wanted.previous->first_leader)) {
    return wanted.previous->first_leader;
  }
  // One that votes as well needs one answer less from others.
  for (bool votes : {true, false}) {
    for (const Member& member : params.members) {
      if (member.votes == votes && may_lead(member.replica.node)) return member.replica.node;
    }
  }
  return absl::UnavailableError("nobody who may lead answers");
}

std::string Listed(const std::vector<NodeId>& nodes) {
  std::string text;
  for (NodeId node : nodes) absl::StrAppend(&text, text.empty() ? "" : ", ", node.value());
  return text;
}

// Roles that would not work even if everybody answered.
Status CheckRoles(const Wanted& wanted, const std::vector<NodeId>& candidates) {
  std::vector<NodeId> voting;
  std::vector<NodeId> serving;
  for (NodeId node : candidates) {
    Member member = Newcomer(wanted, node);
    if (member.votes) voting.push_back(node);
    if (member.serves) serving.push_back(node);
  }
  if (serving.empty()) {
    return absl::InvalidArgumentError(
        "every node would be only an acceptor: nobody would lead and serve reads; leave one out "
        "of acceptors=, or name a learner");
  }
  uint32_t wished = WishedQuorum(wanted);
  bool apart = voting.size() < candidates.size();
  if (apart && (voting.empty() || wished > voting.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "too few acceptors: ", voting.size(), " of nodes ", Listed(candidates), " would vote, ",
        std::max(wished, 1U), " are needed before an acknowledgement"));
  }
  // What is wished now must be meant; an older policy may name nodes that have left.
  if (wanted.wish.options.empty()) return absl::OkStatus();
  for (const std::set<NodeId>* named : {&wanted.roles.acceptors, &wanted.roles.learners}) {
    for (NodeId node : *named) {
      if (Contains(candidates, node)) continue;
      return absl::InvalidArgumentError(absl::StrCat("node ", node.value(),
                                                     " is given a role and holds no copy; nodes ",
                                                     Listed(candidates), " do"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<Roles> ParseRoles(const std::string& text) {
  Roles roles;
  roles.same_for_all = text == "all";
  if (roles.same_for_all) return roles;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    bool known = equals != std::string::npos && (name == "acceptors" || name == "learners");
    if (!known) return BadRoles(word);
    std::set<NodeId>& nodes = name == "acceptors" ? roles.acceptors : roles.learners;
    std::istringstream numbers(word.substr(equals + 1));
    for (std::string number; std::getline(numbers, number, ',');) {
      uint64_t node = 0;
      const char* end = number.data() + number.size();
      auto [rest, error] = std::from_chars(number.data(), end, node);
      if (error != std::errc() || rest != end || node == 0) return BadRoles(word);
      nodes.insert(NodeId(node));
    }
    if (nodes.empty()) return BadRoles(word);
  }
  for (NodeId node : roles.acceptors) {
    if (roles.learners.contains(node)) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", node.value(), " cannot be only an acceptor and only a learner"));
    }
  }
  return roles;
}

std::vector<NodeId> Candidates(const Wanted& wanted, const std::vector<NodeId>& spares) {
  if (!wanted.wish.nodes.empty()) return wanted.wish.nodes;
  std::vector<NodeId> holders;
  if (wanted.previous) {
    for (const Member& member : wanted.previous->members) holders.push_back(member.replica.node);
  }
  std::vector<NodeId> nodes;
  for (NodeId node : wanted.policy.candidates) {
    bool may_hold = Contains(holders, node) || Contains(spares, node);
    if (may_hold && !Contains(nodes, node)) nodes.push_back(node);
  }
  auto add = [&nodes](const std::vector<NodeId>& more) {
    for (NodeId node : more) {
      if (!Contains(nodes, node)) nodes.push_back(node);
    }
  };
  add(holders);
  add(spares);
  return nodes;
}

bool IsEnough(const Wanted& wanted, const Census& census) {
  if (!wanted.previous) return false;
  NodeId leader = wanted.wish.sequencer;
  if (leader != NodeId() && !census.contains(leader)) return false;
  for (NodeId node : wanted.wish.nodes) {
    if (!census.contains(node)) return false;
  }
  const Params& previous = *wanted.previous;
  size_t needed = std::max<size_t>(previous.write_quorum, previous.election_quorum());
  return census.size() >= std::max<size_t>(needed, WishedQuorum(wanted));
}

StatusOr<Params> ChooseParams(const Wanted& wanted, const std::vector<NodeId>& candidates,
                              const Census& census) {
  Status roles = CheckRoles(wanted, candidates);
  VLOG_RETURN_IF_ERROR(roles);
  Params params;
  params.members = ChooseMembers(wanted, candidates, census);
  size_t voters = params.voters();
  params.write_quorum = QuorumOf(wanted, voters);
  size_t wanted_copies = CopiesWanted(wanted, candidates.size());
  if (params.write_quorum > wanted_copies) {
    return absl::InvalidArgumentError(absl::StrCat("a write quorum of ", params.write_quorum,
                                                   " is impossible on ", wanted_copies, " nodes"));
  }
  if (params.write_quorum <= voters) Shrink(wanted, census, &params);
  size_t alive = AliveVoters(params, census);
  bool enough = params.write_quorum <= params.voters() && alive >= params.write_quorum &&
                alive >= params.election_quorum();
  if (!enough) {
    return absl::UnavailableError(absl::StrCat(alive, " voters answer; a write quorum of ",
                                               params.write_quorum, " of ", params.voters(),
                                               " needs more"));
  }
  StatusOr<NodeId> leader = ChooseLeader(wanted, params, census);
  VLOG_RETURN_IF_ERROR(leader);
  params.first_leader = *leader;
  Status valid = Validate(params);
  VLOG_RETURN_IF_ERROR(valid);
  return params;
}

}  // namespace vlog::loglets::replicated

#include "virtuallog/monitor_core.h"

#include <algorithm>
#include <array>
#include <set>

namespace vlog::virtuallog {
namespace {

// A segment that lived for so long ends a row of fail-overs.
constexpr int64_t kCalmMillis = 30'000;
constexpr std::array<int64_t, 5> kPauses = {0, 50, 200, 1000, 5000};
constexpr Duration kTurn = std::chrono::milliseconds(30);
// Times the patience is as long as anybody is waited for.
constexpr int64_t kMostPatience = 6;

std::set<NodeId> ServersOf(const loglets::Needs& needs) {
  std::set<NodeId> nodes;
  for (const loglets::NodeLife& life : needs.some_of) nodes.insert(life.node);
  return nodes;
}

std::string NameOf(const loglets::NodeLife& life) {
  return absl::StrCat("node ", life.node.value());
}

}  // namespace

Diagnosis Diagnose(const loglets::Needs& needs, const LivenessOf& of) {
  Diagnosis diagnosis;
  auto worsen = [&](Liveness state, std::string reason) {
    if (state <= diagnosis.state) return;
    diagnosis = {state, std::move(reason)};
  };
  for (const loglets::NodeLife& life : needs.all_of) {
    Liveness state = of(life);
    worsen(state, absl::StrCat("the sequencer on ", NameOf(life),
                               state == Liveness::kDead ? " is gone" : " is silent"));
  }
  size_t dead = 0;
  size_t alive = 0;
  for (const loglets::NodeLife& life : needs.some_of) {
    dead += of(life) == Liveness::kDead;
    alive += of(life) == Liveness::kAlive;
  }
  std::string counts =
      absl::StrCat(" of ", needs.some_of.size(), " log servers, ", needs.least, " are needed");
  if (needs.some_of.size() - dead < needs.least) {
    worsen(Liveness::kDead, absl::StrCat("gone are ", dead, counts));
  } else if (alive < needs.least) {
    worsen(Liveness::kSuspected, absl::StrCat("only ", alive, " answer", counts));
  }
  return diagnosis;
}

std::vector<loglets::NodeLife> SuspectsOf(const loglets::Needs& needs, const LivenessOf& of) {
  std::set<loglets::NodeLife> suspects;
  for (const auto* lives : {&needs.all_of, &needs.some_of}) {
    for (const loglets::NodeLife& life : *lives) {
      if (of(life) == Liveness::kSuspected) suspects.insert(life);
    }
  }
  return {suspects.begin(), suspects.end()};
}

std::vector<NodeId> WitnessesOf(NodeId self, const loglets::Needs& needs, const LivenessOf& of) {
  std::set<NodeId> nodes;
  for (const loglets::NodeLife& life : needs.some_of) {
    if (life.node != self && of(life) == Liveness::kAlive) nodes.insert(life.node);
  }
  return {nodes.begin(), nodes.end()};
}

LivenessOf ConfirmedBy(NodeId self, const loglets::Needs& needs, LivenessOf of,
                       std::vector<Testimony> testimonies) {
  return [self, servers = ServersOf(needs), of = std::move(of),
          testimonies = std::move(testimonies)](const loglets::NodeLife& life) {
    Liveness own = of(life);
    if (own != Liveness::kSuspected || servers.empty()) return own;
    std::set<NodeId> against;
    if (servers.contains(self)) against.insert(self);
    for (const Testimony& testimony : testimonies) {
      const auto& silent = testimony.silent;
      bool hears = std::find(silent.begin(), silent.end(), life) == silent.end();
      if (!hears && servers.contains(testimony.witness)) against.insert(testimony.witness);
    }
    // Nobody testifies against itself.
    size_t others = servers.size() - servers.count(life.node);
    return against.size() > others / 2 ? own : Liveness::kAlive;
  };
}

Diagnosis DiagnoseConfirmed(NodeId self, const loglets::Needs& needs, const LivenessOf& of,
                            const std::vector<Testimony>& testimonies) {
  return Diagnose(needs, ConfirmedBy(self, needs, of, testimonies));
}

void Absences::Note(const loglets::Needs& needs, const LivenessOf& of, Instant now) {
  std::map<loglets::NodeLife, Member> members;
  for (const loglets::NodeLife& life : needs.some_of) {
    auto known = members_.find(life);
    Member member = known == members_.end() ? Member() : known->second;
    bool away = of(life) != Liveness::kAlive;
    if (!away && member.since) member.longest = std::max(member.longest, now - *member.since);
    if (!away) member.since.reset();
    if (away && !member.since) member.since = now;
    members[life] = member;
  }
  members_ = std::move(members);
}

Duration Absences::MayBeAway(const Member& member) const {
  return std::clamp(2 * member.longest, patience_, kMostPatience * patience_);
}

std::vector<loglets::NodeLife> Absences::Overdue(Instant now) const {
  std::vector<loglets::NodeLife> overdue;
  for (const auto& [life, member] : members_) {
    if (member.since && now - *member.since >= MayBeAway(member)) overdue.push_back(life);
  }
  return overdue;
}

Duration Absences::TimeAway(const loglets::NodeLife& member, Instant now) const {
  auto known = members_.find(member);
  bool away = known != members_.end() && known->second.since;
  return away ? now - *known->second.since : Duration(0);
}

std::vector<NodeId> Replaced(const loglets::Needs& needs,
                             const std::vector<loglets::NodeLife>& gone, std::vector<NodeId> spares,
                             const std::vector<NodeId>& preferred, const LivenessOf& of) {
  std::set<NodeId> members = ServersOf(needs);
  std::vector<NodeId> nodes;
  for (const loglets::NodeLife& life : needs.beside) {
    members.insert(life.node);
    nodes.push_back(life.node);
  }
  size_t copies = nodes.size() + needs.some_of.size();
  for (const loglets::NodeLife& life : needs.some_of) {
    if (std::find(gone.begin(), gone.end(), life) == gone.end()) nodes.push_back(life.node);
  }
  auto is_preferred = [&preferred](NodeId node) {
    return std::find(preferred.begin(), preferred.end(), node) != preferred.end();
  };
  std::stable_partition(spares.begin(), spares.end(), is_preferred);
  size_t kept = nodes.size();
  for (NodeId spare : spares) {
    bool fits =
        !members.contains(spare) && of({spare, Incarnation(), DiskId()}) == Liveness::kAlive;
    if (fits && nodes.size() < copies) nodes.push_back(spare);
  }
  if (nodes.size() == kept) return {};
  for (const loglets::NodeLife& life : gone) {
    if (nodes.size() < needs.some_of.size()) nodes.push_back(life.node);
  }
  return nodes;
}

uint32_t NextFailOver(const Chain& chain, WallTime now) {
  const Segment& last = chain.last();
  bool calm = now.unix_millis - last.made_at.unix_millis > kCalmMillis;
  return calm ? 1 : last.made.fail_overs + 1;
}

int64_t MillisToWait(const Chain& chain, Liveness state, WallTime now) {
  if (state == Liveness::kDead) return 0;
  size_t number = std::min<size_t>(NextFailOver(chain, now), kPauses.size());
  int64_t since = now.unix_millis - chain.last().made_at.unix_millis;
  // A clock that went back must not make anybody wait for ever.
  return std::max<int64_t>(0, kPauses[number - 1] - std::max<int64_t>(0, since));
}

Duration TurnOf(NodeId self, const loglets::Needs& needs, const LivenessOf& of) {
  std::set<NodeId> before;
  for (const loglets::NodeLife& life : needs.some_of) {
    if (life.node < self && of(life) == Liveness::kAlive) before.insert(life.node);
  }
  return kTurn * static_cast<int64_t>(before.size());
}

}  // namespace vlog::virtuallog

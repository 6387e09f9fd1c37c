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

Diagnosis DiagnoseConfirmed(NodeId self, const loglets::Needs& needs, const LivenessOf& of,
                            const std::vector<Testimony>& testimonies) {
  std::set<NodeId> servers = ServersOf(needs);
  auto confirmed = [&](const loglets::NodeLife& life) {
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
  return Diagnose(needs, confirmed);
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

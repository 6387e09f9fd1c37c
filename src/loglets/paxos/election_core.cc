#include "loglets/paxos/election_core.h"

#include <algorithm>

namespace vlog::loglets::paxos {

void ElectionCore::HeardLeader(const Ballot& ballot, Instant now) {
  leader_ = ballot;
  heard_at_ = now;
  Rearm(now);
}

void ElectionCore::Rearm(Instant now) {
  auto spread = static_cast<uint64_t>((options_.silence_max - options_.silence_min).count());
  Duration more(static_cast<int64_t>(random_() % (spread + 1)));
  deadline_ = now + (options_.silence_min + more);
  probing_ = false;
}

void ElectionCore::Wake(Instant now) {
  if (deadline_ == Instant::Max()) Rearm(now);
}

void ElectionCore::Stop() {
  deadline_ = Instant::Max();
  probing_ = false;
}

void ElectionCore::BeginProbe(bool own_vote, Instant now) {
  Rearm(now);  // if too few answer
  probing_ = true;
  ++probe_;
  silent_.clear();
  if (own_vote) silent_.insert(group_.self);
}

bool ElectionCore::MayBegin() const { return probing_ && silent_.size() >= group_.quorums().read; }

bool ElectionCore::OnProbeReply(size_t member, uint64_t probe, const ProbeReply& reply,
                                Instant now) {
  if (!probing_ || probe != probe_) return false;
  if (reply.leader_alive) {
    Rearm(now);
    return false;
  }
  bool votes = group_.members[member].votes && reply.standing.votes;
  if (votes) silent_.insert(member);
  return MayBegin();
}

bool ElectionCore::LeaderAlive(Instant now) const {
  return !leader_.none() && now < heard_at_ + options_.silence_min;
}

}  // namespace vlog::loglets::paxos

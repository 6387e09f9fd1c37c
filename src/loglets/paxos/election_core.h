// When a replica tries to lead: after randomized silence, and only if a read quorum has not heard
// of a leader either (DESIGN 6.3). Pure; part of PaxosCore. Nothing here matters for safety.
#ifndef VLOG_LOGLETS_PAXOS_ELECTION_CORE_H_
#define VLOG_LOGLETS_PAXOS_ELECTION_CORE_H_

#include <functional>
#include <set>

#include "loglets/paxos/messages.h"
#include "loglets/paxos/options.h"

namespace vlog::loglets::paxos {

using RandomSource = std::function<uint64_t()>;

class ElectionCore {
 public:
  // `group` and `options` outlive it.
  ElectionCore(const Group& group, const PaxosOptions& options, RandomSource random)
      : group_(group), options_(options), random_(std::move(random)) {}

  // A leader's message was admitted.
  void HeardLeader(const Ballot& ballot, Instant now);
  // Some sign of life that says: wait a little longer.
  void Rearm(Instant now);
  // The clock runs from now on, unless it does.
  void Wake(Instant now);
  void Stop();

  // --- Probing: asks all others whether they hear of a leader ---
  bool due(Instant now) const { return now >= deadline_; }
  Instant deadline() const { return deadline_; }
  // A new round; answers to older ones do not count. `own_vote`: this replica votes.
  void BeginProbe(bool own_vote, Instant now);
  bool probing() const { return probing_; }
  uint64_t probe() const { return probe_; }
  // True if a ballot may begin now.
  bool OnProbeReply(size_t member, uint64_t probe, const ProbeReply& reply, Instant now);
  bool MayBegin() const;

  // Heard of within the shortest silence.
  bool LeaderAlive(Instant now) const;
  // The last that was heard of; none: nobody.
  const Ballot& leader() const { return leader_; }
  Instant heard_at() const { return heard_at_; }

 private:
  const Group& group_;
  const PaxosOptions& options_;
  RandomSource random_;
  Instant deadline_ = Instant::Max();  // off
  Ballot leader_;
  Instant heard_at_;
  bool probing_ = false;
  uint64_t probe_ = 0;
  std::set<size_t> silent_;  // members that hear of no leader either
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_ELECTION_CORE_H_

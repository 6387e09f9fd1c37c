// Elections (Raft 5.2, 5.4.1; thesis 4.2.3, 9.6).
#include <algorithm>

#include "base/check.h"
#include "loglets/raft/raft_core.h"

namespace vlog::loglets::raft {

void RaftCore::Campaign(bool at_once, Instant now) {
  Start(now);
  if (role_ == Role::kLeader || sealed() || log_.state().impaired()) return;
  if (at_once && role_ == Role::kFollower && leader_ == NodeId()) {
    // In the first term of all there is nobody to disturb.
    if (term() == Term()) {
      BeginElection(now);
    } else {
      BeginPreVote(now);
    }
  } else if (election_at_ == Instant::Max()) {
    ResetElection(now);
  }
}

void RaftCore::BeginPreVote(Instant now) {
  StepDown(now);
  ResetElection(now);
  if (log_.state().impaired()) return;
  role_ = Role::kPreCandidate;
  votes_.Clear();
  votes_.Add(config_.self);
  if (votes_.count() >= majority()) return BeginElection(now);
  AskForVotes(true);
}

// The requests leave while the own vote is on its way to the disk; it counts, and the term can be
// won, when it is durable. A candidate that dies first has told nobody of a vote but of its wish.
void RaftCore::BeginElection(Instant now) {
  ResetElection(now);
  role_ = Role::kCandidate;
  leader_ = NodeId();
  votes_.Clear();
  log_.SetHardState({Term(term().value() + 1), config_.self});
  AskForVotes(false);
}

void RaftCore::AskForVotes(bool pre) {
  asked_.clear();
  VoteRequest request;
  request.term = pre ? Term(term().value() + 1) : term();
  request.pre = pre;
  request.last = log_.last();
  request.last_term = log_.state().last_term();
  for (const Replica& voter : config_.voters) {
    if (voter == config_.self) continue;
    CallId call = next_call_++;
    asked_[call] = {voter, term(), pre};
    SendTo(voter, request, options_.vote_patience, call);
  }
}

void RaftCore::OnVoteReply(const Replica& from, const VoteReply& reply, bool pre, Instant now) {
  if (reply.term > term()) return AdoptTerm(reply.term, now);
  if (reply.code != Code::kOk) return;
  if (pre && role_ == Role::kPreCandidate) {
    votes_.Add(from);
    if (votes_.count() >= majority()) BeginElection(now);
  } else if (!pre && role_ == Role::kCandidate) {
    votes_.Add(from);
  }
}

void RaftCore::CountVotes(Instant now) {
  if (log_.hard_durable()) votes_.Add(config_.self);
  if (votes_.Has(config_.self) && votes_.count() >= majority()) BecomeLeader(now);
}

void RaftCore::BecomeLeader(Instant now) {
  role_ = Role::kLeader;
  leader_ = config_.self.node;
  leader_since_ = now;
  election_at_ = Instant::Max();
  asked_.clear();
  // Nothing that others hold of earlier terms is decided before an entry of this one (5.4.2, 8).
  LogEntry no_op;
  no_op.term = term();
  if (log_.may_write()) log_.Append(std::move(no_op), true);
  if (log_.last_term() != term()) return StepDown(now);  // the disk is full beyond measure
  first_of_term_ = log_.last();
  sent_ = Index(first_of_term_.value() - 1);
  log_.set_cache_limit(options_.cache_bytes);
  for (const Replica& voter : config_.voters) {
    if (voter == config_.self) continue;
    flows_.emplace(voter, FollowerFlow(options_.flow, sent_, now));
  }
  CountCopies();
}

// ---- voters ----

// Which of two logs is newer: the later last term, then the longer one (5.4.1).
bool RaftCore::UpToDate(Index last, Term last_term) const {
  Term own = log_.state().last_term();
  return last_term > own || (last_term == own && last >= log_.last());
}

void RaftCore::OnVote(const Replica& from, const VoteRequest& request, ReplyTo to, Instant now) {
  if (std::optional<Code> refusal = Refusal(from, request.disk)) {
    return Tell(to, VoteReply{*refusal, term()});
  }
  if (election_at_ == Instant::Max() && role_ != Role::kLeader) ResetElection(now);
  bool hears = role_ == Role::kLeader ||
               (heard_leader_at_ && now - *heard_leader_at_ < options_.election_min);
  bool may_win = UpToDate(request.last, request.last_term);
  // Who asks has not seen the seal; a leader at rest tells it, another one if its log is short.
  if (sealed() && (!may_win || role_ == Role::kLeader)) WakeFor(from, now);
  if (request.pre) {
    bool granted = !hears && may_win && request.term > term();
    return Tell(to, VoteReply{granted ? Code::kOk : Code::kNo, term()});
  }
  if (hears || request.term < term()) return Tell(to, VoteReply{Code::kNo, term()});
  HardState next = log_.hard();
  if (request.term > term()) {
    StepDown(now);
    next = {request.term, Replica()};
  }
  bool free = next.vote == Replica() || next.vote == from;
  bool granted = free && may_win;
  if (granted) next.vote = from;
  if (next != log_.hard()) log_.SetHardState(next);
  if (granted) ResetElection(now);
  pending_votes_.push_back({to, request.term, granted});
}

// A replica that has not seen the seal is behind, and nobody leads any more: somebody must.
void RaftCore::WakeFor(const Replica& from, Instant now) {
  if (role_ == Role::kLeader) {
    flows_.at(from).Wake(now);
  } else if (election_at_ == Instant::Max()) {
    auto spread = static_cast<uint64_t>(options_.election_max.count());
    election_at_ = now + Duration(static_cast<int64_t>(random_() % (spread + 1)));
  }
}

}  // namespace vlog::loglets::raft

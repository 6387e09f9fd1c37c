// What a follower does with its leader's requests (Raft 5.3).
#include <algorithm>

#include "base/check.h"
#include "loglets/raft/raft_core.h"

namespace vlog::loglets::raft {

AppendReply RaftCore::ReplyWith(Code code) const {
  AppendReply reply;
  reply.code = code;
  reply.term = term();
  reply.sealed = sealed();
  return reply;
}

// False: refused, and the answer is given.
bool RaftCore::FollowLeader(const Replica& from, DiskId disk, Term term, ReplyTo to, Instant now) {
  std::optional<Code> refusal = Refusal(from, disk);
  if (!refusal && term < this->term()) refusal = Code::kNo;
  if (refusal) {
    Tell(to, ReplyWith(*refusal));
    return false;
  }
  AdoptTerm(term, now);
  VLOG_CHECK(role_ != Role::kLeader, "a term has one leader (Raft 5.2)");
  if (role_ != Role::kFollower) StepDown(now);
  leader_ = from.node;
  heard_leader_at_ = now;
  ResetElection(now);
  return true;
}

void RaftCore::OnAppend(const Replica& from, AppendRequest request, ReplyTo to, Instant now) {
  if (!FollowLeader(from, request.disk, request.term, to, now)) return;
  if (std::optional<AppendReply> conflict = Conflict(request)) return Tell(to, *conflict);
  Index agreed = request.prev + request.entries.size();
  if (!TakeEntries(request)) return Tell(to, ReplyWith(Code::kFull));
  // What lies behind the leader's entries may be from an earlier term.
  log_.Commit(std::min(request.commit, agreed));
  pending_appends_.push_back({to, request.term, agreed});
}

// The consistency check. What is decided here is as every leader to come has it (5.4.3).
std::optional<AppendReply> RaftCore::Conflict(const AppendRequest& request) const {
  Index prev = request.prev;
  if (prev <= log_.commit()) return std::nullopt;
  AppendReply reply = ReplyWith(Code::kNo);
  if (prev > log_.last()) {
    reply.hint = log_.last() + 1;
    return reply;
  }
  Term ours = *log_.state().TermAt(prev);
  if (ours == request.prev_term) return std::nullopt;
  reply.hint_term = ours;
  reply.hint = std::max(log_.state().FirstOfTerm(prev), log_.commit() + 1);
  return reply;
}

// False: the disk takes no more. Entries that are here already stay, with what follows them: an old
// request may come late.
bool RaftCore::TakeEntries(AppendRequest& request) {
  Index index = request.prev;
  for (LogEntry& entry : request.entries) {
    index += 1;
    if (index <= log_.commit()) continue;
    if (index <= log_.last()) {
      if (*log_.state().TermAt(index) == entry.term) continue;
      log_.CutFrom(index);
    }
    if (!log_.may_write()) return false;
    log_.Append(std::move(entry), request.urgent);
  }
  return true;
}

void RaftCore::OnMoveUp(const Replica& from, MoveUpRequest request, ReplyTo to, Instant now) {
  if (!FollowLeader(from, request.disk, request.term, to, now)) return;
  // A move that comes late must not cut what the log has got since (FAULTS race 38).
  bool held =
      request.index <= log_.commit() || log_.state().TermAt(request.index) == request.index_term;
  if (!held) {
    bool fine = request.index_term <= term() && AppliedState::Decode(request.state.view()).ok();
    if (!fine) return Tell(to, ReplyWith(Code::kNo));
    if (!log_.may_write()) return Tell(to, ReplyWith(Code::kFull));
    log_.MoveUp(request.index, request.index_term, std::move(request.state));
  }
  pending_appends_.push_back({to, request.term, request.index});
}

// Answers what waited for the disk, and only in the term in which it was asked.
void RaftCore::AnswerPeers() {
  std::erase_if(pending_votes_, [&](const PendingVote& pending) {
    if (!log_.hard_durable() && pending.term == term()) return false;
    bool granted = pending.granted && pending.term == term();
    Tell(pending.to, VoteReply{granted ? Code::kOk : Code::kNo, term()});
    return true;
  });
  std::erase_if(pending_appends_, [&](const PendingAppend& pending) {
    bool stale = pending.term != term();
    bool refused = pending.match > log_.last();
    bool durable = log_.hard_durable() && log_.durable() >= pending.match;
    if (!stale && !refused && !durable) return false;
    AppendReply reply = ReplyWith(stale ? Code::kNo : refused ? Code::kFull : Code::kOk);
    if (reply.code == Code::kOk) {
      // What is decided and durable here is as the leader has it, too.
      Index match = std::max(pending.match, std::min(log_.commit(), log_.durable()));
      if (match >= log_.applied()) {
        reply.match = match;
        reply.match_end = log_.state().log().EndAt(match);
      }
    }
    Tell(pending.to, reply);
    return true;
  });
}

}  // namespace vlog::loglets::raft

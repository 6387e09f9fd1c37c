// What a leader makes of a follower's answers (Raft 5.3).
#include <algorithm>
#include <utility>

#include "loglets/raft/follower_flow_core.h"

namespace vlog::loglets::raft {

std::optional<FollowerFlow::InFlight> FollowerFlow::Take(CallId call) {
  auto it = in_flight_.find(call);
  if (it == in_flight_.end()) return std::nullopt;
  InFlight sent = it->second;
  in_flight_.erase(it);
  with_entries_ -= sent.entries;
  heartbeats_ -= sent.what == What::kHeartbeat;
  bytes_ -= sent.bytes;
  sent.awaited = waiting_for_ == call;
  if (sent.awaited) waiting_for_.reset();
  return sent;
}

void FollowerFlow::OnReply(CallId call, const AppendReply& reply, const RaftLog& log, Instant now) {
  std::optional<InFlight> sent = Take(call);
  if (!sent) return;
  bool member = reply.code == Code::kOk || reply.code == Code::kNo || reply.code == Code::kFull;
  if (!member) {
    state_ = State::kLost;
    not_before_ = now + options_.lost_retry;
    DropLoaded();
    return;
  }
  heard_at_ = now;
  if (std::exchange(errors_, 0) > 0) not_before_ = now;
  acked_round_ = std::max(acked_round_, sent->round);
  sealed_ = sealed_ || reply.sealed;
  if (reply.code == Code::kOk) {
    OnAgreed(*sent, reply, log);
  } else if (reply.code == Code::kNo) {
    OnConflict(*sent, reply, log, now);
  } else {
    Retreat(*sent, now + options_.retry);
  }
}

void FollowerFlow::OnAgreed(const InFlight& sent, const AppendReply& reply, const RaftLog& log) {
  if (reply.match >= match_ && reply.match <= log.last()) {
    match_ = reply.match;
    match_end_ = reply.match_end;
  }
  if (sent.awaited) state_ = State::kStream;
  if (sent.awaited || next_ <= match_) SetNext(match_ + 1);
}

void FollowerFlow::OnConflict(const InFlight& sent, const AppendReply& reply, const RaftLog& log,
                              Instant now) {
  // An answer to the request that is awaited says where to begin.
  if (waiting_for_ || sent.what == What::kHeartbeat) return;
  if (sent.what == What::kMove) return Retreat(sent, now + options_.retry);
  // No word counts about what it is known to have; but it did not take what was sent (Raft 5.3).
  if (sent.prev <= match_) return SetNext(match_ + 1);
  Index next = reply.hint;
  if (reply.hint_term > Term()) {
    std::optional<Index> ours = log.state().LastOfTerm(reply.hint_term, sent.prev);
    if (ours) next = *ours + 1;
  }
  next = std::min(next, sent.prev);
  state_ = State::kProbe;
  SetNext(std::max(next, match_ + 1));
}

void FollowerFlow::OnError(CallId call, bool lost, Instant now) {
  std::optional<InFlight> sent = Take(call);
  if (!sent) return;
  if (lost) {
    state_ = State::kLost;
    not_before_ = now + options_.lost_retry;
    DropLoaded();
  } else if (sent->what != What::kHeartbeat) {
    // What fails together counts once.
    if (errors_ == 0 || now >= not_before_) errors_ = std::min(errors_ + 1, 5u);
    Retreat(*sent, std::max(not_before_, now + options_.retry * (1 << (errors_ - 1))));
  }
}

// What was sent did not arrive, or was not taken: again, later.
void FollowerFlow::Retreat(const InFlight& sent, Instant at) {
  not_before_ = at;
  if (waiting_for_ || state_ == State::kLost) return;
  bool probe = sent.what == What::kProbe;
  if (state_ == State::kStream) state_ = State::kProbe;
  SetNext(std::max(probe ? sent.prev + 1 : match_ + 1, match_ + 1));
}

void FollowerFlow::SetNext(Index next) {
  next_ = next;
  next_begin_.reset();
  if (next == match_ + 1) next_begin_ = match_end_;
  DropLoaded();
}

void FollowerFlow::DropLoaded() {
  load_.reset();
  loaded_.clear();
  loaded_bytes_ = 0;
}

void FollowerFlow::OnLoaded(CallId load, StatusOr<std::vector<storage::Entry>> entries,
                            const RaftLog& log, Instant now) {
  if (load_ != load) return;
  DropLoaded();
  if (!entries.ok() && !absl::IsDataLoss(entries.status())) {
    not_before_ = now + options_.retry;
    return;
  }
  Index expected = next_;
  if (entries.ok()) {
    for (const storage::Entry& entry : *entries) {
      StatusOr<StoredEntry> stored = RaftState::ToStored(entry);
      bool follows = stored.ok() && stored->index == expected &&
                     log.state().TermAt(expected) == stored->entry.term;
      if (!follows) break;
      loaded_bytes_ += stored->entry.batch.body.size();
      loaded_.push_back(*std::move(stored));
      expected += 1;
    }
  }
  if (!loaded_.empty()) return;
  not_before_ = now + options_.retry;
  // If it was not given up meanwhile, it is damaged here.
  unreadable_ = log.state().TermAt(Index(next_.value() - 1)).has_value();
}

void FollowerFlow::Wake(Instant now) {
  heard_at_ = now;
  not_before_ = std::min(not_before_, now);
  // Who restarts may have to be told again.
  sealed_ = false;
}

}  // namespace vlog::loglets::raft

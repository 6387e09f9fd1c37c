// What a leader sends, counts and gives up (Raft 5.3, 5.4.2; thesis 6.2, 6.4).
#include <algorithm>

#include "base/check.h"
#include "loglets/raft/raft_core.h"

namespace vlog::loglets::raft {

FollowerFlow::Leader RaftCore::View(const FollowerFlow& flow) const {
  // While the disk may be full, nobody is sent what this replica may have to take back.
  Index sendable = log_.disk_suspect() ? log_.durable() : log_.last();
  bool urgent = log_.state().log().sealed() && !sealed();
  bool silent = now_ - std::max(flow.heard_at(), leader_since_) >= options_.silent_after;
  bool quiet = sealed() && log_.commit() == log_.last() && (flow.sealed() || silent);
  return {log_, term(), sendable, rounds_.round(), urgent, quiet};
}

void RaftCore::Pump(Instant now) {
  for (auto& [replica, flow] : flows_) {
    for (;;) {
      CallId call = next_call_;
      FollowerFlow::Next next = flow.TakeNext(View(flow), call, now);
      if (next.index() == 0) break;
      ++next_call_;
      if (auto* append = std::get_if<AppendRequest>(&next)) {
        sent_ = std::max(sent_, append->prev + append->entries.size());
        SendTo(replica, std::move(*append), options_.append_patience, call);
      } else if (auto* move = std::get_if<MoveUpRequest>(&next)) {
        SendTo(replica, std::move(*move), options_.append_patience, call);
      } else {
        const auto& load = std::get<FollowerFlow::Load>(next);
        output_.loads.push_back({call, load.from, load.to, options_.max_load_bytes});
      }
    }
  }
}

// Decides what a quorum has, if that ends in an entry of this term: an entry of an earlier one can
// be on a majority and still be replaced (5.4.2, figure 8).
void RaftCore::CountCopies() {
  std::vector<uint64_t> copies = {log_.durable().value()};
  for (const auto& [replica, flow] : flows_) copies.push_back(flow.match().value());
  Index reached(*consensus::HighestReachedBy(copies, config_.commit_quorum));
  bool own_term = reached > log_.commit() && log_.state().TermAt(reached) == term();
  if (own_term) log_.Commit(reached);
  // A new leader does not know how much is decided before it has decided something (8).
  if (log_.commit() >= first_of_term_ && rounds_.Start()) ConfirmRounds();
  if (log_.commit() <= log_.durable()) {
    disk_behind_since_.reset();
  } else if (!disk_behind_since_) {
    disk_behind_since_ = now_;
  }
}

void RaftCore::ConfirmRounds() {
  if (role_ != Role::kLeader) return;
  std::vector<uint64_t> rounds = {rounds_.round()};
  for (const auto& [replica, flow] : flows_) rounds.push_back(flow.acked_round());
  uint64_t confirmed = *consensus::HighestReachedBy(rounds, majority());
  for (const ReadRounds::Waiter& waiter : rounds_.Confirmed(confirmed)) {
    if (waiter.refused.ok()) {
      Answered(waiter.token, log_.committed_end());
    } else {
      Answered(waiter.token, waiter.refused);
    }
  }
}

// Since when it is not known that a majority follows.
Instant RaftCore::QuorumHeardAt() const {
  std::vector<uint64_t> heard = {static_cast<uint64_t>(Instant::Max().since_start().count())};
  for (const auto& [replica, flow] : flows_) {
    heard.push_back(static_cast<uint64_t>(flow.heard_at().since_start().count()));
  }
  uint64_t at = *consensus::HighestReachedBy(heard, majority());
  return Instant(Duration(static_cast<int64_t>(at)));
}

Instant RaftCore::GiveUpAt() const {
  if (sealed()) return Instant::Max();
  Instant at = QuorumHeardAt() + options_.check_quorum;
  if (disk_behind_since_) at = std::min(at, *disk_behind_since_ + options_.append_patience);
  return at;
}

// The disk is full. What nobody else has seen was never done; else whoever leads next knows better
// than a leader that cannot keep its own entries.
void RaftCore::OnOwnRefusal(Index cut, Instant now) {
  if (sent_ >= cut || cut <= first_of_term_) return StepDown(now);
  Status full = absl::ResourceExhaustedError("the leader's disk is full");
  auto from = appends_.lower_bound(log_.state().log().end());
  for (auto it = from; it != appends_.end(); ++it) Answered(it->second, full);
  appends_.erase(from, appends_.end());
  if (log_.state().log().sealed()) return;
  for (Token token : std::exchange(seals_, {})) Answered(token, full);
  for (Token token : std::exchange(behind_seal_, {})) Answered(token, full);
}

}  // namespace vlog::loglets::raft

// What clients ask for (Raft 8; DESIGN 6.4).
#include <algorithm>

#include "loglets/raft/raft_core.h"

namespace vlog::loglets::raft {
namespace {

// Beside bytes, entries are bounded as well.
constexpr size_t kMostUndecided = 65'536;

Status NotLeader() { return absl::AbortedError("not the leader"); }
Status Sealed() { return absl::FailedPreconditionError("sealed"); }

}  // namespace

// Whether a new batch may go into the log now.
Status RaftCore::Admit(const BatchHeader& batch) {
  bool crowded = log_.bytes_in_memory() >= options_.max_undecided_bytes ||
                 log_.state().log().unapplied().size() >= kMostUndecided;
  if (crowded || !log_.may_write()) {
    return absl::ResourceExhaustedError("too much is undecided, or the leader's disk is full");
  }
  bool too_many = batch.first_in_loglet && applied().writers() >= options_.most_writers;
  return too_many ? Sealed() : absl::OkStatus();
}

void RaftCore::Append(Batch batch, Token token, Instant now) {
  Start(now);
  if (sealed()) return Answered(token, Sealed());
  if (role_ != Role::kLeader) return Answered(token, NotLeader());
  AppliedState::Result result = log_.state().log().Judge(batch.header);
  using Outcome = AppliedState::Outcome;
  if (result.outcome == Outcome::kDuplicate) {
    // Its entry may be undecided still.
    appends_.emplace(result.offset, token);
  } else if (result.outcome == Outcome::kOutOfOrder) {
    // A leader that was outvoted does not know what its successor took.
    rounds_.Add({token, absl::InvalidArgumentError("out of order: something before is missing")});
  } else if (result.outcome == Outcome::kTooOld) {
    Answered(token, absl::OutOfRangeError("older than what is remembered of its writer"));
  } else if (result.outcome == Outcome::kSealed) {
    // As long as SEAL is undecided nobody can say that this loglet is sealed.
    behind_seal_.push_back(token);
  } else if (Status admitted = Admit(batch.header); absl::IsFailedPrecondition(admitted)) {
    behind_seal_.push_back(token);
    LogEntry seal;
    seal.term = term();
    seal.type = EntryType::kSeal;
    log_.Append(std::move(seal), true);
  } else if (!admitted.ok()) {
    rounds_.Add({token, admitted});
  } else {
    LogEntry entry;
    entry.term = term();
    entry.type = EntryType::kBatch;
    entry.batch = std::move(batch);
    log_.Append(std::move(entry), false);
    appends_.emplace(result.offset, token);
  }
}

void RaftCore::CheckTail(Token token, Instant now) {
  Start(now);
  if (sealed()) return Answered(token, applied().end());
  if (role_ != Role::kLeader) return Answered(token, NotLeader());
  rounds_.Add({token, absl::OkStatus()});
}

void RaftCore::Seal(std::string proposal, Token token, Instant now) {
  Start(now);
  if (sealed()) return Answered(token, applied().end());
  if (role_ != Role::kLeader) return Answered(token, NotLeader());
  if (!log_.state().log().sealed()) {
    if (!log_.may_write()) {
      return Answered(token, absl::ResourceExhaustedError("the leader's disk is full"));
    }
    LogEntry seal;
    seal.term = term();
    seal.type = EntryType::kSeal;
    seal.proposal = std::move(proposal);
    log_.Append(std::move(seal), true);
  }
  seals_.push_back(token);
}

void RaftCore::Trim(Offset to, Token token, Instant now) {
  Start(now);
  Offset point = std::min(to, applied().end());
  if (point <= log_.durable_trim()) {
    Answered(token, log_.durable_trim());
  } else if (!log_.may_write()) {
    // What is applied here is not on the disk yet.
    Answered(token, absl::ResourceExhaustedError("the disk is full"));
  } else {
    trims_[log_.Trim(point)] = token;
  }
}

// In the order of the log.
void RaftCore::AnswerClients() {
  if (role_ != Role::kLeader) return;
  Offset end = log_.committed_end();
  while (!appends_.empty() && appends_.begin()->first < end) {
    Answered(appends_.begin()->second, appends_.begin()->first);
    appends_.erase(appends_.begin());
  }
  if (!sealed()) return;
  for (Token token : std::exchange(behind_seal_, {})) Answered(token, Sealed());
  for (Token token : std::exchange(seals_, {})) Answered(token, applied().end());
  for (const ReadRounds::Waiter& waiter : rounds_.TakeAll()) {
    Answered(waiter.token, waiter.refused.ok() ? StatusOr<Offset>(applied().end()) : Sealed());
  }
}

// The leadership ends: what is undecided may be decided by somebody else.
void RaftCore::FailClients() {
  Status unknown = absl::UnknownError("the leader changed before this was decided");
  for (const auto& [offset, token] : std::exchange(appends_, {})) Answered(token, unknown);
  for (Token token : std::exchange(seals_, {})) Answered(token, unknown);
  for (Token token : std::exchange(behind_seal_, {})) Answered(token, NotLeader());
  for (const ReadRounds::Waiter& waiter : rounds_.TakeAll()) Answered(waiter.token, NotLeader());
  rounds_ = ReadRounds();
}

}  // namespace vlog::loglets::raft

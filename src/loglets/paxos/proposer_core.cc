#include "loglets/paxos/proposer_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::paxos {

using Outcome = replicated::AppliedState::Outcome;

// ---- phase 1 ----

void ProposerCore::Begin(const Ballot& ballot, Instant now) {
  VLOG_CHECK(state_ == State::kIdle && ballot > ballot_, "a ballot is used once");
  state_ = State::kPreparing;
  ballot_ = ballot;
  phase1_.emplace(group_, ballot, log_.chosen().slot);
  asked_at_.assign(group_.members.size(), Instant());
  first_tag_ = next_tag_;
  fetch_.reset();
  fetch_at_ = now;
  give_up_at_ = now + options_.prepare_bound;
}

void ProposerCore::PumpPhase1(Instant now) {
  for (size_t member = 0; member < group_.members.size(); ++member) {
    bool asked = group_.members[member].votes || member == group_.self;
    if (!asked || now < asked_at_[member]) continue;
    std::optional<Prepare> page = phase1_->NextPage(member);
    if (!page) continue;
    asked_at_[member] = Instant::Max();
    output_.sends.push_back({member, next_tag_++, *page, options_.patience});
  }
  if (!phase1_->complete()) return;
  // Below the chosen point of those who promised they report nothing: learn it first.
  if (log_.chosen().slot >= phase1_->highest_chosen().slot) return Lead(now);
  bool learnt = log_.chosen().slot > fetched_;
  if (fetch_ || (now < fetch_at_ && !learnt)) return;
  fetch_ = next_tag_++;
  fetch_at_ = now + options_.retry;
  fetched_ = log_.chosen().slot;
  output_.sends.push_back(
      {phase1_->knows_most(), *fetch_, Fetch{log_.chosen()}, options_.patience});
}

void ProposerCore::OnPromise(size_t member, const StatusOr<Reply>& reply, Instant now) {
  asked_at_[member] = now;
  const PrepareReply* promise = reply.ok() ? std::get_if<PrepareReply>(&*reply) : nullptr;
  if (promise == nullptr || !promise->granted) {
    asked_at_[member] = now + options_.retry;
    return;
  }
  if (promise->ballot != ballot_) return;
  give_up_at_ = now + options_.prepare_bound;
  phase1_->OnPromise(member, *promise);
}

void ProposerCore::OnFetched(const StatusOr<Reply>& reply, Instant now) {
  fetch_.reset();
  const FetchReply* fetched = reply.ok() ? std::get_if<FetchReply>(&*reply) : nullptr;
  bool useful = fetched != nullptr && (!fetched->chosen.empty() || fetched->checkpoint);
  if (useful) give_up_at_ = now + options_.prepare_bound;
  // Without an answer this ballot gives up after its bound, and the next one asks again.
}

void ProposerCore::Lead(Instant now) {
  state_ = State::kLeading;
  first_slot_ = log_.chosen().slot;
  proposals_.Begin(first_slot_);
  for (SlotEntry& entry : phase1_->Recovered(first_slot_)) {
    proposals_.Propose(std::move(entry.command), log_.applied());
  }
  phase1_.reset();
  flows_.assign(group_.members.size(), PeerFlow(options_, first_slot_, now));
  chosen_at_ = mapped_at_ = now;
  for (Queued& queued : std::exchange(queued_, {})) Admit(std::move(queued), now);
}

void ProposerCore::Resign() {
  if (state_ == State::kIdle) return;
  state_ = State::kIdle;
  phase1_.reset();
  flows_.clear();
  for (Proposals::Waiter& waiter : proposals_.End()) {
    StatusOr<Offset> answer = absl::UnknownError("the leadership ended before this was decided");
    if (waiter.verdict) answer = *std::move(waiter.verdict);
    // Its SEAL may never be chosen.
    if (absl::IsFailedPrecondition(answer.status())) answer = absl::AbortedError("not the leader");
    Tell(waiter.token, std::move(answer));
  }
  Status aborted = absl::AbortedError("not the leader");
  for (const Check& check : std::exchange(checks_, {})) Tell(check.token, aborted);
  for (const Queued& queued : std::exchange(queued_, {})) Tell(queued.token, aborted);
}

// ---- clients ----

void ProposerCore::Tell(replicated::Token token, StatusOr<Offset> result) {
  output_.answers.push_back({token, std::move(result)});
}

// Answers of one writer keep the order of its calls.
void ProposerCore::TellAfter(WriterId writer, replicated::Token token, StatusOr<Offset> result) {
  std::optional<Slot> last = proposals_.LastOf(writer);
  if (!last) return Tell(token, std::move(result));
  proposals_.Wait(*last, {token, std::move(result)});
}

// Certainly not stored; said only by one who surely leads.
void ProposerCore::Refuse(WriterId writer, replicated::Token token, Status why) {
  std::optional<Slot> last = proposals_.LastOf(writer);
  checks_.push_back({token, ++round_, last ? *last + 1 : proposals_.first(), std::move(why)});
  AnswerChecks();
}

void ProposerCore::Append(Batch batch, replicated::Token token, Instant now) {
  Admit({token, std::move(batch), std::nullopt}, now);
}

void ProposerCore::CheckTail(replicated::Token token) {
  Admit({token, std::nullopt, std::nullopt}, Instant());
}

void ProposerCore::Seal(std::string proposal, replicated::Token token) {
  Admit({token, std::nullopt, std::move(proposal)}, Instant());
}

void ProposerCore::Admit(Queued queued, Instant now) {
  if (state_ == State::kIdle) return Tell(queued.token, absl::AbortedError("not the leader"));
  if (state_ == State::kPreparing) {
    if (queued_.size() < options_.max_queued) return queued_.push_back(std::move(queued));
    return Tell(queued.token, absl::ResourceExhaustedError("too many calls wait for a leader"));
  }
  if (queued.batch) return AdmitAppend(*std::move(queued.batch), queued.token, now);
  if (queued.seal) return AdmitSeal(*queued.seal, queued.token);
  if (log_.applied().sealed()) return Tell(queued.token, log_.applied().end());
  checks_.push_back({queued.token, ++round_, proposals_.next(), absl::OkStatus()});
  AnswerChecks();
}

void ProposerCore::AdmitAppend(Batch batch, replicated::Token token, Instant now) {
  WriterId writer = batch.header.writer;
  Proposals::Judgement judged = proposals_.Judge(batch.header, log_.applied());
  switch (judged.outcome) {
    case Outcome::kDuplicate:
      if (judged.slot) return proposals_.Wait(*judged.slot, {token, std::nullopt});
      return TellAfter(writer, token, judged.offset);
    case Outcome::kOutOfOrder:
      return Refuse(writer, token, absl::InvalidArgumentError("out of order"));
    case Outcome::kTooOld:
      return TellAfter(writer, token, absl::OutOfRangeError("too old to tell what became of it"));
    case Outcome::kSealed: {
      Status sealed = absl::FailedPreconditionError("sealed");
      // A SEAL that is only proposed ends nothing yet.
      std::optional<Slot> slot = proposals_.seal();
      return slot ? proposals_.Wait(*slot, {token, sealed}) : Tell(token, sealed);
    }
    case Outcome::kTaken:
      break;
  }
  bool full = proposals_.waiting_bytes() + batch.body.size() > options_.max_waiting_bytes ||
              proposals_.size() >= options_.max_waiting_commands || now < full_until_;
  if (full) return Refuse(writer, token, absl::ResourceExhaustedError("too much waits"));
  if (batch.header.first_in_loglet && log_.applied().writers() >= options_.max_writers) {
    // A successor's table of writers starts empty: this loglet ends.
    if (!proposals_.seal()) proposals_.Propose(Command::OfSeal(""), log_.applied());
    Status full_up = absl::FailedPreconditionError("sealed: too many writers");
    return proposals_.Wait(*proposals_.seal(), {token, full_up});
  }
  Slot slot = proposals_.Propose(Command::OfBatch(std::move(batch)), log_.applied());
  proposals_.Wait(slot, {token, std::nullopt});
}

void ProposerCore::AdmitSeal(const std::string& proposal, replicated::Token token) {
  if (log_.applied().sealed()) return Tell(token, log_.applied().end());
  std::optional<Slot> slot = proposals_.seal();
  if (!slot) slot = proposals_.Propose(Command::OfSeal(proposal), log_.applied());
  proposals_.Wait(*slot, {token, std::nullopt, true});
}

void ProposerCore::OnApplied(const ReplicaLog::Applied& applied, Instant now) {
  if (state_ != State::kLeading || applied.slot != proposals_.first()) return;
  chosen_at_ = now;
  for (Proposals::Waiter& waiter : proposals_.Applied(applied.command, applied.result)) {
    if (waiter.verdict) {
      Tell(waiter.token, *std::move(waiter.verdict));
      continue;
    }
    switch (applied.result.outcome) {
      case Outcome::kTaken:
      case Outcome::kDuplicate:
        Tell(waiter.token, waiter.seal ? log_.applied().end() : applied.result.offset);
        break;
      case Outcome::kOutOfOrder:
        Tell(waiter.token, absl::InvalidArgumentError("out of order"));
        break;
      case Outcome::kTooOld:
        Tell(waiter.token, absl::OutOfRangeError("too old to tell what became of it"));
        break;
      case Outcome::kSealed:
        Tell(waiter.token, absl::FailedPreconditionError("sealed"));
        break;
    }
  }
  AnswerChecks();
}

void ProposerCore::AnswerChecks() {
  while (!checks_.empty() && state_ == State::kLeading) {
    const Check& check = checks_.front();
    size_t confirmed = 0;
    for (size_t member = 0; member < flows_.size(); ++member) {
      if (!group_.members[member].votes) continue;
      bool own = member == group_.self && !log_.impaired() && log_.promised() <= ballot_;
      confirmed += own || flows_[member].confirmed() >= check.round;
    }
    bool done = confirmed >= group_.quorums().read && proposals_.first() >= check.target;
    // After SEAL the tail stands still.
    if (!done && !log_.applied().sealed()) return;
    if (check.refused.ok()) {
      Tell(check.token, log_.applied().end());
    } else {
      Tell(check.token, check.refused);
    }
    checks_.pop_front();
  }
}

// ---- what happens to it ----

void ProposerCore::OnReply(size_t member, uint64_t tag, const StatusOr<Reply>& reply, Instant now) {
  if (state_ == State::kIdle || tag < first_tag_) return;
  if (state_ == State::kLeading) return OnAccepted(member, tag, reply, now);
  if (fetch_ == tag) return OnFetched(reply, now);
  OnPromise(member, reply, now);
}

void ProposerCore::Pump(Instant now) {
  if (state_ == State::kPreparing) PumpPhase1(now);
  if (state_ == State::kPreparing && now >= give_up_at_) Resign();
  if (state_ != State::kLeading) return;
  if (proposals_.chosen_to() > log_.chosen().slot) {
    output_.chosen = {{first_slot_, proposals_.chosen_to(), ballot_}};
  }
  Slot mapped = log_.mapped().end().slot;
  if (mapped != std::exchange(mapped_, mapped) || mapped == log_.chosen().slot) mapped_at_ = now;
  bool ended = log_.applied().sealed() && proposals_.size() == 0;
  if (!ended && now >= std::min(QuorumLostAt(now), DiskHangsAt())) Resign();
}

// When this node's own disk will have hung for too long: what is chosen by others piles up in
// memory. (One that refuses is no reason: it serves what it has.)
Instant ProposerCore::DiskHangsAt() const {
  bool behind = log_.mapped().end().slot < log_.chosen().slot && !log_.has_refused();
  return behind ? mapped_at_ + options_.patience : Instant::Max();
}

void ProposerCore::PumpFlows(Instant now) {
  if (state_ != State::kLeading) return;
  for (size_t member = 0; member < flows_.size(); ++member) PumpFlow(member, now);
}

Instant ProposerCore::due(Instant now) const {
  if (state_ == State::kIdle) return Instant::Max();
  if (state_ == State::kPreparing) {
    Instant at = give_up_at_;
    for (size_t member = 0; member < asked_at_.size(); ++member) {
      bool asked = group_.members[member].votes || member == group_.self;
      if (asked && phase1_->NextPage(member)) at = std::min(at, asked_at_[member]);
    }
    if (phase1_->complete() && !fetch_) at = std::min(at, fetch_at_);
    return at;
  }
  bool ended = log_.applied().sealed() && proposals_.size() == 0;
  Instant at = ended ? Instant::Max() : std::min(QuorumLostAt(now), DiskHangsAt());
  for (size_t member = 0; member < flows_.size(); ++member) {
    at = std::min(at, FlowDue(member, now));
  }
  return at;
}

void ProposerCore::CheckInvariants() const {
  proposals_.CheckInvariants();
  for (const PeerFlow& flow : flows_) flow.CheckInvariants();
  VLOG_CHECK(state_ == State::kLeading || proposals_.size() == 0, "only a leader proposes");
  VLOG_CHECK(state_ == State::kLeading || checks_.empty(), "only a leader checks tails");
  VLOG_CHECK(state_ != State::kPreparing || phase1_, "phase 1 runs");
  if (state_ == State::kLeading) {
    VLOG_CHECK(proposals_.first() == log_.chosen().slot, "a leader's window begins at its prefix");
  }
}

}  // namespace vlog::loglets::paxos

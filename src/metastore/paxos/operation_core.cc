#include "metastore/paxos/operation_core.h"

#include <algorithm>
#include <set>

#include "base/check.h"

namespace vlog::metastore {

using consensus::PaxosReply;
using consensus::PaxosRequest;
using consensus::Proposer;
using consensus::QueryTally;
using consensus::Quorums;

OperationCore OperationCore::Read(std::string log, Chosen known, consensus::BallotMaker* ballots) {
  return OperationCore(Goal::kRead, std::move(log), std::move(known), ballots);
}

OperationCore OperationCore::Reserve(std::string log, Chosen known, consensus::BallotMaker* ballots,
                                     Version expected) {
  OperationCore core(Goal::kReserve, std::move(log), std::move(known), ballots);
  core.want_.expected = expected;
  return core;
}

OperationCore OperationCore::Write(std::string log, Chosen known, consensus::BallotMaker* ballots,
                                   WriteProposal proposal, std::optional<Reservation> reserved) {
  VLOG_CHECK(proposal.id != ProposalId(), "a proposal has an id");
  OperationCore core(Goal::kWrite, std::move(log), std::move(known), ballots);
  core.want_ = std::move(proposal);
  core.reserved_ = std::move(reserved);
  return core;
}

void OperationCore::Start() {
  VLOG_CHECK(stage_ == Stage::kIdle, "an operation starts once");
  Proceed();
}

// Goes on from `known_`, which is decided.
void OperationCore::Proceed() {
  tally_.reset();
  proposer_.reset();
  if (goal_ != Goal::kRead && known_.version > want_.expected) return Settle();
  if (!at_own_slot()) return Query();
  if (goal_ == Goal::kWrite && reserved_ && reserved_->expected == want_.expected) {
    proposer_ = std::move(reserved_->proposer);
    reserved_.reset();
    return OnPrepared();
  }
  Attempt();
}

void OperationCore::Settle() {
  Version own(want_.expected.value() + 1);
  Status lost = absl::AbortedError(absl::StrCat(
      "the register is at version ", known_.version.value(), ", not ", want_.expected.value()));
  // What was never proposed is not the one that won.
  if (!proposed_) return Finish(lost);
  std::optional<ProposalId> winner = ProposalAt(known_, own);
  if (!winner) {
    return Finish(absl::UnknownError("its slot was decided too long ago to tell by whom"));
  }
  // Chosen is chosen, whoever completed it; and an equal value of another writer is not this one.
  if (*winner == want_.id) return Finish(own);
  Finish(lost);
}

void OperationCore::Query() {
  const std::vector<Replica>& acceptors = known_.value.acceptors;
  stage_ = Stage::kQuerying;
  tally_.emplace(acceptors, Quorums::OfMajority(acceptors.size()));
  current_ = PaxosRequest();
  SendCurrentToAll();
}

void OperationCore::Attempt() {
  const std::vector<Replica>& acceptors = known_.value.acceptors;
  ++attempts_;
  stage_ = Stage::kPreparing;
  tally_.reset();
  if (!proposer_) proposer_.emplace(acceptors, Quorums::OfMajority(acceptors.size()));
  highest_seen_ = std::max(highest_seen_, proposer_->highest_seen());
  proposer_->Begin(ballots_->Next(highest_seen_));
  current_ = proposer_->TakeOutput().front().request;
  SendCurrentToAll();
}

void OperationCore::Step(const Replica& from, const RegisterReply& reply) {
  using Outcome = RegisterReply::Outcome;
  if (stage_ == Stage::kDone || stage_ == Stage::kIdle) return;
  if (reply.outcome == Outcome::kSuperseded) {
    // Whoever is behind jumps to the newest decided version at once.
    StatusOr<RegisterValue> value = DecodeRegisterValue(reply.chosen.view());
    if (value.ok()) Learn({reply.version, *std::move(value)});
    return;
  }
  if (reply.slot != slot()) return;
  if (reply.outcome == Outcome::kBehind) return SendCurrent(from, true);
  if (reply.outcome != Outcome::kAnswered) return;
  highest_seen_ = std::max(highest_seen_, reply.paxos.promised);
  if (tally_) {
    OnQueryAnswer(from, reply.paxos);
  } else if (proposer_) {
    OnVote(from, reply.paxos);
  }
}

void OperationCore::Learn(Chosen chosen) {
  if (chosen.version <= known_.version || stage_ == Stage::kDone) return;
  known_ = std::move(chosen);
  if (stage_ != Stage::kIdle) Proceed();
}

void OperationCore::OnQueryAnswer(const Replica& from, const PaxosReply& reply) {
  tally_->Step(from, reply);
  switch (tally_->verdict()) {
    case QueryTally::Verdict::kWaiting:
      return;
    case QueryTally::Verdict::kNothing:
      if (goal_ == Goal::kRead) return Finish(known_.version);
      return Finish(
          absl::AbortedError(absl::StrCat("the register is at version ", known_.version.value(),
                                          ", not ", want_.expected.value())));
    case QueryTally::Verdict::kChosen: {
      Bytes value = tally_->value();
      return OnDecided(value);
    }
    case QueryTally::Verdict::kUnclear:
      // Half accepted. Its writer may just be at it; answers that still come may settle it.
      if (stage_ == Stage::kQuerying) Pause();
      return;
  }
}

void OperationCore::OnVote(const Replica& from, const PaxosReply& reply) {
  proposer_->Step(from, reply);
  if (proposer_->phase() == Proposer::Phase::kPrepared && stage_ == Stage::kPreparing) {
    OnPrepared();
  } else if (proposer_->phase() == Proposer::Phase::kChosen) {
    Bytes value = proposer_->value();
    OnDecided(value);
  } else if (proposer_->phase() == Proposer::Phase::kRefused && stage_ != Stage::kPausing) {
    // Another proposer is at work. A reader asks again, a writer fights on.
    query_next_ = !at_own_slot();
    Pause();
  }
}

void OperationCore::OnPrepared() {
  if (goal_ == Goal::kReserve && at_own_slot()) {
    reserved_ = Reservation{want_.expected, std::move(*proposer_)};
    return Finish(want_.expected);
  }
  if (proposer_->inherits()) return Propose(Bytes());
  if (goal_ == Goal::kWrite && at_own_slot()) {
    RegisterValue own = NextValue(known_, want_.id, want_.user);
    if (!want_.acceptors.empty()) own.acceptors = want_.acceptors;
    return Propose(EncodeRegisterValue(own));
  }
  // A read quorum promised and had accepted nothing: the slot was not decided until then.
  if (goal_ == Goal::kRead) return Finish(known_.version);
  Finish(absl::AbortedError(absl::StrCat("the register is at version ", known_.version.value(),
                                         ", not ", want_.expected.value())));
}

void OperationCore::Propose(Bytes own) {
  stage_ = Stage::kAccepting;
  proposer_->Propose(std::move(own));
  if (goal_ == Goal::kWrite && ProposalOf(proposer_->value().view()) == want_.id) proposed_ = true;
  current_ = proposer_->TakeOutput().front().request;
  SendCurrentToAll();
}

void OperationCore::OnDecided(const Bytes& value) {
  StatusOr<RegisterValue> decoded = DecodeRegisterValue(value.view());
  if (!decoded.ok()) return Finish(decoded.status());
  Chosen before = std::exchange(known_, Chosen{slot(), *std::move(decoded)});
  Announce(before, value);
  Proceed();
}

// The *chosen* message, to those who voted and to those who will vote next.
void OperationCore::Announce(const Chosen& before, const Bytes& value) {
  std::set<Replica> to(before.value.acceptors.begin(), before.value.acceptors.end());
  to.insert(known_.value.acceptors.begin(), known_.value.acceptors.end());
  for (const Replica& replica : to) {
    RegisterRequest request = NewRequest();
    request.announce = true;
    bool has_it =
        (tally_ && tally_->accepted_by(replica)) || (proposer_ && proposer_->accepted_by(replica));
    if (!has_it) request.chosen = value;
    output_.send.push_back({replica, std::move(request)});
  }
}

void OperationCore::Tick() {
  switch (stage_) {
    case Stage::kIdle:
    case Stage::kDone:
      return;
    case Stage::kPausing:
      return std::exchange(query_next_, false) ? Query() : Attempt();
    case Stage::kPreparing:
    case Stage::kAccepting:
      // Who refused this ballot always will, and who is silent may be gone for good.
      if (proposer_->refused()) return at_own_slot() ? Attempt() : Query();
      return SendCurrentToAll();
    case Stage::kQuerying:
      // Requests and answers get lost; every request may be repeated word by word.
      return SendCurrentToAll();
  }
}

void OperationCore::Pause() {
  stage_ = Stage::kPausing;
  output_.pause = true;
}

void OperationCore::Finish(StatusOr<Version> result) {
  stage_ = Stage::kDone;
  result_ = std::move(result);
}

RegisterRequest OperationCore::NewRequest() const {
  RegisterRequest request;
  request.log = log_;
  request.slot = slot();
  request.previous = known_.value.proposal;
  return request;
}

void OperationCore::SendCurrent(const Replica& to, bool with_chosen) {
  RegisterRequest request = NewRequest();
  request.paxos = current_;
  if (with_chosen) request.chosen = EncodeRegisterValue(known_.value);
  output_.send.push_back({to, std::move(request)});
}

void OperationCore::SendCurrentToAll() {
  for (const Replica& replica : known_.value.acceptors) SendCurrent(replica, false);
}

void OperationCore::CheckInvariants() const {
  if (proposer_) proposer_->CheckInvariants();
  VLOG_CHECK((stage_ == Stage::kDone) == result_.has_value(), "what is done has a result");
  VLOG_CHECK(!proposed_ || known_.version >= want_.expected, "proposed in its own slot only");
}

}  // namespace vlog::metastore

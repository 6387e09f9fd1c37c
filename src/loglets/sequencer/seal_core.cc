#include "loglets/sequencer/seal_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::sequencer {

SealCore::SealCore(Params params, SealOptions options, std::string proposal, bool ask_sequencer,
                   Instant now)
    : params_(std::move(params)),
      options_(options),
      proposal_(std::move(proposal)),
      answers_(params_.replica_count()),
      hedge_until_(now + options.hedge),
      pause_until_(Instant::Max()),
      give_up_at_(now + options.give_up) {
  output_.hand_over = ask_sequencer;
  if (!ask_sequencer) BeginAttempt(now);
}

SealCore::Output SealCore::TakeOutput() {
  if (repair_ && !done_) {
    RepairCore::Output repair = repair_->TakeOutput();
    output_.reads = std::move(repair.reads);
    output_.writes = std::move(repair.writes);
    output_.attempt = attempt_;
  }
  return std::exchange(output_, {});
}

void SealCore::OnHandOver(const StatusOr<HandOver>& reply, Instant now) {
  if (done_) return;
  if (reply.ok()) {
    done_ = SealResult{reply->tail, reply->proposal};
  } else if (attempt_ == 0) {
    BeginAttempt(now);
  }
}

void SealCore::BeginAttempt(Instant now) {
  ++attempt_;
  repair_.reset();
  answers_.assign(params_.replica_count(), std::nullopt);
  pause_until_ = Instant::Max();
  gather_until_ = now + options_.repair.gather;
  gathered_ = false;
  resend_at_ = now + options_.resend;
  SendSeals();
}

void SealCore::SendSeals() {
  for (size_t server = 0; server < answers_.size(); ++server) {
    if (answers_[server]) continue;
    Seal seal;
    seal.server = server;
    seal.attempt = attempt_;
    seal.request.disk = params_.replicas[server].disk;
    seal.request.proposal = proposal_;
    output_.seals.push_back(std::move(seal));
  }
}

void SealCore::OnSealReply(size_t server, Attempt attempt, const ServerWord& word,
                           const std::vector<PlacedBatch>& held, Instant now) {
  if (done_ || attempt != attempt_ || answers_[server]) return;
  if (word.code == ServerCode::kGone) {
    done_ = absl::FailedPreconditionError("this loglet is gone: sealed and dropped");
    return;
  }
  // A tail counts only in the same answer that says "sealed".
  if (word.code != ServerCode::kOk || !word.sealed) return;
  answers_[server] = Answer{word, held};
  if (repair_) repair_->AddServer(server, word, held);
  Judge(now);
}

void SealCore::OnRead(Attempt attempt, QuestionId id, const ReadReply& reply, Instant now) {
  if (done_ || attempt != attempt_ || !repair_) return;
  repair_->OnRead(id, reply, now);
  Judge(now);
}

void SealCore::OnWritten(Attempt attempt, QuestionId id, const ServerWord& word, Instant now) {
  if (done_ || attempt != attempt_ || !repair_) return;
  repair_->OnWritten(id, word, now);
  Judge(now);
}

void SealCore::Judge(Instant now) {
  if (done_ || pause_until_ != Instant::Max()) return;
  if (!repair_) FixTail(now);
  if (!repair_) return;
  repair_->Advance(now);
  if (repair_->state() == RepairCore::State::kDone) {
    SealResult result{tail_, KeptProposal()};
    bool few = repair_->holders() < params_.write_quorum;
    // With nothing to repair the whole is committed, wherever its W copies are. What no server has
    // alone the servers have together, so that each record is on one of them.
    if (few && repair_->needed()) {
      result.least_copies = std::max(1U, static_cast<uint32_t>(repair_->holders()));
    }
    done_ = std::move(result);
  } else if (repair_->state() == RepairCore::State::kFailed) {
    Fail(now);
  }
}

// T, or none while more answers are needed. S servers that know exactly what they acknowledged
// suffice: each write quorum has one of them.
std::optional<Offset> SealCore::ChooseTail(bool waited) const {
  std::vector<Offset> sure;
  std::vector<Offset> exact;
  std::vector<Offset> possible;
  for (size_t server = 0; server < answers_.size(); ++server) {
    if (!answers_[server]) continue;
    const ServerWord& word = answers_[server]->word;
    possible.push_back(word.possible_tail);
    if (word.exact()) exact.push_back(word.durable_tail);
    if (word.exact() && !doubtful_.contains(server)) sure.push_back(word.durable_tail);
  }
  size_t needed = params_.seal_quorum();
  if (sure.size() >= needed) return NthLargest(sure, 1);
  bool all = possible.size() == params_.replica_count();
  if (!waited && !all) return std::nullopt;
  if (exact.size() >= needed) return NthLargest(exact, 1);
  // Where damage took entries, all counts that may have been acknowledged.
  if (possible.size() >= needed) return NthLargest(possible, 1);
  return std::nullopt;
}

void SealCore::FixTail(Instant now) {
  gathered_ = gathered_ || now >= gather_until_;
  std::optional<Offset> chosen = ChooseTail(gathered_);
  if (!chosen) return;
  Offset known;
  for (const std::optional<Answer>& answer : answers_) {
    if (answer) known = std::max(known, answer->word.known_tail);
  }
  tail_ = std::max(*chosen, known);
  repair_.emplace(params_, options_.repair, known, tail_, proposal_, now);
  for (size_t server = 0; server < answers_.size(); ++server) {
    if (answers_[server]) {
      repair_->AddServer(server, answers_[server]->word, answers_[server]->held);
    }
  }
}

void SealCore::Fail(Instant now) {
  std::vector<size_t> failed = repair_->failed_sources();
  if (++failures_ < options_.attempts) {
    doubtful_ = std::set<size_t>(failed.begin(), failed.end());
    pause_until_ = now + options_.pause;
    return;
  }
  std::string message = absl::StrCat("sealed, but no log server that answers has the records [",
                                     repair_->lost_from().value(), ", ", tail_.value(),
                                     ") of this loglet; bring a server back, or declare them lost");
  bool all = std::all_of(answers_.begin(), answers_.end(),
                         [](const std::optional<Answer>& answer) { return answer.has_value(); });
  bool said = all && repair_->nobody_silent();
  done_ = said ? absl::DataLossError(message) : absl::UnavailableError(message);
}

std::string SealCore::KeptProposal() const {
  for (const std::optional<Answer>& answer : answers_) {
    if (answer && !answer->word.proposal.empty()) return answer->word.proposal;
  }
  return std::string();
}

void SealCore::Tick(Instant now) {
  if (done_) return;
  if (attempt_ == 0 && now >= hedge_until_) BeginAttempt(now);
  if (attempt_ == 0) return;
  if (now >= pause_until_) BeginAttempt(now);
  if (pause_until_ == Instant::Max() && now >= resend_at_) {
    resend_at_ = now + options_.resend;
    SendSeals();
  }
  if (repair_) repair_->Tick(now);
  Judge(now);
  if (done_ || repair_ || now < give_up_at_) return;
  auto answered = std::count_if(answers_.begin(), answers_.end(),
                                [](const std::optional<Answer>& a) { return a.has_value(); });
  done_ = absl::UnavailableError(absl::StrCat("only ", answered, " of the ", params_.seal_quorum(),
                                              " log servers that a seal needs answer"));
}

Instant SealCore::next_tick() const {
  if (done_) return Instant::Max();
  if (attempt_ == 0) return hedge_until_;
  if (pause_until_ != Instant::Max()) return pause_until_;
  Instant next = std::min(resend_at_, repair_ ? repair_->next_tick() : give_up_at_);
  return repair_ || gathered_ ? next : std::min(next, gather_until_);
}

}  // namespace vlog::loglets::sequencer

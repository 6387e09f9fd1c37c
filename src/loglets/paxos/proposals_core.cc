#include "loglets/paxos/proposals_core.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace vlog::loglets::paxos {

using Outcome = replicated::AppliedState::Outcome;

void Proposals::Begin(Slot first) {
  VLOG_CHECK(slots_.empty(), "one leadership at a time");
  first_ = chosen_to_ = first;
}

std::vector<Proposals::Waiter> Proposals::End() {
  std::vector<Waiter> waiters;
  for (Proposal& proposal : slots_) {
    for (Waiter& waiter : proposal.waiters) waiters.push_back(std::move(waiter));
  }
  slots_.clear();
  chosen_to_ = first_;
  taken_.clear();
  seal_.reset();
  bytes_ = 0;
  return waiters;
}

Proposals::Judgement Proposals::Judge(const BatchHeader& batch,
                                      const replicated::AppliedState& applied) const {
  Judgement judged = JudgeUnsealed(batch, applied);
  bool taken_before = judged.outcome == Outcome::kDuplicate || judged.outcome == Outcome::kTooOld;
  if (seal_ && !taken_before) judged.outcome = Outcome::kSealed;
  return judged;
}

Proposals::Judgement Proposals::JudgeUnsealed(const BatchHeader& batch,
                                              const replicated::AppliedState& applied) const {
  auto it = taken_.find(batch.writer);
  if (it == taken_.end()) {
    replicated::AppliedState::Result result = applied.Judge(batch);
    return {result.outcome, result.offset, std::nullopt};
  }
  const std::deque<Taken>& window = it->second;
  if (batch.first > window.back().last) {
    bool next = !batch.first_in_loglet && batch.prev == window.back().last;
    return {next ? Outcome::kTaken : Outcome::kOutOfOrder, Offset(), std::nullopt};
  }
  for (const Taken& taken : window) {
    if (taken.first == batch.first && taken.count == batch.count) {
      return {Outcome::kDuplicate, Offset(), taken.slot};
    }
  }
  // It is older than the window, or it is none of this writer's batches.
  replicated::AppliedState::Result result = applied.Judge(batch);
  if (result.outcome == Outcome::kTaken) result.outcome = Outcome::kOutOfOrder;
  return {result.outcome, result.offset, std::nullopt};
}

std::optional<Slot> Proposals::LastOf(WriterId writer) const {
  auto it = taken_.find(writer);
  if (it == taken_.end()) return std::nullopt;
  return it->second.back().slot;
}

Slot Proposals::Propose(Command command, const replicated::AppliedState& applied) {
  Slot slot = next();
  Proposal proposal;
  if (command.kind == Command::Kind::kBatch) {
    const BatchHeader& header = command.header;
    proposal.taken = Judge(header, applied).outcome == Outcome::kTaken;
    if (proposal.taken) {
      taken_[header.writer].push_back({header.first, header.last(), header.count, slot});
    }
  } else if (command.kind == Command::Kind::kSeal && !seal_) {
    seal_ = slot;
  }
  bytes_ += command.body.size();
  proposal.command = std::move(command);
  slots_.push_back(std::move(proposal));
  return slot;
}

void Proposals::Wait(Slot slot, Waiter waiter) {
  VLOG_CHECK(slot >= first_ && slot < next(), "who waits, waits for a slot that is not applied");
  slots_[slot - first_].waiters.push_back(std::move(waiter));
}

const Command* Proposals::Find(Slot slot) const {
  if (slot < first_ || slot >= next()) return nullptr;
  return &slots_[slot - first_].command;
}

bool Proposals::Vote(Slot from, Slot to, size_t member, size_t write_quorum) {
  bool news = false;
  from = std::max(from, first_);
  to = std::min(to, next());
  for (Slot slot = from; slot < to; slot += 1) {
    Proposal& proposal = slots_[slot - first_];
    proposal.voters |= uint64_t{1} << member;
    bool chosen = static_cast<size_t>(std::popcount(proposal.voters)) >= write_quorum;
    news = news || (chosen && !proposal.chosen);
    proposal.chosen = proposal.chosen || chosen;
  }
  // Slots are chosen in any order and announced as a prefix.
  while (chosen_to_ < next() && slots_[chosen_to_ - first_].chosen) chosen_to_ += 1;
  return news;
}

std::vector<Proposals::Waiter> Proposals::Applied(const Command& command,
                                                  const replicated::AppliedState::Result& result) {
  VLOG_CHECK(!slots_.empty(), "a leader applies what it has proposed");
  Proposal& proposal = slots_.front();
  VLOG_CHECK(proposal.command.SameAs(command), "a leader applies what it has proposed");
  if (proposal.command.kind == Command::Kind::kBatch) {
    bool taken = result.outcome == Outcome::kTaken;
    VLOG_CHECK(taken == proposal.taken, "a batch is applied as its leader predicted");
    if (taken) {
      auto it = taken_.find(proposal.command.header.writer);
      it->second.pop_front();
      if (it->second.empty()) taken_.erase(it);
    }
  }
  if (seal_ == first_) seal_.reset();
  bytes_ -= proposal.command.body.size();
  std::vector<Waiter> waiters = std::move(proposal.waiters);
  slots_.pop_front();
  first_ += 1;
  chosen_to_ = std::max(chosen_to_, first_);
  // What is known as chosen already may follow.
  while (chosen_to_ < next() && slots_[chosen_to_ - first_].chosen) chosen_to_ += 1;
  return waiters;
}

void Proposals::CheckInvariants() const {
  VLOG_CHECK(first_ <= chosen_to_ && chosen_to_ <= next(), "slots are chosen before applied");
  size_t bytes = 0;
  size_t taken = 0;
  for (const Proposal& proposal : slots_) {
    bytes += proposal.command.body.size();
    taken += proposal.taken;
  }
  VLOG_CHECK(bytes == bytes_, "bytes are counted right");
  for (const auto& [writer, window] : taken_) {
    VLOG_CHECK(!window.empty(), "a writer without pending batches is not kept");
    taken -= window.size();
  }
  VLOG_CHECK(taken == 0, "every batch that will be taken is in its writer's window");
}

}  // namespace vlog::loglets::paxos

#include "loglets/paxos/acceptor_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::paxos {

Standing AcceptorCore::standing() const {
  Standing standing;
  standing.votes = votes();
  standing.sealed = log_.applied().sealed();
  standing.promised = log_.promised();
  standing.chosen = log_.chosen();
  return standing;
}

// Phase 1b: if the ballot is the highest so far, promise (Paxos Made Simple 2.2, phase 1).
void AcceptorCore::Step(const Prepare& request, ReplyAddress to) {
  WaitingPrepare waiting{to, request, 0};
  if (request.ballot >= log_.promised()) {
    // Everything that was accepted before the promise is settled before the answer tells of it.
    waiting.after = log_.last_ticket();
    if (std::optional<Ticket> ticket = log_.Promise(request.ballot)) {
      waiting.after = std::max(waiting.after, *ticket);
    }
  }
  prepares_.push_back(std::move(waiting));
}

// Phase 2b: accept unless a higher ballot is promised (Paxos Made Simple 2.2, phase 2).
bool AcceptorCore::Step(const Accept& request, ReplyAddress to) {
  WaitingAccept waiting{to, request.ballot, {}, Slot(), 0, false};
  bool allowed = request.ballot >= log_.promised();
  if (allowed && request.checkpoint) {
    waiting.checkpoint = request.checkpoint->slot;
    waiting.after = log_.Install(*request.checkpoint).value_or(0);
  }
  for (const SlotEntry& entry : request.entries) {
    if (!allowed) break;
    StatusOr<std::optional<Ticket>> stored = log_.Store(entry);
    waiting.full = waiting.full || !stored.ok();
    if (waiting.full) break;
    waiting.after = std::max(waiting.after, stored->value_or(0));
    waiting.slots.emplace_back(entry.slot, entry.ballot);
  }
  if (allowed) log_.TakeChosen(request.chosen);
  accepts_.push_back(std::move(waiting));
  return allowed;
}

std::optional<PrepareReply> AcceptorCore::Answer(const WaitingPrepare& waiting) {
  PrepareReply reply;
  reply.ballot = waiting.request.ballot;
  // The promise may have been refused by the disk, or overtaken by a higher one.
  reply.granted = log_.promised() == reply.ballot && log_.PromisedDurably(reply.ballot);
  if (reply.granted) {
    std::optional<ReplicaLog::Accepted> page = log_.AcceptedFrom(waiting.request.from, page_bytes_);
    if (!page) {
      wants_bodies_ = true;
      return std::nullopt;
    }
    reply.accepted = std::move(page->entries);
    reply.next = page->next;
    reply.complete = page->complete;
  }
  reply.standing = standing();
  return reply;
}

AcceptReply AcceptorCore::Answer(const WaitingAccept& waiting) const {
  AcceptReply reply;
  reply.ballot = waiting.ballot;
  bool held = !waiting.full && log_.chosen().slot >= waiting.checkpoint;
  for (const auto& [slot, ballot] : waiting.slots) held = held && log_.HoldsDurably(slot, ballot);
  reply.granted = held && log_.promised() <= waiting.ballot;
  reply.full = !held;
  reply.standing = standing();
  return reply;
}

std::vector<AcceptorCore::Answered> AcceptorCore::TakeAnswers() {
  std::vector<Answered> answers;
  wants_bodies_ = false;
  std::erase_if(prepares_, [&](const WaitingPrepare& waiting) {
    if (!log_.Settled(waiting.after)) return false;
    std::optional<PrepareReply> reply = Answer(waiting);
    if (reply) answers.push_back({waiting.to, *std::move(reply)});
    return reply.has_value();
  });
  std::erase_if(accepts_, [&](const WaitingAccept& waiting) {
    if (!log_.Settled(waiting.after)) return false;
    answers.push_back({waiting.to, Answer(waiting)});
    return true;
  });
  return answers;
}

}  // namespace vlog::loglets::paxos

#include "loglets/paxos/phase1_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::paxos {

Phase1::Phase1(const Group& group, Ballot ballot, Slot from)
    : group_(group), ballot_(ballot), from_(from) {}

void Phase1::OnPromise(size_t member, const PrepareReply& reply) {
  if (!reply.granted || reply.ballot != ballot_) return;
  Promise& promise = promises_.try_emplace(member, Promise{false, false, from_}).first->second;
  promise.votes = reply.standing.votes && group_.members[member].votes;
  promise.next = std::max(promise.next, reply.next);
  promise.complete = promise.complete || reply.complete;
  if (reply.standing.chosen > highest_chosen_) {
    highest_chosen_ = reply.standing.chosen;
    knows_most_ = member;
  }
  for (const SlotEntry& entry : reply.accepted) {
    auto [it, fresh] = accepted_.try_emplace(entry.slot, entry);
    // The command of the highest ballot may be chosen, those of lower ones only if it is the same.
    if (!fresh && entry.ballot > it->second.ballot) it->second = entry;
  }
}

std::optional<Prepare> Phase1::NextPage(size_t member) const {
  auto it = promises_.find(member);
  if (it == promises_.end()) return Prepare{ballot_, from_};
  if (it->second.complete) return std::nullopt;
  return Prepare{ballot_, it->second.next};
}

bool Phase1::complete() const {
  auto own = promises_.find(group_.self);
  if (own == promises_.end() || !own->second.complete) return false;
  size_t complete = 0;
  for (const auto& [member, promise] : promises_) complete += promise.votes && promise.complete;
  return complete >= group_.quorums().read;
}

std::vector<SlotEntry> Phase1::Recovered(Slot from) const {
  VLOG_CHECK(complete() && from >= highest_chosen_.slot, "phase 1 is over");
  std::vector<SlotEntry> recovered;
  for (auto it = accepted_.lower_bound(from); it != accepted_.end(); ++it) {
    for (; from < it->first; from += 1) recovered.push_back({from, ballot_, Command()});
    recovered.push_back({from, ballot_, it->second.command});
    from += 1;
  }
  return recovered;
}

}  // namespace vlog::loglets::paxos

// What a restart must find, what can be read, and how a schedule of the model ends.
#include <algorithm>

#include "unit/paxos_loglet_model.h"

namespace vlog::loglets::paxos {

using std::chrono::milliseconds;

// Whatever was told of a promise or an accept is durable (Paxos Made Live 5.1).
void ModelWorld::CheckRecovered(size_t number) {
  Node& node = nodes_[number];
  if (node.damaged) {
    if (!node.state.impaired()) Violate("a replica that lost entries does not know it");
    node.trim = node.state.log().trim();
    return;
  }
  const PaxosState& state = node.state;
  if (state.promised() < node.told_promise) Violate("a promise was told and lost");
  for (const auto& [slot, ballot] : node.told_accepts) {
    if (slot < state.log().end().slot || truth_.chosen(slot)) continue;
    auto it = state.accepted().find(slot);
    bool held = it != state.accepted().end() && it->second.ballot >= ballot;
    if (!held) Violate("an accept was told and lost");
  }
  if (state.log().trim() < node.trim) Violate("a trim point was told and lost");
}

// It has the command of this chosen slot on its disk. Who lost entries is not asked.
bool ModelWorld::Holds(const Node& node, Slot slot) const {
  if (node.damaged) return true;
  const MappedLog& log = node.state.log();
  if (slot < log.end().slot) return slot >= log.begin().slot;
  auto it = node.state.accepted().find(slot);
  return it != node.state.accepted().end() &&
         Truth::Identity(it->second.command) == truth_.IdentityAt(slot);
}

// What was chosen and not trimmed is never given up by so many that others could miss it.
void ModelWorld::CheckCopies() {
  for (Slot slot; slot < truth_.slots(); slot += 1) {
    if (truth_.EndOf(slot) <= trimmed_) continue;
    size_t copies = 0;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      copies += group_.members[i].votes && Holds(nodes_[i], slot);
    }
    if (copies < group_.write_quorum) {
      return Violate("only " + std::to_string(copies) + " voters hold slot " +
                     std::to_string(slot.value()));
    }
  }
}

// What a replica shows is what was chosen, record by record.
void ModelWorld::CheckReads(size_t number) {
  Node& node = nodes_[number];
  const MappedLog& log = node.core->log().mapped();
  Offset at = log.trim();
  while (at < log.end().offset) {
    replicated::ReplicaCore::Place place = log.FindRecords(at, log.end().offset);
    if (place.from == place.to) {
      if (place.next <= at) return Violate("a read does not get on");
      // It was moved to a checkpoint at its very end.
      if (place.next == kMaxOffset) return;
      at = place.next;
      continue;
    }
    Offset offset = at;
    for (const storage::Entry& entry : node.synced) {
      bool inside =
          entry.count > 0 && entry.first + entry.count > place.from && entry.first < place.to;
      if (!inside) continue;
      StatusOr<SlotEntry> read = PaxosState::ToSlotEntry(entry);
      if (!read.ok() || !truth_.chosen(read->slot))
        return Violate("a read shows what is not chosen");
      if (truth_.IdentityAt(read->slot) != Truth::Identity(read->command)) {
        return Violate("a read shows a command that lost");
      }
      uint64_t skipped = std::max(place.from, entry.first) - entry.first;
      if (!truth_.Acked(read->command.header, Offset(offset.value() - skipped)).empty()) {
        return Violate("a read shows a batch at a wrong place");
      }
      offset += entry.count - skipped;
    }
    if (offset <= at) return Violate("a replica does not have what it says it has");
    at = offset;
  }
}

// True if nothing is on its way any more.
bool ModelWorld::QuietRound() {
  for (size_t i = 0; i < 400 && violation_.empty(); ++i) {
    bool busy = !bag_.empty();
    Deliver();
    for (size_t node = 0; node < nodes_.size(); ++node) {
      busy = busy || !nodes_[node].unsynced.empty() || !nodes_[node].loads.empty();
      Sync(node);
      AnswerLoad(node);
    }
    if (!busy) return true;
  }
  return false;
}

std::string ModelWorld::Describe() const {
  std::string text = "; W " + std::to_string(group_.write_quorum);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const PaxosCore& core = *nodes_[i].core;
    text += "; " + core.role() + (group_.members[i].votes ? "" : " without vote") +
            (core.impaired().empty() ? "" : " impaired") + " promised " +
            consensus::ToString(core.log().promised()) + " chosen " +
            std::to_string(core.log().chosen().slot.value()) + " mapped " +
            std::to_string(core.log().mapped().end().slot.value()) +
            (core.log().applied().sealed() ? " sealed" : "") + " proposed " +
            std::to_string(core.proposer().proposals().next().value()) + " due in " +
            std::to_string((core.next_tick() - now_) / milliseconds(1));
  }
  return text;
}

void ModelWorld::HealAndFinish() {
  faults_ = false;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].disk_full = false;
    if (!nodes_[i].up) Restart(i);
  }
  auto all_sealed = [&] {
    for (const Node& node : nodes_) {
      if (!node.core->log().applied().sealed()) return false;
      if (node.core->log().mapped().end() != node.core->log().chosen()) return false;
    }
    return true;
  };
  for (size_t round = 0; round < 600 && violation_.empty() && !all_sealed(); ++round) {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].core->leader() != NodeId()) continue;
      nodes_[i].core->Campaign(false, now_);
      Flush(i);
    }
    if (round % 4 == 0) StartSeal(PickServer());
    QuietRound();
    now_ = now_ + milliseconds(15);
    TickDue();
  }
  if (!violation_.empty()) return;
  if (!all_sealed()) return Violate("the healed loglet was not sealed everywhere" + Describe());
  // A sealed loglet that everybody has applied costs nothing.
  for (size_t i = 0; i < 20; ++i) {
    now_ = now_ + milliseconds(100);
    TickDue();
    QuietRound();
  }
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].core->next_tick() != Instant::Max())
      Violate("a sealed loglet keeps a timer" + Describe());
    if (nodes_[i].core->log().applied().end() != truth_.end()) Violate("a sealed tail differs");
    CheckReads(i);
  }
  for (const Writer& writer : writers_) {
    for (const auto& [first, open] : writer.open) {
      bool surely_not = open.calls == 0 && !open.maybe;
      if (surely_not && truth_.Stored(open.batch.header)) Violate("a batch was stored after all");
    }
  }
}

}  // namespace vlog::loglets::paxos

#include "loglets/paxos/learner_core.h"

#include "base/check.h"

namespace vlog::loglets::paxos {

// REQUIRES: `from.slot` is in memory.
LearnerCore::Help LearnerCore::FromMemory(Asker asker, ChosenPoint from) const {
  Help help{asker, {}, from, std::nullopt};
  size_t bytes = 0;
  while (const SlotEntry* entry = log_.FindChosen(help.next.slot)) {
    bytes += entry->command.body.size() + kBatchHeaderBytes;
    bool full = bytes > options_.request_bytes || help.chosen.size() >= options_.request_entries;
    if (!help.chosen.empty() && full) break;
    help.chosen.push_back(*entry);
    help.next.slot += 1;
  }
  return help;
}

void LearnerCore::Ask(Asker asker, ChosenPoint from) {
  if (from.slot >= log_.chosen().slot) {
    help_.push_back({asker, {}, from, std::nullopt});
    return;
  }
  if (from.slot < log_.mapped().begin().slot) {
    // Given up: never answered as if it were empty (FAULTS race 35).
    help_.push_back({asker, {}, from, log_.MakeCheckpoint()});
    return;
  }
  if (log_.FindChosen(from.slot) != nullptr) {
    help_.push_back(FromMemory(asker, from));
    return;
  }
  std::optional<MappedLog::Piece> piece = log_.mapped().Find(from);
  if (!piece) {
    help_.push_back({asker, {}, from, std::nullopt});
    return;
  }
  uint64_t id = next_load_++;
  loading_[id] = {asker, from, piece->from};
  loads_.push_back({id, piece->from, piece->to, options_.request_bytes});
}

void LearnerCore::WantBodies() {
  if (loading_bodies_) return;
  auto [from, to] = log_.MissingBodies();
  if (from == to) return;
  loading_bodies_ = true;
  uint64_t id = next_load_++;
  loading_[id] = {std::nullopt, {}, from};
  loads_.push_back({id, from, to, options_.window_bytes});
}

void LearnerCore::Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries) {
  auto it = loading_.find(id);
  if (it == loading_.end()) return;
  Loading loading = it->second;
  loading_.erase(it);
  if (loading.asker) return OnPiece(loading, std::move(entries));
  loading_bodies_ = false;
  if (entries.ok()) log_.Restore(*entries);
  // A vote whose command cannot be read back is a lost vote.
  auto [from, to] = log_.MissingBodies();
  bool unread = entries.ok() && from != to && from == loading.position;
  if (unread || absl::IsDataLoss(entries.status())) log_.Impair();
}

void LearnerCore::OnPiece(const Loading& loading, StatusOr<std::vector<storage::Entry>> entries) {
  Help help{*loading.asker, {}, loading.from, std::nullopt};
  // What was given up meanwhile has no piece any more.
  std::optional<MappedLog::Piece> piece = log_.mapped().Find(loading.from);
  if (entries.ok() && piece) {
    for (const storage::Entry& entry : *entries) {
      StatusOr<SlotEntry> read = PaxosState::ToSlotEntry(entry);
      if (!read.ok() || read->slot != help.next.slot) break;
      if (piece->records) help.next.offset += read->command.header.count;
      help.next.slot += 1;
      help.chosen.push_back(*std::move(read));
    }
  }
  // What cannot be read here others may still have: the laggard asks them.
  help_.push_back(std::move(help));
}

void LearnerCore::Learn(const FetchReply& reply) {
  if (reply.checkpoint) log_.Install(*reply.checkpoint);
  std::vector<BallotRun> runs;
  for (const SlotEntry& entry : reply.chosen) {
    if (!log_.Store(entry).ok()) break;
    runs.push_back({entry.slot, entry.slot + 1, entry.ballot});
  }
  log_.TakeChosen(runs);
}

}  // namespace vlog::loglets::paxos

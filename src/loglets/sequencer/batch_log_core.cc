#include "loglets/sequencer/batch_log_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vlog::loglets::sequencer {

Offset BatchLogCore::Append(Batch batch, AppendToken token) {
  Slot slot;
  slot.placed.first = next_;
  next_ += batch.header.count;
  waiting_bytes_ += batch.body.size();
  slot.placed.batch = std::move(batch);
  slot.tokens.push_back(token);
  slots_.push_back(std::move(slot));
  return slots_.back().placed.first;
}

size_t BatchLogCore::IndexOf(Offset first) const {
  auto it = std::lower_bound(slots_.begin(), slots_.end(), first,
                             [](const Slot& slot, Offset at) { return slot.placed.first < at; });
  return static_cast<size_t>(it - slots_.begin());
}

bool BatchLogCore::BeginsBatch(Offset at) const {
  size_t index = IndexOf(at);
  return index < slots_.size() && slots_[index].placed.first == at;
}

std::vector<PlacedBatch> BatchLogCore::Send(Offset from, size_t max_bytes) {
  VLOG_CHECK(from >= first_kept(), "what was dropped cannot be sent");
  std::vector<PlacedBatch> batches;
  size_t bytes = 0;
  for (size_t i = IndexOf(from); i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    bytes += slot.placed.batch.body.size() + kBatchHeaderBytes;
    bool full = bytes > max_bytes || batches.size() == kMaxBatches;
    if (!batches.empty() && full) break;
    slot.sent = true;
    batches.push_back(slot.placed);
  }
  VLOG_CHECK(batches.empty() || batches[0].first == from, "a flow begins between batches");
  return batches;
}

Slot* BatchLogCore::FindUncommitted(Offset first) {
  size_t index = IndexOf(first);
  bool found =
      index >= committed_slots_ && index < slots_.size() && slots_[index].placed.first == first;
  return found ? &slots_[index] : nullptr;
}

std::vector<BatchLogCore::Waiting> BatchLogCore::Commit(Offset tail) {
  VLOG_CHECK(tail <= next_, "only what was assigned is committed");
  std::vector<Waiting> done;
  while (committed_slots_ < slots_.size() && slots_[committed_slots_].placed.end() <= tail) {
    Slot& slot = slots_[committed_slots_++];
    size_t bytes = slot.placed.batch.body.size();
    waiting_bytes_ -= bytes;
    kept_bytes_ += bytes;
    committed_ = slot.placed.end();
    done.push_back({slot.placed.first, std::exchange(slot.tokens, {})});
  }
  return done;
}

void BatchLogCore::DropKept(size_t bytes) {
  while (committed_slots_ > 0 && kept_bytes_ > bytes) {
    kept_bytes_ -= slots_.front().placed.batch.body.size();
    slots_.pop_front();
    --committed_slots_;
  }
}

std::vector<BatchLogCore::Waiting> BatchLogCore::CutUnsent() {
  std::vector<Waiting> cut;
  while (slots_.size() > committed_slots_ && !slots_.back().sent) {
    next_ = slots_.back().placed.first;
    waiting_bytes_ -= slots_.back().placed.batch.body.size();
    cut.push_back({next_, std::move(slots_.back().tokens)});
    slots_.pop_back();
  }
  std::reverse(cut.begin(), cut.end());
  return cut;
}

std::vector<BatchLogCore::Waiting> BatchLogCore::TakeUncommitted() {
  std::vector<Waiting> left;
  for (size_t i = committed_slots_; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    left.push_back({slot.placed.first, std::exchange(slot.tokens, {})});
  }
  return left;
}

void BatchLogCore::DropAll() {
  slots_ = {};
  committed_slots_ = 0;
  waiting_bytes_ = kept_bytes_ = 0;
}

void BatchLogCore::CheckInvariants() const {
  VLOG_CHECK(first_kept() <= committed_ || committed_slots_ == 0, "committed batches come first");
  VLOG_CHECK(committed_ <= next_, "only what was assigned is committed");
  Offset at = first_kept();
  size_t waiting = 0;
  size_t kept = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    VLOG_CHECK(slots_[i].placed.first == at, "batches follow each other");
    at = slots_[i].placed.end();
    bool committed = i < committed_slots_;
    VLOG_CHECK(committed == (at <= committed_), "the committed ones are a prefix");
    (committed ? kept : waiting) += slots_[i].placed.batch.body.size();
  }
  VLOG_CHECK(at == next_, "the last batch ends where the next begins");
  VLOG_CHECK(waiting == waiting_bytes_ && kept == kept_bytes_, "bytes are counted right");
}

}  // namespace vlog::loglets::sequencer

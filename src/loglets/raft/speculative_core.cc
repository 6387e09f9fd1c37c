#include "loglets/raft/speculative_core.h"

#include <utility>

#include "base/check.h"

namespace vlog::loglets::raft {

using Outcome = AppliedState::Outcome;

const Unapplied& SpeculativeState::At(Index index) const {
  VLOG_CHECK(index > applied_index_ && index <= last(), "an entry that is not applied yet");
  return unapplied_[index - applied_index_ - 1];
}

Offset SpeculativeState::EndAt(Index index) const {
  return index == applied_index_ ? applied_.end() : At(index).end();
}

AppliedState::Result SpeculativeState::Judge(const BatchHeader& batch) const {
  if (sealed()) return {Outcome::kSealed, Offset()};
  auto it = in_flight_.find(batch.writer);
  AppliedState::Result result = {Outcome::kOutOfOrder, Offset()};
  if (it == in_flight_.end()) {
    result = applied_.Judge(batch);
  } else if (batch.first > it->second.back().last()) {
    bool next = !batch.first_in_loglet && batch.prev == it->second.back().last();
    result.outcome = next ? Outcome::kTaken : Outcome::kOutOfOrder;
  } else {
    for (const Taken& taken : it->second) {
      bool same = taken.first == batch.first && taken.count == batch.count;
      if (same) return {Outcome::kDuplicate, taken.offset};
    }
    // It may be one of those that are applied; what would be next there is not next any more.
    result = applied_.Judge(batch);
    if (result.outcome == Outcome::kTaken) result.outcome = Outcome::kOutOfOrder;
  }
  if (result.outcome == Outcome::kTaken) result.offset = end();
  return result;
}

const Unapplied& SpeculativeState::Append(Unapplied entry) {
  entry.begin = end();
  entry.taken = entry.type == EntryType::kBatch && Judge(entry.batch).outcome == Outcome::kTaken;
  if (entry.taken) {
    Taken taken{entry.batch.first, entry.batch.count, entry.begin};
    in_flight_[entry.batch.writer].push_back(taken);
  }
  seals_ += entry.type == EntryType::kSeal;
  unapplied_.push_back(std::move(entry));
  return unapplied_.back();
}

void SpeculativeState::CutFrom(Index index) {
  VLOG_CHECK(index > applied_index_, "what is applied is never cut");
  while (last() >= index) {
    const Unapplied& entry = unapplied_.back();
    if (entry.taken) {
      auto it = in_flight_.find(entry.batch.writer);
      it->second.pop_back();
      if (it->second.empty()) in_flight_.erase(it);
    }
    seals_ -= entry.type == EntryType::kSeal;
    unapplied_.pop_back();
  }
}

void SpeculativeState::ApplyNext() {
  Unapplied entry = std::move(unapplied_.front());
  unapplied_.pop_front();
  applied_index_ += 1;
  if (entry.type == EntryType::kSeal) {
    --seals_;
    applied_.ApplySeal(std::move(entry.proposal));
  } else if (entry.type == EntryType::kBatch) {
    AppliedState::Result result = applied_.Apply(entry.batch);
    bool taken = result.outcome == Outcome::kTaken;
    VLOG_CHECK(taken == entry.taken && (!taken || result.offset == entry.begin),
               "an entry becomes what it was said to become");
    if (!taken) return;
    auto it = in_flight_.find(entry.batch.writer);
    it->second.pop_front();
    if (it->second.empty()) in_flight_.erase(it);
  }
}

void SpeculativeState::EncodeTo(std::string* out) const {
  std::string applied;
  applied_.EncodeTo(&applied);
  PutString(out, applied);
  PutFixed(out, applied_index_.value());
  PutFixed(out, static_cast<uint32_t>(unapplied_.size()));
  for (const Unapplied& entry : unapplied_) {
    PutFixed(out, static_cast<uint8_t>(entry.type));
    bool batch = entry.type == EntryType::kBatch;
    PutString(out, batch ? EncodeBatchHeader(entry.batch) : entry.proposal);
    PutFixed(out, entry.position);
    PutFixed(out, entry.positions);
  }
}

StatusOr<SpeculativeState> SpeculativeState::Decode(Decoder& in) {
  StatusOr<AppliedState> applied = AppliedState::Decode(in.String());
  VLOG_RETURN_IF_ERROR(applied);
  Index index(in.Fixed<uint64_t>());
  SpeculativeState state(*std::move(applied), index);
  auto count = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    Unapplied entry;
    entry.type = static_cast<EntryType>(in.Fixed<uint8_t>());
    std::string_view text = in.String();
    if (entry.type == EntryType::kBatch) {
      StatusOr<BatchHeader> header = DecodeBatchHeader(text);
      VLOG_RETURN_IF_ERROR(header);
      entry.batch = *header;
    } else {
      entry.proposal = std::string(text);
    }
    entry.position = in.Fixed<uint64_t>();
    entry.positions = in.Fixed<uint32_t>();
    state.Append(std::move(entry));
  }
  if (!in.ok()) return absl::DataLossError("malformed entries of a Raft replica");
  return state;
}

void SpeculativeState::CheckInvariants() const {
  size_t taken = 0;
  size_t seals = 0;
  Offset at = applied_.end();
  bool sealed = applied_.sealed();
  for (const Unapplied& entry : unapplied_) {
    VLOG_CHECK(entry.begin == at, "records follow each other without a hole");
    VLOG_CHECK(!(sealed && entry.taken), "nothing is taken after SEAL");
    at = entry.end();
    taken += entry.taken;
    seals += entry.type == EntryType::kSeal;
    sealed = sealed || entry.type == EntryType::kSeal;
  }
  size_t known = 0;
  for (const auto& [writer, batches] : in_flight_) known += batches.size();
  VLOG_CHECK(known == taken && seals == seals_, "the table knows what is on its way");
}

}  // namespace vlog::loglets::raft

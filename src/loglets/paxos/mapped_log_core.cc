#include "loglets/paxos/mapped_log_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::paxos {

void MappedLog::Append(const Ballot& ballot, uint32_t records, uint64_t position,
                       uint32_t positions) {
  map_.Append(end_.slot.value(), end_.offset, records, position, positions);
  lowest_ = std::min(lowest_.value_or(position), position);
  if (!ballots_.empty() && ballots_.back().ballot == ballot) {
    ballots_.back().to += 1;
  } else {
    ballots_.push_back({end_.slot, end_.slot + 1, ballot});
  }
  end_ = {end_.slot + 1, end_.offset + records};
}

void MappedLog::MoveTo(ChosenPoint to) {
  VLOG_CHECK(to.slot > end_.slot && to.offset >= end_.offset, "a checkpoint moves a log forward");
  map_ = replicated::LogMap();
  ballots_.clear();
  lowest_.reset();
  begin_ = end_ = to;
  trim_ = std::max(trim_, to.offset);
}

void MappedLog::Trim(Offset to, ChosenPoint base) {
  trim_ = std::max(trim_, to);
  VLOG_CHECK(trim_ <= end_.offset && base.slot <= end_.slot, "only what is held is trimmed");
  VLOG_CHECK(base.offset <= trim_, "only what is trimmed is given up");
  if (base <= begin_) return;
  begin_ = base;
  map_.ForgetBelow(begin_.slot.value());
  while (!ballots_.empty() && ballots_.front().to <= begin_.slot) ballots_.pop_front();
  if (!ballots_.empty()) ballots_.front().from = std::max(ballots_.front().from, begin_.slot);
  FindLowest();
}

void MappedLog::FindLowest() {
  lowest_.reset();
  uint64_t index = begin_.slot.value();
  while (std::optional<replicated::LogMap::Run> run = map_.FindIndex(index)) {
    uint64_t needed = run->position;
    bool records = run->end_offset > run->offset;
    if (records && run->offset < begin_.offset) needed += begin_.offset - run->offset;
    lowest_ = std::min(lowest_.value_or(needed), needed);
    index = run->end_index;
  }
}

std::optional<MappedLog::Piece> MappedLog::Find(ChosenPoint at) const {
  if (at.slot < begin_.slot) return std::nullopt;
  std::optional<replicated::LogMap::Run> run = map_.FindIndex(at.slot.value());
  if (!run || at.offset < run->offset) return std::nullopt;
  Piece piece;
  piece.from = run->position;
  piece.to = run->end_position;
  piece.next = {Slot(run->end_index), run->end_offset};
  piece.records = run->end_offset > run->offset;
  if (!piece.records) {
    if (at.offset != run->offset) return std::nullopt;
    return piece;
  }
  if (at.offset >= run->end_offset) return std::nullopt;
  piece.from += at.offset - run->offset;
  return piece;
}

replicated::ReplicaCore::Place MappedLog::FindRecords(Offset from, Offset to) const {
  replicated::ReplicaCore::Place place;
  std::optional<replicated::LogMap::Run> run;
  if (from >= trim_) run = map_.FindOffset(from);
  if (!run) {
    place.next = from < trim_ && trim_ < end_.offset ? trim_ : kMaxOffset;
    return place;
  }
  Offset until = std::min(to, run->end_offset);
  place.from = run->position + (from - run->offset);
  place.to = run->position + (until - run->offset);
  place.next = until;
  return place;
}

std::optional<Offset> MappedLog::OffsetOf(Slot slot, uint64_t position) const {
  std::optional<replicated::LogMap::Run> run = map_.FindIndex(slot.value());
  if (!run || run->offset == run->end_offset) return std::nullopt;
  if (position < run->position || position >= run->end_position) return std::nullopt;
  return run->offset + (position - run->position);
}

std::vector<BallotRun> MappedLog::Ballots(Slot from, Slot to, size_t most) const {
  std::vector<BallotRun> found;
  auto it = std::partition_point(ballots_.begin(), ballots_.end(),
                                 [&](const BallotRun& run) { return run.to <= from; });
  for (; it != ballots_.end() && it->from < to && found.size() < most; ++it) {
    found.push_back({std::max(it->from, from), std::min(it->to, to), it->ballot});
  }
  return found;
}

void MappedLog::EncodeTo(std::string* out) const {
  map_.EncodeTo(out);
  PutFixed(out, begin_.slot.value());
  PutFixed(out, begin_.offset.value());
  PutFixed(out, end_.slot.value());
  PutFixed(out, end_.offset.value());
  PutFixed(out, trim_.value());
  PutFixed(out, static_cast<uint32_t>(ballots_.size()));
  for (const BallotRun& run : ballots_) {
    PutFixed(out, run.from.value());
    PutFixed(out, run.to.value());
    consensus::PutBallot(out, run.ballot);
  }
}

void MappedLog::Decode(Decoder& in) {
  map_ = replicated::LogMap::Decode(in);
  begin_.slot = Slot(in.Fixed<uint64_t>());
  begin_.offset = Offset(in.Fixed<uint64_t>());
  end_.slot = Slot(in.Fixed<uint64_t>());
  end_.offset = Offset(in.Fixed<uint64_t>());
  trim_ = Offset(in.Fixed<uint64_t>());
  ballots_.clear();
  uint32_t runs = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < runs && in.ok(); ++i) {
    BallotRun run;
    run.from = Slot(in.Fixed<uint64_t>());
    run.to = Slot(in.Fixed<uint64_t>());
    run.ballot = consensus::GetBallot(in);
    ballots_.push_back(run);
  }
  FindLowest();
}

void MappedLog::CheckInvariants() const {
  VLOG_CHECK(begin_ <= end_ && begin_.offset <= end_.offset, "what is held has an order");
  VLOG_CHECK(begin_.offset <= trim_ && trim_ <= end_.offset, "only what is trimmed is given up");
  Slot at = begin_.slot;
  for (const BallotRun& run : ballots_) {
    VLOG_CHECK(run.from == at && run.from < run.to, "ballot runs follow each other");
    at = run.to;
  }
  VLOG_CHECK(at == end_.slot, "every slot that is held has a ballot");
}

}  // namespace vlog::loglets::paxos

#include "loglets/raft/raft_state_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"

namespace vlog::loglets::raft {
namespace {

constexpr uint8_t kFormatVersion = 1;

bool IsLogEntry(uint16_t type) {
  return type == kBatchEntry || type == kNoOpEntry || type == kSealEntry;
}

uint16_t StoredType(EntryType type) {
  if (type == EntryType::kBatch) return kBatchEntry;
  return type == EntryType::kSeal ? kSealEntry : kNoOpEntry;
}

void SetPayload(storage::Entry* entry, Bytes payload) {
  entry->payload_crc = Crc32c(payload.view());
  entry->payload = std::move(payload);
}

}  // namespace

// ---- entries ----

storage::Entry RaftState::VoteEntry(const HardState& hard) {
  storage::Entry entry;
  entry.type = kVoteEntry;
  PutFixed(&entry.meta, hard.term.value());
  PutFixed(&entry.meta, hard.vote.node.value());
  PutFixed(&entry.meta, hard.vote.disk.value());
  return entry;
}

storage::Entry RaftState::LogEntryAt(Index index, const LogEntry& logged, Index commit) const {
  storage::Entry entry;
  entry.type = StoredType(logged.type);
  entry.first = end_;
  entry.count = 1;
  PutFixed(&entry.meta, index.value());
  PutFixed(&entry.meta, logged.term.value());
  PutFixed(&entry.meta, log_.EndAt(Index(index.value() - 1)).value());
  PutFixed(&entry.meta, commit.value());
  if (logged.type == EntryType::kBatch) {
    entry.count = logged.batch.header.count;
    entry.meta += EncodeBatchHeader(logged.batch.header);
    entry.payload = logged.batch.body;
    entry.payload_crc = logged.batch.body_crc;
  } else if (logged.type == EntryType::kSeal) {
    SetPayload(&entry, Bytes::CopyOf(logged.proposal));
  }
  return entry;
}

storage::Entry RaftState::TrimEntry(Offset to, Index commit) {
  storage::Entry entry;
  entry.type = kTrimEntry;
  entry.first = to.value();
  PutFixed(&entry.meta, commit.value());
  return entry;
}

storage::Entry RaftState::MoveEntry(Index index, Term term, Bytes state) {
  storage::Entry entry;
  entry.type = kMoveEntry;
  PutFixed(&entry.meta, index.value());
  PutFixed(&entry.meta, term.value());
  SetPayload(&entry, std::move(state));
  return entry;
}

StatusOr<StoredEntry> RaftState::ToStored(const storage::Entry& entry) {
  if (!IsLogEntry(entry.type)) return absl::DataLossError("not an entry of a Raft log");
  Decoder in(entry.meta);
  StoredEntry stored;
  stored.index = Index(in.Fixed<uint64_t>());
  stored.entry.term = Term(in.Fixed<uint64_t>());
  stored.begin = Offset(in.Fixed<uint64_t>());
  stored.commit = Index(in.Fixed<uint64_t>());
  if (entry.type == kBatchEntry) {
    StatusOr<BatchHeader> header = DecodeBatchHeader(in.Raw(kBatchHeaderBytes));
    VLOG_RETURN_IF_ERROR(header);
    stored.entry.type = EntryType::kBatch;
    stored.entry.batch.header = *header;
    stored.entry.batch.body = entry.payload;
    stored.entry.batch.body_crc = entry.payload_crc;
  } else if (entry.type == kSealEntry) {
    stored.entry.type = EntryType::kSeal;
    stored.entry.proposal = std::string(entry.payload.view());
  }
  if (!in.done()) return absl::DataLossError("malformed entry of a Raft log");
  return stored;
}

// ---- applying entries ----

void RaftState::Apply(const storage::Entry& entry) {
  Take(entry);
  if (impaired_) return;
  if (StatusOr<StoredEntry> stored = ToStored(entry); stored.ok()) ApplyTo(stored->commit);
}

void RaftState::Take(const storage::Entry& entry) {
  if (IsLogEntry(entry.type)) return TakeLogEntry(entry);
  Decoder in(entry.meta);
  if (entry.type == kVoteEntry) {
    hard_.term = Term(in.Fixed<uint64_t>());
    hard_.vote.node = NodeId(in.Fixed<uint64_t>());
    hard_.vote.disk = DiskId(in.Fixed<uint64_t>());
  } else if (entry.type == kTrimEntry) {
    // What was trimmed had been applied.
    if (!impaired_) ApplyTo(Index(in.Fixed<uint64_t>()));
    TakeTrim(Offset(entry.first));
  } else {
    VLOG_CHECK(entry.type == kMoveEntry, "a Raft replica writes only what it knows");
    TakeMove(entry);
  }
}

void RaftState::TakeLogEntry(const storage::Entry& entry) {
  StatusOr<StoredEntry> stored = ToStored(entry);
  VLOG_CHECK(stored.ok() && entry.first >= end_, "entries are written at the stream's end");
  end_ = entry.first + entry.count;
  // What lies behind lost entries is not known to follow them.
  if (impaired_) return;
  Index index = stored->index;
  VLOG_CHECK(index > log_.applied_index() && index <= last() + 1, "entries follow each other");
  if (index <= last()) CutFrom(index);
  VLOG_CHECK(stored->entry.term >= last_term(), "terms do not fall along the log");
  if (terms_.empty() || terms_.back().term != stored->entry.term) {
    terms_.push_back({index, stored->entry.term});
  }
  Unapplied unapplied;
  unapplied.type = stored->entry.type;
  unapplied.batch = stored->entry.batch.header;
  unapplied.proposal = std::move(stored->entry.proposal);
  unapplied.position = entry.first;
  unapplied.positions = entry.count;
  const Unapplied& placed = log_.Append(std::move(unapplied));
  Island& island = islands_.back();
  if (island.map.empty()) island.begin = placed.begin;
  island.map.Append(index.value(), placed.begin, placed.taken ? entry.count : 0, entry.first,
                    entry.count);
  island.end = placed.end();
}

void RaftState::CutFrom(Index index) {
  const Unapplied cut = log_.At(index);
  log_.CutFrom(index);
  islands_.back().map.Cut(index.value(), cut.begin, cut.position);
  islands_.back().end = cut.begin;
  while (!terms_.empty() && terms_.back().first >= index) terms_.pop_back();
  // The run of the start's own term may have gone on above it.
  if (last() == start_.index) terms_.clear();
}

void RaftState::ApplyTo(Index commit) {
  while (log_.applied_index() < std::min(commit, last())) log_.ApplyNext();
}

void RaftState::TakeTrim(Offset to) {
  to = std::min(to, log_.applied().end());
  if (to <= trim_) return;
  trim_ = to;
  while (islands_.size() > 1 && islands_.front().end <= trim_) islands_.pop_front();
  if (trim_ == log_.applied().end()) {
    // Before the map forgets the entry whose term the next one will ask for.
    start_ = {log_.applied_index(), *TermAt(log_.applied_index()), trim_};
  } else if (islands_.size() == 1) {
    std::optional<replicated::LogMap::Run> run = islands_.back().map.FindOffset(trim_);
    // None: the trim point lies in a hole that a move left.
    Index before(run ? run->index - 1 : 0);
    if (before > start_.index) start_ = {before, *TermAt(before), run->offset};
  }
  ForgetBelowStart();
}

void RaftState::ForgetBelowStart() {
  islands_.back().map.ForgetBelow(start_.index.value() + 1);
  while (terms_.size() > 1 && terms_[1].first <= start_.index + 1) terms_.pop_front();
  if (last() == start_.index) terms_.clear();
}

void RaftState::TakeMove(const storage::Entry& entry) {
  if (impaired_) return;
  Decoder in(entry.meta);
  Index index(in.Fixed<uint64_t>());
  Term term(in.Fixed<uint64_t>());
  StatusOr<AppliedState> state = AppliedState::Decode(entry.payload.view());
  VLOG_CHECK(in.done() && state.ok(), "a move was checked before it was written");
  VLOG_CHECK(index > log_.applied_index(), "what is applied is never given up");
  // What is applied stays readable here: these may be the copies that a quorum counts on.
  if (last() > log_.applied_index()) CutFrom(log_.applied_index() + 1);
  if (islands_.back().map.empty()) islands_.pop_back();
  start_ = {index, term, state->end()};
  log_ = SpeculativeState(*std::move(state), index);
  terms_.clear();
  islands_.emplace_back();
  islands_.back().begin = islands_.back().end = start_.end;
}

void RaftState::Damaged(uint64_t lost) {
  impaired_ = true;
  end_ += lost;
}

void RaftState::SkipTo(uint64_t end) {
  impaired_ = true;
  end_ = std::max(end_, end);
}

// ---- views ----

std::optional<Term> RaftState::TermAt(Index index) const {
  if (index == start_.index) return start_.term;
  if (index < start_.index || index > last()) return std::nullopt;
  auto above = std::upper_bound(terms_.begin(), terms_.end(), index,
                                [](Index i, const TermRun& run) { return i < run.first; });
  return std::prev(above)->term;
}

Index RaftState::FirstOfTerm(Index index) const {
  auto above = std::upper_bound(terms_.begin(), terms_.end(), index,
                                [](Index i, const TermRun& run) { return i < run.first; });
  if (above == terms_.begin()) return start_.index + 1;
  return std::max(std::prev(above)->first, start_.index + 1);
}

std::optional<Index> RaftState::LastOfTerm(Term term, Index index) const {
  for (size_t i = terms_.size(); i > 0; --i) {
    const TermRun& run = terms_[i - 1];
    if (run.first > index || run.term > term) continue;
    if (run.term < term) return std::nullopt;
    Index end = i < terms_.size() ? terms_[i].first : last() + 1;
    return std::min(index, Index(end.value() - 1));
  }
  return std::nullopt;
}

uint64_t RaftState::trim() const {
  for (const Island& island : islands_) {
    if (island.map.empty()) continue;
    if (std::optional<replicated::LogMap::Run> run = island.map.FindOffset(trim_)) {
      uint64_t exact = run->position + (trim_ - run->offset);
      // Entries without records may lie before it that are not applied yet.
      return log_.unapplied().empty() ? exact : std::min(exact, log_.unapplied()[0].position);
    }
    if (island.end > trim_) return *island.map.lowest_position();
  }
  return log_.unapplied().empty() ? end_ : log_.unapplied()[0].position;
}

std::optional<RaftState::Place> RaftState::FindEntry(Index index, Offset begin) const {
  std::optional<replicated::LogMap::Run> run = islands_.back().map.FindIndex(index.value());
  if (!run) return std::nullopt;
  bool records = run->end_offset > run->offset;
  uint64_t from = records ? run->position + (begin - run->offset) : run->position;
  return Place{from, run->end_position};
}

std::optional<RaftState::Place> RaftState::FindRecords(Offset from, Offset to) const {
  for (const Island& island : islands_) {
    std::optional<replicated::LogMap::Run> run = island.map.FindOffset(from);
    if (!run) continue;
    uint64_t end = run->position + (std::min(to, run->end_offset) - run->offset);
    return Place{run->position + (from - run->offset), end};
  }
  return std::nullopt;
}

Offset RaftState::NextHeld(Offset from) const {
  for (const Island& island : islands_) {
    if (island.map.empty() || island.end <= std::max(from, island.begin)) continue;
    return std::max(from, island.begin);
  }
  return kMaxOffset;
}

// ---- checkpoints ----

std::string RaftState::Encode() const {
  std::string out;
  PutFixed(&out, kFormatVersion);
  PutFixed(&out, hard_.term.value());
  PutFixed(&out, hard_.vote.node.value());
  PutFixed(&out, hard_.vote.disk.value());
  PutFixed(&out, start_.index.value());
  PutFixed(&out, start_.term.value());
  PutFixed(&out, start_.end.value());
  PutFixed(&out, trim_.value());
  PutFixed(&out, end_);
  PutFixed(&out, static_cast<uint8_t>(impaired_));
  PutFixed(&out, static_cast<uint32_t>(terms_.size()));
  for (const TermRun& run : terms_) {
    PutFixed(&out, run.first.value());
    PutFixed(&out, run.term.value());
  }
  log_.EncodeTo(&out);
  PutFixed(&out, static_cast<uint32_t>(islands_.size()));
  for (const Island& island : islands_) {
    PutFixed(&out, island.begin.value());
    PutFixed(&out, island.end.value());
    island.map.EncodeTo(&out);
  }
  return out;
}

Status RaftState::Decode(std::string_view data) {
  Decoder in(data);
  auto version = in.Fixed<uint8_t>();
  if (in.ok() && version != kFormatVersion) {
    return absl::InvalidArgumentError(absl::StrCat("state of a Raft replica in format ", version,
                                                   "; this program reads ", kFormatVersion));
  }
  hard_.term = Term(in.Fixed<uint64_t>());
  hard_.vote.node = NodeId(in.Fixed<uint64_t>());
  hard_.vote.disk = DiskId(in.Fixed<uint64_t>());
  start_.index = Index(in.Fixed<uint64_t>());
  start_.term = Term(in.Fixed<uint64_t>());
  start_.end = Offset(in.Fixed<uint64_t>());
  trim_ = Offset(in.Fixed<uint64_t>());
  end_ = in.Fixed<uint64_t>();
  impaired_ = in.Fixed<uint8_t>() != 0;
  terms_.clear();
  auto runs = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < runs && in.ok(); ++i) {
    Index first(in.Fixed<uint64_t>());
    terms_.push_back({first, Term(in.Fixed<uint64_t>())});
  }
  StatusOr<SpeculativeState> log = SpeculativeState::Decode(in);
  VLOG_RETURN_IF_ERROR(log);
  log_ = *std::move(log);
  islands_.clear();
  auto islands = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < islands && in.ok(); ++i) {
    Island& island = islands_.emplace_back();
    island.begin = Offset(in.Fixed<uint64_t>());
    island.end = Offset(in.Fixed<uint64_t>());
    island.map = replicated::LogMap::Decode(in);
  }
  if (!in.done() || islands_.empty()) return absl::DataLossError("malformed Raft replica");
  return absl::OkStatus();
}

void RaftState::CheckInvariants() const {
  log_.CheckInvariants();
  VLOG_CHECK(start_.index <= log_.applied_index(), "only what is applied is given up");
  VLOG_CHECK(trim_ <= log_.applied().end(), "only what is applied is trimmed");
  VLOG_CHECK(trim() <= end_, "what is kept lies in the stream");
  VLOG_CHECK(terms_.empty() == (last() == start_.index), "each entry has a term");
  VLOG_CHECK(terms_.empty() || terms_.front().first <= start_.index + 1, "the first one as well");
  for (size_t i = 1; i < terms_.size(); ++i) {
    bool rise = terms_[i - 1].term < terms_[i].term && terms_[i - 1].first < terms_[i].first;
    VLOG_CHECK(rise, "terms rise along the log");
  }
  VLOG_CHECK(impaired_ || last_term() <= hard_.term, "no entry is from a later term");
}

}  // namespace vlog::loglets::raft

#include "loglets/raft/raft_state_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vlog::loglets::raft {
bool RaftState::IsLogEntry(uint16_t type) {
  return type == kBatchEntry || type == kNoOpEntry || type == kSealEntry;
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
    Index commit(in.Fixed<uint64_t>());
    if (!impaired_) ApplyTo(commit);
    TakeTrim(Offset(entry.first), Index(in.Fixed<uint64_t>()));
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
  map_.Append(index.value(), placed.begin, placed.taken ? entry.count : 0, entry.first,
              entry.count);
}

void RaftState::CutFrom(Index index) {
  const Unapplied cut = log_.At(index);
  log_.CutFrom(index);
  map_.Cut(index.value(), cut.begin, cut.position);
  while (!terms_.empty() && terms_.back().first >= index) terms_.pop_back();
  // The run of the start's own term may have gone on above it.
  if (last() == start_.index) terms_.clear();
}

void RaftState::ApplyTo(Index commit) {
  while (log_.applied_index() < std::min(commit, last())) {
    log_.ApplyNext();
    history_.Note(log_.applied_index().value(), log_.applied());
  }
}

Index RaftState::ChooseBase(Offset to) {
  Index applied = log_.applied_index();
  if (to == log_.applied().end()) history_.Keep(applied.value(), log_.applied());
  return Index(history_.Choose(applied.value(), to).index);
}

void RaftState::TakeTrim(Offset to, Index base) {
  trim_ = std::max(trim_, std::min(to, log_.applied().end()));
  // Its writer may have kept the state there although it was not time to.
  if (base == log_.applied_index()) history_.Keep(base.value(), log_.applied());
  history_.SetBase(base.value());
  Index index(history_.base().index);
  // Before the map forgets the entry whose term the next one will ask for.
  start_ = {index, *TermAt(index), history_.base().end()};
  ForgetBelowStart();
}

void RaftState::ForgetBelowStart() {
  map_.ForgetBelow(start_.index.value() + 1);
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
  VLOG_CHECK(index > log_.applied_index(), "what is applied and not trimmed is never given up");
  start_ = {index, term, state->end()};
  trim_ = std::max(trim_, start_.end);
  history_.Reset(index.value(), *state);
  log_ = SpeculativeState(*std::move(state), index);
  terms_.clear();
  map_ = replicated::LogMap();
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
  // Entries are written in the order of the log, so this is the lowest one.
  std::optional<Place> first = FindEntry(start_.index + 1, start_.end);
  return first ? first->from : end_;
}

std::optional<RaftState::Place> RaftState::FindEntry(Index index, Offset begin) const {
  std::optional<replicated::LogMap::Run> run = map_.FindIndex(index.value());
  if (!run) return std::nullopt;
  bool records = run->end_offset > run->offset;
  uint64_t from = records ? run->position + (begin - run->offset) : run->position;
  return Place{from, run->end_position};
}

std::optional<RaftState::Place> RaftState::FindRecords(Offset from, Offset to) const {
  std::optional<replicated::LogMap::Run> run = map_.FindOffset(from);
  if (!run || from < trim_) return std::nullopt;
  uint64_t end = run->position + (std::min(to, run->end_offset) - run->offset);
  return Place{run->position + (from - run->offset), end};
}

Offset RaftState::NextHeld(Offset from) const {
  Offset held = std::max(from, trim_);
  return held < log_.end() ? held : kMaxOffset;
}

void RaftState::CheckInvariants() const {
  log_.CheckInvariants();
  history_.CheckInvariants();
  bool based = history_.base().index == start_.index.value() &&
               history_.base().end() == start_.end && start_.end <= trim_;
  VLOG_CHECK(based, "the log begins at its base, whose records are trimmed");
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

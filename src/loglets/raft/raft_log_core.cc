#include "loglets/raft/raft_log_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::raft {

RaftLog::RaftLog(RaftState recovered, size_t cache_bytes)
    : state_(std::move(recovered)),
      durable_(state_.last()),
      durable_trim_(state_.trim_point()),
      commit_(state_.log().applied_index()),
      durable_end_(state_.end()),
      cache_first_(state_.last() + 1),
      cache_limit_(cache_bytes) {}

// ---- writing ----

Ticket RaftLog::Write(What what, storage::Entry entry, Index index, bool control) {
  // A trim counts when it is durable: what a reader was told is trimmed stays so.
  if (what != What::kTrim) state_.Take(entry);
  return Put(what, std::move(entry), index, control);
}

Ticket RaftLog::Put(What what, storage::Entry entry, Index index, bool control) {
  Ticket ticket = next_ticket_++;
  InFlight write{ticket, what, index, entry.first + entry.count, control, {}};
  if (what == What::kTrim || what == What::kMove) write.again = entry;
  in_flight_.push_back(std::move(write));
  persists_.push_back({ticket, std::move(entry), control});
  return ticket;
}

bool RaftLog::data_on_its_way() const {
  return std::any_of(in_flight_.begin(), in_flight_.end(),
                     [](const InFlight& write) { return !write.control; });
}

void RaftLog::SetHardState(const HardState& hard) {
  VLOG_CHECK(hard.term >= this->hard().term, "terms only grow");
  hard_durable_ = false;
  Write(What::kHard, RaftState::VoteEntry(hard), Index(), true);
}

bool RaftLog::hard_on_its_way() const {
  return std::any_of(in_flight_.begin(), in_flight_.end(),
                     [](const InFlight& write) { return write.what == What::kHard; });
}

void RaftLog::Append(LogEntry entry, bool urgent) {
  VLOG_CHECK(may_write(), "nothing is written behind what was refused");
  Index index = last() + 1;
  bool small = entry.type != EntryType::kBatch;
  bool control = (small || urgent) && !data_on_its_way();
  Offset begin = state_.log().end();
  Write(What::kLog, state_.LogEntryAt(index, entry, applied()), index, control);
  Cached cached{std::move(entry), begin, state_.log().end()};
  cache_bytes_ += cached.bytes();
  cache_.push_back(std::move(cached));
}

void RaftLog::CutFrom(Index index) {
  VLOG_CHECK(index > commit_ && index <= last(), "what is decided is never cut");
  // The journal learns of it by the entry that takes the place.
  state_.CutFrom(index);
  ForgetFrom(index);
}

void RaftLog::ForgetFrom(Index index) {
  durable_ = std::min(durable_, Index(index.value() - 1));
  for (InFlight& write : in_flight_) {
    if (write.index >= index) write.index = Index();
  }
  while (!cache_.empty() && cache_first_ + cache_.size() > index) {
    cache_bytes_ -= cache_.back().bytes();
    cache_.pop_back();
  }
  if (cache_.empty()) cache_first_ = last() + 1;
}

void RaftLog::MoveUp(Index index, Term term, Bytes state) {
  VLOG_CHECK(!refusing_ && index > commit_, "what is decided here is not moved over");
  // Nothing that is on its way counts any more.
  ForgetFrom(Index(1));
  commit_ = index;
  refused_move_.reset();
  Write(What::kMove, RaftState::MoveEntry(index, term, std::move(state)), index, true);
  cache_first_ = last() + 1;
  VLOG_CHECK(cache_.empty() && durable_ == Index(), "the log begins again behind the move");
}

Ticket RaftLog::Trim(Offset to) {
  return Write(What::kTrim, RaftState::TrimEntry(to, applied(), state_.ChooseBase(to)), Index(),
               true);
}

void RaftLog::WriteRefusedAgain() {
  if (!hard_durable_ && !hard_on_its_way()) SetHardState(hard());
  if (!refused_move_) return;
  storage::Entry move = *std::exchange(refused_move_, std::nullopt);
  Put(What::kMove, std::move(move), state_.start().index, true);
}

void RaftLog::Commit(Index index) {
  commit_ = std::max(commit_, std::min(index, last()));
  Apply();
  EvictCache();
}

// ---- what became of it ----

void RaftLog::Persisted(Ticket ticket) {
  VLOG_CHECK(!in_flight_.empty() && in_flight_.front().ticket == ticket,
             "entries become durable in the order in which they were written");
  InFlight done = std::move(in_flight_.front());
  in_flight_.pop_front();
  if (done.what == What::kHard) {
    // The newest one counts.
    hard_durable_ = !hard_on_its_way();
  } else if (done.what == What::kTrim) {
    state_.Take(done.again);
    durable_trim_ = std::max(durable_trim_, Offset(done.again.first));
  } else {
    bool moved = done.what == What::kMove && done.index > Index();
    if (moved) durable_trim_ = std::max(durable_trim_, state_.start().end);
    if (done.what == What::kLog) durable_end_ = done.end;
    if (done.index > Index()) durable_ = done.index;
  }
  if (!done.control) disk_suspect_ = false;
  Apply();
  EvictCache();
}

std::optional<Index> RaftLog::Refused(Ticket ticket) {
  InFlight refused = TakeInFlight(ticket);
  disk_suspect_ = true;
  std::optional<Index> cut;
  if (refused.what == What::kLog) cut = CutRefused(refused, cut);
  if (refused.what == What::kMove && refused.index > Index()) refused_move_ = refused.again;
  // What has not left yet must not follow what was refused: its position counted on it.
  for (const ReplicaCore::Persist& persist : persists_) {
    if (!persist.control) cut = CutRefused(TakeInFlight(persist.ticket), cut);
  }
  std::erase_if(persists_, [](const ReplicaCore::Persist& persist) { return !persist.control; });
  refusing_ = data_on_its_way();
  if (!refusing_) {
    uint64_t end = durable_end_;
    for (const InFlight& write : in_flight_) {
      if (write.what == What::kLog) end = std::max(end, write.end);
    }
    state_.SetEnd(end);
  }
  return cut;
}

RaftLog::InFlight RaftLog::TakeInFlight(Ticket ticket) {
  auto it = std::find_if(in_flight_.begin(), in_flight_.end(),
                         [&](const InFlight& write) { return write.ticket == ticket; });
  VLOG_CHECK(it != in_flight_.end(), "only what is on its way is refused");
  InFlight write = std::move(*it);
  in_flight_.erase(it);
  return write;
}

// Returns the lower one of `before` and what is cut because of `refused`.
std::optional<Index> RaftLog::CutRefused(const InFlight& refused, std::optional<Index> before) {
  if (refused.index == Index() || refused.index > last()) return before;
  // Others may have decided it: this replica learns of it again.
  commit_ = std::min(commit_, Index(refused.index.value() - 1));
  state_.CutFrom(refused.index);
  ForgetFrom(refused.index);
  return std::min(before.value_or(refused.index), refused.index);
}

// ---- memory ----

const RaftLog::Cached* RaftLog::Find(Index index) const {
  if (index < cache_first_ || index >= cache_first_ + cache_.size()) return nullptr;
  return &cache_[index - cache_first_];
}

void RaftLog::set_cache_limit(size_t bytes) {
  cache_limit_ = bytes;
  EvictCache();
}

void RaftLog::EvictCache() {
  while (!cache_.empty() && cache_bytes_ > cache_limit_ && cache_first_ <= durable_) {
    cache_bytes_ -= cache_.front().bytes();
    cache_.pop_front();
    cache_first_ += 1;
  }
}

void RaftLog::CheckInvariants() const {
  state_.CheckInvariants();
  VLOG_CHECK(applied() <= commit_ && commit_ <= last(), "what is decided is a prefix");
  VLOG_CHECK(durable_ <= last(), "what is durable was accepted");
  VLOG_CHECK(cache_first_ + cache_.size() == last() + 1, "a suffix of the log is in memory");
  VLOG_CHECK(cache_.empty() || cache_first_ <= std::max(durable_, state_.start().index) + 1,
             "what is not durable is in memory");
  VLOG_CHECK(!in_flight_.empty() || refused_move_ || durable_ == last(),
             "with nothing on its way all is durable");
}

}  // namespace vlog::loglets::raft

#include "loglets/paxos/replica_log_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::paxos {
namespace {

// A checkpoint up to so many bytes may use the room that a full disk keeps for control entries.
constexpr size_t kSmallCheckpoint = 64 << 10;

// What a command costs in the cache.
size_t Cost(const SlotEntry& entry) { return sizeof(SlotEntry) + entry.command.body.size(); }

}  // namespace

ReplicaLog::ReplicaLog(const PaxosState& recovered, size_t cache_bytes)
    : cache_limit_(cache_bytes),
      promised_(recovered.promised()),
      promised_durably_(recovered.promised()),
      impaired_(recovered.impaired()),
      chosen_(recovered.log().end().slot),
      applied_(recovered.applied()),
      history_(recovered.history()),
      mapped_(recovered.log()),
      durable_end_(recovered.end()),
      end_(recovered.end()) {
  for (const auto& [slot, accepted] : recovered.accepted()) {
    Version version;
    version.entry = {slot, accepted.ballot, accepted.command};
    version.loaded = accepted.command.kind != Command::Kind::kBatch;
    version.position = accepted.position;
    held_bytes_ += version.entry.command.body.size();
    held_[slot].versions.push_back(std::move(version));
  }
}

// ---- writing ----

Ticket ReplicaLog::Write(storage::Entry entry, bool control, Slot slot) {
  Ticket ticket = next_ticket_++;
  placed_in_flight_ += entry.count > 0;
  end_ += entry.count;
  in_flight_.push_back({ticket, entry, slot, std::nullopt});
  persists_.push_back({ticket, std::move(entry), control});
  return ticket;
}

Ticket ReplicaLog::WriteCommand(Version& version) {
  // A small command may use the room for control entries, but not at a position behind data that
  // may yet be refused.
  bool batch = version.entry.command.kind == Command::Kind::kBatch;
  bool control = !batch && placed_in_flight_ == 0;
  storage::Entry entry = PaxosState::AcceptEntry(end_, version.entry, mapped_.end().slot);
  version.position = end_;
  version.refused = false;
  version.ticket = Write(std::move(entry), control, version.entry.slot);
  return version.ticket;
}

std::optional<Ticket> ReplicaLog::Promise(const Ballot& ballot) {
  VLOG_CHECK(ballot >= promised_, "promises never go back");
  promised_ = ballot;
  if (promised_durably_ >= ballot) return std::nullopt;
  for (const InFlight& on_its_way : in_flight_) {
    Decoder in(on_its_way.entry.meta);
    if (consensus::GetBallot(in) >= ballot) return on_its_way.ticket;
  }
  return Write(PaxosState::PromiseEntry(durable_end_, ballot, mapped_.end().slot), true);
}

StatusOr<std::optional<Ticket>> ReplicaLog::Store(const SlotEntry& entry) {
  if (entry.slot < chosen_) return std::optional<Ticket>();
  auto it = held_.find(entry.slot);
  if (it != held_.end()) {
    const Version& newest = it->second.versions.back();
    VLOG_CHECK(newest.entry.ballot != entry.ballot || newest.entry.command.SameAs(entry.command),
               "a ballot proposes one command a slot (Paxos Made Simple 2.2)");
    if (newest.entry.ballot >= entry.ballot) {
      return newest.ticket == 0 ? std::nullopt : std::optional<Ticket>(newest.ticket);
    }
  }
  if (refusing_) return absl::ResourceExhaustedError("the disk refuses what is on its way");
  promised_ = std::max(promised_, entry.ballot);
  Held& held = held_[entry.slot];
  held.versions.push_back({entry});
  held_bytes_ += entry.command.body.size();
  return std::optional<Ticket>(WriteCommand(held.versions.back()));
}

std::optional<Ticket> ReplicaLog::Install(Checkpoint checkpoint) {
  if (checkpoint.slot <= chosen_) return std::nullopt;
  for (const InFlight& on_its_way : in_flight_) {
    if (on_its_way.checkpoint && on_its_way.checkpoint->slot >= checkpoint.slot) {
      return on_its_way.ticket;
    }
  }
  if (refusing_) return std::nullopt;
  promised_ = std::max(promised_, checkpoint.promised);
  storage::Entry entry = PaxosState::MoveEntry(end_, checkpoint, mapped_.end().slot);
  bool control = entry.payload.size() <= kSmallCheckpoint && placed_in_flight_ == 0;
  Ticket ticket = Write(std::move(entry), control);
  in_flight_.back().checkpoint = std::move(checkpoint);
  ++moves_in_flight_;
  return ticket;
}

std::optional<Ticket> ReplicaLog::Trim(Offset to) {
  VLOG_CHECK(to <= mapped_.end().offset, "a replica trims what it has applied and holds");
  if (to <= mapped_.trim()) return std::nullopt;
  Slot end = mapped_.end().slot;
  if (end == chosen_ && to == applied_.end()) history_.Keep(end.value(), applied_);
  Slot base(history_.Choose(end.value(), to).index);
  return Write(PaxosState::TrimEntry(durable_end_, to, base, end), true);
}

// ---- what became of it ----

void ReplicaLog::SettleEnd() {
  if (placed_in_flight_ > 0) return;
  refusing_ = false;
  end_ = durable_end_;
}

void ReplicaLog::Persisted(Ticket ticket) {
  VLOG_CHECK(!in_flight_.empty() && in_flight_.front().ticket == ticket,
             "entries become durable in the order in which they were written");
  InFlight done = std::move(in_flight_.front());
  in_flight_.pop_front();
  Decoder in(done.entry.meta);
  promised_durably_ = std::max(promised_durably_, consensus::GetBallot(in));
  if (done.entry.count > 0) {
    VLOG_CHECK(done.entry.first == durable_end_, "the stream has no holes");
    durable_end_ += done.entry.count;
    --placed_in_flight_;
    SettleEnd();
  }
  if (done.entry.type == kAcceptEntry) {
    OnCommandDurable(done);
  } else if (done.entry.type == kTrimEntry) {
    in.Fixed<uint64_t>();  // what was chosen
    Offset to(in.Fixed<uint64_t>());
    history_.SetBase(in.Fixed<uint64_t>());
    mapped_.Trim(to, {Slot(history_.base().index), history_.base().end()});
  } else if (done.entry.type == kMoveEntry) {
    --moves_in_flight_;
    OnMoveDurable(*std::move(done.checkpoint));
  }
  MapDurable();
}

void ReplicaLog::OnCommandDurable(const InFlight& done) {
  auto it = held_.find(done.slot);
  if (it == held_.end()) return;
  std::vector<Version>& versions = it->second.versions;
  auto version = std::find_if(versions.begin(), versions.end(),
                              [&](const Version& v) { return v.ticket == done.ticket; });
  if (version == versions.end()) return;
  version->ticket = 0;
  for (auto older = versions.begin(); older != version; ++older) {
    held_bytes_ -= older->entry.command.body.size();
  }
  versions.erase(versions.begin(), version);
}

void ReplicaLog::OnMoveDurable(Checkpoint checkpoint) {
  if (checkpoint.slot <= chosen_) return;
  Offset offset = checkpoint.applied.end();
  mapped_.MoveTo({checkpoint.slot, offset});
  history_.Reset(checkpoint.slot.value(), checkpoint.applied);
  Erase(held_.begin(), held_.lower_bound(checkpoint.slot));
  refused_.erase(refused_.begin(), refused_.lower_bound(checkpoint.slot));
  moved_ = true;
  chosen_ = checkpoint.slot;
  applied_ = std::move(checkpoint.applied);
}

void ReplicaLog::Erase(std::map<Slot, Held>::iterator from, std::map<Slot, Held>::iterator to) {
  for (auto it = from; it != to; ++it) {
    for (const Version& version : it->second.versions) {
      held_bytes_ -= version.entry.command.body.size();
    }
  }
  held_.erase(from, to);
}

void ReplicaLog::Refused(Ticket ticket) {
  auto entry = std::find_if(in_flight_.begin(), in_flight_.end(),
                            [&](const InFlight& waits) { return waits.ticket == ticket; });
  VLOG_CHECK(entry != in_flight_.end(), "only what is on its way is refused");
  InFlight refused = std::move(*entry);
  in_flight_.erase(entry);
  if (refused.entry.count == 0) return;
  --placed_in_flight_;
  refusing_ = true;
  SettleEnd();
  moves_in_flight_ -= refused.entry.type == kMoveEntry;
  if (refused.entry.type != kAcceptEntry) return;
  auto it = held_.find(refused.slot);
  if (it == held_.end()) return;
  std::vector<Version>& versions = it->second.versions;
  auto version = std::find_if(versions.begin(), versions.end(),
                              [&](const Version& v) { return v.ticket == ticket; });
  if (version == versions.end()) return;
  bool newest = std::next(version) == versions.end();
  if (it->second.records && newest) {
    version->refused = true;
    refused_.insert(refused.slot);
    return;
  }
  held_bytes_ -= version->entry.command.body.size();
  versions.erase(version);
  if (versions.empty()) held_.erase(it);
}

void ReplicaLog::RetryRefused() {
  if (refusing_) return;
  for (Slot slot : std::exchange(refused_, {})) {
    auto it = held_.find(slot);
    if (it != held_.end()) WriteCommand(it->second.versions.back());
  }
}

// ---- the acceptor's views ----

bool ReplicaLog::HoldsDurably(Slot slot, const Ballot& ballot) const {
  if (slot < chosen_) return true;
  auto it = held_.find(slot);
  if (it == held_.end()) return false;
  for (const Version& version : it->second.versions) {
    if (version.ticket == 0 && version.entry.ballot >= ballot) return true;
  }
  return false;
}

std::optional<ReplicaLog::Accepted> ReplicaLog::AcceptedFrom(Slot from, size_t max_bytes) const {
  Accepted accepted;
  accepted.next = std::max(from, chosen_);
  size_t bytes = 0;
  auto it = held_.lower_bound(accepted.next);
  for (; it != held_.end(); ++it) {
    const Version& newest = it->second.versions.back();
    if (!newest.loaded) return std::nullopt;
    bytes += newest.entry.command.body.size() + kBatchHeaderBytes;
    if (!accepted.entries.empty() && bytes > max_bytes) break;
    accepted.entries.push_back(newest.entry);
    accepted.next = it->first + 1;
  }
  accepted.complete = it == held_.end();
  return accepted;
}

std::pair<uint64_t, uint64_t> ReplicaLog::MissingBodies() const {
  std::pair<uint64_t, uint64_t> range;
  for (auto it = held_.lower_bound(chosen_); it != held_.end(); ++it) {
    const Version& newest = it->second.versions.back();
    if (newest.loaded) continue;
    uint64_t end = newest.position + newest.entry.command.positions();
    if (range.first == range.second) range = {newest.position, newest.position};
    if (newest.position == range.second) range.second = end;
  }
  return range;
}

void ReplicaLog::Restore(const std::vector<storage::Entry>& entries) {
  for (const storage::Entry& entry : entries) {
    StatusOr<SlotEntry> read = PaxosState::ToSlotEntry(entry);
    if (!read.ok()) continue;
    auto it = held_.find(read->slot);
    if (it == held_.end()) continue;
    for (Version& version : it->second.versions) {
      if (version.loaded || version.position != entry.first) continue;
      version.loaded = true;
      version.entry.command.body = entry.payload;
      held_bytes_ += entry.payload.size();
    }
  }
}

// ---- the learner's half ----

void ReplicaLog::TakeChosen(const std::vector<BallotRun>& runs) {
  if (moves_in_flight_ > 0) return;
  for (const BallotRun& run : runs) {
    if (run.from > chosen_) break;
    while (chosen_ < run.to) {
      auto it = held_.find(chosen_);
      if (it == held_.end()) return;
      // A proposal of a lower ballot may be one that lost (FAULTS race 36).
      if (it->second.versions.back().entry.ballot < run.ballot) return;
      ApplyOne(it->second);
      MapDurable();
    }
  }
}

void ReplicaLog::ApplyOne(Held& held) {
  const SlotEntry& entry = held.versions.back().entry;
  Applied event{entry.slot, entry.ballot, entry.command, {}};
  held.records = ApplyCommand(applied_, entry.command, &event.result);
  chosen_ += 1;
  history_.Note(chosen_.value(), applied_);
  applied_events_.push_back(std::move(event));
}

void ReplicaLog::MapDurable() {
  while (!held_.empty() && held_.begin()->first == mapped_.end().slot) {
    auto it = held_.begin();
    Version& newest = it->second.versions.back();
    if (!it->second.records || newest.ticket != 0 || newest.refused) return;
    mapped_.Append(newest.entry.ballot, *it->second.records, newest.position,
                   newest.entry.command.positions());
    if (newest.loaded) {
      cache_bytes_ += Cost(newest.entry);
      cache_[it->first] = newest.entry;
    }
    Erase(it, std::next(it));
  }
  while (!cache_.empty() && cache_bytes_ > cache_limit_) {
    cache_bytes_ -= Cost(cache_.begin()->second);
    cache_.erase(cache_.begin());
  }
}

const SlotEntry* ReplicaLog::FindChosen(Slot slot) const {
  // What was given up is given to nobody, cached or not: its ballot is forgotten.
  if (slot < mapped_.begin().slot || slot >= chosen_) return nullptr;
  auto cached = cache_.find(slot);
  if (cached != cache_.end()) return &cached->second;
  auto it = held_.find(slot);
  if (it == held_.end() || !it->second.versions.back().loaded) return nullptr;
  return &it->second.versions.back().entry;
}

Checkpoint ReplicaLog::MakeCheckpoint() const {
  return {mapped_.begin().slot, promised_, *history_.base().state};
}

void ReplicaLog::CheckInvariants() const {
  mapped_.CheckInvariants();
  history_.CheckInvariants();
  VLOG_CHECK(history_.base().index == mapped_.begin().slot.value(),
             "what is held begins at the base");
  VLOG_CHECK(mapped_.end().slot <= chosen_, "what is mapped is applied");
  VLOG_CHECK(mapped_.end().offset <= applied_.end(), "what is mapped is applied");
  VLOG_CHECK(promised_durably_ <= promised_, "what is durable was promised");
  VLOG_CHECK(durable_end_ <= end_, "what is durable was written");
  size_t placed = 0;
  for (const InFlight& waits : in_flight_) placed += waits.entry.count > 0;
  VLOG_CHECK(placed == placed_in_flight_, "what is on its way is counted");
  VLOG_CHECK(placed > 0 || (end_ == durable_end_ && !refusing_),
             "with nothing on its way all that was written is durable");
  size_t bytes = 0;
  for (const auto& [slot, held] : held_) {
    VLOG_CHECK(slot >= mapped_.end().slot, "what is mapped is not held a second time");
    VLOG_CHECK(!held.versions.empty(), "a slot that is held has a command");
    VLOG_CHECK(held.records.has_value() == (slot < chosen_), "the chosen prefix is applied");
    for (size_t i = 0; i < held.versions.size(); ++i) {
      const Version& version = held.versions[i];
      bytes += version.entry.command.body.size();
      VLOG_CHECK(version.entry.ballot <= promised_, "an accept is a promise");
      VLOG_CHECK(i == 0 || held.versions[i - 1].entry.ballot < version.entry.ballot,
                 "a slot is accepted again only with a higher ballot");
      VLOG_CHECK(version.refused == (refused_.contains(slot) && i + 1 == held.versions.size()),
                 "what was refused is known");
    }
  }
  VLOG_CHECK(bytes == held_bytes_, "bytes are counted right");
}

}  // namespace vlog::loglets::paxos

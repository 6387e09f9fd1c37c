#include "loglets/sequencer/tombstone_core.h"

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"

namespace vlog::loglets::sequencer {
namespace {

enum EntryType : uint16_t { kFloorEntry = 1, kDropEntry = 2 };

void PutId(std::string* out, const LogletId& id) {
  PutString(out, id.log);
  PutFixed(out, id.segment.value());
  PutFixed(out, id.proposal.value());
}

LogletId TakeId(Decoder& in) {
  LogletId id;
  id.log = std::string(in.String());
  id.segment = SegmentIndex(in.Fixed<uint64_t>());
  id.proposal = ProposalId(in.Fixed<uint64_t>());
  return id;
}

}  // namespace

storage::Entry TombstoneState::FloorEntry(const std::string& log, SegmentIndex floor) {
  storage::Entry entry;
  entry.type = kFloorEntry;
  entry.first = floor.value();
  entry.meta = log;
  return entry;
}

storage::Entry TombstoneState::DropEntry(const LogletId& id) {
  storage::Entry entry;
  entry.type = kDropEntry;
  PutId(&entry.meta, id);
  return entry;
}

bool TombstoneState::Gone(const LogletId& id) const {
  return id.segment < FloorOf(id.log) || dropped_.contains(id);
}

SegmentIndex TombstoneState::FloorOf(const std::string& log) const {
  auto it = floors_.find(log);
  return it == floors_.end() ? SegmentIndex() : it->second;
}

void TombstoneState::Apply(const storage::Entry& entry) {
  if (entry.type == kDropEntry) {
    Decoder in(entry.meta);
    LogletId id = TakeId(in);
    VLOG_CHECK(in.done(), "a tombstone names a loglet");
    if (!Gone(id)) dropped_.insert(std::move(id));
    return;
  }
  VLOG_CHECK(entry.type == kFloorEntry, "there are two kinds of tombstones");
  SegmentIndex& floor = floors_[entry.meta];
  floor = std::max(floor, SegmentIndex(entry.first));
  std::erase_if(dropped_,
                [&](const LogletId& id) { return id.log == entry.meta && id.segment < floor; });
}

std::string TombstoneState::Encode() const {
  std::string out;
  PutFixed(&out, static_cast<uint32_t>(floors_.size()));
  for (const auto& [log, floor] : floors_) {
    PutString(&out, log);
    PutFixed(&out, floor.value());
  }
  for (const LogletId& id : dropped_) PutId(&out, id);
  return out;
}

Status TombstoneState::Decode(std::string_view data) {
  Decoder in(data);
  auto floors = in.Fixed<uint32_t>();
  for (uint32_t i = 0; i < floors && in.ok(); ++i) {
    std::string log(in.String());
    floors_[log] = SegmentIndex(in.Fixed<uint64_t>());
  }
  while (in.ok() && in.remaining() > 0) dropped_.insert(TakeId(in));
  return in.ok() ? absl::OkStatus() : absl::DataLossError("malformed tombstones");
}

bool MayDrop(const ChainView& chain, Version proposed_against) {
  return chain.version > proposed_against && !chain.holds && !chain.intends;
}

}  // namespace vlog::loglets::sequencer

#include "storage/stream_table.h"

#include <algorithm>

#include "base/coding.h"

namespace vlog::storage {
namespace {

enum JournalEntryType : uint16_t { kCreateStream = 1, kDropStream = 2 };
constexpr uint16_t kMark = 0xffff;  // an entry type of every stream

void PutNames(std::string* out, const std::string& kind, const std::string& key) {
  PutString(out, kind);
  PutString(out, key);
}

}  // namespace

Entry StreamTable::CreateEntry(StreamId id, const std::string& kind, const std::string& key) {
  Entry entry;
  entry.type = kCreateStream;
  entry.first = id.value();
  PutNames(&entry.meta, kind, key);
  return entry;
}

Entry StreamTable::DropEntry(StreamId id) {
  Entry entry;
  entry.type = kDropStream;
  entry.first = id.value();
  return entry;
}

Entry StreamTable::MarkEntry(const Stream& stream) {
  Entry entry;
  entry.stream = stream.id;
  entry.type = kMark;
  entry.first = stream.state->end();
  PutNames(&entry.meta, stream.kind, stream.key);
  return entry;
}

Status StreamTable::ApplyOrphan(const Entry& entry) {
  // Its creation was lost, or it was dropped while this entry was on its way.
  if (!damaged_ || (entry.count == 0 && entry.type != kMark)) return absl::OkStatus();
  next_id_ = std::max(next_id_, StreamId(entry.stream.value() + 1));
  uint64_t& end = orphans_[entry.stream];
  if (entry.first > end) unplaced_ -= std::min(unplaced_, entry.first - end);
  end = std::max(end, entry.first + entry.count);
  if (entry.type != kMark) return absl::OkStatus();
  // A mark knows the stream's name: it comes back as one that lost its state.
  Status created = CreateFrom(entry.stream, entry.meta);
  VLOG_RETURN_IF_ERROR(created);
  streams_[entry.stream]->state->SkipTo(end);
  orphans_.erase(entry.stream);
  return absl::OkStatus();
}

Status StreamTable::CreateFrom(StreamId id, std::string_view names) {
  Decoder in(names);
  std::string kind(in.String());
  std::string key(in.String());
  if (!in.done()) return absl::DataLossError("malformed creation of a stream");
  return Create(id, std::move(kind), std::move(key));
}

Status StreamTable::Apply(const Entry& entry) {
  if (entry.stream != StreamId(0)) {
    Stream* stream = Find(entry.stream);
    if (stream == nullptr) return ApplyOrphan(entry);
    bool skips = (entry.count > 0 || entry.type == kMark) && entry.first > stream->state->end();
    if (skips) {
      unplaced_ -= std::min(unplaced_, entry.first - stream->state->end());
      stream->state->SkipTo(entry.first);
    }
    if (entry.type == kMark) return absl::OkStatus();
    Status known = stream->state->Check(entry);
    VLOG_RETURN_IF_ERROR(known);
    stream->state->Apply(entry);
    return absl::OkStatus();
  }
  StreamId id(entry.first);
  if (entry.type == kCreateStream) return CreateFrom(id, entry.meta);
  if (entry.type == kDropStream) {
    if (Stream* stream = Find(id)) {
      by_key_.erase(stream->key);
      streams_.erase(id);
    }
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("journal entry of unknown type ", entry.type,
                                          "; was this directory written by a newer version?"));
}

Status StreamTable::Create(StreamId id, std::string kind, std::string key) {
  auto stream = std::make_unique<Stream>();
  stream->id = id;
  stream->kind = std::move(kind);
  stream->key = std::move(key);
  stream->state = factory_(stream->kind);
  if (stream->state == nullptr) {
    return absl::InvalidArgumentError("the journal holds a stream of unknown kind '" +
                                      stream->kind +
                                      "'; was this directory written by a newer version?");
  }
  next_id_ = std::max(next_id_, StreamId(id.value() + 1));
  by_key_[stream->key] = id;
  streams_[id] = std::move(stream);
  return absl::OkStatus();
}

Status StreamTable::Restore(StreamId id, std::string kind, std::string key,
                            std::string_view state) {
  Status created = Create(id, std::move(kind), std::move(key));
  VLOG_RETURN_IF_ERROR(created);
  return streams_[id]->state->Decode(state);
}

void StreamTable::NoteDamage(uint64_t lost) {
  damaged_ = true;
  unplaced_ += lost;
}

void StreamTable::SettleDamage() {
  if (!damaged_) return;
  for (auto& [id, stream] : streams_) stream->state->Damaged(unplaced_);
  uint64_t orphan_end = 0;
  for (const auto& [id, end] : orphans_) orphan_end = std::max(orphan_end, end);
  lost_bound_ = std::max(lost_bound_.value_or(0), unplaced_ + orphan_end);
  damaged_ = false;
  unplaced_ = 0;
}

Stream* StreamTable::Find(const std::string& key) const {
  auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : Find(it->second);
}

Stream* StreamTable::Find(StreamId id) const {
  auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second.get();
}

StreamId StreamTable::TakeId() {
  StreamId id = next_id_;
  next_id_ = StreamId(id.value() + 1);
  return id;
}

}  // namespace vlog::storage

#include "loglets/tombstones.h"

#include "base/check.h"

namespace vlog::loglets {
namespace {

constexpr uint16_t kDropEntry = 1;

}  // namespace

storage::Entry TombstoneState::DropEntry(const std::string& log, SegmentIndex from,
                                         SegmentIndex to) {
  DeadSegments dead;
  dead.Add(log, from, to);
  storage::Entry entry;
  entry.type = kDropEntry;
  entry.meta = dead.Encode();
  return entry;
}

void TombstoneState::Apply(const storage::Entry& entry) {
  StatusOr<DeadSegments> more = DeadSegments::Decode(entry.meta);
  VLOG_CHECK(more.ok(), "an entry of the journal is as it was written");
  dead_.Merge(*more);
}

Status TombstoneState::Decode(std::string_view data) {
  StatusOr<DeadSegments> dead = DeadSegments::Decode(data);
  VLOG_RETURN_IF_ERROR(dead);
  dead_ = *std::move(dead);
  return absl::OkStatus();
}

Tombstones::Tombstones(storage::Journal& journal, std::string name)
    : journal_(journal), name_(std::move(name)), stream_(std::make_shared<storage::StreamId>(0)) {}

const DeadSegments& Tombstones::dead() const {
  static const DeadSegments none;
  storage::Stream* stream = journal_.streams().Find(name_);
  if (stream == nullptr) return none;
  return static_cast<const TombstoneState&>(*stream->state).dead();
}

Task<Status> Tombstones::Add(std::string log, SegmentIndex from, SegmentIndex to) {
  if (dead().Covers(log, from, to)) co_return absl::OkStatus();
  storage::Stream* stream = journal_.streams().Find(name_);
  if (stream != nullptr) *stream_ = stream->id;
  if (*stream_ == storage::StreamId(0)) {
    auto created = [id = stream_](const Status& status) {
      if (!status.ok()) *id = storage::StreamId(0);  // the next one tries again
    };
    *stream_ = journal_.CreateStream(name_, name_, created);
  }
  storage::Entry entry = TombstoneState::DropEntry(log, from, to);
  entry.stream = *stream_;
  Status written = co_await journal_.AppendControl(std::move(entry));
  co_return written;
}

}  // namespace vlog::loglets

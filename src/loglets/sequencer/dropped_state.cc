#include "loglets/sequencer/dropped_state.h"

#include "base/check.h"

namespace vlog::loglets::sequencer {
namespace {

constexpr uint16_t kDropEntry = 1;

}  // namespace

storage::Entry DroppedState::DropEntry(const std::string& log, SegmentIndex from, SegmentIndex to) {
  DeadSegments dead;
  dead.Add(log, from, to);
  storage::Entry entry;
  entry.type = kDropEntry;
  entry.meta = dead.Encode();
  return entry;
}

void DroppedState::Apply(const storage::Entry& entry) {
  StatusOr<DeadSegments> more = DeadSegments::Decode(entry.meta);
  VLOG_CHECK(more.ok(), "an entry of the journal is as it was written");
  dead_.Merge(*more);
}

Status DroppedState::Decode(std::string_view data) {
  StatusOr<DeadSegments> dead = DeadSegments::Decode(data);
  VLOG_RETURN_IF_ERROR(dead);
  dead_ = *std::move(dead);
  return absl::OkStatus();
}

}  // namespace vlog::loglets::sequencer

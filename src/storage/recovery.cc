#include "storage/recovery.h"

#include <algorithm>

namespace vlog::storage {
namespace {

// The newest intact checkpoint. None if there never was one.
Task<StatusOr<std::optional<Checkpoint>>> FindCheckpoint(JournalContents* contents) {
  const std::vector<uint64_t>& segments = contents->segments;
  for (auto it = segments.rbegin(); it != segments.rend(); ++it) {
    StatusOr<Bytes> data = co_await contents->files.ReadIndex(*it);
    if (absl::IsNotFound(data.status())) continue;
    VLOG_CO_RETURN_IF_ERROR(data);
    StatusOr<Checkpoint> checkpoint = DecodeCheckpoint(contents->id, data->view());
    if (checkpoint.ok()) co_return std::optional<Checkpoint>(*std::move(checkpoint));
  }
  co_return std::optional<Checkpoint>();
}

// The bytes of every segment from `start` on.
Task<StatusOr<std::vector<SegmentBytes>>> ReadSegments(JournalContents* contents,
                                                       JournalPosition start) {
  std::vector<SegmentBytes> result;
  uint64_t expected = start.segment;
  for (uint64_t segment : contents->segments) {
    if (segment < start.segment) continue;
    if (segment != expected++) break;
    SegmentBytes bytes;
    bytes.start = {segment, segment == start.segment ? start.offset : 0};
    StatusOr<std::shared_ptr<env::File>> file =
        co_await contents->files.Open(segment, env::OpenMode::kRead);
    VLOG_CO_RETURN_IF_ERROR(file);
    StatusOr<uint64_t> size = co_await (*file)->Size();
    VLOG_CO_RETURN_IF_ERROR(size);
    if (*size > bytes.start.offset) {
      StatusOr<Bytes> data = co_await (*file)->Read(bytes.start.offset, *size - bytes.start.offset);
      VLOG_CO_RETURN_IF_ERROR(data);
      bytes.data = *std::move(data);
    }
    result.push_back(std::move(bytes));
  }
  if (result.empty() || result.front().start.segment != start.segment ||
      contents->segments.back() >= expected) {
    co_return absl::DataLossError(absl::StrFormat(
        "journal segment %016x.seg is missing in %s; restore it from a backup",
        result.empty() ? start.segment : expected - 1, contents->files.directory()));
  }
  co_return std::move(result);
}

Status ApplyPlan(JournalContents* contents, Recovered* recovered, bool durable_only) {
  RecoveryPlan& plan = recovered->plan;
  uint64_t group_offset = 0;
  size_t damage = 0;
  for (size_t i = 0; i < plan.frames.size(); ++i) {
    while (damage < plan.damage.size() && plan.damage_before[damage] <= i) {
      contents->streams.NoteDamage(plan.damage[damage++].lost_records);
    }
    const Frame& frame = plan.frames[i];
    if (frame.at.segment != contents->active->segment()) {
      recovered->unwritten.push_back(contents->active);
      contents->BeginSegment(frame.at.segment);
    }
    if (frame.group || group_offset == 0) group_offset = frame.at.offset;
    if (frame.group) continue;
    Status applied = contents->Apply(frame.entry, group_offset);
    VLOG_RETURN_IF_ERROR(applied);
  }
  while (damage < plan.damage.size()) {
    contents->streams.NoteDamage(plan.damage[damage++].lost_records);
  }
  // Damage seals; a reader beside the writer decides nothing.
  if (!durable_only) contents->streams.SettleDamage();
  if (plan.end.segment > contents->active->segment()) {
    recovered->unwritten.push_back(contents->active);
    contents->BeginSegment(plan.end.segment);
  }
  contents->damage = plan.damage;
  contents->durable_end = plan.end;
  contents->ordinal = plan.ordinal;
  return absl::OkStatus();
}

}  // namespace

Task<StatusOr<Recovered>> Recover(JournalContents* contents,
                                  std::optional<JournalPosition> clean_end, bool durable_only) {
  StatusOr<std::optional<Checkpoint>> found = co_await FindCheckpoint(contents);
  VLOG_CO_RETURN_IF_ERROR(found);
  Recovered recovered;
  if (found->has_value()) {
    Checkpoint& checkpoint = **found;
    Status restored = DecodeStreams(checkpoint.streams, &contents->streams);
    VLOG_CO_RETURN_IF_ERROR(restored);
    contents->streams.set_next_id(std::max(contents->streams.next_id(), checkpoint.next_stream));
    contents->active = std::make_shared<SegmentIndex>(std::move(checkpoint.index));
    contents->ordinal = checkpoint.ordinal;
    recovered.checkpoint = checkpoint.at;
  } else {
    // Without any checkpoint the journal must be whole from its first segment on.
    recovered.checkpoint = {1, 0};
    contents->active = std::make_shared<SegmentIndex>(1);
  }
  if (clean_end && *clean_end == recovered.checkpoint) {
    recovered.plan.synced = recovered.plan.end = recovered.plan.dropped_end = *clean_end;
    contents->durable_end = *clean_end;
    co_return std::move(recovered);
  }
  StatusOr<std::vector<SegmentBytes>> bytes = co_await ReadSegments(contents, recovered.checkpoint);
  VLOG_CO_RETURN_IF_ERROR(bytes);
  recovered.plan = PlanRecovery(contents->id, *bytes, contents->ordinal, durable_only);
  Status applied = ApplyPlan(contents, &recovered, durable_only);
  VLOG_CO_RETURN_IF_ERROR(applied);
  co_return std::move(recovered);
}

}  // namespace vlog::storage

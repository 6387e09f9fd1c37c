#include "storage/journal_view.h"

#include <algorithm>

#include "storage/recovery.h"
#include "storage/state_file.h"

namespace vlog::storage {
namespace {

constexpr uint64_t kChunk = 256 * 1024;

}  // namespace

JournalView::JournalView(env::Env& env, std::string directory, StateFactory factory)
    : contents_(env, std::move(directory), UINT64_MAX, std::move(factory)), reader_(contents_) {}

Task<StatusOr<std::unique_ptr<JournalView>>> JournalView::Open(env::Env& env, std::string directory,
                                                               StateFactory factory) {
  std::unique_ptr<JournalView> view(new JournalView(env, directory, std::move(factory)));
  StatusOr<std::unique_ptr<StateFile>> meta_file =
      co_await StateFile::Open(env, MetaFileName(directory), env::OpenMode::kRead);
  VLOG_CO_RETURN_IF_ERROR(meta_file);
  StatusOr<JournalMeta> meta = DecodeMeta((*meta_file)->value());
  VLOG_CO_RETURN_IF_ERROR(meta);
  JournalContents& contents = view->contents_;
  contents.id = meta->id;
  StatusOr<std::vector<uint64_t>> segments = co_await contents.files.List(true);
  VLOG_CO_RETURN_IF_ERROR(segments);
  if (segments->empty()) co_return absl::NotFoundError("the journal is empty");
  contents.segments = *std::move(segments);
  StatusOr<Recovered> recovered = co_await Recover(&contents, meta->clean_end, true);
  VLOG_CO_RETURN_IF_ERROR(recovered);
  for (auto& index : recovered->unwritten) view->reader_.Remember(std::move(index));
  view->scan_end_ = view->synced_ = contents.durable_end;
  Status fresh = co_await view->Refresh();
  VLOG_CO_RETURN_IF_ERROR(fresh);
  co_return std::move(view);
}

Task<Status> JournalView::Refresh() {
  if (refreshing_) co_return absl::OkStatus();
  refreshing_ = true;
  Status taken = co_await TakeNew();
  refreshing_ = false;
  co_return taken;
}

Task<Status> JournalView::TakeNew() {
  for (;;) {
    StatusOr<bool> more = co_await ReadGroups();
    VLOG_CO_RETURN_IF_ERROR(more);
    if (!*more) more = co_await EnterNextSegment();
    VLOG_CO_RETURN_IF_ERROR(more);
    if (!*more) break;
  }
  co_return ApplyDurable();
}

Task<StatusOr<bool>> JournalView::ReadGroups() {
  if (file_ == nullptr) {
    StatusOr<std::shared_ptr<env::File>> file =
        co_await contents_.files.Open(scan_end_.segment, env::OpenMode::kRead);
    if (absl::IsNotFound(file.status())) {
      co_return absl::UnavailableError("the segment was recycled; open the journal again");
    }
    VLOG_CO_RETURN_IF_ERROR(file);
    file_ = *file;
  }
  StatusOr<Bytes> data = co_await file_->Read(scan_end_.offset, kChunk);
  VLOG_CO_RETURN_IF_ERROR(data);
  Frame frame;
  FrameState state = DecodeFrame(contents_.id, scan_end_, *data, &frame);
  if (state != FrameState::kValid || !frame.group) co_return false;
  uint64_t group_bytes = frame.bytes + frame.group->body_bytes;
  if (group_bytes > data->size()) {
    data = co_await file_->Read(scan_end_.offset, group_bytes);
    VLOG_CO_RETURN_IF_ERROR(data);
  }
  // A group counts as a whole: it may be only half written yet.
  std::vector<Seen> group;
  uint64_t used = 0;
  while (used < group_bytes && used < data->size()) {
    JournalPosition at{scan_end_.segment, scan_end_.offset + used};
    Frame next;
    if (DecodeFrame(contents_.id, at, data->Slice(used, data->size() - used), &next) !=
        FrameState::kValid) {
      co_return false;
    }
    used += next.bytes;
    group.push_back({std::move(next), scan_end_.offset});
  }
  if (used != group_bytes) co_return false;
  synced_ = std::max(synced_, frame.group->synced_up_to);
  std::move(group.begin(), group.end(), std::back_inserter(seen_));
  scan_end_.offset += group_bytes;
  co_return true;
}

Task<StatusOr<bool>> JournalView::EnterNextSegment() {
  uint64_t next = scan_end_.segment + 1;
  StatusOr<std::shared_ptr<env::File>> file =
      co_await contents_.files.Open(next, env::OpenMode::kRead);
  if (absl::IsNotFound(file.status())) co_return false;
  VLOG_CO_RETURN_IF_ERROR(file);
  StatusOr<Bytes> data = co_await (*file)->Read(0, kGroupFrameBytes);
  VLOG_CO_RETURN_IF_ERROR(data);
  Frame frame;
  JournalPosition start{next, 0};
  FrameState state = DecodeFrame(contents_.id, start, *data, &frame);
  if (state != FrameState::kValid || !frame.group || frame.group->previous_end != scan_end_) {
    co_return false;
  }
  file_ = *file;
  scan_end_ = start;
  if (!std::binary_search(contents_.segments.begin(), contents_.segments.end(), next)) {
    contents_.segments.push_back(next);
  }
  co_return true;
}

Status JournalView::ApplyDurable() {
  while (!seen_.empty() && seen_.front().frame.at < synced_) {
    Seen seen = std::move(seen_.front());
    seen_.pop_front();
    if (seen.frame.at.segment != contents_.active->segment()) {
      reader_.Remember(contents_.active);
      contents_.BeginSegment(seen.frame.at.segment);
    }
    contents_.durable_end = seen.frame.end();
    if (seen.frame.group) continue;
    Status applied = contents_.Apply(seen.frame.entry, seen.group_offset);
    VLOG_RETURN_IF_ERROR(applied);
  }
  return absl::OkStatus();
}

Task<StatusOr<std::vector<Damage>>> JournalView::Verify() {
  std::vector<Damage> damage;
  for (uint64_t segment : std::vector<uint64_t>(contents_.segments)) {
    if (segment > contents_.durable_end.segment) break;
    StatusOr<std::shared_ptr<env::File>> file =
        co_await contents_.files.Open(segment, env::OpenMode::kRead);
    if (absl::IsNotFound(file.status())) continue;  // recycled meanwhile
    VLOG_CO_RETURN_IF_ERROR(file);
    StatusOr<uint64_t> size = co_await (*file)->Size();
    VLOG_CO_RETURN_IF_ERROR(size);
    SegmentBytes bytes;
    bytes.start = {segment, 0};
    StatusOr<Bytes> data = co_await (*file)->Read(0, *size);
    VLOG_CO_RETURN_IF_ERROR(data);
    bytes.data = *std::move(data);
    std::vector<Frame> frames = ValidFrames(contents_.id, bytes);
    JournalPosition expected = bytes.start;
    for (const Frame& frame : frames) {
      if (frame.at >= contents_.durable_end) break;
      if (frame.at != expected) damage.push_back({expected, frame.at, 0});
      expected = frame.end();
    }
    // The last group of a closed segment is known by the next one's first group.
    JournalPosition end = contents_.durable_end;
    if (segment != end.segment) {
      StatusOr<std::optional<uint64_t>> closed = co_await reader_.EndOfSegment(segment);
      VLOG_CO_RETURN_IF_ERROR(closed);
      end = {segment, closed->value_or(expected.offset)};
    }
    if (expected < end) damage.push_back({expected, end, 0});
  }
  co_return damage;
}

}  // namespace vlog::storage

#include "storage/journal_reader.h"

#include <algorithm>

#include "base/coding.h"

namespace vlog::storage {
namespace {

constexpr size_t kCachedIndexes = 16;
constexpr size_t kOpenFiles = 16;
constexpr size_t kHints = 1024;
constexpr uint64_t kChunk = 256 * 1024;
constexpr size_t kOverhead = 1024;  // beside the payload of a small read

// The length a frame claims to have; not checked. REQUIRES: kFrameHeaderBytes readable.
uint64_t ClaimedBytes(std::string_view data) {
  uint64_t meta = GetFixed<uint16_t>(data.data() + 6);
  uint64_t payload = GetFixed<uint32_t>(data.data() + 8);
  return (kFrameHeaderBytes + meta + payload + 7) / 8 * 8;
}

}  // namespace

struct JournalReader::Scan {
  StreamId stream;
  uint64_t next;  // the first position still wanted
  uint64_t to;
  size_t bytes_left;
  uint64_t segment_end = UINT64_MAX;  // of the stream, in a closed segment
  JournalRead result;
  JournalPosition stopped_at;

  bool complete = false;

  // Takes the entry if it is the next one.
  void Take(Entry entry) {
    if (entry.stream != stream || entry.count == 0) return;
    uint64_t end = entry.first + entry.count;
    if (end <= next || end > segment_end) return;
    if (entry.first > next) {
      if (result.entries.empty()) result.lost_end = std::min(entry.first, to);
      complete = true;
      return;
    }
    next = end;
    bytes_left -= std::min(bytes_left, entry.payload.size());
    result.entries.push_back(std::move(entry));
    complete = next >= to || bytes_left == 0;
  }
};

void JournalReader::Remember(std::shared_ptr<SegmentIndex> index) {
  Forget(index->segment());
  indexes_.push_front(std::move(index));
  if (indexes_.size() > kCachedIndexes) indexes_.pop_back();
}

void JournalReader::Forget(uint64_t segment) {
  std::erase_if(indexes_, [&](const auto& index) { return index->segment() == segment; });
  std::erase_if(open_files_, [&](const auto& file) { return file.first == segment; });
  std::erase_if(hints_, [&](const auto& hint) { return hint.second.at.segment == segment; });
}

Task<StatusOr<std::shared_ptr<env::File>>> JournalReader::FileOf(uint64_t segment) {
  for (auto it = open_files_.begin(); it != open_files_.end(); ++it) {
    if (it->first != segment) continue;
    open_files_.splice(open_files_.begin(), open_files_, it);
    co_return open_files_.front().second;
  }
  StatusOr<std::shared_ptr<env::File>> file =
      co_await contents_.files.Open(segment, env::OpenMode::kRead);
  VLOG_CO_RETURN_IF_ERROR(file);
  open_files_.emplace_front(segment, *file);
  if (open_files_.size() > kOpenFiles) open_files_.pop_back();
  co_return file;
}

Task<StatusOr<std::shared_ptr<SegmentIndex>>> JournalReader::IndexOf(uint64_t segment) {
  if (segment == contents_.active->segment()) co_return contents_.active;
  for (auto it = indexes_.begin(); it != indexes_.end(); ++it) {
    if ((*it)->segment() != segment) continue;
    indexes_.splice(indexes_.begin(), indexes_, it);
    co_return indexes_.front();
  }
  StatusOr<Bytes> data = co_await contents_.files.ReadIndex(segment);
  if (data.ok()) {
    StatusOr<Checkpoint> checkpoint = DecodeCheckpoint(contents_.id, data->view());
    if (checkpoint.ok() && checkpoint->closed) {
      auto index = std::make_shared<SegmentIndex>(std::move(checkpoint->index));
      Remember(index);
      co_return index;
    }
  }
  co_return co_await Rebuild(segment);
}

Task<StatusOr<std::optional<uint64_t>>> JournalReader::EndOfSegment(uint64_t segment) {
  StatusOr<std::shared_ptr<env::File>> file =
      co_await contents_.files.Open(segment + 1, env::OpenMode::kRead);
  if (absl::IsNotFound(file.status())) co_return std::optional<uint64_t>();
  VLOG_CO_RETURN_IF_ERROR(file);
  StatusOr<Bytes> data = co_await (*file)->Read(0, kGroupFrameBytes);
  VLOG_CO_RETURN_IF_ERROR(data);
  Frame frame;
  JournalPosition start{segment + 1, 0};
  FrameState state = DecodeFrame(contents_.id, start, *data, &frame);
  bool known =
      state == FrameState::kValid && frame.group && frame.group->previous_end.segment == segment;
  if (!known) co_return std::optional<uint64_t>();
  co_return std::optional<uint64_t>(frame.group->previous_end.offset);
}

Task<StatusOr<std::shared_ptr<SegmentIndex>>> JournalReader::Rebuild(uint64_t segment) {
  // What looks valid behind the last group is a group whose write failed.
  StatusOr<std::optional<uint64_t>> end = co_await EndOfSegment(segment);
  VLOG_CO_RETURN_IF_ERROR(end);
  StatusOr<std::shared_ptr<env::File>> file = co_await FileOf(segment);
  VLOG_CO_RETURN_IF_ERROR(file);
  StatusOr<uint64_t> size = co_await (*file)->Size();
  VLOG_CO_RETURN_IF_ERROR(size);
  SegmentBytes bytes;
  bytes.start = {segment, 0};
  StatusOr<Bytes> data = co_await (*file)->Read(0, *size);
  VLOG_CO_RETURN_IF_ERROR(data);
  bytes.data = *std::move(data);
  auto index = std::make_shared<SegmentIndex>(segment);
  index->set_rebuilt();
  for (const Frame& frame : ValidFrames(contents_.id, bytes)) {
    const Entry& entry = frame.entry;
    if (frame.at.offset >= end->value_or(UINT64_MAX)) break;
    if (frame.group || entry.count == 0) continue;
    index->Add(entry.stream, entry.first, entry.first + entry.count, frame.at.offset);
  }
  Remember(index);
  co_return index;
}

Task<StatusOr<JournalPosition>> JournalReader::Locate(StreamId stream, uint64_t from) {
  auto hint = hints_.find(stream);
  if (hint != hints_.end() && hint->second.next == from) co_return hint->second.at;
  // The last segment in which the stream starts at or below `from`. A local copy: the list may
  // change while an index is read.
  std::vector<uint64_t> segments = contents_.segments;
  std::erase_if(segments, [&](uint64_t s) { return s > contents_.active->segment(); });
  if (segments.empty()) co_return absl::OutOfRangeError("the journal is empty");
  size_t low = 0;
  size_t high = segments.size();  // the answer is in [low, high)
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    std::optional<uint64_t> start;
    // A rebuilt index knows only the streams that it holds: look further down.
    size_t probe = middle;
    for (; probe > low; --probe) {
      StatusOr<std::shared_ptr<SegmentIndex>> index = co_await IndexOf(segments[probe]);
      if (absl::IsNotFound(index.status())) continue;  // recycled meanwhile
      VLOG_CO_RETURN_IF_ERROR(index);
      start = (*index)->StartOf(stream);
      if (start || !(*index)->rebuilt()) break;
    }
    bool here_or_above = probe > low && start && *start <= from;
    if (!here_or_above) {
      high = std::max(probe, low + 1);
    } else {
      low = probe;
      if (probe != middle) break;  // the scan finds the rest of the way
    }
  }
  JournalPosition at{segments[low], 0};
  StatusOr<std::shared_ptr<SegmentIndex>> index = co_await IndexOf(segments[low]);
  if (absl::IsNotFound(index.status())) co_return at;  // recycled meanwhile: the scan goes on above
  VLOG_CO_RETURN_IF_ERROR(index);
  if (std::optional<uint64_t> offset = (*index)->Seek(stream, from)) at.offset = *offset;
  co_return at;
}

Task<StatusOr<JournalRead>> JournalReader::Read(StreamId stream, uint64_t from, uint64_t to,
                                                size_t max_bytes) {
  Scan scan{.stream = stream, .next = from, .to = to, .bytes_left = std::max<size_t>(max_bytes, 1)};
  StatusOr<JournalPosition> at = co_await Locate(stream, from);
  VLOG_CO_RETURN_IF_ERROR(at);
  while (at->segment <= contents_.active->segment()) {
    StatusOr<bool> complete = co_await ScanSegment(&scan, *at);
    Stream* live = contents_.streams.Find(stream);
    if (live == nullptr || from < live->state->trim()) {
      co_return absl::OutOfRangeError("trimmed");
    }
    VLOG_CO_RETURN_IF_ERROR(complete);
    if (*complete || !scan.result.entries.empty()) break;
    const auto& segments = contents_.segments;
    auto above = std::upper_bound(segments.begin(), segments.end(), at->segment);
    if (above == segments.end()) break;
    at = JournalPosition{*above, 0};
  }
  if (scan.result.entries.empty() && scan.result.lost_end <= from) scan.result.lost_end = to;
  if (!scan.result.entries.empty()) {
    if (hints_.size() >= kHints) hints_.clear();
    hints_[stream] = {scan.next, scan.stopped_at};
  }
  co_return std::move(scan.result);
}

Task<StatusOr<bool>> JournalReader::ScanSegment(Scan* scan, JournalPosition at) {
  StatusOr<std::shared_ptr<SegmentIndex>> index = co_await IndexOf(at.segment);
  if (absl::IsNotFound(index.status())) co_return false;
  VLOG_CO_RETURN_IF_ERROR(index);
  if (!(*index)->ends().contains(scan->stream)) co_return false;
  StatusOr<std::shared_ptr<env::File>> file = co_await FileOf(at.segment);
  if (absl::IsNotFound(file.status())) co_return false;
  VLOG_CO_RETURN_IF_ERROR(file);
  if (at.offset == 0) at.offset = (*index)->Seek(scan->stream, scan->next).value_or(0);
  uint64_t want = std::min<uint64_t>(kChunk, scan->bytes_left + kOverhead);
  for (;;) {
    bool durable_ends_here = at.segment == contents_.durable_end.segment;
    uint64_t limit = durable_ends_here ? contents_.durable_end.offset : UINT64_MAX;
    if (at.offset >= limit) co_return false;
    uint64_t asked = std::min(want, limit - at.offset);
    StatusOr<Bytes> data = co_await (*file)->Read(at.offset, asked);
    VLOG_CO_RETURN_IF_ERROR(data);
    if (data->size() < kFrameHeaderBytes) co_return false;
    // The segment may have been closed meanwhile; what lies behind its last group is not to be
    // read.
    bool closed = at.segment != contents_.active->segment();
    scan->segment_end = closed ? (*index)->ends().at(scan->stream) : UINT64_MAX;
    bool more_behind = data->size() == asked && asked < limit - at.offset;
    uint64_t used = ScanChunk(scan, at, *data, more_behind);
    if (scan->complete) co_return true;
    if (closed && scan->next >= scan->segment_end) co_return false;
    want = kChunk;
    if (used == 0) want = std::max(kChunk, ClaimedBytes(data->view()));
    at.offset += used;
  }
}

uint64_t JournalReader::ScanChunk(Scan* scan, JournalPosition at, const Bytes& data,
                                  bool more_behind) {
  uint64_t used = 0;
  while (used + kFrameHeaderBytes <= data.size() && !scan->complete) {
    std::string_view rest = data.view().substr(used);
    if (!MayBeFrame(rest)) {
      used += 8;
      continue;
    }
    uint64_t claimed = ClaimedBytes(rest);
    bool cut = claimed > rest.size() && more_behind && claimed <= contents_.files.segment_bytes();
    if (cut && (used > 0 || claimed > data.size())) return used;
    Frame frame;
    JournalPosition here{at.segment, at.offset + used};
    FrameState state = DecodeFrame(contents_.id, here, data.Slice(used, rest.size()), &frame);
    if (state == FrameState::kInvalid) {
      used += 8;
      continue;
    }
    used += frame.bytes;
    uint64_t before = scan->next;
    if (state == FrameState::kValid && !frame.group) scan->Take(std::move(frame.entry));
    if (scan->next != before) scan->stopped_at = {at.segment, at.offset + used};
  }
  return used;
}

}  // namespace vlog::storage

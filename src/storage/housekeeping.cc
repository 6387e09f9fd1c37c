// The journal's work in the background: segments made ready and recycled, checkpoints.
#include <algorithm>

#include "storage/journal.h"

namespace vlog::storage {
namespace {

constexpr uint64_t kStretch = 256 * 1024;  // of blocks written ahead
// Large groups pay for their own block allocation; writing zeros first would double the work.
constexpr uint64_t kSmallGroup = 64 * 1024;
constexpr Duration kIndexRetry = std::chrono::seconds(1);
// Closed segments whose index is not written yet; with more of them, the writer waits for an index
// before it gets another segment, so that memory and the disk's garbage stay bounded.
constexpr size_t kMostClosed = 3;

}  // namespace

bool Journal::ExtensionDue() const {
  return last_group_bytes_ < kSmallGroup && written_blocks_ < capacity_ &&
         write_end_.offset + kStretch / 2 > written_blocks_;
}

bool Journal::CheckpointDue() const {
  if (checkpoint_.segment != last_end_.segment) return last_end_.offset > options_.checkpoint_bytes;
  return last_end_.offset > checkpoint_.offset + options_.checkpoint_bytes;
}

std::string Journal::EncodeNow(bool closed) const {
  Checkpoint checkpoint;
  checkpoint.at = last_end_;
  checkpoint.ordinal = contents_.ordinal;
  checkpoint.next_stream = contents_.streams.next_id();
  checkpoint.streams = EncodeStreams(contents_.streams);
  checkpoint.closed = closed;
  checkpoint.index = *contents_.active;
  return EncodeCheckpoint(contents_.id, checkpoint);
}

Task<void> Journal::HousekeepLoop() {
  while (stopped_.ok() && !writer_done_ && !env_.scheduler().stopping()) {
    bool behind = closed_.size() > kMostClosed && MayWriteIndex();
    if (!next_ready_ && make_status_.ok() && !behind) {
      co_await MakeNextSegment();
    } else if (!closed_.empty() && MayWriteIndex()) {
      ClosedIndex index = closed_.front();
      co_await WriteIndex(index.checkpoint, index.segment, index.at);
      if (MayWriteIndex()) closed_.pop_front();
    } else if (CheckpointDue() && MayWriteIndex()) {
      co_await WriteIndex(EncodeNow(false), contents_.active->segment(), last_end_);
    } else if (reclaim_) {
      // A trim that comes meanwhile asks again.
      reclaim_ = false;
      bool more = co_await ReclaimOne();
      if (more) reclaim_ = true;
    } else if (ExtensionDue()) {
      co_await ExtendActive();
    } else {
      Instant until = Instant::Max();
      if (!MayWriteIndex()) until = index_retry_;
      co_await housekeeping_.Wait(until);
    }
  }
}

Task<void> Journal::MakeNextSegment() {
  uint64_t next = contents_.active->segment() + 1;
  Status made = co_await contents_.files.Make(next);
  if (made.ok()) {
    contents_.segments.push_back(next);
    next_ready_ = true;
  }
  make_status_ = made;
  next_segment_.NotifyAll();
}

Task<void> Journal::ExtendActive() {
  std::shared_ptr<env::File> file = file_;
  uint64_t from = written_blocks_;
  uint64_t to = std::min(capacity_, from + kStretch);
  written_blocks_ = to;  // groups that are written meanwhile queue behind the zeros
  Status done = co_await contents_.files.WriteZeros(file, from, to);
  // Without the blocks the next groups allocate their own; a failed sync shows there as well.
  if (absl::IsInternal(done)) StopForGood(std::vector<Pending>(), done);
}

Task<void> Journal::WriteIndex(std::string checkpoint, uint64_t segment, JournalPosition at) {
  Status written = co_await contents_.files.WriteIndex(segment, std::move(checkpoint));
  if (written.ok()) {
    checkpoint_ = std::max(checkpoint_, at);
    co_return;
  }
  if (absl::IsInternal(written)) StopForGood(std::vector<Pending>(), written);
  // Full disk: an index can be rebuilt by a scan, and a crash reads more; try again after a while.
  index_retry_ = env_.scheduler().Now() + kIndexRetry;
}

bool Journal::MayWriteIndex() const { return env_.scheduler().Now() >= index_retry_; }

void Journal::ReclaimSoon() {
  reclaim_ = true;
  housekeeping_.NotifyAll();
}

Task<bool> Journal::ReclaimOne() {
  // Only below the newest durable checkpoint, which holds the streams' states.
  std::vector<uint64_t> segments = contents_.segments;
  for (uint64_t segment : segments) {
    if (segment >= checkpoint_.segment || segment >= contents_.active->segment()) break;
    auto held = held_by_.find(segment);
    if (held != held_by_.end()) {
      Stream* stream = contents_.streams.Find(held->second.first);
      if (stream != nullptr && stream->state->trim() < held->second.second) continue;
    }
    StatusOr<std::shared_ptr<SegmentIndex>> index = co_await reader_.IndexOf(segment);
    if (!index.ok()) continue;
    bool needed = false;
    for (const auto& [id, end] : (*index)->ends()) {
      Stream* stream = contents_.streams.Find(id);
      if (stream == nullptr || stream->state->trim() >= end) continue;
      held_by_[segment] = {id, end};
      needed = true;
      break;
    }
    if (needed) continue;
    std::erase(contents_.segments, segment);
    held_by_.erase(segment);
    reader_.Forget(segment);
    Status discarded = co_await contents_.files.Discard(segment);
    if (absl::IsInternal(discarded)) StopForGood(std::vector<Pending>(), discarded);
    // Space returned: a segment that could not be made may be tried again.
    make_status_ = absl::OkStatus();
    co_return discarded.ok();
  }
  co_return false;
}

}  // namespace vlog::storage

#include "storage/journal.h"

#include <algorithm>

namespace vlog::storage {
namespace {

// About what a mark takes.
constexpr uint64_t kMarkBytes = 256;

}  // namespace

Journal::Journal(env::Env& env, std::string directory, JournalOptions options, StateFactory factory)
    : env_(env),
      options_(options),
      contents_(env, std::move(directory), options.segment_bytes, std::move(factory)),
      reader_(contents_),
      work_(env.scheduler()),
      delivery_(env.scheduler()),
      housekeeping_(env.scheduler()),
      next_segment_(env.scheduler()),
      tasks_(env.scheduler()) {}

Journal::~Journal() = default;

size_t Journal::MaxEntryBytes() const {
  return options_.segment_bytes - kGroupFrameBytes - kFrameHeaderBytes - 1024;
}

size_t Journal::MostMarks() const {
  return std::clamp<uint64_t>(options_.segment_bytes / 4 / kMarkBytes, 1, 32);
}

StreamId Journal::CreateStream(const std::string& kind, const std::string& key, AppendDone done) {
  StreamId id = contents_.streams.TakeId();
  Append(StreamTable::CreateEntry(id, kind, key), EntryClass::kControl, std::move(done));
  return id;
}

void Journal::DropStream(StreamId stream, AppendDone done) {
  Append(StreamTable::DropEntry(stream), EntryClass::kControl, std::move(done));
}

void Journal::Append(Entry entry, EntryClass entry_class, AppendDone done) {
  Status refused = stopped_;
  if (refused.ok() && closing_) refused = absl::CancelledError("the journal is closing");
  if (refused.ok() && entry.payload.size() + entry.meta.size() > MaxEntryBytes()) {
    refused = absl::InvalidArgumentError(
        absl::StrCat("an entry of ", entry.payload.size(), " bytes does not fit a segment of ",
                     options_.segment_bytes, "; open the directory with a larger segment size"));
  }
  if (!refused.ok()) {
    env_.scheduler().Post([done = std::move(done), refused]() mutable { done(refused); });
    return;
  }
  if (queue_.empty()) work_.NotifyAll();
  queue_.push_back({std::move(entry), entry_class, std::move(done)});
}

Task<Status> Journal::AppendControl(Entry entry) {
  auto start = [this, entry = std::move(entry)](async::Completer<Status> completer) mutable {
    Append(std::move(entry), EntryClass::kControl, std::move(completer));
  };
  return async::Completer<Status>::Await(env_.scheduler(), std::move(start));
}

Task<void> Journal::WriteLoop() {
  while (stopped_.ok() && !env_.scheduler().stopping()) {
    if (!queue_.empty()) {
      co_await WriteNextGroup(false);
      continue;
    }
    if (closing_) break;
    if (!mark_due_) {
      co_await work_.Wait();
      continue;
    }
    Status woken = co_await work_.Wait(env_.scheduler().Now() + options_.idle_mark);
    if (queue_.empty() && absl::IsDeadlineExceeded(woken)) co_await WriteNextGroup(true);
  }
  writer_done_ = true;
  housekeeping_.NotifyAll();
  delivery_.NotifyAll();
}

Task<void> Journal::WriteNextGroup(bool mark_only) {
  std::vector<Pending> group;
  Status ready = absl::OkStatus();
  if (!mark_only) {
    const Pending& first = queue_.front();
    ready = co_await PrepareToWrite(kGroupFrameBytes + EntryFrameBytes(first.entry),
                                    first.entry_class == EntryClass::kData);
    if (ready.ok()) group = TakeGroup();
  } else {
    ready = co_await PrepareToWrite(kGroupFrameBytes + MostMarks() * kMarkBytes, false);
  }
  if (absl::IsResourceExhausted(ready) || absl::IsUnavailable(ready)) {
    RefuseData(std::move(group), ready);
    co_return;
  }
  if (!ready.ok()) {
    StopForGood(std::move(group), ready);
    co_return;
  }
  GroupHeader header;
  header.synced_up_to = last_end_;
  header.previous_end = last_end_;
  header.ordinal = contents_.ordinal;
  std::vector<Entry> entries;
  if (mark_only) entries = TakeMarks();
  entries.reserve(entries.size() + group.size());
  for (Pending& pending : group) entries.push_back(pending.entry);
  JournalPosition at = write_end_;
  BytesList data = EncodeGroup(contents_.id, at, header, entries);
  uint64_t bytes = 0;
  for (const Bytes& part : data) bytes += part.size();
  written_blocks_ = std::max(written_blocks_, at.offset + bytes);
  last_group_bytes_ = bytes;
  Status written = co_await file_->Write(at.offset, std::move(data), env::Durability::kSynced);
  if (written.ok()) {
    mark_due_ = !group.empty() || !unmarked_.empty();
    Complete(std::move(group), at, bytes);
  } else if (absl::IsResourceExhausted(written)) {
    // What control entries need is in the next segment, whose blocks are written.
    if (next_ready_) capacity_ = write_end_.offset;
    RefuseData(std::move(group), written);
  } else {
    StopForGood(std::move(group), written);
  }
}

Task<Status> Journal::PrepareToWrite(uint64_t bytes, bool data) {
  if (!marked_dirty_) {
    Status dirty = co_await WriteMeta(std::nullopt);
    VLOG_CO_RETURN_IF_ERROR(dirty);
    marked_dirty_ = true;
  }
  for (;;) {
    bool fits = write_end_.offset + bytes <= capacity_;
    // Data waits until a further segment is ready as well: when the disk is full, that segment is
    // the room that is kept for control entries.
    if (fits && (next_ready_ || !data)) co_return absl::OkStatus();
    Status done = co_await AwaitNextSegment();
    VLOG_CO_RETURN_IF_ERROR(done);
    if (fits) continue;
    done = co_await Roll();
    VLOG_CO_RETURN_IF_ERROR(done);
    VLOG_CO_RETURN_IF_ERROR(stopped_);
  }
}

Task<Status> Journal::AwaitNextSegment() {
  VLOG_CO_RETURN_IF_ERROR(stopped_);
  if (next_ready_) co_return absl::OkStatus();
  bool again = absl::IsResourceExhausted(make_status_) || absl::IsUnavailable(make_status_);
  if (again) make_status_ = absl::OkStatus();  // space may have returned
  housekeeping_.NotifyAll();
  while (!next_ready_ && make_status_.ok()) {
    Status waited = co_await next_segment_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
    VLOG_CO_RETURN_IF_ERROR(stopped_);
  }
  co_return make_status_;
}

Task<Status> Journal::Roll() {
  uint64_t next = contents_.active->segment() + 1;
  StatusOr<std::shared_ptr<env::File>> file =
      co_await contents_.files.Open(next, env::OpenMode::kReadWrite);
  VLOG_CO_RETURN_IF_ERROR(file);
  StatusOr<uint64_t> size = co_await (*file)->Size();
  VLOG_CO_RETURN_IF_ERROR(size);
  closed_.push_back({next - 1, last_end_, EncodeNow(true)});
  reader_.Remember(contents_.active);
  contents_.BeginSegment(next);
  file_ = *file;
  written_blocks_ = *size;
  capacity_ = options_.segment_bytes;
  write_end_ = {next, 0};
  next_ready_ = false;
  housekeeping_.NotifyAll();
  co_return absl::OkStatus();
}

std::vector<Journal::Pending> Journal::TakeGroup() {
  std::vector<Pending> group;
  uint64_t room = std::min(options_.max_group_bytes, capacity_ - write_end_.offset);
  uint64_t bytes = kGroupFrameBytes;
  while (!queue_.empty()) {
    Pending& next = queue_.front();
    uint64_t size = EntryFrameBytes(next.entry);
    if (!group.empty() && bytes + size > room) break;
    // A group that begins with control entries may not be allowed to carry data.
    if (next.entry_class == EntryClass::kData && !next_ready_) break;
    bytes += size;
    group.push_back(std::move(next));
    queue_.pop_front();
  }
  return group;
}

std::vector<Entry> Journal::TakeMarks() {
  // Bounded like any group; what does not fit is in the next mark.
  std::vector<Entry> marks;
  while (!unmarked_.empty() && marks.size() < MostMarks()) {
    StreamId id = *unmarked_.begin();
    unmarked_.erase(unmarked_.begin());
    if (Stream* stream = contents_.streams.Find(id)) {
      marks.push_back(StreamTable::MarkEntry(*stream));
    }
  }
  return marks;
}

void Journal::Complete(std::vector<Pending> group, JournalPosition at, uint64_t bytes) {
  write_end_ = last_end_ = {at.segment, at.offset + bytes};
  contents_.durable_end = last_end_;
  ++stats_.groups;
  stats_.entries += group.size();
  stats_.bytes += bytes;
  // All is applied before anybody hears of it, so that a caller who looks finds it.
  for (Pending& pending : group) {
    contents_.ordinal += pending.entry.count;
    if (pending.entry.count > 0) unmarked_.insert(pending.entry.stream);
    Status applied = contents_.Apply(pending.entry, at.offset);
    VLOG_CHECK(applied.ok(), Message(applied));
  }
  // Told by a task of their own: the next group is on its way to the disk while the callers of this
  // one do what they do.
  if (delivered_.empty()) delivery_.NotifyAll();
  for (Pending& pending : group) delivered_.push_back(std::move(pending.done));
  if (CheckpointDue() || ExtensionDue()) housekeeping_.NotifyAll();
}

Task<void> Journal::DeliverLoop() {
  while (!writer_done_ || !delivered_.empty()) {
    Deliver();
    if (writer_done_) continue;
    Status waited = co_await delivery_.Wait();
    if (!waited.ok()) break;
  }
}

void Journal::Deliver() {
  while (!delivered_.empty()) {
    AppendDone done = std::move(delivered_.front());
    delivered_.pop_front();
    done(absl::OkStatus());
  }
}

void Journal::RefuseData(std::vector<Pending> group, const Status& why) {
  Deliver();
  // Every piece of data that waits is refused at once: what a stream appended behind a refused
  // entry stands at a position that counted on it.
  std::vector<Pending> refused;
  std::deque<Pending> kept;
  auto sort_out = [&](Pending& pending) {
    if (pending.entry_class == EntryClass::kData) {
      refused.push_back(std::move(pending));
    } else {
      kept.push_back(std::move(pending));
    }
  };
  for (Pending& pending : group) sort_out(pending);
  for (Pending& pending : queue_) sort_out(pending);
  queue_ = std::move(kept);
  if (refused.empty()) {
    // Not even control entries fit any more.
    for (Pending& pending : std::exchange(queue_, {})) refused.push_back(std::move(pending));
  }
  Status status = why;
  if (absl::IsResourceExhausted(why)) {
    status = absl::ResourceExhaustedError(
        "the disk is full; free space or trim the log, then append again (" + Message(why) + ")");
  }
  for (Pending& pending : refused) pending.done(status);
}

void Journal::StopForGood(std::vector<Pending> group, const Status& why) {
  Deliver();
  if (stopped_.ok()) {
    stopped_ = absl::InternalError(
        "the journal has stopped for good; fix the disk and open it again (" + Message(why) + ")");
  }
  Status unknown = absl::UnknownError(Message(stopped_));
  for (Pending& pending : group) pending.done(unknown);
  for (Pending& pending : std::exchange(queue_, {})) pending.done(stopped_);
  housekeeping_.NotifyAll();
  next_segment_.NotifyAll();
  work_.NotifyAll();
}

Task<Status> Journal::Close() {
  closing_ = true;
  work_.NotifyAll();
  housekeeping_.NotifyAll();
  co_await tasks_.Join();
  Deliver();
  VLOG_CO_RETURN_IF_ERROR(stopped_);
  if (env_.scheduler().stopping()) co_return absl::CancelledError("stopping");
  for (Pending& pending : std::exchange(queue_, {})) {
    pending.done(absl::CancelledError("the journal is closing"));
  }
  // A life that wrote nothing leaves the files alone, unless it has settled what a crash left.
  if (!marked_dirty_ && !mark_due_) co_return absl::OkStatus();
  for (ClosedIndex& index : std::exchange(closed_, {})) {
    co_await WriteIndex(index.checkpoint, index.segment, index.at);
  }
  co_await WriteIndex(EncodeNow(false), contents_.active->segment(), last_end_);
  VLOG_CO_RETURN_IF_ERROR(stopped_);
  while (reclaim_) reclaim_ = co_await ReclaimOne();
  if (checkpoint_ != last_end_) co_return absl::OkStatus();  // no room: the next open reads more
  co_return co_await WriteMeta(last_end_);
}

}  // namespace vlog::storage

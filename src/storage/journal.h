// The journal: the one append-only file of a node, shared by all its streams (DESIGN 6.0).
//
// Whatever waits is written as one group and synced once; what a finished sync covered is applied
// to the streams' states and acknowledged, in order. Segments are made ready before they are used
// and recycled when nothing in them is needed. A failed sync is final: the journal stops. A full
// disk refuses data and still takes control entries (trims, seals) until space returns.
#ifndef VLOG_STORAGE_JOURNAL_H_
#define VLOG_STORAGE_JOURNAL_H_

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "storage/journal_contents.h"
#include "storage/journal_reader.h"
#include "storage/recovery.h"
#include "storage/state_file.h"

namespace vlog::storage {

struct JournalOptions {
  uint64_t segment_bytes = 64 << 20;
  // Bytes handed to the disk at once, about 2 ms' worth, so that a seal never queues behind more;
  // two batches of 512 KiB with their headers fit.
  uint64_t max_group_bytes = (1 << 20) + (64 << 10);
  // A checkpoint bounds how much is read when the journal is opened after a crash.
  uint64_t checkpoint_bytes = 8 << 20;
  // When idle for this long, an empty group makes the last "synced up to" durable, which shows the
  // last entries to readers in other processes.
  Duration idle_mark = std::chrono::milliseconds(10);
};

enum class EntryClass {
  kData,     // refused while the disk is full
  kControl,  // small; room is kept for it
};

struct JournalStats {
  uint64_t groups = 0;  // each one write and one sync
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

// OK: durable and applied. kResourceExhausted: full disk, kUnavailable: no file descriptor or the
// like; certainly not done, and the journal goes on. kUnknown: the sync failed. kInternal,
// kCancelled: certainly not done, the journal is stopped.
using AppendDone = absl::AnyInvocable<void(Status)>;

// Thread rule: the Env's executor. The Env outlives it. Await Close() before destroying it.
class Journal {
 public:
  // Opens `directory`, or begins a new journal there. kDataLoss and kInvalidArgument name the file
  // that is damaged or of another version; nothing was changed then. Damage below the synced mark
  // is no error: see damage().
  static Task<StatusOr<std::unique_ptr<Journal>>> Open(env::Env& env, std::string directory,
                                                       JournalOptions options,
                                                       StateFactory factory);
  ~Journal();

  // Begins a stream; its creation becomes durable before anything that is appended to it.
  // REQUIRES: no live stream and no creation on its way has this key.
  StreamId CreateStream(const std::string& kind, const std::string& key, AppendDone done);
  // Its entries are not needed any more.
  void DropStream(StreamId stream, AppendDone done);
  // `done` runs later, never inside this call; those of one stream in the order of the calls.
  // kInvalidArgument if the entry cannot fit a segment.
  void Append(Entry entry, EntryClass entry_class, AppendDone done);
  // The same for a control entry, as a task.
  Task<Status> AppendControl(Entry entry);
  size_t MaxEntryBytes() const;
  Task<StatusOr<JournalRead>> Read(StreamId stream, uint64_t from, uint64_t to, size_t max_bytes) {
    return reader_.Read(stream, from, to, max_bytes);
  }
  // A stream's trim point moved: segments may have become free.
  void ReclaimSoon();
  // Waits until what was appended is durable, leaves a checkpoint, stops.
  Task<Status> Close();

  const StreamTable& streams() const { return contents_.streams; }
  // OK while it works; else why it stopped for good.
  const Status& status() const { return stopped_; }
  const std::vector<Damage>& damage() const { return contents_.damage; }
  const JournalStats& stats() const { return stats_; }
  size_t segment_count() const { return contents_.segments.size(); }

 private:
  struct Pending {
    Entry entry;
    EntryClass entry_class;
    AppendDone done;
  };
  Journal(env::Env& env, std::string directory, JournalOptions options, StateFactory factory);

  // Opening; in journal_open.cc.
  Task<Status> OpenContents();
  Task<Status> SettleTail(RecoveryPlan plan);
  Task<Status> WriteMeta(std::optional<JournalPosition> clean_end);

  // Writing; in journal.cc.
  Task<void> WriteLoop();
  Task<void> WriteNextGroup(bool mark_only);
  Task<Status> PrepareToWrite(uint64_t bytes, bool data);
  Task<Status> AwaitNextSegment();
  Task<Status> Roll();
  std::vector<Pending> TakeGroup();
  size_t MostMarks() const;  // in one group
  std::vector<Entry> TakeMarks();
  void Complete(std::vector<Pending> group, JournalPosition at, uint64_t bytes);
  Task<void> DeliverLoop();
  void Deliver();
  void RefuseData(std::vector<Pending> group, const Status& why);
  void StopForGood(std::vector<Pending> group, const Status& why);

  // Housekeeping; in housekeeping.cc.
  Task<void> HousekeepLoop();
  Task<void> MakeNextSegment();
  Task<void> ExtendActive();
  Task<void> WriteIndex(std::string checkpoint, uint64_t segment, JournalPosition at);
  Task<bool> ReclaimOne();
  bool ExtensionDue() const;
  bool CheckpointDue() const;
  bool MayWriteIndex() const;
  std::string EncodeNow(bool closed) const;

  env::Env& env_;
  JournalOptions options_;
  JournalContents contents_;
  JournalReader reader_;
  std::unique_ptr<StateFile> meta_;
  uint64_t boot_ = 0;
  bool marked_dirty_ = false;  // the meta file says that this life has written

  // Writing.
  std::shared_ptr<env::File> file_;  // the active segment
  uint64_t capacity_ = 0;            // of the active segment
  JournalPosition write_end_;        // where the next group goes
  JournalPosition last_end_;         // where the last group ended, maybe in the segment before
  bool mark_due_ = false;            // no durable group header calls the last entries synced
  std::set<StreamId> unmarked_;      // streams that moved since the last mark
  std::deque<Pending> queue_;
  std::deque<AppendDone> delivered_;  // durable and applied, to be told
  Status stopped_;
  bool closing_ = false;
  bool writer_done_ = false;

  // Housekeeping.
  bool next_ready_ = false;
  Status make_status_;           // why the next segment could not be made
  uint64_t written_blocks_ = 0;  // the active segment's blocks below are written
  uint64_t last_group_bytes_ = 0;
  JournalPosition checkpoint_;  // newest durable one
  Instant index_retry_;         // after a failure, no index or checkpoint is written before
  struct ClosedIndex {
    uint64_t segment;
    JournalPosition at;
    std::string checkpoint;
  };
  std::deque<ClosedIndex> closed_;  // not yet on disk
  bool reclaim_ = false;
  std::map<uint64_t, std::pair<StreamId, uint64_t>>
      held_by_;  // segment -> stream and its end there

  JournalStats stats_;
  async::Event work_;
  async::Event delivery_;
  async::Event housekeeping_;
  async::Event next_segment_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_JOURNAL_H_

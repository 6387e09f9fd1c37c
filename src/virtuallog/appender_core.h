// What an append handle decides: what goes into which batch, what is sent when, and what becomes of
// it when the segment ends. Pure; the shell (appender.h) sends, reads and awaits.
//
//   submitted -> forming batch -> closed batches -> in flight (at most `window`) -> completed
//                                     ^                  |
//                                     +-- not stored ----+   (the segment ended: again, in order,
//                                                             before anything newer)
#ifndef VLOG_VIRTUALLOG_APPENDER_CORE_H_
#define VLOG_VIRTUALLOG_APPENDER_CORE_H_

#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/batch.h"
#include "base/ids.h"
#include "base/status.h"

namespace vlog::virtuallog {

struct AppenderOptions {
  // Batches in flight; an Appender keeps it within [1, loglets::kMaxAppendWindow], beyond which a
  // loglet could not tell what became of them.
  size_t window = 4;
  size_t max_batch_bytes = 512 * 1024;  // a larger record is a batch of its own
  size_t max_record_bytes = 1 << 20;
  size_t max_waiting_bytes = 64 << 20;  // submitted and not yet completed
};

using RecordDone = absl::AnyInvocable<void(StatusOr<Lsn>)>;

// A batch whose fate in the ended segment is not known. It lies at `from` or above, if anywhere.
struct Unresolved {
  SeqNo first;
  uint32_t count;
  Offset from;
};

class AppenderCore {
 public:
  AppenderCore(WriterId writer, AppenderOptions options) : writer_(writer), options_(options) {}

  WriterId writer() const { return writer_; }
  SeqNo next_seq() const { return next_seq_; }
  size_t waiting_bytes() const { return waiting_bytes_; }
  // Every record that was taken has been completed.
  bool idle() const {
    return !forming_ && closed_.empty() && in_flight_.empty() && unknown_.empty();
  }

  // kInvalidArgument or kResourceExhausted: not taken, and `done` is untouched.
  Status Submit(std::string_view payload, RecordDone& done);

  // --- In a segment ---

  // The segment that follows sends begin in; its records have LSN base + offset. REQUIRES: nothing
  // is in flight.
  void Enter(Lsn base);
  // No batch waits for its answer or its resolution.
  bool nothing_sent() const { return in_flight_.empty() && unknown_.empty(); }
  // The next batch to send now, if any. `known_tail`: a committed tail of the segment.
  std::optional<Batch> NextSend(Offset known_tail);
  // What the loglet answered to the batch that begins at `first`.
  void OnResult(SeqNo first, StatusOr<Offset> result);
  // The segment takes no more, and nothing is in flight: the shell resolves and moves on.
  bool must_move() const { return ended_ && in_flight_.empty(); }

  // --- Between segments; REQUIRES: must_move() ---

  // Oldest first.
  std::vector<Unresolved> unresolved() const;
  void ResolveFound(SeqNo first, Offset offset);
  void ResolveAbsent(SeqNo first);
  void ResolveUnknown(SeqNo first, const Status& why);

  // Everything that waits ends with `why`: certainly not appended, or kUnknown where that is open.
  void FailAll(const Status& why);

  // --- Completions, in order ---
  using Completion = std::pair<RecordDone, StatusOr<Lsn>>;
  std::vector<Completion> TakeCompletions() { return std::exchange(completions_, {}); }

 private:
  struct Entry {
    Batch batch;
    std::vector<RecordDone> done;  // one a record
    Offset sent_at;                // a committed tail when it was first sent in this segment
  };
  using Entries = std::deque<Entry>;

  void CloseForming();
  Entries::iterator Find(Entries& entries, SeqNo first);
  void Complete(Entry entry, StatusOr<Offset> result);

  const WriterId writer_;
  const AppenderOptions options_;
  SeqNo next_seq_;
  size_t waiting_bytes_ = 0;

  std::optional<BatchBuilder> forming_;
  std::vector<RecordDone> forming_done_;
  size_t last_batch_bytes_ = 0;
  size_t last_batch_records_ = 0;
  Entries closed_;     // oldest first; never sent in this segment
  Entries in_flight_;  // oldest first
  Entries unknown_;    // sent in the ended segment, fate unknown; oldest first
  Lsn base_;
  bool entered_ = false;
  bool ended_ = false;
  // A batch was refused for good: what is in flight behind it will be too. Set until that is back.
  std::optional<Status> refused_;
  std::optional<SeqNo> last_taken_;  // by this segment's loglet
  std::vector<Completion> completions_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_APPENDER_CORE_H_

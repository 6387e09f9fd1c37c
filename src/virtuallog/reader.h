// A handle that reads a log in order, live, across any number of swaps.
#ifndef VLOG_VIRTUALLOG_READER_H_
#define VLOG_VIRTUALLOG_READER_H_

#include <optional>
#include <string>
#include <vector>

#include "base/batch.h"
#include "virtuallog/reconfigurer.h"

namespace vlog::virtuallog {

// Positions that cannot be read: [begin, end).
struct Gap {
  enum class Why { kTrimmed, kDataLoss };
  Lsn begin;
  Lsn end;
  Why why = Why::kTrimmed;
};

// A run of consecutive records [begin, end) of one batch.
struct RecordRun {
  Lsn begin;
  Lsn end;
  RecordId first_id;     // of the record at `begin`; the others follow in seq
  Bytes body;            // of the whole batch
  uint64_t skipped = 0;  // records of the body before `begin`

  // Calls visit(Lsn, std::string_view payload) for each record; the views live as long as `body`.
  template <typename Visit>
  void ForEach(Visit visit) const {
    RecordCursor cursor(body.view());
    cursor.Skip(skipped);
    for (Lsn lsn = begin; lsn < end && cursor.Next(); lsn += 1) visit(lsn, cursor.payload());
  }
};

// Either records, one or more runs that follow each other, or one gap.
struct ReadItem {
  std::vector<RecordRun> runs;
  std::optional<Gap> gap;
};

// Never skips, never repeats, never shows what lies beyond a segment's end in the chain, what is
// not committed, or what lies below a trim point it has seen.
//
// Thread rule: the Env's executor; one Next() at a time. The SharedLog outlives it.
class Reader {
 public:
  Reader(LogContext& context, Reconfigurer& reconfigurer, Lsn from)
      : context_(context), reconfigurer_(reconfigurer), next_(from) {}

  // What follows, beginning at position(); waits for it. kDeadlineExceeded: nothing by then.
  // kFailedPrecondition: the log has ended and all of it was read. kUnavailable: try again.
  Task<StatusOr<ReadItem>> Next(Instant deadline = Instant::Max());
  Lsn position() const { return next_; }
  // About this many bytes of payload are read at once.
  void set_read_bytes(size_t bytes) { read_bytes_ = bytes; }

 private:
  Task<StatusOr<std::optional<ReadItem>>> TryNext(Instant deadline);
  Task<StatusOr<ReadItem>> ReadSegment(std::shared_ptr<loglets::Loglet> loglet, Segment segment,
                                       Offset limit);
  // Nothing came for a while: asks the log servers what the tail is, for no news of it may reach
  // anybody any more when its sequencer is gone.
  Task<Status> LookAgain(std::shared_ptr<loglets::Loglet> loglet, Segment segment);
  ReadItem TakeGap(Lsn end, Gap::Why why);

  LogContext& context_;
  Reconfigurer& reconfigurer_;
  Lsn next_;
  size_t read_bytes_ = 1 << 20;
  // While nothing comes: since when, or since the tail was checked; and until the next check.
  std::optional<Instant> quiet_since_;
  Duration patience_{0};
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_READER_H_

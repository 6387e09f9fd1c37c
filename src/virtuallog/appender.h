// A handle that appends to a log: ordered, durable, exactly once across any number of swaps.
#ifndef VLOG_VIRTUALLOG_APPENDER_H_
#define VLOG_VIRTUALLOG_APPENDER_H_

#include <memory>
#include <string_view>

#include "async/task_group.h"
#include "virtuallog/appender_core.h"
#include "virtuallog/reconfigurer.h"

namespace vlog::virtuallog {

// What an append ends in:
//   OK(lsn)              durable at `lsn`, for ever
//   kFailedPrecondition  the log has ended for good; not appended
//   kResourceExhausted   disk full, or more bytes waiting than max_waiting_bytes; not appended
//   kInvalidArgument     larger than max_record_bytes; not appended
//   kInternal, kCancelled, kUnavailable  not appended
//   kUnknown             it cannot be told any more: the process stops, the disk failed, or the
//                        range that would tell was trimmed or lost
//
// Records of one handle get rising LSNs in the order of the calls (FIFO). Records that arrive while
// the window of batches is full share the next batch; nothing waits for company otherwise.
//
// Thread rule: the Env's executor. `done` runs later, never inside Append(). Await Close() before
// destroying it; the SharedLog outlives it.
class Appender {
 public:
  Appender(LogContext& context, Reconfigurer& reconfigurer, AppenderOptions options);

  // Copies `payload` before it returns.
  void Append(std::string_view payload, RecordDone done);
  // The same as a task; `payload` is copied when the task is awaited.
  Task<StatusOr<Lsn>> Append(std::string payload);
  // The same, but waits no longer than until `deadline`: kUnknown then. The record keeps its place
  // in the order and may still be appended.
  Task<StatusOr<Lsn>> Append(std::string payload, Instant deadline);
  // Waits until every append so far has ended.
  Task<void> Flush();
  // Flush(), and no append is taken any more (kCancelled).
  Task<void> Close();

  WriterId writer() const { return core_.writer(); }
  // Where the next record stands in this handle's own count.
  SeqNo next_seq() const { return core_.next_seq(); }
  size_t waiting_bytes() const { return core_.waiting_bytes(); }

 private:
  void PumpSoon();
  void Pump();
  void Send();
  // After idleness: has the committed tail told anew, then sends.
  Task<void> Freshen();
  void Deliver();
  // Moves on to the segment that follows the one that ended.
  Task<void> Move();
  Task<Status> MoveOnce();
  Task<Status> EnterLastSegment();
  Task<Status> Resolve();

  LogContext& context_;
  Reconfigurer& reconfigurer_;
  AppenderCore core_;
  Segment segment_;                          // that the core sends to
  std::shared_ptr<loglets::Loglet> loglet_;  // null: not entered yet
  bool pump_posted_ = false;
  bool delivering_ = false;
  bool moving_ = false;
  bool freshening_ = false;
  Instant last_sent_;
  bool closing_ = false;
  async::Event settled_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_APPENDER_H_

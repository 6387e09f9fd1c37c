// A log for programs without Asio: blocking calls and futures, from any thread, on a thread that
// the library runs itself.
#ifndef VLOG_EMBEDDED_BLOCKING_LOG_H_
#define VLOG_EMBEDDED_BLOCKING_LOG_H_

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::embedded {

struct BlockingOptions {
  std::string log = "default";
  bool create = true;  // make the log if it does not exist
  uint64_t segment_bytes = 64 << 20;
};

struct LogRecord {
  Lsn lsn;
  std::string payload;
};

// What a read returns: records, or one gap [begin, end) that says why it cannot be read.
struct LogRead {
  std::vector<LogRecord> records;
  struct Gap {
    Lsn begin;
    Lsn end;
    bool data_loss = false;  // else trimmed
  };
  std::optional<Gap> gap;
  Lsn next;  // where to go on
};

// Safe to call from any thread. All appends of one BlockingLog are in the order of the calls.
// Errors are those of virtuallog::SharedLog and its handles.
class BlockingLog {
 public:
  // Opens the folder for writing; one process at a time.
  static StatusOr<std::unique_ptr<BlockingLog>> Open(const std::string& directory,
                                                     BlockingOptions options = {});
  ~BlockingLog();  // Close()

  // Returns when the record is durable.
  StatusOr<Lsn> Append(std::string_view payload);
  std::future<StatusOr<Lsn>> AppendAsync(std::string_view payload);
  // Records from `from` on, up to about `max_bytes`; waits until there is something, at most for
  // `patience` (kDeadlineExceeded).
  StatusOr<LogRead> Read(Lsn from, size_t max_bytes = 1 << 20,
                         Duration patience = std::chrono::seconds(0));
  StatusOr<Lsn> Tail();
  StatusOr<Lsn> Trim(Lsn to);
  // Starts a new segment of `kind` ("": the same kind) under the running log.
  Status Reconfigure(const std::string& kind, const std::string& reason);
  Status SealLog(const std::string& reason);
  // Waits for what is under way. Idempotent.
  Status Close();

 private:
  struct Impl;
  explicit BlockingLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vlog::embedded

#endif  // VLOG_EMBEDDED_BLOCKING_LOG_H_

// The contract of a metastore: one versioned register a log. Losing it stops reconfiguration only.
#ifndef VLOG_METASTORE_METASTORE_H_
#define VLOG_METASTORE_METASTORE_H_

#include <string>
#include <vector>

#include "async/task.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::metastore {

struct Versioned {
  Version version;
  std::string value;
};

// Thread rule: the executor of its Env. Calls overlap. tests/contract/metastore_suite holds every
// metastore to this page.
class Metastore {
 public:
  virtual ~Metastore() = default;

  // Linearizable. kNotFound: this log was never written. kUnavailable. kDataLoss.
  virtual Task<StatusOr<Versioned>> Read(std::string log) = 0;

  // Compare-and-set: replaces the value if its version is `expected` (0: never written). OK: the
  // new version, expected + 1, durable. kAborted: another version won; this value never will.
  // kUnknown: it may have been written, now or later: a read that still shows `expected` proves
  // nothing, so whatever was prepared for it is kept. Settle it: call Write() again with the same
  // value and version, which goes on with the same proposal and is not a second one, or wait until
  // the version has changed and look for the proposal id in the value. kUnavailable,
  // kResourceExhausted, kInvalidArgument (a bad log name): certainly not done.
  virtual Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) = 0;

  // Does what can be done for a Write() of that version before its value is known, so that the
  // write is quicker. Binds nobody and may be called for nothing. kAborted: the version is another
  // one, the write would lose. kUnavailable: a write now would hardly succeed. Whoever does not
  // know how to prepare anything says OK.
  virtual Task<Status> Reserve(std::string log, Version expected) {
    (void)log, (void)expected;
    co_return absl::OkStatus();
  }

  // Waits until the version is above `known`; answers the version. kDeadlineExceeded.
  virtual Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) = 0;
  // The same, and tells the value with the version; kNotFound and the others as Read().
  virtual Task<StatusOr<Versioned>> AwaitNewer(std::string log, Version known, Instant deadline) {
    StatusOr<Version> changed = co_await AwaitChange(log, known, deadline);
    if (!changed.ok()) co_return changed.status();
    co_return co_await Read(std::move(log));
  }
  // Whoever waits for a change of this log, or reads it, is told so soon: kDeadlineExceeded,
  // kUnavailable. For those who close; others go on waiting. Whoever never keeps anybody long need
  // not do anything.
  virtual void EndWaits(const std::string& log) { (void)log; }

  // The names of all logs, sorted.
  virtual Task<StatusOr<std::vector<std::string>>> List() = 0;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_METASTORE_H_

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
  // kUnknown: it may have been written; settle it by the proposal id in the value. kUnavailable,
  // kResourceExhausted, kInvalidArgument (a bad log name): certainly not done.
  virtual Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) = 0;

  // Waits until the version is above `known`; answers the version. kDeadlineExceeded.
  virtual Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) = 0;

  // The names of all logs, sorted.
  virtual Task<StatusOr<std::vector<std::string>>> List() = 0;
};

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_METASTORE_H_

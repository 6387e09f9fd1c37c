// Errors cross interfaces as absl::Status, and one code means one next action for the caller:
//
//   kFailedPrecondition  sealed, and this call stored nothing      go to the next segment
//   kAborted             fenced, or lost a compare-and-set         refresh, decide again
//   kUnavailable         certainly not done                        retry with backoff
//   kUnknown             outcome unknown                           resolve it; never say "failed"
//   kDeadlineExceeded    a wait without effects ran out of time    decide
//   kOutOfRange          trimmed                                   jump to the trim point
//   kDataLoss            checksum or format broken                 stop using that copy, say so
//   kResourceExhausted   full disk or queue, certainly not done    free space or wait
//   kInvalidArgument, kNotFound, kAlreadyExists                    fix the call
//   kInternal            a failed sync, a broken invariant         stop the node
//   kCancelled           stopping, certainly not done              return
#ifndef VLOG_BASE_STATUS_H_
#define VLOG_BASE_STATUS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace vlog {

using absl::Status;
using absl::StatusOr;

// The message of a status as a std string (Debian's Abseil has a string_view of its own).
inline std::string Message(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

// `status` with `context: ` put before its message.
inline Status Annotate(const Status& status, const std::string& context) {
  if (status.ok()) return status;
  return Status(status.code(), context + ": " + Message(status));
}

}  // namespace vlog

// Return the error of a status, or of a StatusOr, that already has a name. In coroutines a full
// expression must not hold both a co_await and a temporary, so none of these takes an expression
// that awaits.
#define VLOG_RETURN_IF_ERROR(named)                              \
  do {                                                           \
    if (!(named).ok()) return ::vlog::internal::ToStatus(named); \
  } while (false)
#define VLOG_CO_RETURN_IF_ERROR(named)                              \
  do {                                                              \
    if (!(named).ok()) co_return ::vlog::internal::ToStatus(named); \
  } while (false)

namespace vlog::internal {
inline const Status& ToStatus(const Status& status) { return status; }
template <typename T>
const Status& ToStatus(const StatusOr<T>& result) {
  return result.status();
}
}  // namespace vlog::internal

#endif  // VLOG_BASE_STATUS_H_

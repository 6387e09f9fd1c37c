#include "exit_code.h"

#include <cstdio>

namespace vlog::cli {
namespace {

const char* NextStep(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kAlreadyExists:
      return "one process writes at a time: wait until it ends or stop it; 'read', 'tail', "
             "'chain', 'logs' and 'verify' work beside it";
    case absl::StatusCode::kNotFound:
      return "check --dir and --log; 'vlog --dir DIR logs' lists the logs";
    case absl::StatusCode::kFailedPrecondition:
      return "an ended log stays readable; append to another one with --log NAME";
    case absl::StatusCode::kResourceExhausted:
      return "nothing of it was stored; free space on the disk and try again";
    case absl::StatusCode::kUnknown:
      return "it may or may not have happened; look with 'read' or 'chain' before you try again";
    case absl::StatusCode::kDataLoss:
      return "'vlog --dir DIR verify' says which bytes; restore them from a copy if you have one";
    case absl::StatusCode::kInternal:
      return "check the disk and the system log, then run 'vlog --dir DIR verify'";
    case absl::StatusCode::kInvalidArgument:
      return "'vlog --help' and 'vlog COMMAND --help' show examples";
    default:
      return "correct the cause and try again";
  }
}

}  // namespace

ExitCode ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kDone;
    case absl::StatusCode::kUnknown:
      return kUnknownOutcome;
    case absl::StatusCode::kDataLoss:
      return kDamage;
    case absl::StatusCode::kInvalidArgument:
      return kUsage;
    default:
      return kNotDone;
  }
}

void Say(const std::string& message) { std::fprintf(stderr, "vlog: %s\n", message.c_str()); }

ExitCode Fail(const Status& status) {
  Say(Message(status));
  std::fprintf(stderr, "  %s\n", NextStep(status));
  return ExitCodeOf(status);
}

}  // namespace vlog::cli

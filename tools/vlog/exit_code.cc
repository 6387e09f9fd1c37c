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
      return "check --dir or --cluster, and --log; 'vlog logs' with the same flag lists the logs";
    case absl::StatusCode::kFailedPrecondition:
      return "an ended log stays readable; append to another one with --log NAME";
    case absl::StatusCode::kResourceExhausted:
      return "nothing of it was stored; free space on the disk and try again";
    case absl::StatusCode::kUnknown:
      return "it may or may not have happened; look with 'read' or 'chain' before you try again";
    case absl::StatusCode::kDataLoss:
      return "in a directory 'vlog --dir DIR verify' says which bytes; on a cluster the log of the "
             "node does: its disk is not to be trusted, replace it";
    case absl::StatusCode::kInternal:
      return "check the disk and the system log; of a directory, run 'vlog --dir DIR verify', of a "
             "cluster, 'vlog --cluster HOST:PORT status'";
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

ExitCode Fail(const Status& status) { return Fail(status, NextStep(status)); }

ExitCode Fail(const Status& status, const std::string& next_step) {
  Say(Message(status));
  std::fprintf(stderr, "  %s\n", next_step.c_str());
  return ExitCodeOf(status);
}

}  // namespace vlog::cli

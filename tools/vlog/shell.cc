#include "shell.h"

#include <unistd.h>

#include "async/task_group.h"
#include "exit_code.h"

namespace vlog::cli {

Shell::Shell(GlobalArguments arguments)
    : arguments_(std::move(arguments)), out_(STDOUT_FILENO) {}

Shell::~Shell() = default;

int Shell::Run(Task<int> command) {
  async::SpawnRoot(executor(), RunAndClose(std::move(command)));
  context_.run();
  out_.Flush();
  if (!out_.status().ok() && !out_.closed()) {
    ExitCode failed = Fail(out_.status());
    if (exit_code_ == kDone) exit_code_ = failed;
  }
  return exit_code_;
}

Task<void> Shell::RunAndClose(Task<int> command) {
  exit_code_ = co_await std::move(command);
  Status closed = co_await Close();
  // What was acknowledged is durable; only the next opening has more to read.
  if (!closed.ok()) Say("closing " + arguments_.directory + ": " + Message(closed));
}

Task<Status> Shell::Close() {
  if (directory_ == nullptr || closed_) co_return absl::OkStatus();
  closed_ = true;
  co_return co_await directory_->Close();
}

Task<StatusOr<embedded::Directory*>> Shell::OpenDirectory(Access access) {
  if (arguments_.directory.empty()) {
    co_return absl::InvalidArgumentError("which directory? Add --dir DIR");
  }
  embedded::DirectoryOptions options;
  options.journal.segment_bytes = arguments_.segment_bytes;
  if (access == Access::kRead) options.access = embedded::DirectoryOptions::Access::kRead;
  StatusOr<std::unique_ptr<embedded::Directory>> opened =
      co_await embedded::Directory::Open(executor(), arguments_.directory, options);
  VLOG_CO_RETURN_IF_ERROR(opened);
  directory_ = *std::move(opened);
  co_return directory_.get();
}

Task<StatusOr<virtuallog::SharedLog*>> Shell::OpenLog(Access access) {
  if (access == Access::kWrite && !arguments_.directory.empty()) {
    Status exists = co_await CheckThatLogExists();
    VLOG_CO_RETURN_IF_ERROR(exists);
  }
  StatusOr<embedded::Directory*> directory = co_await OpenDirectory(access);
  VLOG_CO_RETURN_IF_ERROR(directory);
  co_return co_await (*directory)->OpenLog(arguments_.log, access == Access::kAppend);
}

Task<Status> Shell::CheckThatLogExists() {
  // Opening for writing would make the folder; opening for reading touches nothing.
  embedded::DirectoryOptions options;
  options.access = embedded::DirectoryOptions::Access::kRead;
  StatusOr<std::unique_ptr<embedded::Directory>> opened =
      co_await embedded::Directory::Open(executor(), arguments_.directory, options);
  VLOG_CO_RETURN_IF_ERROR(opened);
  checked_ = *std::move(opened);
  StatusOr<virtuallog::SharedLog*> log = co_await checked_->OpenLog(arguments_.log, false);
  Status closed = co_await checked_->Close();
  VLOG_CO_RETURN_IF_ERROR(log);
  co_return closed;
}

}  // namespace vlog::cli

#include "shell.h"

#include <unistd.h>

#include "absl/strings/str_split.h"
#include "async/task_group.h"
#include "env/real/real_env.h"
#include "exit_code.h"
#include "storage/journal_contents.h"
#include "storage/state_file.h"

namespace vlog::cli {

Shell::Shell(GlobalArguments arguments) : arguments_(std::move(arguments)), out_(STDOUT_FILENO) {}

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

Task<StatusOr<client::Cluster*>> Shell::OpenCluster() {
  if (!on_cluster()) {
    co_return absl::InvalidArgumentError("which cluster? Add --cluster HOST:PORT,...");
  }
  client::ClusterOptions options;
  std::vector<std::string> seeds = absl::StrSplit(arguments_.cluster, ',');
  for (const std::string& seed : seeds) {
    StatusOr<env::Address> address = env::Address::Parse(seed);
    VLOG_CO_RETURN_IF_ERROR(address);
    options.seeds.push_back(*std::move(address));
  }
  StatusOr<std::unique_ptr<client::Cluster>> opened =
      co_await client::Cluster::Connect(executor(), std::move(options));
  VLOG_CO_RETURN_IF_ERROR(opened);
  cluster_ = *std::move(opened);
  co_return cluster_.get();
}

Task<Status> Shell::Close() {
  if (cluster_ != nullptr) co_await cluster_->Close();
  if (directory_ == nullptr) co_return absl::OkStatus();
  retired_ = std::move(directory_);
  co_return co_await retired_->Close();
}

Task<StatusOr<embedded::Directory*>> Shell::OpenDirectory(Access access) {
  if (on_cluster()) {
    co_return absl::InvalidArgumentError("this command works on a directory; use --dir DIR");
  }
  if (arguments_.directory.empty()) {
    co_return absl::InvalidArgumentError(
        "which directory or cluster? Add --dir DIR or --cluster HOST:PORT,...");
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
  if (on_cluster()) {
    StatusOr<client::Cluster*> cluster = co_await OpenCluster();
    VLOG_CO_RETURN_IF_ERROR(cluster);
    if (access != Access::kAppend) co_return co_await (*cluster)->OpenLog(arguments_.log);
    client::NewLog made;
    co_return co_await (*cluster)->OpenOrCreateLog(arguments_.log, std::move(made));
  }
  if (access == Access::kWrite) {
    // Opening for writing would make the folder; opening for reading touches nothing.
    StatusOr<virtuallog::SharedLog*> existing = co_await OpenLog(Access::kRead);
    VLOG_CO_RETURN_IF_ERROR(existing);
    Status closed = co_await Close();
    VLOG_CO_RETURN_IF_ERROR(closed);
  }
  if (access == Access::kRead) co_await SettleAfterCrash();
  StatusOr<embedded::Directory*> directory = co_await OpenDirectory(access);
  VLOG_CO_RETURN_IF_ERROR(directory);
  co_return co_await (*directory)->OpenLog(arguments_.log, access == Access::kAppend);
}

// What a killed writer acknowledged last is durable, but nothing on the disk says so until somebody
// who holds the lock has looked: a view would end before it. So the next reader looks.
Task<void> Shell::SettleAfterCrash() {
  std::unique_ptr<env::Env> env = env::NewRealEnv(executor(), arguments_.directory);
  StatusOr<std::unique_ptr<storage::StateFile>> file = co_await storage::StateFile::Open(
      *env, storage::MetaFileName("journal"), env::OpenMode::kRead);
  if (!file.ok()) co_return;  // opening the directory says why
  StatusOr<storage::JournalMeta> meta = storage::DecodeMeta((*file)->value());
  if (!meta.ok() || meta->clean_end) co_return;
  // Refused while a writer lives and where this user may not write: then the view must do.
  StatusOr<embedded::Directory*> opened = co_await OpenDirectory(Access::kAppend);
  if (opened.ok()) {
    Status closed = co_await Close();
    if (!closed.ok()) Say("closing " + arguments_.directory + ": " + Message(closed));
  }
}

}  // namespace vlog::cli

#include "embedded/directory.h"

#include "env/real/real_env.h"
#include "loglets/local/local_core.h"
#include "loglets/local/local_host.h"

namespace vlog::embedded {
namespace {

constexpr char kJournal[] = "journal";
constexpr char kChains[] = "chains";
constexpr char kLock[] = "LOCK";
constexpr int kOpenAttempts = 20;
constexpr int kUnwindTurns = 16;
// A batch of the largest size fits a segment, and the next one, four times over.
constexpr uint64_t kMinSegmentBytes = 4 << 20;
constexpr Duration kOpenRetry = std::chrono::milliseconds(20);

}  // namespace

Directory::Directory(std::shared_ptr<env::Env> env, DirectoryOptions options)
    : env_(std::move(env)), options_(options) {}

Directory::~Directory() = default;

Task<StatusOr<std::unique_ptr<Directory>>> Directory::Open(boost::asio::any_io_executor executor,
                                                           std::string path,
                                                           DirectoryOptions options) {
  if (options.journal.segment_bytes < kMinSegmentBytes) {
    co_return absl::InvalidArgumentError(
        absl::StrCat("a segment size of ", options.journal.segment_bytes,
                     " bytes is below the least, ", kMinSegmentBytes));
  }
  std::shared_ptr<env::Env> env = env::NewRealEnv(std::move(executor), std::move(path));
  co_return co_await OpenOn(env, options);
}

Task<StatusOr<std::unique_ptr<Directory>>> Directory::OpenOn(std::shared_ptr<env::Env> env,
                                                             DirectoryOptions options) {
  std::unique_ptr<Directory> directory(new Directory(std::move(env), options));
  Status opened;
  if (options.access == DirectoryOptions::Access::kReadWrite) {
    opened = co_await directory->OpenForWriting();
  } else {
    opened = co_await directory->OpenForReading();
  }
  VLOG_CO_RETURN_IF_ERROR(opened);
  co_return std::move(directory);
}

Task<Status> Directory::OpenForWriting() {
  env::Disk& disk = env_->disk();
  Status made = co_await disk.MakeDirectory("");
  VLOG_CO_RETURN_IF_ERROR(made);
  StatusOr<std::unique_ptr<env::DiskLock>> lock = co_await disk.Lock(kLock);
  if (absl::IsAlreadyExists(lock.status())) {
    co_return Annotate(lock.status(), disk.RootName() + " is being written");
  }
  VLOG_CO_RETURN_IF_ERROR(lock);
  lock_ = *std::move(lock);
  made = co_await disk.MakeDirectory(kChains);
  VLOG_CO_RETURN_IF_ERROR(made);
  StatusOr<std::unique_ptr<storage::Journal>> journal = co_await storage::Journal::Open(
      *env_, kJournal, options_.journal, loglets::NewLocalStreamState);
  VLOG_CO_RETURN_IF_ERROR(journal);
  journal_ = *std::move(journal);
  metastore_ = std::make_unique<metastore::FileMetastore>(
      *env_, kChains, metastore::FileMetastore::Access::kReadWrite);
  factory_.Register(loglets::NewLocalKind(*env_, *journal_));
  co_return absl::OkStatus();
}

Task<Status> Directory::OpenForReading() {
  // The writer may recycle a segment, or make the journal, at this very moment: look again.
  StatusOr<std::unique_ptr<storage::JournalView>> view = absl::UnavailableError("not opened");
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    view = co_await storage::JournalView::Open(*env_, kJournal, loglets::NewLocalStreamState);
    bool final =
        view.ok() || absl::IsNotFound(view.status()) || absl::IsInvalidArgument(view.status());
    if (final) break;
    Status slept = co_await env_->scheduler().Sleep(kOpenRetry);
    VLOG_CO_RETURN_IF_ERROR(slept);
  }
  if (absl::IsNotFound(view.status())) {
    co_return absl::NotFoundError("there is no log in " + env_->disk().RootName() +
                                  "; 'vlog append' makes one");
  }
  VLOG_CO_RETURN_IF_ERROR(view);
  view_ = *std::move(view);
  metastore_ = std::make_unique<metastore::FileMetastore>(*env_, kChains,
                                                          metastore::FileMetastore::Access::kRead);
  factory_.Register(loglets::NewLocalReaderKind(*env_, *view_));
  co_return absl::OkStatus();
}

Task<StatusOr<virtuallog::SharedLog*>> Directory::OpenLog(std::string name, bool create) {
  auto it = logs_.find(name);
  if (it != logs_.end()) co_return it->second.get();
  virtuallog::OpenOptions options;
  options.read_only = options_.access == DirectoryOptions::Access::kRead;
  if (create && !options.read_only) options.create_with_kind = loglets::kLocalKind;
  StatusOr<std::unique_ptr<virtuallog::SharedLog>> log =
      co_await virtuallog::SharedLog::Open(*env_, *metastore_, factory_, name, options);
  VLOG_CO_RETURN_IF_ERROR(log);
  // Another caller may have opened it meanwhile; its object counts.
  auto [entry, added] = logs_.emplace(name, nullptr);
  if (added) {
    entry->second = *std::move(log);
  } else {
    co_await (*log)->Close();
  }
  co_return entry->second.get();
}

Task<StatusOr<std::vector<std::string>>> Directory::Logs() { return metastore_->List(); }

Task<StatusOr<std::vector<storage::Damage>>> Directory::Verify() {
  VLOG_CHECK(view_ != nullptr, "verify reads a directory that is opened for reading");
  return view_->Verify();
}

const std::vector<storage::Damage>& Directory::damage() const {
  return journal_ != nullptr ? journal_->damage() : view_->damage();
}

Task<Status> Directory::Close() {
  for (auto& [name, log] : logs_) co_await log->Close();
  Status closed;
  if (journal_ != nullptr) closed = co_await journal_->Close();
  env_->scheduler().Stop();
  // Each wait now ends as work of its own; let those that are parked (a reader, say) unwind.
  for (int turn = 0; turn < kUnwindTurns; ++turn) {
    Status unwound = co_await env_->scheduler().Sleep(Duration(0));
    if (unwound.ok()) break;
  }
  lock_.reset();
  co_return closed;
}

}  // namespace vlog::embedded

#include "server/node_identity.h"

#include "server/node_identity_core.h"

namespace vlog::server {
namespace {

using storage::StateFile;

// The names in the root; none if it does not exist.
Task<StatusOr<std::vector<std::string>>> RootNames(env::Env& env) {
  StatusOr<std::vector<std::string>> names = co_await env.disk().List("");
  if (absl::IsNotFound(names.status())) co_return std::vector<std::string>();
  co_return std::move(names);
}

Task<StatusOr<std::unique_ptr<env::DiskLock>>> LockRoot(env::Env& env) {
  StatusOr<std::unique_ptr<env::DiskLock>> lock = co_await env.disk().Lock(kLockFile);
  if (absl::IsAlreadyExists(lock.status())) {
    co_return Annotate(lock.status(), env.disk().RootName() + " is in use by another process");
  }
  co_return std::move(lock);
}

Task<StatusOr<std::unique_ptr<StateFile>>> OpenIdentityFile(env::Env& env, env::OpenMode mode) {
  StatusOr<std::vector<std::string>> names = co_await RootNames(env);
  VLOG_CO_RETURN_IF_ERROR(names);
  Status there = HasIdentity(*names, env.disk().RootName());
  VLOG_CO_RETURN_IF_ERROR(there);
  StatusOr<std::unique_ptr<StateFile>> file = co_await StateFile::Open(env, kIdentityFile, mode);
  if (absl::IsDataLoss(file.status())) {
    Status lost = Annotate(file.status(), env.disk().RootName());
    co_return absl::DataLossError(
        Message(lost) + ": this disk is not to be trusted. Empty the directory, run 'vlogd " +
        "--init' and then, on a node that works, 'vlog replace-disk NODE'");
  }
  co_return std::move(file);
}

StatusOr<NodeIdentity> IdentityIn(const StateFile& file, env::Env& env) {
  StatusOr<NodeIdentity> identity = DecodeIdentity(file.value());
  if (identity.ok()) return identity;
  return Status(identity.status().code(),
                env.disk().RootName() + "/" + kIdentityFile + " " + Message(identity.status()));
}

}  // namespace

Task<StatusOr<NodeIdentity>> FormatDataDirectory(env::Env& env, FormatRequest request) {
  Status made = co_await env.disk().MakeDirectory("");
  VLOG_CO_RETURN_IF_ERROR(made);
  StatusOr<std::vector<std::string>> names = co_await RootNames(env);
  VLOG_CO_RETURN_IF_ERROR(names);
  Status may = MayFormat(*names, env.disk().RootName());
  VLOG_CO_RETURN_IF_ERROR(may);
  StatusOr<std::unique_ptr<env::DiskLock>> lock = co_await LockRoot(env);
  VLOG_CO_RETURN_IF_ERROR(lock);
  NodeIdentity identity;
  identity.cluster = request.cluster.value_or(ClusterId(env.RandomId()));
  identity.cluster_name = request.cluster_name;
  identity.node = request.node;
  identity.disk = DiskId(env.RandomId());
  std::string value = EncodeIdentity(identity);
  // Refuses a file that another process made between the look and the lock.
  StatusOr<std::unique_ptr<StateFile>> file =
      co_await StateFile::Create(env, kIdentityFile, std::move(value));
  VLOG_CO_RETURN_IF_ERROR(file);
  co_return identity;
}

Task<StatusOr<std::unique_ptr<DataDirectory>>> DataDirectory::Open(env::Env& env,
                                                                   ExpectedIdentity expected) {
  // Look before locking: a lock is a file, and this may be anybody's directory.
  StatusOr<NodeIdentity> identity = co_await ReadIdentity(env);
  VLOG_CO_RETURN_IF_ERROR(identity);
  Status matches = MatchIdentity(*identity, expected, env.disk().RootName());
  VLOG_CO_RETURN_IF_ERROR(matches);
  std::unique_ptr<DataDirectory> directory(new DataDirectory(env));
  StatusOr<std::unique_ptr<env::DiskLock>> lock = co_await LockRoot(env);
  VLOG_CO_RETURN_IF_ERROR(lock);
  directory->lock_ = *std::move(lock);
  // A process that was killed while it formatted may have left the name in the cache only.
  Status synced = co_await env.disk().SyncDirectory("");
  VLOG_CO_RETURN_IF_ERROR(synced);
  StatusOr<std::unique_ptr<StateFile>> file =
      co_await OpenIdentityFile(env, env::OpenMode::kReadWrite);
  VLOG_CO_RETURN_IF_ERROR(file);
  // Again, now that nobody else counts.
  identity = IdentityIn(**file, env);
  VLOG_CO_RETURN_IF_ERROR(identity);
  matches = MatchIdentity(*identity, expected, env.disk().RootName());
  VLOG_CO_RETURN_IF_ERROR(matches);
  identity->incarnation = Incarnation(identity->incarnation.value() + 1);
  std::string value = EncodeIdentity(*identity);
  Status counted = co_await (*file)->Write(std::move(value));
  if (!counted.ok()) co_return Annotate(counted, "the boot number could not be written");
  directory->identity_ = *identity;
  directory->file_ = *std::move(file);
  co_return std::move(directory);
}

Task<Status> DataDirectory::CheckJournal(std::string name) {
  if (!identity_.has_journal) co_return absl::OkStatus();
  StatusOr<std::vector<std::string>> names = co_await env_.disk().List(name);
  if (names.ok() && !names->empty()) co_return absl::OkStatus();
  if (!names.ok() && !absl::IsNotFound(names.status())) co_return names.status();
  co_return absl::DataLossError(
      env_.disk().RootName() + "/" + name + " is gone, and with it all that this node stored and " +
      "promised. If it lies elsewhere, put it back. If it is lost, empty the directory, run " +
      "'vlogd --init' and then, on a node that works, 'vlog replace-disk NODE'");
}

Task<Status> DataDirectory::NoteJournal() {
  if (identity_.has_journal) co_return absl::OkStatus();
  NodeIdentity next = identity_;
  next.has_journal = true;
  std::string value = EncodeIdentity(next);
  Status written = co_await file_->Write(std::move(value));
  if (!written.ok()) co_return Annotate(written, "the identity could not be written");
  identity_ = std::move(next);
  co_return absl::OkStatus();
}

Task<StatusOr<NodeIdentity>> ReadIdentity(env::Env& env) {
  StatusOr<std::unique_ptr<StateFile>> file = co_await OpenIdentityFile(env, env::OpenMode::kRead);
  VLOG_CO_RETURN_IF_ERROR(file);
  co_return IdentityIn(**file, env);
}

}  // namespace vlog::server

#include "storage/atomic_file.h"

namespace vlog::storage {

std::string DirectoryOf(const std::string& name) {
  size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

Task<StatusOr<std::shared_ptr<env::File>>> CreateTemporary(env::Env& env, std::string name) {
  StatusOr<std::shared_ptr<env::File>> file =
      co_await env.disk().Open(name, env::OpenMode::kCreate);
  if (!absl::IsAlreadyExists(file.status())) co_return file;
  Status removed = co_await env.disk().Remove(name);
  VLOG_CO_RETURN_IF_ERROR(removed);
  co_return co_await env.disk().Open(name, env::OpenMode::kCreate);
}

Task<Status> PublishTemporary(env::Env& env, std::string name) {
  Status renamed = co_await env.disk().Rename(name + ".new", name);
  VLOG_CO_RETURN_IF_ERROR(renamed);
  co_return co_await env.disk().SyncDirectory(DirectoryOf(name));
}

Task<Status> ReplaceFile(env::Env& env, std::string name, std::string contents) {
  StatusOr<std::shared_ptr<env::File>> file = co_await CreateTemporary(env, name + ".new");
  VLOG_CO_RETURN_IF_ERROR(file);
  BytesList data;
  data.emplace_back(std::move(contents));
  Status written = co_await (*file)->Write(0, std::move(data), env::Durability::kSynced);
  if (written.ok()) co_return co_await PublishTemporary(env, name);
  // Give the space back; the old contents are untouched.
  Status removed = co_await env.disk().Remove(name + ".new");
  co_return removed.ok() ? written : Annotate(written, "and " + Message(removed));
}

}  // namespace vlog::storage

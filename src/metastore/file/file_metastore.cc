#include "metastore/file/file_metastore.h"

#include <algorithm>

#include "base/coding.h"

namespace vlog::metastore {
namespace {

constexpr char kSuffix[] = ".chain";
constexpr Duration kPoll = std::chrono::milliseconds(20);

std::string Encode(Version version, const std::string& value) {
  std::string out;
  PutFixed(&out, version.value());
  return out + value;
}

StatusOr<Versioned> Decode(const std::string& data) {
  Decoder in(data);
  Versioned result;
  result.version = Version(in.Fixed<uint64_t>());
  result.value = std::string(in.Raw(in.remaining()));
  if (!in.ok()) return absl::DataLossError("malformed chain file");
  return result;
}

}  // namespace

Status CheckLogName(const std::string& log) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!log.empty() && log.size() <= 100 && log[0] != '.' &&
      std::all_of(log.begin(), log.end(), allowed)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "'" + log + "' cannot name a log; use 1 to 100 letters, digits, '.', '_' or '-'");
}

FileMetastore::FileMetastore(env::Env& env, std::string directory, Access access)
    : env_(env),
      directory_(std::move(directory)),
      access_(access),
      unlocked_(env.scheduler()),
      changed_(env.scheduler()) {}

std::string FileMetastore::FileName(const std::string& log) const {
  return directory_ + "/" + log + kSuffix;
}

Task<Status> FileMetastore::Lock(std::string log) {
  Status name = CheckLogName(log);
  VLOG_CO_RETURN_IF_ERROR(name);
  while (registers_[log].busy) {
    Status waited = co_await unlocked_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  registers_[log].busy = true;
  co_return absl::OkStatus();
}

void FileMetastore::Unlock(const std::string& log) {
  registers_[log].busy = false;
  unlocked_.NotifyAll();
}

Task<StatusOr<Versioned>> FileMetastore::Read(std::string log) {
  Status locked = co_await Lock(log);
  VLOG_CO_RETURN_IF_ERROR(locked);
  StatusOr<Versioned> result = co_await ReadLocked(log);
  Unlock(log);
  co_return result;
}

Task<StatusOr<Versioned>> FileMetastore::ReadLocked(std::string log) {
  std::unique_ptr<storage::StateFile>& file = registers_[log].file;
  if (file == nullptr || access_ == Access::kRead) {
    auto mode = access_ == Access::kRead ? env::OpenMode::kRead : env::OpenMode::kReadWrite;
    StatusOr<std::unique_ptr<storage::StateFile>> opened =
        co_await storage::StateFile::Open(env_, FileName(log), mode);
    if (absl::IsNotFound(opened.status())) {
      co_return absl::NotFoundError("there is no log '" + log + "' in " + env_.disk().RootName());
    }
    VLOG_CO_RETURN_IF_ERROR(opened);
    file = *std::move(opened);
  }
  co_return Decode(file->value());
}

Task<StatusOr<Version>> FileMetastore::Write(std::string log, std::string value, Version expected) {
  Status locked = co_await Lock(log);
  VLOG_CO_RETURN_IF_ERROR(locked);
  StatusOr<Version> result = co_await WriteLocked(log, std::move(value), expected);
  Unlock(log);
  changed_.NotifyAll();
  co_return result;
}

Task<StatusOr<Version>> FileMetastore::WriteLocked(std::string log, std::string value,
                                                   Version expected) {
  if (access_ == Access::kRead) co_return absl::UnavailableError("opened for reading only");
  StatusOr<Versioned> current = co_await ReadLocked(log);
  if (!current.ok() && !absl::IsNotFound(current.status())) {
    co_return absl::UnavailableError(Message(current.status()));
  }
  Version version = current.ok() ? current->version : Version();
  if (version != expected) {
    co_return absl::AbortedError(
        absl::StrCat("the chain is at version ", version.value(), ", not ", expected.value()));
  }
  Version next(expected.value() + 1);
  std::unique_ptr<storage::StateFile>& file = registers_[log].file;
  Status written;
  if (file == nullptr) {
    StatusOr<std::unique_ptr<storage::StateFile>> created =
        co_await storage::StateFile::Create(env_, FileName(log), Encode(next, value));
    written = created.status();
    if (created.ok()) file = *std::move(created);
  } else {
    written = co_await file->Write(Encode(next, value));
  }
  if (written.ok()) co_return next;
  if (absl::IsResourceExhausted(written)) co_return written;
  file.reset();  // what is on the disk is read again before it is believed
  co_return absl::UnknownError("the chain may or may not be written: " + Message(written));
}

Task<StatusOr<Version>> FileMetastore::AwaitChange(std::string log, Version known,
                                                   Instant deadline) {
  uint64_t ends = ends_[log];
  for (;;) {
    StatusOr<Versioned> current = co_await Read(log);
    if (!current.ok() && !absl::IsNotFound(current.status())) co_return current.status();
    if (current.ok() && current->version > known) co_return current->version;
    Instant now = env_.scheduler().Now();
    if (now >= deadline || ends_[log] != ends) {
      co_return absl::DeadlineExceededError("the chain did not change");
    }
    Instant until = access_ == Access::kRead ? std::min(deadline, now + kPoll) : deadline;
    Status waited = co_await changed_.Wait(until);
    if (!waited.ok() && !absl::IsDeadlineExceeded(waited)) co_return waited;
  }
}

void FileMetastore::EndWaits(const std::string& log) {
  ++ends_[log];
  changed_.NotifyAll();
}

Task<StatusOr<std::vector<std::string>>> FileMetastore::List() {
  StatusOr<std::vector<std::string>> names = co_await env_.disk().List(directory_);
  if (absl::IsNotFound(names.status())) co_return std::vector<std::string>();
  VLOG_CO_RETURN_IF_ERROR(names);
  std::vector<std::string> logs;
  for (const std::string& name : *names) {
    std::string_view view = name;
    if (!view.ends_with(kSuffix)) continue;
    logs.emplace_back(view.substr(0, view.size() - sizeof kSuffix + 1));
  }
  co_return logs;
}

}  // namespace vlog::metastore

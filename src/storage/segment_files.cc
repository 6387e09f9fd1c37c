#include "storage/segment_files.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_format.h"
#include "storage/atomic_file.h"

namespace vlog::storage {
namespace {

constexpr uint64_t kFirstStretch = 256 * 1024;
constexpr uint64_t kZeroBlock = 1 << 20;

bool ParseName(const std::string& name, const std::string& suffix, uint64_t* segment) {
  if (name.size() != 16 + suffix.size() || name.substr(16) != suffix) return false;
  auto [end, error] = std::from_chars(name.data(), name.data() + 16, *segment, 16);
  return error == std::errc() && end == name.data() + 16;
}

}  // namespace

std::string SegmentFiles::Name(uint64_t segment, const char* suffix) const {
  return directory_ + "/" + absl::StrFormat("%016x", segment) + suffix;
}

Task<StatusOr<std::vector<uint64_t>>> SegmentFiles::List(bool read_only) {
  StatusOr<std::vector<std::string>> names = co_await env_.disk().List(directory_);
  VLOG_CO_RETURN_IF_ERROR(names);
  std::vector<uint64_t> segments;
  for (const std::string& name : *names) {
    uint64_t segment = 0;
    if (ParseName(name, ".seg", &segment)) segments.push_back(segment);
    if (name == "spare") has_spare_ = true;
    if (name.ends_with(".new") && !read_only) {
      Status removed = co_await env_.disk().Remove(directory_ + "/" + name);
      VLOG_CO_RETURN_IF_ERROR(removed);
    }
  }
  co_return segments;
}

Task<StatusOr<std::shared_ptr<env::File>>> SegmentFiles::Open(uint64_t segment,
                                                              env::OpenMode mode) {
  return env_.disk().Open(Name(segment, ".seg"), mode);
}

Task<Status> SegmentFiles::WriteZeros(std::shared_ptr<env::File> file, uint64_t from, uint64_t to) {
  Bytes zeros(std::string(std::min(kZeroBlock, to - from), '\0'));
  while (from < to) {
    uint64_t length = std::min<uint64_t>(zeros.size(), to - from);
    BytesList data(1, zeros.Slice(0, length));
    Status written = co_await file->Write(from, std::move(data), env::Durability::kSynced);
    VLOG_CO_RETURN_IF_ERROR(written);
    from += length;
  }
  co_return absl::OkStatus();
}

Task<Status> SegmentFiles::Make(uint64_t segment) {
  std::string name = Name(segment, ".seg");
  if (has_spare_) {
    // A spare of another size is left from a time with another segment size.
    StatusOr<std::shared_ptr<env::File>> spare =
        co_await env_.disk().Open(Spare(), env::OpenMode::kRead);
    VLOG_CO_RETURN_IF_ERROR(spare);
    StatusOr<uint64_t> size = co_await (*spare)->Size();
    VLOG_CO_RETURN_IF_ERROR(size);
    has_spare_ = false;
    if (*size > segment_bytes_) {
      Status removed = co_await env_.disk().Remove(Spare());
      VLOG_CO_RETURN_IF_ERROR(removed);
    } else {
      Status renamed = co_await env_.disk().Rename(Spare(), name);
      VLOG_CO_RETURN_IF_ERROR(renamed);
      co_return co_await env_.disk().SyncDirectory(directory_);
    }
  }
  StatusOr<std::shared_ptr<env::File>> file = co_await CreateTemporary(env_, name + ".new");
  VLOG_CO_RETURN_IF_ERROR(file);
  Status done = co_await WriteZeros(*file, 0, std::min(kFirstStretch, segment_bytes_));
  if (done.ok()) co_return co_await PublishTemporary(env_, name);
  Status removed = co_await env_.disk().Remove(name + ".new");
  co_return removed.ok() ? done : Annotate(done, "and " + Message(removed));
}

Task<Status> SegmentFiles::Discard(uint64_t segment) {
  std::string name = Name(segment, ".seg");
  Status done;
  if (!has_spare_) {
    done = co_await env_.disk().Rename(name, Spare());
    has_spare_ = done.ok();
  } else {
    done = co_await env_.disk().Remove(name);
  }
  VLOG_CO_RETURN_IF_ERROR(done);
  done = co_await env_.disk().Remove(Name(segment, ".idx"));
  if (!done.ok() && !absl::IsNotFound(done)) co_return done;
  co_return co_await env_.disk().SyncDirectory(directory_);
}

Task<Status> SegmentFiles::WriteIndex(uint64_t segment, std::string contents) {
  return ReplaceFile(env_, Name(segment, ".idx"), std::move(contents));
}

Task<StatusOr<Bytes>> SegmentFiles::ReadIndex(uint64_t segment) {
  StatusOr<std::shared_ptr<env::File>> file =
      co_await env_.disk().Open(Name(segment, ".idx"), env::OpenMode::kRead);
  VLOG_CO_RETURN_IF_ERROR(file);
  StatusOr<uint64_t> size = co_await (*file)->Size();
  VLOG_CO_RETURN_IF_ERROR(size);
  co_return co_await (*file)->Read(0, *size);
}

}  // namespace vlog::storage

// Opening a journal: what it left is recovered, its tail is made durable, its loops are started.
#include <algorithm>

#include "base/coding.h"
#include "storage/journal.h"

namespace vlog::storage {
namespace {

constexpr uint32_t kFormatVersion = 1;

}  // namespace

std::string MetaFileName(const std::string& directory) { return directory + "/meta"; }

std::string EncodeMeta(const JournalMeta& meta) {
  std::string out;
  PutFixed(&out, kFormatVersion);
  PutFixed(&out, meta.id.value());
  PutFixed(&out, meta.boot);
  PutFixed(&out, static_cast<uint8_t>(meta.clean_end.has_value()));
  PutFixed(&out, meta.clean_end ? meta.clean_end->segment : 0);
  PutFixed(&out, meta.clean_end ? meta.clean_end->offset : 0);
  return out;
}

StatusOr<JournalMeta> DecodeMeta(const std::string& data) {
  Decoder in(data);
  uint32_t version = in.Fixed<uint32_t>();
  if (in.ok() && version != kFormatVersion) {
    return absl::InvalidArgumentError(absl::StrCat("the journal has format version ", version,
                                                   ", this program knows ", kFormatVersion,
                                                   "; use the program that wrote it"));
  }
  JournalMeta meta;
  meta.id = JournalId(in.Fixed<uint64_t>());
  meta.boot = in.Fixed<uint64_t>();
  bool clean = in.Fixed<uint8_t>() != 0;
  JournalPosition end;
  end.segment = in.Fixed<uint64_t>();
  end.offset = in.Fixed<uint64_t>();
  if (clean) meta.clean_end = end;
  if (!in.done()) return absl::DataLossError("the journal's meta file is damaged");
  return meta;
}

Task<StatusOr<std::unique_ptr<Journal>>> Journal::Open(env::Env& env, std::string directory,
                                                       JournalOptions options,
                                                       StateFactory factory) {
  Status made = co_await env.disk().MakeDirectory(directory);
  VLOG_CO_RETURN_IF_ERROR(made);
  std::unique_ptr<Journal> journal(
      new Journal(env, std::move(directory), options, std::move(factory)));
  Status opened = co_await journal->OpenContents();
  VLOG_CO_RETURN_IF_ERROR(opened);
  journal->tasks_.Spawn(journal->WriteLoop());
  journal->tasks_.Spawn(journal->HousekeepLoop());
  journal->tasks_.Spawn(journal->DeliverLoop());
  co_return std::move(journal);
}

Task<Status> Journal::OpenContents() {
  SegmentFiles& files = contents_.files;
  StatusOr<std::vector<uint64_t>> segments = co_await files.List(false);
  VLOG_CO_RETURN_IF_ERROR(segments);
  contents_.segments = *std::move(segments);
  std::string meta_name = MetaFileName(files.directory());
  StatusOr<std::unique_ptr<StateFile>> meta_file =
      co_await StateFile::Open(env_, meta_name, env::OpenMode::kReadWrite);
  std::optional<JournalPosition> clean_end;
  if (absl::IsNotFound(meta_file.status())) {
    // The meta file is made first: segments without one are not a new journal.
    if (!contents_.segments.empty()) {
      co_return absl::DataLossError(env_.disk().RootName() + "/" + meta_name +
                                    " is missing; restore it from a backup");
    }
    JournalMeta meta;
    meta.id = JournalId(env_.RandomId());
    meta_file = co_await StateFile::Create(env_, meta_name, EncodeMeta(meta));
    VLOG_CO_RETURN_IF_ERROR(meta_file);
  }
  VLOG_CO_RETURN_IF_ERROR(meta_file);
  meta_ = *std::move(meta_file);
  StatusOr<JournalMeta> meta = DecodeMeta(meta_->value());
  VLOG_CO_RETURN_IF_ERROR(meta);
  contents_.id = meta->id;
  boot_ = meta->boot;
  // Segments are made before a life writes anything, and the last one is never discarded.
  bool missing = contents_.segments.empty()
                     ? meta->boot > 0
                     : meta->clean_end && contents_.segments.back() < meta->clean_end->segment;
  if (missing) {
    co_return absl::DataLossError(absl::StrCat(env_.disk().RootName(), "/", files.directory(),
                                               ": segment files are missing; restore them from a "
                                               "backup"));
  }
  if (contents_.segments.empty()) {
    Status made = co_await files.Make(1);
    VLOG_CO_RETURN_IF_ERROR(made);
    contents_.segments.push_back(1);
  }
  StatusOr<Recovered> recovered = co_await Recover(&contents_, meta->clean_end, false);
  VLOG_CO_RETURN_IF_ERROR(recovered);
  if (meta->clean_end && recovered->plan.end < *meta->clean_end) {
    co_return absl::DataLossError(
        absl::StrCat(env_.disk().RootName(), "/", files.directory(), " ends at ",
                     ToString(recovered->plan.end), ", but was closed in good order at ",
                     ToString(*meta->clean_end), "; restore it from a backup"));
  }
  for (auto& index : recovered->unwritten) reader_.Remember(std::move(index));
  checkpoint_ = recovered->checkpoint;
  co_return co_await SettleTail(std::move(recovered->plan));
}

Task<Status> Journal::SettleTail(RecoveryPlan plan) {
  SegmentFiles& files = contents_.files;
  for (uint64_t segment : contents_.segments) {
    if (segment < plan.synced.segment) continue;
    StatusOr<std::shared_ptr<env::File>> file =
        co_await files.Open(segment, env::OpenMode::kReadWrite);
    VLOG_CO_RETURN_IF_ERROR(file);
    StatusOr<uint64_t> size = co_await (*file)->Size();
    VLOG_CO_RETURN_IF_ERROR(size);
    // Groups that were taken above the synced mark may be in the page cache only, even "clean"
    // there after a failed sync: write them again before anybody sees them.
    uint64_t from = segment == plan.synced.segment ? plan.synced.offset : 0;
    uint64_t to = segment < plan.end.segment    ? *size
                  : segment == plan.end.segment ? plan.end.offset
                                                : 0;
    if (from < to) {
      StatusOr<Bytes> data = co_await (*file)->Read(from, to - from);
      VLOG_CO_RETURN_IF_ERROR(data);
      BytesList again(1, *data);
      Status written = co_await (*file)->Write(from, std::move(again), env::Durability::kSynced);
      VLOG_CO_RETURN_IF_ERROR(written);
      mark_due_ = true;
    }
    // What was dropped must never come back to life behind a later, shorter group.
    uint64_t dropped_from = segment == plan.end.segment ? plan.end.offset : 0;
    uint64_t dropped_to = segment < plan.dropped_end.segment ? *size : plan.dropped_end.offset;
    bool dropped = segment >= plan.end.segment && segment <= plan.dropped_end.segment;
    if (dropped && dropped_from < dropped_to) {
      Status zeroed = co_await files.WriteZeros(*file, dropped_from, std::min(dropped_to, *size));
      VLOG_CO_RETURN_IF_ERROR(zeroed);
    }
    if (segment == contents_.active->segment()) {
      file_ = *file;
      written_blocks_ = *size;
      capacity_ = std::max(options_.segment_bytes, *size);
    } else if (segment == contents_.active->segment() + 1) {
      next_ready_ = true;
    }
  }
  VLOG_CHECK(file_ != nullptr, "the active segment is one of those that exist");
  write_end_ = last_end_ = plan.end;
  if (!contents_.damage.empty()) {
    // What the damage did to the streams is decided once, now.
    Status dirty = co_await WriteMeta(std::nullopt);
    VLOG_CO_RETURN_IF_ERROR(dirty);
    marked_dirty_ = true;
    co_await WriteIndex(EncodeNow(false), contents_.active->segment(), last_end_);
  }
  co_return stopped_;
}

Task<Status> Journal::WriteMeta(std::optional<JournalPosition> clean_end) {
  JournalMeta meta;
  meta.id = contents_.id;
  meta.boot = clean_end ? boot_ : ++boot_;
  meta.clean_end = clean_end;
  co_return co_await meta_->Write(EncodeMeta(meta));
}

}  // namespace vlog::storage

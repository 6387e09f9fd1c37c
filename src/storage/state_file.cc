#include "storage/state_file.h"

#include <optional>

#include "base/coding.h"
#include "base/crc32c.h"
#include "storage/atomic_file.h"

namespace vlog::storage {
namespace {

// File: | magic u64 | slot bytes u64 | pad to 4096 | slot 0 | slot 1 |
// Slot: | crc u32 | length u32 | version u64 | value |
constexpr uint64_t kMagic = 0x31455441'54534c56;  // "VLSTATE1"
constexpr uint64_t kHeaderBytes = 4096;
constexpr uint64_t kSlotHeaderBytes = 16;
constexpr uint64_t kSlotUnit = 4096;

std::string EncodeSlot(uint64_t version, const std::string& value) {
  std::string body;
  PutFixed(&body, static_cast<uint32_t>(value.size()));
  PutFixed(&body, version);
  body += value;
  std::string slot;
  PutFixed(&slot, Crc32c(body));
  return slot + body;
}

struct Slot {
  uint64_t version;
  std::string value;
};

std::optional<Slot> DecodeSlot(std::string_view data) {
  Decoder in(data);
  uint32_t crc = in.Fixed<uint32_t>();
  uint32_t length = in.Fixed<uint32_t>();
  uint64_t version = in.Fixed<uint64_t>();
  std::string_view value = in.Raw(length);
  if (!in.ok() || Crc32c(data.substr(4, kSlotHeaderBytes - 4 + length)) != crc) return std::nullopt;
  return Slot{version, std::string(value)};
}

// Room to grow, so that later versions fit in place.
uint64_t SlotBytesFor(size_t value_bytes) {
  uint64_t need = 2 * (kSlotHeaderBytes + value_bytes);
  return (need + kSlotUnit - 1) / kSlotUnit * kSlotUnit;
}

std::string WholeFile(uint64_t slot_bytes, std::string first, std::string second) {
  std::string contents;
  PutFixed(&contents, kMagic);
  PutFixed(&contents, slot_bytes);
  contents.resize(kHeaderBytes, '\0');
  first.resize(slot_bytes, '\0');
  second.resize(slot_bytes, '\0');
  return contents + first + second;
}

}  // namespace

struct StateFile::Copies {
  std::optional<Slot> first;
  std::optional<Slot> second;  // written only when the first is durable

  const Slot& Newest() const {
    return !second || (first && first->version > second->version) ? *first : *second;
  }
  bool Agree() const { return first && second && first->version == second->version; }
};

Task<StatusOr<std::unique_ptr<StateFile>>> StateFile::Create(env::Env& env, std::string name,
                                                             std::string value) {
  StatusOr<std::shared_ptr<env::File>> existing =
      co_await env.disk().Open(name, env::OpenMode::kRead);
  if (existing.ok()) co_return absl::AlreadyExistsError(name + " exists");
  if (!absl::IsNotFound(existing.status())) co_return existing.status();
  std::string slot = EncodeSlot(1, value);
  std::string contents = WholeFile(SlotBytesFor(value.size()), slot, slot);
  Status written = co_await ReplaceFile(env, name, std::move(contents));
  VLOG_CO_RETURN_IF_ERROR(written);
  co_return co_await Open(env, name, env::OpenMode::kReadWrite);
}

Task<StatusOr<std::unique_ptr<StateFile>>> StateFile::Open(env::Env& env, std::string name,
                                                           env::OpenMode mode) {
  StatusOr<std::shared_ptr<env::File>> file = co_await env.disk().Open(name, mode);
  VLOG_CO_RETURN_IF_ERROR(file);
  std::unique_ptr<StateFile> state(new StateFile(env, name));
  state->file_ = *file;
  if (mode == env::OpenMode::kRead) {
    Status read = co_await state->Refresh();
    VLOG_CO_RETURN_IF_ERROR(read);
    co_return std::move(state);
  }
  StatusOr<Copies> copies = co_await state->ReadCopies();
  VLOG_CO_RETURN_IF_ERROR(copies);
  const Slot& newest = copies->Newest();
  state->version_ = newest.version;
  state->value_ = newest.value;
  if (!copies->Agree()) {
    // A write was cut short. What is taken for the value must be durable before it is used.
    Bytes slot(EncodeSlot(newest.version, newest.value));
    Status repaired = co_await state->WriteCopies(std::move(slot));
    VLOG_CO_RETURN_IF_ERROR(repaired);
  }
  co_return std::move(state);
}

Task<StatusOr<StateFile::Copies>> StateFile::ReadCopies() {
  StatusOr<uint64_t> size = co_await file_->Size();
  VLOG_CO_RETURN_IF_ERROR(size);
  StatusOr<Bytes> data = co_await file_->Read(0, *size);
  VLOG_CO_RETURN_IF_ERROR(data);
  Decoder in(data->view());
  uint64_t magic = in.Fixed<uint64_t>();
  slot_bytes_ = in.Fixed<uint64_t>();
  if (!in.ok() || magic != kMagic || slot_bytes_ > data->size() ||
      data->size() < kHeaderBytes + 2 * slot_bytes_) {
    co_return absl::DataLossError(name_ + " is damaged: not a state file");
  }
  Copies copies;
  copies.first = DecodeSlot(data->view().substr(kHeaderBytes, slot_bytes_));
  copies.second = DecodeSlot(data->view().substr(kHeaderBytes + slot_bytes_, slot_bytes_));
  if (!copies.first && !copies.second) {
    co_return absl::DataLossError(name_ + " is damaged: neither copy is intact");
  }
  co_return std::move(copies);
}

Task<Status> StateFile::Refresh() {
  // A value that outgrew its file lies in another one under the same name.
  StatusOr<std::shared_ptr<env::File>> file =
      co_await env_.disk().Open(name_, env::OpenMode::kRead);
  VLOG_CO_RETURN_IF_ERROR(file);
  file_ = *file;
  StatusOr<Copies> copies = co_await ReadCopies();
  VLOG_CO_RETURN_IF_ERROR(copies);
  const Slot& durable = copies->second ? *copies->second : *copies->first;
  version_ = durable.version;
  value_ = durable.value;
  co_return absl::OkStatus();
}

Task<Status> StateFile::WriteCopies(Bytes slot) {
  BytesList data(1, slot);
  Status written = co_await file_->Write(kHeaderBytes, data, env::Durability::kSynced);
  VLOG_CO_RETURN_IF_ERROR(written);
  written = co_await file_->Write(kHeaderBytes + slot_bytes_, data, env::Durability::kSynced);
  // The first copy holds: the value is in force, but this file does not know it.
  if (!written.ok()) co_return absl::UnknownError(Message(written));
  co_return absl::OkStatus();
}

Task<Status> StateFile::Grow(size_t value_bytes) {
  // The old value in a file with more room: a reader sees nothing new before its name is durable.
  uint64_t slot_bytes = SlotBytesFor(value_bytes);
  std::string slot = EncodeSlot(version_, value_);
  Status written = co_await ReplaceFile(env_, name_, WholeFile(slot_bytes, slot, slot));
  VLOG_CO_RETURN_IF_ERROR(written);
  StatusOr<std::shared_ptr<env::File>> file =
      co_await env_.disk().Open(name_, env::OpenMode::kReadWrite);
  VLOG_CO_RETURN_IF_ERROR(file);
  file_ = *file;
  slot_bytes_ = slot_bytes;
  co_return absl::OkStatus();
}

Task<Status> StateFile::Write(std::string value) {
  if (kSlotHeaderBytes + value.size() > slot_bytes_) {
    Status grown = co_await Grow(value.size());
    VLOG_CO_RETURN_IF_ERROR(grown);
  }
  Bytes slot(EncodeSlot(version_ + 1, value));
  Status written = co_await WriteCopies(std::move(slot));
  VLOG_CO_RETURN_IF_ERROR(written);
  version_ += 1;
  value_ = std::move(value);
  co_return absl::OkStatus();
}

}  // namespace vlog::storage

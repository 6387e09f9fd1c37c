#include "storage/format.h"

#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog::storage {
namespace {

constexpr uint16_t kGroupKind = 0x4756;  // "VG"
constexpr uint16_t kEntryKind = 0x4556;  // "VE"
constexpr size_t kKindAt = 4;
constexpr size_t kCopyBelow =
    4096;  // payloads shorter than this are copied into the group's buffer

constexpr size_t Padded(size_t bytes) { return (bytes + 7) / 8 * 8; }

uint32_t Seed(JournalId journal, JournalPosition at) {
  std::string seed;
  PutFixed(&seed, journal.value());
  PutFixed(&seed, at.segment);
  PutFixed(&seed, at.offset);
  return Crc32c(seed);
}

// Appends header and meta, checksummed.
void PutHeader(std::string* out, JournalId journal, JournalPosition at, uint16_t kind,
               const Entry& entry) {
  VLOG_CHECK(entry.meta.size() <= UINT16_MAX, "an entry's meta is small");
  size_t start = out->size();
  PutFixed(out, uint32_t{0});
  PutFixed(out, kind);
  PutFixed(out, static_cast<uint16_t>(entry.meta.size()));
  PutFixed(out, static_cast<uint32_t>(entry.payload.size()));
  PutFixed(out, entry.payload_crc);
  PutFixed(out, entry.stream.value());
  PutFixed(out, entry.first);
  PutFixed(out, entry.count);
  PutFixed(out, entry.type);
  PutFixed(out, uint16_t{0});
  out->append(entry.meta);
  std::string_view covered = std::string_view(*out).substr(start + sizeof(uint32_t));
  uint32_t crc = Crc32c(covered, Seed(journal, at));
  std::memcpy(out->data() + start, &crc, sizeof crc);
}

std::string EncodeGroupMeta(const GroupHeader& header) {
  std::string meta;
  PutFixed(&meta, header.synced_up_to.segment);
  PutFixed(&meta, header.synced_up_to.offset);
  PutFixed(&meta, header.previous_end.segment);
  PutFixed(&meta, header.previous_end.offset);
  PutFixed(&meta, header.ordinal);
  PutFixed(&meta, header.body_bytes);
  return meta;
}

GroupHeader DecodeGroupMeta(std::string_view meta) {
  Decoder in(meta);
  GroupHeader header;
  header.synced_up_to.segment = in.Fixed<uint64_t>();
  header.synced_up_to.offset = in.Fixed<uint64_t>();
  header.previous_end.segment = in.Fixed<uint64_t>();
  header.previous_end.offset = in.Fixed<uint64_t>();
  header.ordinal = in.Fixed<uint64_t>();
  header.body_bytes = in.Fixed<uint32_t>();
  return header;
}

}  // namespace

std::string ToString(const JournalPosition& position) {
  return absl::StrFormat("segment %d byte %d", position.segment, position.offset);
}

size_t EntryFrameBytes(const Entry& entry) {
  return Padded(kFrameHeaderBytes + entry.meta.size() + entry.payload.size());
}

BytesList EncodeGroup(JournalId journal, JournalPosition at, GroupHeader header,
                      const std::vector<Entry>& entries) {
  header.body_bytes = 0;
  for (const Entry& entry : entries) {
    header.body_bytes += static_cast<uint32_t>(EntryFrameBytes(entry));
  }
  BytesList parts;
  std::string buffer;
  Entry group;
  group.meta = EncodeGroupMeta(header);
  PutHeader(&buffer, journal, at, kGroupKind, group);
  buffer.resize(kGroupFrameBytes, '\0');
  uint64_t offset = at.offset + kGroupFrameBytes;
  for (const Entry& entry : entries) {
    PutHeader(&buffer, journal, {at.segment, offset}, kEntryKind, entry);
    if (entry.payload.size() < kCopyBelow) {
      buffer.append(entry.payload.view());
    } else {
      parts.emplace_back(std::move(buffer));
      buffer.clear();
      parts.push_back(entry.payload);
    }
    size_t unpadded = kFrameHeaderBytes + entry.meta.size() + entry.payload.size();
    buffer.append(Padded(unpadded) - unpadded, '\0');
    offset += Padded(unpadded);
  }
  if (!buffer.empty()) parts.emplace_back(std::move(buffer));
  return parts;
}

bool MayBeFrame(std::string_view data) {
  uint16_t kind = GetFixed<uint16_t>(data.data() + kKindAt);
  return kind == kGroupKind || kind == kEntryKind;
}

FrameState DecodeFrame(JournalId journal, JournalPosition at, const Bytes& data, Frame* frame) {
  std::string_view view = data.view();
  if (view.size() < kFrameHeaderBytes || !MayBeFrame(view)) return FrameState::kInvalid;
  uint16_t kind = GetFixed<uint16_t>(view.data() + kKindAt);
  Decoder in(view);
  uint32_t header_crc = in.Fixed<uint32_t>();
  in.Fixed<uint16_t>();
  size_t meta_length = in.Fixed<uint16_t>();
  size_t payload_length = in.Fixed<uint32_t>();
  frame->at = at;
  frame->group.reset();
  Entry& entry = frame->entry;
  entry.payload_crc = in.Fixed<uint32_t>();
  entry.stream = StreamId(in.Fixed<uint64_t>());
  entry.first = in.Fixed<uint64_t>();
  entry.count = in.Fixed<uint32_t>();
  entry.type = in.Fixed<uint16_t>();
  in.Fixed<uint16_t>();
  std::string_view meta = in.Raw(meta_length);
  if (!in.ok()) return FrameState::kInvalid;
  std::string_view covered = view.substr(4, kFrameHeaderBytes - 4 + meta_length);
  if (Crc32c(covered, Seed(journal, at)) != header_crc) return FrameState::kInvalid;
  entry.meta.assign(meta);
  frame->bytes = Padded(kFrameHeaderBytes + meta_length + payload_length);
  if (kind == kGroupKind) {
    frame->group = DecodeGroupMeta(meta);
    return meta_length == kGroupMetaBytes ? FrameState::kValid : FrameState::kInvalid;
  }
  if (view.size() < frame->bytes) return FrameState::kInvalid;
  entry.payload = data.Slice(kFrameHeaderBytes + meta_length, payload_length);
  return Crc32c(entry.payload.view()) == entry.payload_crc ? FrameState::kValid
                                                           : FrameState::kBadPayload;
}

}  // namespace vlog::storage

// The bytes of a journal segment. Pure.
//
// A segment is a row of groups; a group is what one write carried and one sync covered. Each group
// is a group frame followed by its entry frames:
//
//   | group | entry | entry | group | entry | group | ... (zeros, or what an earlier life left)
//
//   frame:  header_crc u32 | kind u16 | meta_length u16 | payload_length u32 | payload_crc u32 |
//           stream u64 | first u64 | count u32 | type u16 | zero u16 | meta | payload | pad to 8
//
// The header checksum covers header and meta and is seeded with {journal id, segment number,
// offset}: what an earlier life of a recycled segment left, or what was written to a wrong place,
// is never valid. The payload checksum comes from whoever formed the payload and is not computed
// again.
#ifndef VLOG_STORAGE_FORMAT_H_
#define VLOG_STORAGE_FORMAT_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace vlog::storage {

using StreamId = Id<struct StreamIdTag>;  // of one stream in one journal; 0 = the journal itself
using JournalId = Id<struct JournalIdTag>;

// A byte position in the journal. Segment numbers grow and are never used twice.
struct JournalPosition {
  uint64_t segment = 0;
  uint64_t offset = 0;
  friend constexpr auto operator<=>(const JournalPosition&, const JournalPosition&) = default;
};
std::string ToString(const JournalPosition& position);

// One thing that a stream wrote. `first` and `count` are the stream's own positions that it covers
// (count is 0 for what covers none); the journal indexes by them. `meta` is small and is read
// without the payload.
struct Entry {
  StreamId stream;
  uint16_t type = 0;
  uint64_t first = 0;
  uint32_t count = 0;
  std::string meta;
  Bytes payload;
  uint32_t payload_crc = 0;  // Crc32c(payload)
};

struct GroupHeader {
  JournalPosition synced_up_to;  // everything below was durable when this group was formed
  JournalPosition previous_end;  // where the group before this one ends
  uint64_t ordinal = 0;          // sum of the counts of all entries before this group
  uint32_t body_bytes = 0;       // of the entry frames that follow
};

inline constexpr size_t kFrameHeaderBytes = 40;
inline constexpr size_t kGroupMetaBytes = 44;
inline constexpr size_t kGroupFrameBytes = (kFrameHeaderBytes + kGroupMetaBytes + 7) / 8 * 8;

// The bytes of an entry's frame, padding included.
size_t EntryFrameBytes(const Entry& entry);

// The bytes of one group that starts at `at`. Payloads of some size are referenced, not copied.
// header.body_bytes is computed here.
BytesList EncodeGroup(JournalId journal, JournalPosition at, GroupHeader header,
                      const std::vector<Entry>& entries);

// One frame found at `at`.
struct Frame {
  JournalPosition at;
  uint64_t bytes = 0;  // length, padding included
  std::optional<GroupHeader> group;
  Entry entry;  // if it is no group frame
  JournalPosition end() const { return {at.segment, at.offset + bytes}; }
};

enum class FrameState { kValid, kBadPayload, kInvalid };

// A quick look that rules most positions out. REQUIRES: kFrameHeaderBytes readable bytes.
bool MayBeFrame(std::string_view data);

// Reads the frame at the start of `data`, which lies at `at`. kBadPayload: an entry whose header
// and meta are intact but whose payload is not. kInvalid also if `data` ends before the frame does.
FrameState DecodeFrame(JournalId journal, JournalPosition at, const Bytes& data, Frame* frame);

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_FORMAT_H_

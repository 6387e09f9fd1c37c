// What a journal holds, as the writer and a reader beside it see it.
#ifndef VLOG_STORAGE_JOURNAL_CONTENTS_H_
#define VLOG_STORAGE_JOURNAL_CONTENTS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/recovery_core.h"
#include "storage/segment_files.h"
#include "storage/segment_index.h"
#include "storage/stream_table.h"

namespace vlog::storage {

// The journal's own small state.
struct JournalMeta {
  JournalId id;
  uint64_t boot = 0;  // grows with every life that writes
  // Set while no life writes: where the last one stopped in good order.
  std::optional<JournalPosition> clean_end;
};
std::string MetaFileName(const std::string& directory);
std::string EncodeMeta(const JournalMeta& meta);
// kDataLoss; kInvalidArgument for another format version.
StatusOr<JournalMeta> DecodeMeta(const std::string& data);

struct JournalContents {
  JournalContents(env::Env& env, std::string directory, uint64_t segment_bytes,
                  StateFactory factory)
      : files(env, std::move(directory), segment_bytes), streams(std::move(factory)) {}

  // Starts the index of the segment that follows; the index so far is kept as a closed one.
  void BeginSegment(uint64_t segment) {
    auto next = std::make_shared<SegmentIndex>(segment, streams);
    active = std::move(next);
  }

  // Takes a durable entry of the group that starts at `group_offset` of the active segment.
  Status Apply(const Entry& entry, uint64_t group_offset) {
    if (entry.count > 0) {
      active->Add(entry.stream, entry.first, entry.first + entry.count, group_offset);
    }
    return streams.Apply(entry);
  }

  JournalId id;
  SegmentFiles files;
  StreamTable streams;
  std::vector<uint64_t> segments;  // that exist, rising; the active one and a prepared one too
  std::shared_ptr<SegmentIndex> active;  // of the segment that is written now
  JournalPosition durable_end;           // everything below is durable and applied
  uint64_t ordinal = 0;                  // records below durable_end, of all streams
  std::vector<Damage> damage;            // found when the journal was opened
};

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_JOURNAL_CONTENTS_H_

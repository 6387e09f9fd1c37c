// Reads one stream's entries from the segments of a journal.
#ifndef VLOG_STORAGE_JOURNAL_READER_H_
#define VLOG_STORAGE_JOURNAL_READER_H_

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "storage/journal_contents.h"

namespace vlog::storage {

struct JournalRead {
  std::vector<Entry> entries;  // consecutive, in order; payloads point into shared buffers
  // If `entries` is empty: positions [from, lost_end) cannot be read for ever.
  uint64_t lost_end = 0;
};

// Thread rule: the Env's executor. Reads may overlap. Memory is bounded: a few indexes and files
// are kept open, whatever the size of the journal.
class JournalReader {
 public:
  explicit JournalReader(JournalContents& contents) : contents_(contents) {}

  // Entries of `stream` that cover [from, ...), at least one, up to about `max_bytes` of payload
  // and none that begins at `to` or above. REQUIRES: from < to <= the stream's end(). kOutOfRange:
  // `from` is below the stream's trim point. kUnavailable: the disk did not answer.
  Task<StatusOr<JournalRead>> Read(StreamId stream, uint64_t from, uint64_t to, size_t max_bytes);

  // The index of a closed segment; rebuilt by a scan if its file is damaged.
  Task<StatusOr<std::shared_ptr<SegmentIndex>>> IndexOf(uint64_t segment);
  // Where the last group of a closed segment ends, as the next segment's first group says; none if
  // that is not there or damaged.
  Task<StatusOr<std::optional<uint64_t>>> EndOfSegment(uint64_t segment);
  // A closed segment's index that is at hand.
  void Remember(std::shared_ptr<SegmentIndex> index);
  void Forget(uint64_t segment);

 private:
  struct Hint {
    uint64_t next;
    JournalPosition at;
  };
  struct Scan;
  Task<StatusOr<JournalPosition>> Locate(StreamId stream, uint64_t from);
  Task<StatusOr<std::shared_ptr<env::File>>> FileOf(uint64_t segment);
  // Scans one segment forward; true when the read is complete.
  Task<StatusOr<bool>> ScanSegment(Scan* scan, JournalPosition at);
  // Scans the bytes at `at`; returns how many it is done with. 0: the first frame is cut off.
  uint64_t ScanChunk(Scan* scan, JournalPosition at, const Bytes& data, bool more_behind);
  Task<StatusOr<std::shared_ptr<SegmentIndex>>> Rebuild(uint64_t segment);

  JournalContents& contents_;
  std::list<std::shared_ptr<SegmentIndex>> indexes_;  // most recently used first
  std::list<std::pair<uint64_t, std::shared_ptr<env::File>>> open_files_;
  std::map<StreamId, Hint> hints_;
};

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_JOURNAL_READER_H_

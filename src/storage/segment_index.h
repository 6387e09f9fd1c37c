// The sparse index of one journal segment, and the checkpoint of the journal as of some point in
// it. Pure. One small file a segment holds both: recovery starts at the newest, reads find their
// place with the others. Its size depends on the segment's size and the number of live streams, not
// on the number of records.
#ifndef VLOG_STORAGE_SEGMENT_INDEX_H_
#define VLOG_STORAGE_SEGMENT_INDEX_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/format.h"
#include "storage/stream_table.h"

namespace vlog::storage {

class SegmentIndex {
 public:
  // The index of a segment that begins now: remembers where each live stream stands.
  SegmentIndex(uint64_t segment, const StreamTable& streams);
  explicit SegmentIndex(uint64_t segment) : segment_(segment) {}

  // A group that starts at `offset` holds an entry of `stream` that covers [first, end).
  void Add(StreamId stream, uint64_t first, uint64_t end, uint64_t offset);

  uint64_t segment() const { return segment_; }
  // True if it was made by a scan: it knows only the streams that the segment holds.
  bool rebuilt() const { return rebuilt_; }
  void set_rebuilt() { rebuilt_ = true; }
  // The stream's first position that may lie in this segment; none if the stream did not exist yet.
  std::optional<uint64_t> StartOf(StreamId stream) const;
  // The offset of a group from which a forward scan meets position `first` of `stream`, or learns
  // that it is lost; none if the segment holds nothing of the stream.
  std::optional<uint64_t> Seek(StreamId stream, uint64_t first) const;
  // The streams that the segment holds positions of, and the end of those positions.
  const std::map<StreamId, uint64_t>& ends() const { return ends_; }

  void EncodeTo(std::string* out) const;
  static StatusOr<SegmentIndex> Decode(std::string_view data);

 private:
  struct Point {
    uint64_t first;
    uint64_t offset;
  };
  uint64_t segment_;
  bool rebuilt_ = false;
  std::map<StreamId, uint64_t> starts_;
  std::map<StreamId, uint64_t> ends_;
  std::map<StreamId, std::vector<Point>> points_;  // rising in both members
};

// Everything below `at` is durable and counted in.
struct Checkpoint {
  JournalPosition at;
  uint64_t ordinal = 0;
  StreamId next_stream{1};
  std::string streams;  // encoded states, see EncodeStreams
  bool closed = false;  // nothing follows in the segment of `at`
  SegmentIndex index{0};
};

std::string EncodeStreams(const StreamTable& streams);
Status DecodeStreams(std::string_view data, StreamTable* streams);
std::string EncodeCheckpoint(JournalId journal, const Checkpoint& checkpoint);
// kDataLoss if the bytes are not an intact checkpoint of this journal.
StatusOr<Checkpoint> DecodeCheckpoint(JournalId journal, std::string_view data);

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_SEGMENT_INDEX_H_

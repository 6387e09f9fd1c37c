// Where the records of a replicated log lie in its journal stream. Pure.
//
// A journal stream is written forward only, but a replicated log is rewritten in places: an entry
// may be cut off and written again, no-ops hold no record, slots are accepted out of order. So each
// entry occupies positions at the stream's end when it is written, one for each record of its batch
// and at least one, and this map says which of them count. While entries follow each other
// undisturbed it stays one run.
//
//   run: {index, offset, position} -> the next entries have consecutive indexes, and position minus
//        offset is the same for all of them
//
// Invariants: indexes, offsets and runs rise; positions of different runs need not.
#ifndef VLOG_LOGLETS_REPLICATED_LOG_MAP_H_
#define VLOG_LOGLETS_REPLICATED_LOG_MAP_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/coding.h"
#include "base/ids.h"

namespace vlog::loglets::replicated {

class LogMap {
 public:
  // Entries [index, end_index) hold the records [offset, end_offset) and lie in [position,
  // end_position) of the stream, in this order and with nothing between them.
  struct Run {
    uint64_t index = 0;
    uint64_t end_index = 0;
    Offset offset;
    Offset end_offset;
    uint64_t position = 0;
    uint64_t end_position = 0;
  };

  // The next entry, which occupies `positions`. `records` is 0 for a no-op, SEAL or a void batch,
  // else equal to `positions`. REQUIRES: index and offset are the ends of what is mapped, if
  // anything is.
  void Append(uint64_t index, Offset offset, uint32_t records, uint64_t position,
              uint32_t positions);
  // Takes back the entries from `index` on; the first of them began at `offset` and `position`.
  // REQUIRES: it was mapped, or is the end.
  void Cut(uint64_t index, Offset offset, uint64_t position);
  // Forgets runs that end at or below `index`: nobody asks for them any more.
  void ForgetBelow(uint64_t index);

  // The run that holds the record at `offset` / the entry `index`. None: not mapped.
  std::optional<Run> FindOffset(Offset offset) const;
  std::optional<Run> FindIndex(uint64_t index) const;
  // The lowest position that is still mapped; none if nothing is.
  std::optional<uint64_t> lowest_position() const;
  bool empty() const { return runs_.empty(); }
  size_t runs() const { return runs_.size(); }

  void EncodeTo(std::string* out) const;
  static LogMap Decode(Decoder& in);  // ok() of `in` tells whether it was one

 private:
  std::deque<Run> runs_;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_LOG_MAP_H_

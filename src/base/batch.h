// A batch: the unit in which records are ordered, stored, repaired and deduplicated, for ever. It
// holds consecutive sequence numbers of one writer. The header may change when the batch moves to
// another loglet (its `prev` does); the body never does and is checksummed once, when it is formed.
//
//   body:  | length u32 | payload | length u32 | payload | ...
#ifndef VLOG_BASE_BATCH_H_
#define VLOG_BASE_BATCH_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"

namespace vlog {

struct BatchHeader {
  WriterId writer;
  SeqNo first;         // sequence number of the first record
  uint32_t count = 0;  // records, at least 1
  // Set: the writer's first batch in this loglet. Otherwise `prev` is the writer's last sequence
  // number before this batch, and the loglet takes the batch only if that is the last it took.
  bool first_in_loglet = true;
  SeqNo prev;

  SeqNo end() const { return first + count; }
  SeqNo last() const { return first + (count - 1); }
  friend bool operator==(const BatchHeader&, const BatchHeader&) = default;
};

inline constexpr size_t kBatchHeaderBytes = 32;
std::string EncodeBatchHeader(const BatchHeader& header);
// kDataLoss if `data` is no header.
StatusOr<BatchHeader> DecodeBatchHeader(std::string_view data);

struct Batch {
  BatchHeader header;
  Bytes body;
  uint32_t body_crc = 0;  // Crc32c(body)
};

// The bytes that a record of `payload_size` bytes adds to a body.
constexpr size_t RecordBytes(size_t payload_size) { return sizeof(uint32_t) + payload_size; }

// Forms a body record by record; the only copy that a payload sees on its way to the disk.
class BatchBuilder {
 public:
  BatchBuilder(WriterId writer, SeqNo first) : writer_(writer), first_(first) {}
  // Makes room for a body of about so many bytes.
  void Reserve(size_t body_bytes) { body_.reserve(body_bytes); }
  void Add(std::string_view payload);
  uint32_t count() const { return count_; }
  size_t body_bytes() const { return body_.size(); }
  // The finished batch, marked as the first in its loglet. REQUIRES: count() > 0.
  Batch Finish() &&;

 private:
  WriterId writer_;
  SeqNo first_;
  uint32_t count_ = 0;
  std::string body_;
};

// Walks the payloads of a body. A malformed body ends the walk early with ok() false.
class RecordCursor {
 public:
  explicit RecordCursor(std::string_view body) : rest_(body) {}
  // False at the end. On true, payload() is the next record and points into the body.
  bool Next();
  void Skip(uint64_t records);
  std::string_view payload() const { return payload_; }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  std::string_view payload_;
  bool ok_ = true;
};

// OK if the body holds exactly header.count records and has its checksum, else kDataLoss.
Status ValidateBatch(const Batch& batch);

}  // namespace vlog

#endif  // VLOG_BASE_BATCH_H_

#include "base/batch.h"

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"

namespace vlog {

std::string EncodeBatchHeader(const BatchHeader& header) {
  std::string out;
  out.reserve(kBatchHeaderBytes);
  PutFixed(&out, header.writer.value());
  PutFixed(&out, header.first.value());
  PutFixed(&out, header.prev.value());
  PutFixed(&out, header.count);
  PutFixed(&out, static_cast<uint32_t>(header.first_in_loglet));
  return out;
}

StatusOr<BatchHeader> DecodeBatchHeader(std::string_view data) {
  Decoder in(data);
  BatchHeader header;
  header.writer = WriterId(in.Fixed<uint64_t>());
  header.first = SeqNo(in.Fixed<uint64_t>());
  header.prev = SeqNo(in.Fixed<uint64_t>());
  header.count = in.Fixed<uint32_t>();
  header.first_in_loglet = in.Fixed<uint32_t>() != 0;
  if (!in.done() || header.count == 0) return absl::DataLossError("malformed batch header");
  return header;
}

void BatchBuilder::Add(std::string_view payload) {
  VLOG_CHECK(payload.size() <= UINT32_MAX, "a record's length fits 32 bits");
  PutFixed(&body_, static_cast<uint32_t>(payload.size()));
  body_.append(payload);
  ++count_;
}

Batch BatchBuilder::Finish() && {
  VLOG_CHECK(count_ > 0, "a batch holds at least one record");
  Batch batch;
  batch.header.writer = writer_;
  batch.header.first = first_;
  batch.header.count = count_;
  batch.body = Bytes(std::move(body_));
  batch.body_crc = Crc32c(batch.body.view());
  return batch;
}

bool RecordCursor::Next() {
  if (rest_.empty()) return false;
  if (rest_.size() < sizeof(uint32_t)) {
    ok_ = false;
    return false;
  }
  uint32_t length = GetFixed<uint32_t>(rest_.data());
  rest_.remove_prefix(sizeof(uint32_t));
  if (rest_.size() < length) {
    ok_ = false;
    return false;
  }
  payload_ = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return true;
}

void RecordCursor::Skip(uint64_t records) {
  while (records-- > 0 && Next()) {
  }
}

Status ValidateBatch(const Batch& batch) {
  if (Crc32c(batch.body.view()) != batch.body_crc) {
    return absl::DataLossError("a batch does not have its checksum");
  }
  RecordCursor cursor(batch.body.view());
  uint32_t count = 0;
  while (cursor.Next()) ++count;
  if (!cursor.ok() || count != batch.header.count) {
    return absl::DataLossError("a batch does not hold the records that its header says");
  }
  return absl::OkStatus();
}

}  // namespace vlog

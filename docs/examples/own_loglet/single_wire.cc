#include "single_wire.h"

#include <utility>

#include "base/coding.h"

namespace single {

using vlog::Offset;

std::string Encode(const Question& question) {
  std::string out;
  vlog::PutString(&out, question.loglet.log);
  vlog::PutFixed(&out, question.loglet.segment.value());
  vlog::PutFixed(&out, question.loglet.proposal.value());
  vlog::PutFixed(&out, question.from.value());
  vlog::PutFixed(&out, question.to.value());
  vlog::PutFixed(&out, question.max_bytes);
  vlog::PutFixed(&out, static_cast<int64_t>(question.wait.count()));
  vlog::PutString(&out, question.text);
  return out;
}

vlog::StatusOr<Question> DecodeQuestion(std::string_view header) {
  vlog::Decoder in(header);
  Question question;
  question.loglet.log = std::string(in.String());
  question.loglet.segment = vlog::SegmentIndex(in.Fixed<uint64_t>());
  question.loglet.proposal = vlog::ProposalId(in.Fixed<uint64_t>());
  question.from = Offset(in.Fixed<uint64_t>());
  question.to = Offset(in.Fixed<uint64_t>());
  question.max_bytes = in.Fixed<uint64_t>();
  question.wait = vlog::Duration(in.Fixed<int64_t>());
  question.text = std::string(in.String());
  if (!in.done() || question.loglet.log.empty()) {
    return absl::InvalidArgumentError("this is no question to a single loglet");
  }
  return question;
}

vlog::rpc::Message Encode(const Answer& answer) {
  vlog::rpc::Message message;
  std::string* out = &message.header;
  vlog::PutFixed(out, answer.offset.value());
  vlog::PutFixed(out, answer.trim.value());
  vlog::PutFixed(out, answer.tail.value());
  vlog::PutFixed(out, static_cast<uint8_t>(answer.sealed));
  vlog::PutString(out, answer.proposal);
  vlog::PutFixed(out, answer.lost_end.value());
  vlog::PutFixed(out, static_cast<uint32_t>(answer.batches.size()));
  for (const vlog::loglets::StoredBatch& stored : answer.batches) {
    vlog::PutFixed(out, stored.first.value());
    vlog::PutString(out, vlog::EncodeBatchHeader(stored.batch.header));
    vlog::PutFixed(out, static_cast<uint64_t>(stored.batch.body.size()));
    vlog::PutFixed(out, stored.batch.body_crc);
    message.payload.pieces.push_back(stored.batch.body);
  }
  // Each body has a checksum of its own, which was made when the batch was formed.
  message.payload.checked_by_receiver = true;
  return message;
}

vlog::StatusOr<Answer> DecodeAnswer(std::string_view header, const vlog::Bytes& payload) {
  vlog::Status malformed = absl::DataLossError("this is no answer of a single loglet");
  vlog::Decoder in(header);
  Answer answer;
  answer.offset = Offset(in.Fixed<uint64_t>());
  answer.trim = Offset(in.Fixed<uint64_t>());
  answer.tail = Offset(in.Fixed<uint64_t>());
  answer.sealed = in.Fixed<uint8_t>() != 0;
  answer.proposal = std::string(in.String());
  answer.lost_end = Offset(in.Fixed<uint64_t>());
  uint32_t count = in.Fixed<uint32_t>();
  uint64_t at = 0;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    vlog::loglets::StoredBatch stored;
    stored.first = Offset(in.Fixed<uint64_t>());
    vlog::StatusOr<vlog::BatchHeader> batch = vlog::DecodeBatchHeader(in.String());
    VLOG_RETURN_IF_ERROR(batch);
    stored.batch.header = *batch;
    uint64_t bytes = in.Fixed<uint64_t>();
    stored.batch.body_crc = in.Fixed<uint32_t>();
    // Lengths that a peer names are compared with what is there before they are believed.
    if (!in.ok() || bytes > payload.size() - at) return malformed;
    stored.batch.body = payload.Slice(at, bytes);
    at += bytes;
    vlog::Status whole = vlog::ValidateBatch(stored.batch);
    VLOG_RETURN_IF_ERROR(whole);
    answer.batches.push_back(std::move(stored));
  }
  if (!in.done() || at != payload.size()) return malformed;
  return answer;
}

}  // namespace single

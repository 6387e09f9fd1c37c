#include "loglets/sequencer/wire.h"

#include <algorithm>

#include "base/coding.h"
#include "base/crc32c.h"
#include "loglets/sequencer/sequencer.pb.h"

namespace vlog::loglets::sequencer {
namespace {

constexpr size_t kRowBytes = kBatchHeaderBytes + 2 * sizeof(uint32_t);
constexpr size_t kMaxLogNameBytes = 1024;
constexpr uint64_t kMaxWaitMs = 60'000;
constexpr auto kLastServerCode = static_cast<uint32_t>(ServerCode::kMalformed);
constexpr auto kLastReadCode = static_cast<uint32_t>(ReadCode::kWrongDisk);
constexpr auto kLastWaitFor = static_cast<uint32_t>(WaitFor::kKnown);

Status Malformed(const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("malformed message of a sequencer loglet: ", what));
}

void Put(const LogletId& id, pb::Loglet* out) {
  out->set_log(id.log);
  out->set_segment(id.segment.value());
  out->set_proposal(id.proposal.value());
}

StatusOr<LogletId> Get(const pb::Loglet& in) {
  if (in.log().empty() || in.log().size() > kMaxLogNameBytes) return Malformed("no loglet");
  return LogletId{in.log(), SegmentIndex(in.segment()), ProposalId(in.proposal())};
}

// ---- batches ----

void PutRow(const Batch& batch, std::string* rows) {
  *rows += EncodeBatchHeader(batch.header);
  PutFixed(rows, static_cast<uint32_t>(batch.body.size()));
  PutFixed(rows, batch.body_crc);
}

rpc::Payload Put(const std::vector<PlacedBatch>& batches, pb::Batches* out) {
  rpc::Payload payload;
  payload.checked_by_receiver = true;
  if (batches.empty()) return payload;
  out->set_first(batches.front().first.value());
  std::string* rows = out->mutable_rows();
  rows->reserve(batches.size() * kRowBytes);
  for (const PlacedBatch& placed : batches) {
    PutRow(placed.batch, rows);
    if (!placed.batch.body.empty()) payload.pieces.push_back(placed.batch.body);
  }
  return payload;
}

StatusOr<std::vector<PlacedBatch>> Get(const pb::Batches& in, const Bytes& payload) {
  const std::string& rows = in.rows();
  size_t count = rows.size() / kRowBytes;
  if (rows.size() % kRowBytes != 0 || count > kMaxBatches) return Malformed("rows of batches");
  std::vector<PlacedBatch> batches;
  batches.reserve(count);
  uint64_t at = in.first();
  size_t taken = 0;
  for (size_t i = 0; i < count; ++i) {
    Decoder row(std::string_view(rows).substr(i * kRowBytes, kRowBytes));
    StatusOr<BatchHeader> header = DecodeBatchHeader(row.Raw(kBatchHeaderBytes));
    if (!header.ok()) return Malformed("a batch header");
    auto size = row.Fixed<uint32_t>();
    if (size > payload.size() - taken) return Malformed("a body is cut off");
    if (at > UINT64_MAX - header->count) return Malformed("an impossible offset");
    PlacedBatch placed;
    placed.first = Offset(at);
    placed.batch.header = *header;
    placed.batch.body = payload.Slice(taken, size);
    placed.batch.body_crc = row.Fixed<uint32_t>();
    if (Crc32c(placed.batch.body.view()) != placed.batch.body_crc) {
      return absl::DataLossError("a batch arrived without its checksum");
    }
    taken += size;
    at += header->count;
    batches.push_back(std::move(placed));
  }
  if (taken != payload.size()) return Malformed("bytes behind the last batch");
  return batches;
}

// ---- requests ----

pb::ServerRequest Begin(const LogletId& loglet, DiskId disk) {
  pb::ServerRequest out;
  Put(loglet, out.mutable_loglet());
  out.set_disk(disk.value());
  return out;
}

struct Parsed {
  LogletId loglet;
  DiskId disk;
  pb::ServerRequest in;
};

StatusOr<Parsed> Parse(const std::string& header) {
  Parsed parsed;
  if (!parsed.in.ParseFromString(header)) return Malformed("header");
  StatusOr<LogletId> loglet = Get(parsed.in.loglet());
  VLOG_RETURN_IF_ERROR(loglet);
  if (parsed.in.proposal().size() > kMaxProposalBytes) return Malformed("a large proposal");
  parsed.loglet = *std::move(loglet);
  parsed.disk = DiskId(parsed.in.disk());
  return parsed;
}

// ---- what a server says of itself ----

void Put(const ServerWord& word, pb::ServerReply* out) {
  out->set_code(static_cast<uint32_t>(word.code));
  out->set_sealed(word.sealed);
  out->set_durable_tail(word.durable_tail.value());
  out->set_possible_tail(word.possible_tail.value());
  out->set_known_tail(word.known_tail.value());
  out->set_holds_from(word.holds_from.value());
  out->set_trim(word.trim.value());
  out->set_proposal(word.proposal);
  out->set_waiters(word.waiters);
}

ServerWord GetWord(const pb::ServerReply& in) {
  ServerWord word;
  word.sealed = in.sealed();
  word.durable_tail = Offset(in.durable_tail());
  word.possible_tail = Offset(in.possible_tail());
  word.known_tail = Offset(in.known_tail());
  word.holds_from = Offset(in.holds_from());
  word.trim = Offset(in.trim());
  word.proposal = in.proposal();
  word.waiters = in.waiters();
  return word;
}

}  // namespace

rpc::Message Encode(const LogletId& loglet, const StoreRequest& request) {
  pb::ServerRequest out = Begin(loglet, request.disk);
  out.set_sequencer_node(request.sequencer.node.value());
  out.set_sequencer_incarnation(request.sequencer.incarnation.value());
  out.set_sequencer_disk(request.sequencer.disk.value());
  out.set_known_tail(request.known_tail.value());
  rpc::Payload payload = Put(request.batches, out.mutable_batches());
  return rpc::Message(out.SerializeAsString(), std::move(payload));
}

rpc::Message Encode(const LogletId& loglet, const SealRequest& request) {
  pb::ServerRequest out = Begin(loglet, request.disk);
  out.set_proposal(request.proposal);
  out.set_known_tail(request.known_tail.value());
  return rpc::Message(out.SerializeAsString());
}

rpc::Message Encode(const LogletId& loglet, const RepairRequest& request) {
  pb::ServerRequest out = Begin(loglet, request.disk);
  out.set_proposal(request.proposal);
  out.set_known_tail(request.known_tail.value());
  rpc::Payload payload = Put(request.batches, out.mutable_batches());
  return rpc::Message(out.SerializeAsString(), std::move(payload));
}

rpc::Message Encode(const LogletId& loglet, const TrimRequest& request) {
  pb::ServerRequest out = Begin(loglet, request.disk);
  out.set_to(request.to.value());
  out.set_known_tail(request.known_tail.value());
  return rpc::Message(out.SerializeAsString());
}

rpc::Message Encode(const LogletId& loglet, const TimedTailRequest& request) {
  pb::ServerRequest out = Begin(loglet, request.tail.disk);
  out.set_wait_for(static_cast<uint32_t>(request.tail.wait));
  out.set_from(request.tail.beyond.value());
  auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(request.wait);
  out.set_wait_ms(static_cast<uint64_t>(std::max<int64_t>(wait.count(), 0)));
  return rpc::Message(out.SerializeAsString());
}

rpc::Message Encode(const LogletId& loglet, const ReadRequest& request) {
  pb::ServerRequest out = Begin(loglet, request.disk);
  out.set_from(request.from.value());
  out.set_to(request.to.value());
  out.set_max_bytes(request.max_bytes);
  return rpc::Message(out.SerializeAsString());
}

rpc::Message Encode(const LogletId& loglet, DiskId disk) {
  return rpc::Message(Begin(loglet, disk).SerializeAsString());
}

StatusOr<Addressed<StoreRequest>> DecodeStore(const std::string& header, const Bytes& payload) {
  StatusOr<Parsed> parsed = Parse(header);
  VLOG_RETURN_IF_ERROR(parsed);
  StatusOr<std::vector<PlacedBatch>> batches = Get(parsed->in.batches(), payload);
  VLOG_RETURN_IF_ERROR(batches);
  StoreRequest request;
  request.disk = parsed->disk;
  request.sequencer.node = NodeId(parsed->in.sequencer_node());
  request.sequencer.incarnation = Incarnation(parsed->in.sequencer_incarnation());
  request.sequencer.disk = DiskId(parsed->in.sequencer_disk());
  request.known_tail = Offset(parsed->in.known_tail());
  request.batches = *std::move(batches);
  return Addressed<StoreRequest>{std::move(parsed->loglet), std::move(request)};
}

StatusOr<Addressed<SealRequest>> DecodeSeal(const std::string& header) {
  StatusOr<Parsed> parsed = Parse(header);
  VLOG_RETURN_IF_ERROR(parsed);
  SealRequest request{parsed->disk, parsed->in.proposal(), Offset(parsed->in.known_tail())};
  return Addressed<SealRequest>{std::move(parsed->loglet), std::move(request)};
}

StatusOr<Addressed<RepairRequest>> DecodeRepair(const std::string& header, const Bytes& payload) {
  StatusOr<Parsed> parsed = Parse(header);
  VLOG_RETURN_IF_ERROR(parsed);
  StatusOr<std::vector<PlacedBatch>> batches = Get(parsed->in.batches(), payload);
  VLOG_RETURN_IF_ERROR(batches);
  RepairRequest request{parsed->disk, parsed->in.proposal(), Offset(parsed->in.known_tail()),
                        *std::move(batches)};
  return Addressed<RepairRequest>{std::move(parsed->loglet), std::move(request)};
}

StatusOr<Addressed<TrimRequest>> DecodeTrim(const std::string& header) {
  StatusOr<Parsed> parsed = Parse(header);
  VLOG_RETURN_IF_ERROR(parsed);
  TrimRequest request{parsed->disk, Offset(parsed->in.to()), Offset(parsed->in.known_tail())};
  if (request.to > request.known_tail) return Malformed("a trim past what is committed");
  return Addressed<TrimRequest>{std::move(parsed->loglet), request};
}

StatusOr<Addressed<TimedTailRequest>> DecodeTail(const std::string& header) {
  StatusOr<Parsed> parsed = Parse(header);
  VLOG_RETURN_IF_ERROR(parsed);
  if (parsed->in.wait_for() > kLastWaitFor) return Malformed("what to wait for");
  TimedTailRequest request;
  request.tail.disk = parsed->disk;
  request.tail.wait = static_cast<WaitFor>(parsed->in.wait_for());
  request.tail.beyond = Offset(parsed->in.from());
  request.wait = std::chrono::milliseconds(std::min(parsed->in.wait_ms(), kMaxWaitMs));
  return Addressed<TimedTailRequest>{std::move(parsed->loglet), request};
}

StatusOr<Addressed<ReadRequest>> DecodeRead(const std::string& header) {
  StatusOr<Parsed> parsed = Parse(header);
  VLOG_RETURN_IF_ERROR(parsed);
  ReadRequest request;
  request.disk = parsed->disk;
  request.from = Offset(parsed->in.from());
  request.to = Offset(parsed->in.to());
  request.max_bytes = std::min<uint64_t>(parsed->in.max_bytes(), kMaxReadBytes);
  if (request.from >= request.to) return Malformed("an empty range");
  return Addressed<ReadRequest>{std::move(parsed->loglet), request};
}

StatusOr<Addressed<DiskId>> DecodeWelcome(const std::string& header) {
  StatusOr<Parsed> parsed = Parse(header);
  VLOG_RETURN_IF_ERROR(parsed);
  return Addressed<DiskId>{std::move(parsed->loglet), parsed->disk};
}

// ---- answers ----

rpc::Message Encode(const ServerAnswer& answer) {
  pb::ServerReply out;
  Put(answer.word, &out);
  if (answer.silence) {
    auto silence = std::chrono::duration_cast<std::chrono::milliseconds>(*answer.silence);
    out.set_silence_ms_plus_1(static_cast<uint64_t>(silence.count()) + 1);
  }
  rpc::Payload payload;
  if (!answer.held.empty()) payload = Put(answer.held, out.mutable_batches());
  return rpc::Message(out.SerializeAsString(), std::move(payload));
}

StatusOr<ServerAnswer> DecodeServerAnswer(const std::string& header, const Bytes& payload) {
  pb::ServerReply in;
  bool fine = in.ParseFromString(header) && in.code() <= kLastServerCode;
  if (!fine) return Malformed("answer of a log server");
  StatusOr<std::vector<PlacedBatch>> held = Get(in.batches(), payload);
  VLOG_RETURN_IF_ERROR(held);
  ServerAnswer answer;
  answer.word = GetWord(in);
  answer.word.code = static_cast<ServerCode>(in.code());
  answer.held = *std::move(held);
  if (uint64_t silence = in.silence_ms_plus_1(); silence > 0) {
    answer.silence = std::chrono::milliseconds(std::min<uint64_t>(silence - 1, UINT32_MAX));
  }
  return answer;
}

rpc::Message Encode(const ReadReply& reply) {
  pb::ServerReply out;
  Put(reply.word, &out);
  out.set_code(static_cast<uint32_t>(reply.code));
  out.set_next(reply.next.value());
  rpc::Payload payload;
  if (!reply.batches.empty()) payload = Put(reply.batches, out.mutable_batches());
  return rpc::Message(out.SerializeAsString(), std::move(payload));
}

StatusOr<ReadReply> DecodeReadReply(const std::string& header, const Bytes& payload) {
  pb::ServerReply in;
  bool fine = in.ParseFromString(header) && in.code() <= kLastReadCode;
  if (!fine) return Malformed("answer to a read");
  StatusOr<std::vector<PlacedBatch>> batches = Get(in.batches(), payload);
  VLOG_RETURN_IF_ERROR(batches);
  ReadReply reply;
  reply.code = static_cast<ReadCode>(in.code());
  reply.batches = *std::move(batches);
  reply.next = Offset(in.next());
  reply.word = GetWord(in);
  if (reply.code == ReadCode::kBatches && reply.batches.empty()) return Malformed("no batches");
  return reply;
}

rpc::Message Encode(const NodeAnswer& answer) {
  pb::NodeReply out;
  out.set_disk(answer.disk.value());
  out.set_incarnation(answer.incarnation.value());
  return rpc::Message(out.SerializeAsString());
}

StatusOr<NodeAnswer> DecodeNodeAnswer(const std::string& header) {
  pb::NodeReply in;
  if (!in.ParseFromString(header)) return Malformed("answer of a node");
  return NodeAnswer{DiskId(in.disk()), Incarnation(in.incarnation())};
}

// ---- the sequencer ----

rpc::Message Encode(const SequencerRequest& request) {
  pb::SequencerRequest out;
  Put(request.loglet, out.mutable_loglet());
  out.set_params(request.params);
  out.set_proposal(request.proposal);
  rpc::Payload payload;
  if (request.batch.header.count > 0) {
    PutRow(request.batch, out.mutable_batches()->mutable_rows());
    payload = rpc::Payload(request.batch.body);
    payload.checked_by_receiver = true;
  }
  return rpc::Message(out.SerializeAsString(), std::move(payload));
}

namespace {

StatusOr<SequencerRequest> GetRequest(pb::SequencerRequest* in) {
  StatusOr<LogletId> loglet = Get(in->loglet());
  VLOG_RETURN_IF_ERROR(loglet);
  if (in->proposal().size() > kMaxProposalBytes) return Malformed("a large proposal");
  SequencerRequest request;
  request.loglet = *std::move(loglet);
  request.params = std::move(*in->mutable_params());
  request.proposal = std::move(*in->mutable_proposal());
  return request;
}

}  // namespace

StatusOr<SequencerRequest> DecodeAppend(const std::string& header, const Bytes& payload) {
  pb::SequencerRequest in;
  if (!in.ParseFromString(header)) return Malformed("header");
  StatusOr<SequencerRequest> request = GetRequest(&in);
  VLOG_RETURN_IF_ERROR(request);
  StatusOr<std::vector<PlacedBatch>> batches = Get(in.batches(), payload);
  VLOG_RETURN_IF_ERROR(batches);
  if (batches->size() != 1) return Malformed("an append has one batch");
  request->batch = std::move(batches->front().batch);
  // The one place where the records of a body are counted; from here on its checksum vouches.
  if (!ValidateBatch(request->batch).ok()) return Malformed("a batch is not what its header says");
  return request;
}

StatusOr<SequencerRequest> DecodeSequencerRequest(const std::string& header) {
  pb::SequencerRequest in;
  if (!in.ParseFromString(header)) return Malformed("header");
  return GetRequest(&in);
}

rpc::Message Encode(const SequencerAnswer& answer) {
  pb::SequencerReply out;
  out.set_offset(answer.offset.value());
  out.set_committed(answer.committed.value());
  out.set_proposal(answer.proposal);
  return rpc::Message(out.SerializeAsString());
}

StatusOr<SequencerAnswer> DecodeSequencerAnswer(const std::string& header) {
  pb::SequencerReply in;
  if (!in.ParseFromString(header)) return Malformed("answer of a sequencer");
  return SequencerAnswer{Offset(in.offset()), Offset(in.committed()), in.proposal()};
}

}  // namespace vlog::loglets::sequencer

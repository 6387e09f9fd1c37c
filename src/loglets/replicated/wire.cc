#include "loglets/replicated/wire.h"

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "loglets/replicated/replicated.pb.h"

namespace vlog::loglets::replicated {
namespace {

constexpr size_t kRowBytes = kBatchHeaderBytes + 2 * sizeof(uint32_t);
constexpr size_t kResultBytes = 1 + sizeof(uint64_t);
constexpr size_t kMaxLogNameBytes = 1024;
constexpr size_t kMaxParamsBytes = 16 * 1024;
constexpr uint64_t kMaxWaitMs = 60'000;
constexpr auto kLastCode = static_cast<uint32_t>(Code::kMalformed);

Status Malformed(const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("malformed message of a replicated loglet: ", what));
}

void PutBatch(const Batch& batch, std::string* rows, rpc::Payload* payload) {
  *rows += EncodeBatchHeader(batch.header);
  PutFixed(rows, static_cast<uint32_t>(batch.body.size()));
  PutFixed(rows, batch.body_crc);
  if (!batch.body.empty()) payload->pieces.push_back(batch.body);
}

StatusOr<std::vector<Batch>> GetBatches(const std::string& rows, const Bytes& payload) {
  size_t count = rows.size() / kRowBytes;
  if (rows.size() % kRowBytes != 0 || count > kMaxReadBatches) return Malformed("rows of batches");
  std::vector<Batch> batches;
  batches.reserve(count);
  size_t taken = 0;
  for (size_t i = 0; i < count; ++i) {
    Decoder row(std::string_view(rows).substr(i * kRowBytes, kRowBytes));
    StatusOr<BatchHeader> header = DecodeBatchHeader(row.Raw(kBatchHeaderBytes));
    if (!header.ok()) return Malformed("a batch header");
    auto size = row.Fixed<uint32_t>();
    if (size > payload.size() - taken) return Malformed("a body is cut off");
    Batch batch;
    batch.header = *header;
    batch.body = payload.Slice(taken, size);
    batch.body_crc = row.Fixed<uint32_t>();
    taken += size;
    batches.push_back(std::move(batch));
  }
  if (taken != payload.size()) return Malformed("bytes behind the last batch");
  return batches;
}

rpc::Payload PeerPayload(const PeerMessage& peer) {
  rpc::Payload payload;
  payload.checked_by_receiver = true;
  payload.pieces = peer.bodies;
  return payload;
}

PeerMessage GetPeer(std::string* header, Bytes payload) {
  PeerMessage peer;
  peer.header = std::move(*header);
  if (!payload.empty()) peer.bodies.push_back(std::move(payload));
  return peer;
}

uint64_t MillisOf(Duration wait) {
  auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  return static_cast<uint64_t>(std::max<int64_t>(millis, 0));
}

Status TakeAppend(const pb::Request& in, const Bytes& payload, ReplicaRequest* request) {
  StatusOr<std::vector<Batch>> batches = GetBatches(in.rows(), payload);
  VLOG_RETURN_IF_ERROR(batches);
  if (batches->empty() || batches->size() > kMaxBatches) return Malformed("how many batches");
  // The one place where the records of a body are counted; from here on its checksum vouches.
  for (const Batch& batch : *batches) {
    if (!ValidateBatch(batch).ok()) return Malformed("a batch is not what its header says");
  }
  request->batches = *std::move(batches);
  return absl::OkStatus();
}

Status TakeResults(const std::string& rows, std::vector<AppendResult>* results) {
  size_t count = rows.size() / kResultBytes;
  if (rows.size() % kResultBytes != 0 || count > kMaxBatches) return Malformed("results");
  Decoder in(rows);
  for (size_t i = 0; i < count; ++i) {
    auto code = in.Fixed<uint8_t>();
    if (code > kLastCode) return Malformed("the code of a result");
    results->push_back({static_cast<Code>(code), Offset(in.Fixed<uint64_t>())});
  }
  return absl::OkStatus();
}

Status TakeRead(const pb::Reply& in, const Bytes& payload, ReplicaReply* reply) {
  StatusOr<std::vector<Batch>> batches = GetBatches(in.rows(), payload);
  VLOG_RETURN_IF_ERROR(batches);
  uint64_t at = in.first();
  for (Batch& batch : *batches) {
    if (at > UINT64_MAX - batch.header.count) return Malformed("an impossible offset");
    if (Crc32c(batch.body.view()) != batch.body_crc) {
      return absl::DataLossError("a batch arrived without its checksum");
    }
    uint64_t next = at + batch.header.count;
    reply->batches.push_back({Offset(at), std::move(batch)});
    at = next;
  }
  bool read = reply->word.code == Code::kOk;
  if (read == reply->batches.empty()) return Malformed("an answer to a read");
  return absl::OkStatus();
}

}  // namespace

rpc::Message Encode(const ReplicaRequest& request) {
  pb::Request out;
  pb::Loglet* loglet = out.mutable_loglet();
  loglet->set_log(request.loglet.log);
  loglet->set_segment(request.loglet.segment.value());
  loglet->set_proposal(request.loglet.proposal.value());
  out.set_disk(request.disk.value());
  out.set_params(request.params);
  out.set_from(request.from.value());
  out.set_to(request.to.value());
  out.set_max_bytes(request.max_bytes);
  out.set_wait_ms(MillisOf(request.wait));
  out.set_proposal(request.proposal);
  out.set_at_once(request.at_once);
  out.set_except(request.except.value());
  out.set_peer(request.peer.header);
  rpc::Payload payload = PeerPayload(request.peer);
  out.mutable_rows()->reserve(request.batches.size() * kRowBytes);
  for (const Batch& batch : request.batches) PutBatch(batch, out.mutable_rows(), &payload);
  return rpc::Message(out.SerializeAsString(), std::move(payload));
}

StatusOr<ReplicaRequest> DecodeRequest(Verb verb, const std::string& header, Bytes payload) {
  pb::Request in;
  if (!in.ParseFromString(header)) return Malformed("header");
  const std::string& log = in.loglet().log();
  if (log.empty() || log.size() > kMaxLogNameBytes) return Malformed("no loglet");
  if (in.params().size() > kMaxParamsBytes) return Malformed("large parameters");
  if (in.proposal().size() > kMaxProposalBytes) return Malformed("a large proposal");
  ReplicaRequest request;
  request.loglet = {log, SegmentIndex(in.loglet().segment()), ProposalId(in.loglet().proposal())};
  request.disk = DiskId(in.disk());
  request.params = std::move(*in.mutable_params());
  request.from = Offset(in.from());
  request.to = Offset(in.to());
  request.max_bytes = std::min<uint64_t>(in.max_bytes(), kMaxReadBytes);
  request.wait = std::chrono::milliseconds(std::min(in.wait_ms(), kMaxWaitMs));
  request.proposal = std::move(*in.mutable_proposal());
  request.at_once = in.at_once();
  request.except = NodeId(in.except());
  if (verb == kReadVerb && request.from >= request.to) return Malformed("an empty range");
  if (verb == kAppendVerb) {
    Status taken = TakeAppend(in, payload, &request);
    VLOG_RETURN_IF_ERROR(taken);
  }
  if (verb == kPeerVerb) request.peer = GetPeer(in.mutable_peer(), std::move(payload));
  return request;
}

rpc::Message Encode(const ReplicaReply& reply) {
  pb::Reply out;
  out.set_code(static_cast<uint32_t>(reply.word.code));
  out.set_applied_end(reply.word.applied_end.value());
  out.set_trim(reply.word.trim.value());
  out.set_sealed(reply.word.sealed);
  out.set_leader(reply.word.leader.value());
  out.set_proposal(reply.word.proposal);
  out.set_offset(reply.offset.value());
  out.set_next(reply.next.value());
  out.set_peer(reply.peer.header);
  for (const AppendResult& result : reply.results) {
    PutFixed(out.mutable_results(), static_cast<uint8_t>(result.code));
    PutFixed(out.mutable_results(), result.offset.value());
  }
  rpc::Payload payload = PeerPayload(reply.peer);
  if (!reply.batches.empty()) out.set_first(reply.batches.front().first.value());
  for (const StoredBatch& stored : reply.batches) {
    PutBatch(stored.batch, out.mutable_rows(), &payload);
  }
  return rpc::Message(out.SerializeAsString(), std::move(payload));
}

StatusOr<ReplicaReply> DecodeReply(Verb verb, const std::string& header, Bytes payload) {
  pb::Reply in;
  if (!in.ParseFromString(header) || in.code() > kLastCode) return Malformed("answer of a replica");
  ReplicaReply reply;
  reply.word.code = static_cast<Code>(in.code());
  reply.word.applied_end = Offset(in.applied_end());
  reply.word.trim = Offset(in.trim());
  reply.word.sealed = in.sealed();
  reply.word.leader = NodeId(in.leader());
  reply.word.proposal = std::move(*in.mutable_proposal());
  reply.offset = Offset(in.offset());
  reply.next = Offset(in.next());
  Status taken = TakeResults(in.results(), &reply.results);
  VLOG_RETURN_IF_ERROR(taken);
  if (verb == kReadVerb) {
    taken = TakeRead(in, payload, &reply);
    VLOG_RETURN_IF_ERROR(taken);
  }
  if (verb == kPeerVerb) reply.peer = GetPeer(in.mutable_peer(), std::move(payload));
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

}  // namespace vlog::loglets::replicated

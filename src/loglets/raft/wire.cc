#include "loglets/raft/wire.h"

#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "loglets/raft/raft.pb.h"

namespace vlog::loglets::raft {
namespace {

constexpr auto kLastCode = static_cast<uint32_t>(Code::kImpaired);
constexpr size_t kMaxProposalBytes = 128 * 1024;

Status Malformed(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed message of a Raft replica: ", what));
}

// An entry: type u8 | term u64 | of a batch: header, size u32, checksum u32 | of SEAL: proposal.
void PutEntry(const LogEntry& entry, std::string* out, BytesList* bodies) {
  PutFixed(out, static_cast<uint8_t>(entry.type));
  PutFixed(out, entry.term.value());
  if (entry.type == EntryType::kSeal) PutString(out, entry.proposal);
  if (entry.type != EntryType::kBatch) return;
  *out += EncodeBatchHeader(entry.batch.header);
  PutFixed(out, static_cast<uint32_t>(entry.batch.body.size()));
  PutFixed(out, entry.batch.body_crc);
  if (!entry.batch.body.empty()) bodies->push_back(entry.batch.body);
}

// `taken`: of the payload, by the batches before.
StatusOr<LogEntry> GetEntry(Decoder& in, const Bytes& payload, size_t* taken) {
  LogEntry entry;
  auto type = in.Fixed<uint8_t>();
  entry.term = Term(in.Fixed<uint64_t>());
  if (type < static_cast<uint8_t>(EntryType::kNoOp) ||
      type > static_cast<uint8_t>(EntryType::kSeal)) {
    return Malformed("the type of an entry");
  }
  entry.type = static_cast<EntryType>(type);
  if (entry.type == EntryType::kSeal) entry.proposal = std::string(in.String());
  if (entry.proposal.size() > kMaxProposalBytes) return Malformed("a large proposal");
  if (entry.type == EntryType::kBatch) {
    StatusOr<BatchHeader> header = DecodeBatchHeader(in.Raw(kBatchHeaderBytes));
    auto size = in.Fixed<uint32_t>();
    entry.batch.body_crc = in.Fixed<uint32_t>();
    if (!header.ok() || !in.ok()) return Malformed("a batch header");
    if (size > payload.size() - *taken) return Malformed("a body is cut off");
    entry.batch.header = *header;
    entry.batch.body = payload.Slice(*taken, size);
    *taken += size;
    if (Crc32c(entry.batch.body.view()) != entry.batch.body_crc) {
      return absl::DataLossError("a batch arrived without its checksum");
    }
  }
  return entry;
}

StatusOr<AppendRequest> GetAppend(const pb::Append& in, const Bytes& payload) {
  AppendRequest request;
  request.disk = DiskId(in.disk());
  request.term = Term(in.term());
  request.prev = Index(in.prev());
  request.prev_term = Term(in.prev_term());
  request.commit = Index(in.commit());
  request.urgent = in.urgent();
  Decoder entries(in.entries());
  size_t taken = 0;
  Term last = request.prev_term;
  while (entries.remaining() > 0) {
    if (request.entries.size() == kMaxEntries) return Malformed("too many entries");
    StatusOr<LogEntry> entry = GetEntry(entries, payload, &taken);
    VLOG_RETURN_IF_ERROR(entry);
    if (!entries.ok()) return Malformed("an entry is cut off");
    // Terms rise along a log and end in the leader's.
    if (entry->term < last || entry->term > request.term) return Malformed("an impossible term");
    last = entry->term;
    request.entries.push_back(*std::move(entry));
  }
  if (taken != payload.size()) return Malformed("bytes behind the last batch");
  if (request.prev.value() > UINT64_MAX / 2) return Malformed("an impossible index");
  return request;
}

StatusOr<MoveUpRequest> GetMoveUp(const pb::MoveUp& in, const Bytes& payload) {
  MoveUpRequest request;
  request.disk = DiskId(in.disk());
  request.term = Term(in.term());
  request.index = Index(in.index());
  request.index_term = Term(in.index_term());
  request.state = payload;
  if (request.index.value() > UINT64_MAX / 2) return Malformed("an impossible index");
  if (Crc32c(payload.view()) != in.state_crc()) {
    return absl::DataLossError("a state arrived without its checksum");
  }
  return request;
}

void Put(const AppendRequest& request, pb::Append* out, BytesList* bodies) {
  out->set_disk(request.disk.value());
  out->set_term(request.term.value());
  out->set_prev(request.prev.value());
  out->set_prev_term(request.prev_term.value());
  out->set_commit(request.commit.value());
  out->set_urgent(request.urgent);
  for (const LogEntry& entry : request.entries) PutEntry(entry, out->mutable_entries(), bodies);
}

}  // namespace

PeerMessage Encode(const RequestMessage& request) {
  PeerMessage message;
  pb::Request out;
  if (const auto* vote = std::get_if<VoteRequest>(&request)) {
    out.mutable_vote()->set_disk(vote->disk.value());
    out.mutable_vote()->set_term(vote->term.value());
    out.mutable_vote()->set_pre(vote->pre);
    out.mutable_vote()->set_last(vote->last.value());
    out.mutable_vote()->set_last_term(vote->last_term.value());
  } else if (const auto* append = std::get_if<AppendRequest>(&request)) {
    Put(*append, out.mutable_append(), &message.bodies);
  } else {
    const auto& move = std::get<MoveUpRequest>(request);
    out.mutable_move_up()->set_disk(move.disk.value());
    out.mutable_move_up()->set_term(move.term.value());
    out.mutable_move_up()->set_index(move.index.value());
    out.mutable_move_up()->set_index_term(move.index_term.value());
    out.mutable_move_up()->set_state_crc(Crc32c(move.state.view()));
    message.bodies.push_back(move.state);
  }
  message.header = out.SerializeAsString();
  return message;
}

PeerMessage Encode(const ReplyMessage& reply) {
  pb::Reply out;
  if (const auto* vote = std::get_if<VoteReply>(&reply)) {
    out.mutable_vote()->set_code(static_cast<uint32_t>(vote->code));
    out.mutable_vote()->set_term(vote->term.value());
  } else {
    const auto& append = std::get<AppendReply>(reply);
    out.mutable_append()->set_code(static_cast<uint32_t>(append.code));
    out.mutable_append()->set_term(append.term.value());
    out.mutable_append()->set_match(append.match.value());
    out.mutable_append()->set_match_end(append.match_end.value());
    out.mutable_append()->set_hint(append.hint.value());
    out.mutable_append()->set_hint_term(append.hint_term.value());
    out.mutable_append()->set_sealed(append.sealed);
  }
  return {out.SerializeAsString(), {}};
}

StatusOr<RequestMessage> DecodeRequest(const PeerMessage& message) {
  pb::Request in;
  if (!in.ParseFromString(message.header)) return Malformed("header");
  if (message.bodies.size() > 1) return Malformed("bodies in pieces");
  Bytes payload = message.bodies.empty() ? Bytes() : message.bodies[0];
  if (in.has_vote()) {
    const pb::Vote& vote = in.vote();
    return VoteRequest{DiskId(vote.disk()), Term(vote.term()), vote.pre(), Index(vote.last()),
                       Term(vote.last_term())};
  }
  if (in.has_append()) {
    StatusOr<AppendRequest> append = GetAppend(in.append(), payload);
    VLOG_RETURN_IF_ERROR(append);
    return *std::move(append);
  }
  if (!in.has_move_up()) return Malformed("an unknown request");
  StatusOr<MoveUpRequest> move = GetMoveUp(in.move_up(), payload);
  VLOG_RETURN_IF_ERROR(move);
  return *std::move(move);
}

StatusOr<ReplyMessage> DecodeReply(const PeerMessage& message) {
  pb::Reply in;
  if (!in.ParseFromString(message.header)) return Malformed("header");
  if (in.has_vote()) {
    if (in.vote().code() > kLastCode) return Malformed("an unknown code");
    return VoteReply{static_cast<Code>(in.vote().code()), Term(in.vote().term())};
  }
  if (!in.has_append() || in.append().code() > kLastCode) return Malformed("an unknown reply");
  AppendReply reply;
  reply.code = static_cast<Code>(in.append().code());
  reply.term = Term(in.append().term());
  reply.match = Index(in.append().match());
  reply.match_end = Offset(in.append().match_end());
  reply.hint = Index(in.append().hint());
  reply.hint_term = Term(in.append().hint_term());
  reply.sealed = in.append().sealed();
  return reply;
}

}  // namespace vlog::loglets::raft

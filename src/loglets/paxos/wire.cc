#include "loglets/paxos/wire.h"

#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "loglets/paxos/paxos_loglet.pb.h"

namespace vlog::loglets::paxos {
namespace {

// Slots and rounds beyond are none that anybody counted up to.
constexpr uint64_t kMaxCount = uint64_t{1} << 62;
constexpr size_t kRowBytes = 4 * sizeof(uint64_t) + 1 + kBatchHeaderBytes + 2 * sizeof(uint32_t);

Status Malformed(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed message of a Paxos loglet: ", what));
}

void Put(const Ballot& ballot, pb::Ballot* out) {
  out->set_round(ballot.round);
  out->set_node(ballot.node.value());
  out->set_incarnation(ballot.incarnation.value());
}

Ballot Get(const pb::Ballot& in) {
  return {in.round(), NodeId(in.node()), Incarnation(in.incarnation())};
}

bool Valid(const Ballot& ballot) { return !ballot.none() && ballot.round < kMaxCount; }

std::string PutEntries(const std::vector<SlotEntry>& entries, BytesList* bodies) {
  std::string rows;
  rows.reserve(entries.size() * kRowBytes);
  for (const SlotEntry& entry : entries) {
    const Command& command = entry.command;
    PutFixed(&rows, entry.slot.value());
    consensus::PutBallot(&rows, entry.ballot);
    PutFixed(&rows, static_cast<uint8_t>(command.kind));
    rows += EncodeBatchHeader(command.header);
    PutFixed(&rows, static_cast<uint32_t>(command.body.size()));
    PutFixed(&rows, command.body_crc);
    if (!command.body.empty()) bodies->push_back(command.body);
  }
  return rows;
}

// Takes bodies off the front of a message's payload, which may come in several pieces.
class BodyCursor {
 public:
  explicit BodyCursor(const BytesList& pieces) : pieces_(pieces) {}
  // False if there are not so many bytes left in one piece.
  bool Take(size_t size, Bytes* body) {
    if (size == 0) return true;
    while (piece_ < pieces_.size() && at_ == pieces_[piece_].size()) {
      ++piece_;
      at_ = 0;
    }
    if (piece_ == pieces_.size() || pieces_[piece_].size() - at_ < size) return false;
    *body = pieces_[piece_].Slice(at_, size);
    at_ += size;
    return true;
  }
  bool done() const {
    size_t left = 0;
    for (size_t i = piece_; i < pieces_.size(); ++i) left += pieces_[i].size();
    return left == at_;
  }

 private:
  const BytesList& pieces_;
  size_t piece_ = 0;
  size_t at_ = 0;
};

// A command as its row says, without its body. False if it is none.
bool GetCommand(Decoder& row, Command* command, uint32_t* size) {
  auto kind = row.Fixed<uint8_t>();
  std::string_view header = row.Raw(kBatchHeaderBytes);
  *size = row.Fixed<uint32_t>();
  command->body_crc = row.Fixed<uint32_t>();
  if (kind > static_cast<uint8_t>(Command::Kind::kSeal)) return false;
  command->kind = static_cast<Command::Kind>(kind);
  if (command->kind != Command::Kind::kBatch) return true;
  StatusOr<BatchHeader> decoded = DecodeBatchHeader(header);
  if (decoded.ok()) command->header = *decoded;
  return decoded.ok() && decoded->count > 0;
}

StatusOr<std::vector<SlotEntry>> GetEntries(const std::string& rows, BodyCursor& bodies) {
  size_t count = rows.size() / kRowBytes;
  if (rows.size() % kRowBytes != 0 || count > kMaxEntries) return Malformed("rows of entries");
  std::vector<SlotEntry> entries;
  entries.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Decoder row(std::string_view(rows).substr(i * kRowBytes, kRowBytes));
    SlotEntry entry;
    entry.slot = Slot(row.Fixed<uint64_t>());
    entry.ballot = consensus::GetBallot(row);
    bool follows = entries.empty() || entry.slot > entries.back().slot;
    if (!follows || entry.slot.value() >= kMaxCount) return Malformed("slots");
    if (!Valid(entry.ballot)) return Malformed("the ballot of an entry");
    uint32_t size = 0;
    if (!GetCommand(row, &entry.command, &size)) return Malformed("a command");
    if (!bodies.Take(size, &entry.command.body)) return Malformed("a body is cut off");
    if (Crc32c(entry.command.body.view()) != entry.command.body_crc) {
      return absl::DataLossError("a body in a message does not have its checksum");
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

// The state is a body: a table of many writers is larger than headers may be.
void PutCheckpoint(const Checkpoint& checkpoint, pb::Checkpoint* out, BytesList* bodies) {
  out->set_slot(checkpoint.slot.value());
  Put(checkpoint.promised, out->mutable_promised());
  std::string applied;
  checkpoint.applied.EncodeTo(&applied);
  out->set_applied_bytes(applied.size());
  bodies->push_back(Bytes(std::move(applied)));
}

StatusOr<Checkpoint> GetCheckpoint(const pb::Checkpoint& in, BodyCursor& bodies) {
  Bytes state;
  if (!bodies.Take(in.applied_bytes(), &state)) return Malformed("a checkpoint is cut off");
  StatusOr<replicated::AppliedState> applied = replicated::AppliedState::Decode(state.view());
  if (!applied.ok()) return Malformed("the state of a checkpoint");
  Checkpoint checkpoint;
  checkpoint.slot = Slot(in.slot());
  checkpoint.promised = Get(in.promised());
  checkpoint.applied = *std::move(applied);
  bool valid = in.slot() > 0 && in.slot() < kMaxCount && Valid(checkpoint.promised);
  if (!valid) return Malformed("a checkpoint");
  return checkpoint;
}

void Put(const Accept& accept, pb::Request* out, BytesList* bodies) {
  Put(accept.ballot, out->mutable_ballot());
  for (const BallotRun& run : accept.chosen) {
    pb::BallotRun* row = out->add_chosen();
    row->set_from(run.from.value());
    row->set_to(run.to.value());
    Put(run.ballot, row->mutable_ballot());
  }
  *out->mutable_rows() = PutEntries(accept.entries, bodies);
  if (accept.checkpoint) PutCheckpoint(*accept.checkpoint, out->mutable_checkpoint(), bodies);
}

StatusOr<Request> GetAccept(const pb::Request& in, BodyCursor& bodies) {
  Accept accept;
  accept.ballot = Get(in.ballot());
  if (in.chosen_size() > static_cast<int>(kMaxBallotRuns)) return Malformed("ballot runs");
  for (const pb::BallotRun& row : in.chosen()) {
    BallotRun run{Slot(row.from()), Slot(row.to()), Get(row.ballot())};
    bool valid = run.from < run.to && run.to.value() < kMaxCount && Valid(run.ballot) &&
                 run.ballot <= accept.ballot;
    if (!valid) return Malformed("a ballot run");
    accept.chosen.push_back(run);
  }
  StatusOr<std::vector<SlotEntry>> entries = GetEntries(in.rows(), bodies);
  VLOG_RETURN_IF_ERROR(entries);
  accept.entries = *std::move(entries);
  for (const SlotEntry& entry : accept.entries) {
    if (entry.ballot > accept.ballot) return Malformed("an entry of a later leader");
  }
  if (in.has_checkpoint()) {
    StatusOr<Checkpoint> checkpoint = GetCheckpoint(in.checkpoint(), bodies);
    VLOG_RETURN_IF_ERROR(checkpoint);
    accept.checkpoint = *std::move(checkpoint);
  }
  if (!bodies.done()) return Malformed("bytes behind the last body");
  return Request(std::move(accept));
}

void Put(const Standing& standing, pb::Reply* out) {
  out->set_votes(standing.votes);
  out->set_sealed(standing.sealed);
  Put(standing.promised, out->mutable_promised());
  out->set_chosen_slot(standing.chosen.slot.value());
  out->set_chosen_offset(standing.chosen.offset.value());
}

StatusOr<Standing> GetStanding(const pb::Reply& in) {
  Standing standing;
  standing.votes = in.votes();
  standing.sealed = in.sealed();
  standing.promised = Get(in.promised());
  standing.chosen = {Slot(in.chosen_slot()), Offset(in.chosen_offset())};
  bool valid = standing.promised.round < kMaxCount && in.chosen_slot() < kMaxCount;
  if (!valid) return Malformed("how a replica stands");
  return standing;
}

void PutReply(const ProbeReply& reply, pb::Reply* out, BytesList*) {
  out->set_leader_alive(reply.leader_alive);
}

void PutReply(const PrepareReply& reply, pb::Reply* out, BytesList* bodies) {
  Put(reply.ballot, out->mutable_ballot());
  out->set_granted(reply.granted);
  out->set_complete(reply.complete);
  out->set_next(reply.next.value());
  *out->mutable_rows() = PutEntries(reply.accepted, bodies);
}

void PutReply(const AcceptReply& reply, pb::Reply* out, BytesList*) {
  Put(reply.ballot, out->mutable_ballot());
  out->set_granted(reply.granted);
  out->set_full(reply.full);
}

void PutReply(const FetchReply& reply, pb::Reply* out, BytesList* bodies) {
  *out->mutable_rows() = PutEntries(reply.chosen, bodies);
  if (reply.checkpoint) PutCheckpoint(*reply.checkpoint, out->mutable_checkpoint(), bodies);
}

StatusOr<Reply> GetFetchReply(const pb::Reply& in, Standing standing,
                              std::vector<SlotEntry> entries, BodyCursor& bodies) {
  FetchReply reply{standing, std::move(entries), std::nullopt};
  if (in.has_checkpoint()) {
    StatusOr<Checkpoint> checkpoint = GetCheckpoint(in.checkpoint(), bodies);
    VLOG_RETURN_IF_ERROR(checkpoint);
    reply.checkpoint = *std::move(checkpoint);
  }
  if (!bodies.done()) return Malformed("bytes behind the last body");
  return Reply(std::move(reply));
}

enum Kind : uint32_t { kProbe = 0, kPrepare = 1, kAccept = 2, kFetch = 3 };

}  // namespace

replicated::PeerMessage Encode(const Request& request) {
  replicated::PeerMessage message;
  pb::Request out;
  out.set_kind(static_cast<uint32_t>(request.index()));
  if (const Prepare* prepare = std::get_if<Prepare>(&request)) {
    Put(prepare->ballot, out.mutable_ballot());
    out.set_slot(prepare->from.value());
  } else if (const Accept* accept = std::get_if<Accept>(&request)) {
    Put(*accept, &out, &message.bodies);
  } else if (const Fetch* fetch = std::get_if<Fetch>(&request)) {
    out.set_slot(fetch->from.slot.value());
    out.set_offset(fetch->from.offset.value());
  }
  message.header = out.SerializeAsString();
  return message;
}

replicated::PeerMessage Encode(const Reply& reply) {
  replicated::PeerMessage message;
  pb::Reply out;
  out.set_kind(static_cast<uint32_t>(reply.index()));
  auto put = [&](const auto& r) {
    Put(r.standing, &out);
    PutReply(r, &out, &message.bodies);
  };
  std::visit(put, reply);
  message.header = out.SerializeAsString();
  return message;
}

StatusOr<Request> DecodeRequest(const replicated::PeerMessage& message) {
  pb::Request in;
  if (!in.ParseFromString(message.header)) return Malformed("a request");
  bool ballot_valid = Valid(Get(in.ballot()));
  bool has_ballot = in.kind() == kPrepare || in.kind() == kAccept;
  if (has_ballot && !ballot_valid) return Malformed("a ballot");
  if (in.slot() >= kMaxCount) return Malformed("a slot");
  BodyCursor bodies(message.bodies);
  switch (in.kind()) {
    case kProbe:
      return Request(Probe{});
    case kPrepare:
      return Request(Prepare{Get(in.ballot()), Slot(in.slot())});
    case kAccept:
      return GetAccept(in, bodies);
    case kFetch:
      return Request(Fetch{{Slot(in.slot()), Offset(in.offset())}});
    default:
      return Malformed("a request of an unknown kind");
  }
}

StatusOr<Reply> DecodeReply(const replicated::PeerMessage& message) {
  pb::Reply in;
  if (message.header.empty() || !in.ParseFromString(message.header)) return Malformed("a reply");
  StatusOr<Standing> standing = GetStanding(in);
  VLOG_RETURN_IF_ERROR(standing);
  BodyCursor bodies(message.bodies);
  StatusOr<std::vector<SlotEntry>> entries = GetEntries(in.rows(), bodies);
  VLOG_RETURN_IF_ERROR(entries);
  if (in.kind() != kFetch && !bodies.done()) return Malformed("bytes behind the last body");
  if (in.next() > kMaxCount) return Malformed("where a page ends");
  Ballot ballot = Get(in.ballot());
  switch (in.kind()) {
    case kProbe:
      return Reply(ProbeReply{*standing, in.leader_alive()});
    case kPrepare:
      return Reply(PrepareReply{*standing, ballot, in.granted(), *std::move(entries),
                                Slot(in.next()), in.complete()});
    case kAccept:
      return Reply(AcceptReply{*standing, ballot, in.granted(), in.full()});
    case kFetch:
      return GetFetchReply(in, *standing, *std::move(entries), bodies);
    default:
      return Malformed("a reply of an unknown kind");
  }
}

}  // namespace vlog::loglets::paxos

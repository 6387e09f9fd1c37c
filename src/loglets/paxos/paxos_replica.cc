#include "loglets/paxos/paxos_replica.h"

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "loglets/paxos/wire.h"

namespace vlog::loglets::paxos {
namespace {

Group ToGroup(const replicated::Params& params, const Replica& self) {
  Group group;
  for (const replicated::Member& member : params.members) {
    group.members.push_back({member.replica, member.votes, member.serves});
  }
  group.write_quorum = params.write_quorum;
  std::optional<size_t> number = params.Find(self);
  VLOG_CHECK(number.has_value(), "a replica is a member");
  group.self = *number;
  return group;
}

const PaxosState& StateOf(const replicated::CoreSetup& setup) {
  return static_cast<const PaxosState&>(setup.recovered);
}

}  // namespace

PaxosReplica::PaxosReplica(replicated::CoreSetup setup, PaxosOptions options)
    : members_(setup.params.members),
      core_(ToGroup(setup.params, setup.self), options, StateOf(setup), setup.incarnation,
            std::move(setup.random)) {}

PaxosReplica::Output PaxosReplica::TakeOutput() {
  PaxosCore::Output taken = core_.TakeOutput();
  Output output;
  output.persist = std::move(taken.persist);
  for (PaxosCore::Send& send : taken.send) {
    const Replica& to = members_[send.to].replica;
    output.send.push_back({send.call, to, Encode(send.request), send.patience});
  }
  output.replies = std::exchange(malformed_, {});
  for (const PaxosCore::Answered& answered : taken.replies) {
    output.replies.push_back({answered.to, Encode(answered.reply)});
  }
  output.answers = std::move(taken.answers);
  output.loads = std::move(taken.loads);
  return output;
}

void PaxosReplica::OnRequest(const Replica& from, replicated::PeerMessage message,
                             replicated::ReplyTo to, Instant now) {
  auto member = std::find_if(members_.begin(), members_.end(),
                             [&](const auto& m) { return m.replica == from; });
  size_t number = static_cast<size_t>(member - members_.begin());
  StatusOr<Request> request = DecodeRequest(message);
  bool admitted = request.ok() && number < members_.size() && number != core_.group().self;
  if (!admitted) {
    malformed_.push_back({to, {}});
    return;
  }
  core_.OnRequest(number, *std::move(request), to, now);
}

void PaxosReplica::OnReply(replicated::CallId call, StatusOr<replicated::PeerMessage> reply,
                           Instant now) {
  if (!reply.ok()) return core_.OnReply(call, reply.status(), now);
  core_.OnReply(call, DecodeReply(*reply), now);
}

void PaxosReplica::Append(Batch batch, replicated::Token token, Instant now) {
  core_.Append(std::move(batch), token, now);
}

void PaxosReplica::Seal(std::string proposal, replicated::Token token, Instant now) {
  core_.Seal(std::move(proposal), token, now);
}

void PaxosReplica::Trim(Offset to, replicated::Token token, Instant now) {
  core_.Trim(to, token, now);
}

void PaxosReplica::Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now) {
  core_.Loaded(id, std::move(entries), now);
}

PaxosReplica::Place PaxosReplica::FindRecords(Offset from, Offset to) const {
  const MappedLog& log = core_.log().mapped();
  if (from < log.end().offset) return log.FindRecords(from, to);
  // Chosen, and not yet durable here: it lies behind all that is.
  Place place;
  place.from = UINT64_MAX - 1;
  place.to = UINT64_MAX;
  place.next = kMaxOffset;
  return place;
}

std::optional<std::pair<Offset, Batch>> PaxosReplica::ToBatch(const storage::Entry& entry) const {
  StatusOr<SlotEntry> read = PaxosState::ToSlotEntry(entry);
  if (!read.ok() || read->command.kind != Command::Kind::kBatch) return std::nullopt;
  std::optional<Offset> offset = core_.log().mapped().OffsetOf(read->slot, entry.first);
  if (!offset) return std::nullopt;
  return std::pair(*offset, read->command.ToBatch());
}

}  // namespace vlog::loglets::paxos

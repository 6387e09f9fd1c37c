#include "loglets/raft/raft_replica.h"

#include "loglets/raft/wire.h"
#include "rpc/methods.h"

namespace vlog::loglets::raft {
namespace {

RaftConfig ConfigOf(const replicated::CoreSetup& setup) {
  RaftConfig config;
  config.self = setup.self;
  for (const replicated::Member& member : setup.params.members) {
    config.voters.push_back(member.replica);
  }
  config.commit_quorum = setup.params.write_quorum;
  return config;
}

}  // namespace

Status CheckParams(const replicated::Params& params) {
  for (const replicated::Member& member : params.members) {
    if (!member.votes || !member.serves) {
      return absl::InvalidArgumentError(
          absl::StrCat("every member of a Raft loglet votes and serves, node ",
                       member.replica.node.value(), " as well"));
    }
  }
  size_t majority = consensus::Majority(params.members.size());
  // More would keep it from being sealed while fewer than that live.
  if (params.write_quorum != majority) {
    return absl::InvalidArgumentError(
        absl::StrCat("a Raft loglet decides by majorities: on ", params.members.size(),
                     " nodes its write quorum is ", majority, ", not ", params.write_quorum));
  }
  return absl::OkStatus();
}

RaftReplica::RaftReplica(const replicated::CoreSetup& setup, RaftOptions options)
    : core_(ConfigOf(setup), options, static_cast<const RaftState&>(setup.recovered),
            setup.random) {}

ReplicaCore::Output RaftReplica::TakeOutput() {
  RaftCore::Output typed = core_.TakeOutput();
  Output output = std::exchange(malformed_, {});
  output.persist = std::move(typed.persist);
  for (const RaftCore::Send& send : typed.send) {
    output.send.push_back({send.call, send.to, Encode(send.message), send.patience});
  }
  for (const RaftCore::Reply& reply : typed.replies) {
    output.replies.push_back({reply.to, Encode(reply.message)});
  }
  output.answers = std::move(typed.answers);
  output.loads = std::move(typed.loads);
  return output;
}

void RaftReplica::OnRequest(const Replica& from, replicated::PeerMessage message, ReplyTo to,
                            Instant now) {
  StatusOr<RequestMessage> request = DecodeRequest(message);
  if (request.ok()) {
    core_.OnRequest(from, *std::move(request), to, now);
  } else {
    malformed_.replies.push_back({to, {}});
  }
}

void RaftReplica::OnReply(CallId call, StatusOr<replicated::PeerMessage> reply, Instant now) {
  if (!reply.ok()) return core_.OnReply(call, reply.status(), now);
  core_.OnReply(call, DecodeReply(*reply), now);
}

void RaftReplica::Append(Batch batch, Token token, Instant now) {
  core_.Append(std::move(batch), token, now);
}

std::string RaftReplica::role() const {
  switch (core_.role()) {
    case RaftCore::Role::kLeader:
      return "leader";
    case RaftCore::Role::kFollower:
      return "follower";
    default:
      return "candidate";
  }
}

std::string RaftReplica::impaired() const {
  return state().impaired() ? "its journal lost entries" : "";
}

ReplicaCore::Place RaftReplica::FindRecords(Offset from, Offset to) const {
  std::optional<RaftState::Place> place = state().FindRecords(from, to);
  if (!place) return {0, 0, state().NextHeld(from)};
  return {place->from, place->to, from + (place->to - place->from)};
}

std::optional<std::pair<Offset, Batch>> RaftReplica::ToBatch(const storage::Entry& entry) const {
  StatusOr<StoredEntry> stored = RaftState::ToStored(entry);
  if (!stored.ok() || stored->entry.type != EntryType::kBatch) return std::nullopt;
  return std::pair(stored->begin, std::move(stored->entry.batch));
}

replicated::ReplicaKind RaftReplicaKind(RaftOptions options) {
  replicated::ReplicaKind kind;
  kind.name = kRaftKindName;
  kind.base = rpc::kRaftLogletBase;
  kind.stream_kind = kRaftStreamKind;
  kind.tombstones = "raft-dropped";
  kind.new_state = [] { return std::make_unique<RaftState>(); };
  kind.new_core = [options](replicated::CoreSetup setup) {
    return std::make_unique<RaftReplica>(setup, options);
  };
  kind.view = [](const storage::StreamState& state) {
    const auto& raft = static_cast<const RaftState&>(state);
    const AppliedState& applied = raft.log().applied();
    return replicated::StateView{raft.trim_point(), applied.end(), applied.sealed()};
  };
  kind.check = CheckParams;
  kind.majority = true;
  return kind;
}

}  // namespace vlog::loglets::raft

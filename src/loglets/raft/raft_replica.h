// Raft as a kind of replicated loglet: RaftCore behind the interface of the shared shell, its
// messages as bytes.
#ifndef VLOG_LOGLETS_RAFT_RAFT_REPLICA_H_
#define VLOG_LOGLETS_RAFT_RAFT_REPLICA_H_

#include <memory>
#include <string>
#include <utility>

#include "loglets/raft/raft_core.h"
#include "loglets/replicated/replica_kind.h"

namespace vlog::loglets::raft {

inline constexpr char kRaftKindName[] = "raft";

// Every member votes and serves, and the write quorum is a majority or more: an elected leader must
// know all that was decided.
Status CheckParams(const replicated::Params& params);

// Thread rule: none, as ReplicaCore.
class RaftReplica final : public ReplicaCore {
 public:
  // REQUIRES: setup.recovered is a RaftState and CheckParams(setup.params) is OK.
  RaftReplica(const replicated::CoreSetup& setup, RaftOptions options);

  Output TakeOutput() override;
  void Tick(Instant now) override { core_.Tick(now); }
  Instant next_tick() const override { return core_.next_tick(); }
  void OnRequest(const Replica& from, replicated::PeerMessage message, ReplyTo to,
                 Instant now) override;
  void OnReply(CallId call, StatusOr<replicated::PeerMessage> reply, Instant now) override;
  void Append(Batch batch, Token token, Instant now) override;
  void CheckTail(Token token, Instant now) override { core_.CheckTail(token, now); }
  void Seal(std::string proposal, Token token, Instant now) override {
    core_.Seal(std::move(proposal), token, now);
  }
  void Trim(Offset to, Token token, Instant now) override { core_.Trim(to, token, now); }
  void Campaign(bool at_once, Instant now) override { core_.Campaign(at_once, now); }
  void Persisted(Ticket ticket, Instant now) override { core_.Persisted(ticket, now); }
  void Refused(Ticket ticket, Instant now) override { core_.Refused(ticket, now); }
  void Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now) override {
    core_.Loaded(id, std::move(entries), now);
  }

  Offset applied_end() const override { return core_.applied().end(); }
  Offset trim_point() const override { return core_.log().durable_trim(); }
  bool sealed() const override { return core_.sealed(); }
  const std::string& proposal() const override { return core_.applied().proposal(); }
  NodeId leader() const override { return core_.leader(); }
  std::string role() const override;
  std::string impaired() const override;
  size_t bytes_in_memory() const override { return core_.bytes_in_memory(); }
  Place FindRecords(Offset from, Offset to) const override;
  std::optional<std::pair<Offset, Batch>> ToBatch(const storage::Entry& entry) const override;
  void CheckInvariants() const override { core_.CheckInvariants(); }

 private:
  const RaftState& state() const { return core_.log().state(); }

  RaftCore core_;
  Output malformed_;  // answers to what could not be read
};

// For NewReplicatedKind() and NewReplicatedHostable().
replicated::ReplicaKind RaftReplicaKind(RaftOptions options = RaftOptions());

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_RAFT_REPLICA_H_

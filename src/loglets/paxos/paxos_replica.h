// A Paxos replica as the shell of replicated loglets sees it: PaxosCore with its messages as bytes.
// Thread rule: as ReplicaCore.
#ifndef VLOG_LOGLETS_PAXOS_PAXOS_REPLICA_H_
#define VLOG_LOGLETS_PAXOS_PAXOS_REPLICA_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loglets/paxos/paxos_core.h"
#include "loglets/replicated/replica_kind.h"

namespace vlog::loglets::paxos {

class PaxosReplica final : public replicated::ReplicaCore {
 public:
  // REQUIRES: setup.self is a member; setup.recovered is a PaxosState.
  explicit PaxosReplica(replicated::CoreSetup setup, PaxosOptions options = {});

  Output TakeOutput() override;
  void Tick(Instant now) override { core_.Tick(now); }
  Instant next_tick() const override { return core_.next_tick(); }
  void OnRequest(const Replica& from, replicated::PeerMessage message, replicated::ReplyTo to,
                 Instant now) override;
  void OnReply(replicated::CallId call, StatusOr<replicated::PeerMessage> reply,
               Instant now) override;

  void Append(Batch batch, replicated::Token token, Instant now) override;
  void CheckTail(replicated::Token token, Instant now) override { core_.CheckTail(token, now); }
  void Seal(std::string proposal, replicated::Token token, Instant now) override;
  void Trim(Offset to, replicated::Token token, Instant now) override;
  void Campaign(bool at_once, Instant now) override { core_.Campaign(at_once, now); }
  void Persisted(Ticket ticket, Instant now) override { core_.Persisted(ticket, now); }
  void Refused(Ticket ticket, Instant now) override { core_.Refused(ticket, now); }
  void Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now) override;

  Offset applied_end() const override { return core_.log().applied().end(); }
  Offset trim_point() const override { return core_.log().mapped().trim(); }
  bool sealed() const override { return core_.log().applied().sealed(); }
  const std::string& proposal() const override { return core_.log().applied().proposal(); }
  NodeId leader() const override { return core_.leader(); }
  std::string role() const override { return core_.role(); }
  std::string impaired() const override { return core_.impaired(); }
  size_t bytes_in_memory() const override { return core_.bytes_in_memory(); }
  Place FindRecords(Offset from, Offset to) const override;
  std::optional<std::pair<Offset, Batch>> ToBatch(const storage::Entry& entry) const override;
  void CheckInvariants() const override { core_.CheckInvariants(); }

 private:
  const std::vector<replicated::Member> members_;
  PaxosCore core_;
  std::vector<ReplicaCore::Reply> malformed_;  // answers to what nobody understands
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_PAXOS_REPLICA_H_

// All replicas of one kind on one node, on its one journal.
#ifndef VLOG_LOGLETS_REPLICATED_REPLICA_HOST_H_
#define VLOG_LOGLETS_REPLICATED_REPLICA_HOST_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loglets/host.h"
#include "loglets/replicated/replica.h"
#include "loglets/tombstones.h"

namespace vlog::loglets::replicated {

// Serves what the journal has, and what it is asked to store from now on. A replica's object is
// made when it is first asked for or contacted; one that has stored nothing is let go of again.
//
// A loglet that is not found in a journal that lost entries may have voted here: its replica counts
// as lost, unless the loglet was proposed in this very life of the node, which is after the loss.
//
// Thread rule: the Env's executor. What `context` names outlives it; Stop() is awaited before it is
// destroyed (a crash drops all of them).
class ReplicaHost final : public KindHost {
 public:
  ReplicaHost(HostContext context, ReplicaKind kind);
  ~ReplicaHost() override;

  Task<Status> Start() override;
  Task<void> Stop() override;
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override;
  // Those that the journal has.
  std::vector<HostedLoglet> Loglets() const override;
  // That are in memory.
  size_t objects() const { return replicas_.size(); }
  // Of all cores. For tests; costs as much as they hold.
  void CheckInvariants() const;

 private:
  void Register(Verb verb, rpc::Handler handler);
  void Serve(Verb verb, rpc::Request in, rpc::Responder respond);
  Status Ready() const;
  StatusOr<std::shared_ptr<HostedReplica>> Find(const ReplicaRequest& request);
  StatusOr<std::shared_ptr<HostedReplica>> Make(const ReplicaRequest& request);
  void ForgetIfEmpty(const LogletId& id);
  void DropDead();
  bool Idle() const;

  HostContext context_;
  std::shared_ptr<ReplicaContext> shared_;
  Tombstones tombstones_;
  std::vector<rpc::Method> methods_;
  std::map<LogletId, std::shared_ptr<HostedReplica>> replicas_;
  bool ended_ = false;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_REPLICA_HOST_H_

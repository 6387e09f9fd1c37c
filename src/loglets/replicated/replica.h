// One replica of one loglet on its node: the shell around a ReplicaCore that writes its journal
// entries, reads them back, keeps its clock, carries its messages and answers its clients.
#ifndef VLOG_LOGLETS_REPLICATED_REPLICA_H_
#define VLOG_LOGLETS_REPLICATED_REPLICA_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/task_group.h"
#include "loglets/host.h"
#include "loglets/replicated/replica_kind.h"
#include "loglets/replicated/wire.h"

namespace vlog::loglets::replicated {

// What all replicas of one kind on a node share; outlives them.
struct ReplicaContext {
  ReplicaContext(const HostContext& host, ReplicaKind kind)
      : env(host.env),
        journal(host.journal),
        peers(host.peers),
        kind(std::move(kind)),
        tasks(host.env.scheduler()) {}
  Replica self() const { return {peers.identity().node, peers.identity().disk}; }

  env::Env& env;
  storage::Journal& journal;
  rpc::Peers& peers;
  const ReplicaKind kind;
  async::TaskGroup tasks;  // those that read the journal
  bool closing = false;    // nobody is kept waiting any more
  // Lets go of a replica that became forgettable while nobody asked for it. May be null.
  std::function<void(const LogletId&)> forget;
};

// Of a replica's journal stream. `stream_kind`: see ReplicaKind.
std::string ReplicaStreamKey(const std::string& stream_kind, const LogletId& id);
// An empty id if `key` is none of that kind.
LogletId ParseReplicaStreamKey(const std::string& stream_kind, const std::string& key);

// Each request gets one answer, later or inside the call. After the journal has stopped for good
// none comes any more: the node stops.
//
// Thread rule: the Env's executor.
class HostedReplica : public std::enable_shared_from_this<HostedReplica> {
 public:
  // Takes up what the journal has. REQUIRES: the node is a member.
  HostedReplica(std::shared_ptr<ReplicaContext> context, LogletId id, Params params);

  void Serve(Verb verb, ReplicaRequest request, Replica from, rpc::Responder respond);
  // Makes sure that its stream is on its way into the journal.
  void Create();
  // It was dropped: everybody is told, and it does nothing any more.
  void MarkGone();
  // Tells those who wait for news how it stands now.
  void Release();
  // The node stops: whoever still waits hears that nobody knows what became of the request.
  void Stop();
  // Answers no one any more and sends nothing.
  void End();

  // Nothing would be forgotten if this object went away.
  bool forgettable() const;
  // Neither a client nor a peer waits for an answer.
  bool idle() const { return asked_.empty() && peers_waiting_.empty(); }
  const std::string& params() const { return encoded_params_; }
  bool HasMember(const Replica& replica) const { return params_.Find(replica).has_value(); }
  HostedLoglet Row() const;
  void CheckInvariants() const { core_->CheckInvariants(); }

 private:
  // A stopped replica lives on in its journal; one that is gone was dropped.
  enum class Stage { kLive, kStopped, kGone };
  // What waiters wait for.
  struct News {
    Offset applied_end;
    bool sealed = false;
    NodeId leader;
    friend bool operator==(const News&, const News&) = default;
  };
  struct AppendCall {
    rpc::Responder respond;
    std::vector<AppendResult> results;
    size_t open = 0;  // batches without a result
  };
  struct Asked {
    std::shared_ptr<AppendCall> append;  // null for other requests
    size_t batch = 0;                    // of it
    bool wants_proposal = false;
    rpc::Responder respond;
  };
  // Somebody who waits for news.
  struct Waiter {
    Verb verb;
    Offset offset;  // watch: more than this; trim: at least this
    NodeId except;  // campaign
    rpc::Responder respond;
    async::TimerId timer = 0;
  };
  void Append(ReplicaRequest request, rpc::Responder respond);
  void Seal(ReplicaRequest request, rpc::Responder respond);
  void Tail(rpc::Responder respond);
  void Campaign(const ReplicaRequest& request, rpc::Responder respond);
  void Read(const ReplicaRequest& request, rpc::Responder respond);
  void Peer(ReplicaRequest request, Replica from, rpc::Responder respond);
  void Wait(Verb verb, const ReplicaRequest& request, rpc::Responder respond);
  bool IsDue(const Waiter& waiter) const;
  void Finish(Waiter waiter);
  void Expire(uint64_t waiter);
  void TellWaiters();
  Token Expect(rpc::Responder respond, bool wants_proposal = false);
  void AnswerAll(const std::function<void(rpc::Responder&)>& answer);
  News TellNews() const;

  void SettleSoon();
  void Settle();
  void Persist(ReplicaCore::Persist persist);
  void Persisted(Ticket ticket, const Status& status);
  void Send(ReplicaCore::Send send);
  void Sent(CallId call, StatusOr<rpc::Reply> reply);
  void Reply(ReplicaCore::Reply reply);
  void Answer(const replicated::Answer& answer);
  void Arm();

  static Task<void> RunLoad(std::shared_ptr<HostedReplica> self, ReplicaCore::Load load);
  ReplicaReply PlanRead(const ReplicaRequest& request, ReplicaCore::Place* place) const;
  static Task<void> AnswerRead(std::shared_ptr<HostedReplica> self, ReplicaRequest request,
                               rpc::Responder respond);
  uint64_t StreamEnd() const;
  Word Now(Code code = Code::kOk) const;
  rpc::Message Plain(Code code = Code::kOk) const;
  bool ended() const { return stage_ != Stage::kLive; }
  // What somebody is told who asks after the end.
  Code EndCode() const { return stage_ == Stage::kGone ? Code::kGone : Code::kUnavailable; }
  Instant Clock() const { return context_->env.scheduler().Now(); }

  std::shared_ptr<ReplicaContext> context_;
  const LogletId id_;
  const Params params_;
  const std::string encoded_params_;
  storage::StreamId stream_;  // 0: not created yet
  std::unique_ptr<ReplicaCore> core_;
  Stage stage_ = Stage::kLive;
  bool settling_soon_ = false;
  Instant armed_ = Instant::Max();
  Instant asked_at_;  // when it was last asked anything

  std::map<Token, Asked> asked_;
  Token next_token_ = 1;
  std::map<ReplyTo, rpc::Responder> peers_waiting_;
  ReplyTo next_reply_ = 1;
  std::map<uint64_t, Waiter> waiters_;
  uint64_t next_waiter_ = 1;
  News told_;       // as it was when the waiters were last looked at
  Offset trimmed_;  // the trim point for which the journal was last reclaimed
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_REPLICA_H_

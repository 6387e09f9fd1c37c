// A replicated loglet, as a client opens it, whatever its kind.
#ifndef VLOG_LOGLETS_REPLICATED_REPLICATED_LOGLET_H_
#define VLOG_LOGLETS_REPLICATED_REPLICATED_LOGLET_H_

#include <memory>
#include <optional>
#include <string>

#include "loglets/loglet.h"
#include "loglets/replicated/append_queue.h"
#include "loglets/replicated/leader_search.h"
#include "loglets/replicated/replica_client.h"

namespace vlog::loglets::replicated {

// Appends, tail checks and seals go through the leader, whoever that is; reads and waits for news
// to any replica that serves; trims to all. A sealed loglet needs no leader.
//
// Thread rule: the Env's executor. Env and peers outlive it.
class ReplicatedLoglet final : public Loglet,
                               public std::enable_shared_from_this<ReplicatedLoglet> {
 public:
  // `end`: where the chain says that it ends; then its tail is never asked for.
  ReplicatedLoglet(std::shared_ptr<ReplicaClient> client, std::optional<Offset> end);
  // Hears how it stands from W members, if they answer soon.
  static Task<void> WarmUp(std::shared_ptr<ReplicaClient> client);
  // Has `first` lead at once, or another voter if it does not answer. OK: somebody leads with a
  // quorum, proven by a linearizable tail check. kFailedPrecondition: sealed or gone.
  // kUnavailable: why not.
  static Task<Status> Prepare(std::shared_ptr<ReplicaClient> client, Duration bound);

  void Append(Batch batch, AppendDone done) override;
  Task<StatusOr<Tail>> CheckTail() override;
  Offset TailHint() override { return client_->known_tail(); }
  Task<StatusOr<Tail>> AwaitTail(Offset beyond, Instant deadline) override;
  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override;
  Task<StatusOr<Offset>> Trim(Offset to) override;
  Offset TrimHint() override { return client_->highest_trim(); }
  Task<StatusOr<Sealed>> Seal(std::string proposal) override;

 private:
  // Keeps one replica telling of news as long as somebody waits for them.
  void Watch();
  void Watched(size_t member, Offset beyond, const StatusOr<ReplicaReply>& reply);
  size_t NextServing(size_t member) const;
  Task<void> RunTailRound();
  Task<StatusOr<ReadResult>> ReadOnce(ReplicaRequest request);

  std::shared_ptr<ReplicaClient> client_;
  const std::optional<Offset> end_;
  std::shared_ptr<LeaderSearch> search_;
  std::shared_ptr<AppendQueue> appends_;

  // Tail checks: one round runs, those who came after its start share the next one.
  uint64_t rounds_started_ = 0;
  uint64_t rounds_finished_ = 0;
  StatusOr<Tail> round_result_;  // of the last one that finished
  async::Event round_over_;

  size_t reads_from_ = 0;  // the member that served the last read
  size_t watched_ = 0;     // the one that tells of news
  bool watching_ = false;
  size_t watchers_ = 0;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_REPLICATED_LOGLET_H_

// Runs operation cores over rpc: sends what they say, waits as long as they say, and no longer.
#ifndef VLOG_METASTORE_PAXOS_REGISTER_CLIENT_H_
#define VLOG_METASTORE_PAXOS_REGISTER_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "async/event.h"
#include "env/env.h"
#include "metastore/paxos/operation_core.h"
#include "metastore/paxos/register_wire.h"
#include "rpc/peers.h"

namespace vlog::metastore {

struct RegisterTiming {
  // Without an answer for so long, what was asked is asked again; doubles up to `longest_retry`.
  Duration retry = std::chrono::milliseconds(100);
  Duration longest_retry = std::chrono::seconds(1);
  // After a collision: a random time up to this, doubled with each attempt, up to `longest_retry`.
  Duration pause = std::chrono::milliseconds(10);
  // One call; a peer that is silent for so long is asked again on the next retry.
  Duration call_timeout = std::chrono::seconds(2);
};

// What all operations of one client share. Kept by each running operation, so that a late answer
// finds it; after `closed` nobody touches Env and peers any more.
struct RegisterContext {
  RegisterContext(env::Env& env, rpc::Peers& peers, NodeId node, RegisterTiming timing)
      : env(env), peers(peers), timing(timing), ballots(node, Incarnation(env.RandomId())) {}

  env::Env& env;
  rpc::Peers& peers;
  const RegisterTiming timing;
  ClusterId cluster;  // 0 until it is known
  // A life of its own for each context: no ballot is used twice, whatever a restart forgets.
  consensus::BallotMaker ballots;
  bool closed = false;
};

// One operation on its way.
//
// Thread rule: the Env's executor.
class RunningOperation : public std::enable_shared_from_this<RunningOperation> {
 public:
  RunningOperation(std::shared_ptr<RegisterContext> context, OperationCore core)
      : context_(std::move(context)),
        core_(std::move(core)),
        moved_(context_->env.scheduler()),
        ended_(context_->env.scheduler()) {}

  // Drives it to its end, or until `deadline`, Stop() or the stop of the node. One driver.
  static Task<void> Drive(std::shared_ptr<RunningOperation> self, Instant deadline);
  // Waits until it has a result or nobody drives it any more, or until `deadline`.
  static Task<void> Await(std::shared_ptr<RunningOperation> self, Instant deadline);
  // A newer decided version was learnt elsewhere.
  void Learn(const Chosen& chosen);
  // Proposes nothing more; what was proposed may still win.
  void Stop();

  OperationCore& core() { return core_; }
  bool ended() const { return core_.result().has_value() || stopped_ || context_->closed; }
  // The result, else what an unfinished operation amounts to: kUnknown if it was proposed, else
  // kUnavailable.
  StatusOr<Version> Outcome() const;

 private:
  void Pump();
  void Send(RegisterOutgoing outgoing);
  void Answered(Replica from, StatusOr<rpc::Reply> reply);
  Duration NextWait();

  std::shared_ptr<RegisterContext> context_;
  OperationCore core_;
  async::Event moved_;  // an answer came
  async::Event ended_;
  bool pausing_ = false;
  bool stopped_ = false;
  int quiet_rounds_ = 0;
  Status last_error_;
};

// Asks these nodes, on these disks (0: on any), who they are and what they know. Returns once
// `enough` have answered, all have answered or refused, or after `wait`.
Task<std::vector<NodeInfo>> AskNodes(std::shared_ptr<RegisterContext> context,
                                     std::vector<Replica> nodes, size_t enough, Duration wait);

// What one watch on a register has heard so far.
struct News {
  News(async::Scheduler& scheduler, std::string log) : log(std::move(log)), heard(scheduler) {}
  // Nobody waits for it any more.
  void End() {
    ended = true;
    heard.NotifyAll();
  }
  const std::string log;
  async::Event heard;
  WatchResult best;  // the first newer version, or that something is stalled, or nothing new
  size_t waiting = 0;
  bool ended = false;
};

// Asks all `acceptors` at once to tell of a version above `known`, for at most `wait` or until
// News::End(). They answer as soon as they learn of one.
Task<void> AwaitNews(std::shared_ptr<RegisterContext> context, std::shared_ptr<News> news,
                     std::vector<Replica> acceptors, Version known, Duration wait);

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_PAXOS_REGISTER_CLIENT_H_

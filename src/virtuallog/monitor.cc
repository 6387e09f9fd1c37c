#include "virtuallog/monitor.h"

#include <algorithm>

namespace vlog::virtuallog {

Monitor::Monitor(env::Env& env, metastore::Metastore& metastore, loglets::LogletFactory& factory,
                 NodeHealth& health, MonitorOptions options)
    : env_(env),
      metastore_(metastore),
      factory_(factory),
      health_(health),
      options_(std::move(options)),
      liveness_([this](const loglets::NodeLife& life) { return health_.Of(life); }),
      stop_(env.scheduler()),
      tasks_(env.scheduler()) {}

Task<void> Monitor::Stop() {
  stopping_ = true;
  stop_.NotifyAll();
  co_await tasks_.Join();
}

Task<void> Monitor::Pause(Duration duration) {
  Instant until = env_.scheduler().Now() + duration;
  Status waited;
  while (!stopping_ && waited.ok() && env_.scheduler().Now() < until) {
    waited = co_await stop_.Wait(until);
  }
  if (absl::IsCancelled(waited)) stopping_ = true;
}

Task<void> Monitor::FindLogs() {
  while (!stopping_) {
    StatusOr<std::vector<std::string>> logs = co_await metastore_.List();
    if (logs.ok() && !stopping_) {
      for (const std::string& log : *logs) {
        if (watched_.insert(log).second) tasks_.Spawn(Watch(log));
      }
    }
    co_await Pause(options_.find_every);
  }
}

Task<void> Monitor::Watch(std::string name) {
  StatusOr<std::unique_ptr<SharedLog>> opened =
      co_await SharedLog::Open(env_, metastore_, factory_, name, OpenOptions());
  if (!opened.ok()) {
    watched_.erase(name);  // it is found again
    co_return;
  }
  std::unique_ptr<SharedLog> log = *std::move(opened);
  Duration backoff = options_.min_backoff;
  while (!stopping_) {
    Status looked = co_await LookAfter(log.get());
    if (looked.ok()) {
      backoff = options_.min_backoff;
      Instant until = env_.scheduler().Now() + options_.look_every;
      Status changed = co_await health_.AwaitChange(until);
      if (absl::IsCancelled(changed)) break;
      // Keeps the watch on the register going; what it has learnt shows at the next look.
      Status newer = co_await log->AwaitChainChange(log->chain_version(), Instant());
      if (absl::IsCancelled(newer)) break;
      continue;
    }
    if (options_.report) options_.report(name, "cannot help", looked);
    auto most = static_cast<uint64_t>(backoff.count() / 2);
    Duration jitter(static_cast<int64_t>(env_.RandomBelow(most + 1)));
    co_await Pause(backoff + jitter);
    backoff = std::min(backoff * 2, options_.max_backoff);
  }
  co_await log->Close();
}

StatusOr<loglets::Needs> Monitor::NeedsOf(const Chain& chain) const {
  if (chain.ended()) return loglets::Needs();
  StatusOr<loglets::LogletKind*> kind = factory_.Find(chain.last().made.kind);
  VLOG_RETURN_IF_ERROR(kind);
  return (*kind)->NeedsOf(chain.last().made.params);
}

Task<Status> Monitor::LookAfter(SharedLog* log) {
  std::shared_ptr<const Chain> chain = log->known_chain();
  StatusOr<loglets::Needs> needs = NeedsOf(*chain);
  VLOG_CO_RETURN_IF_ERROR(needs);
  Diagnosis diagnosis = Diagnose(*needs, liveness_);
  if (diagnosis.state == Liveness::kAlive) co_return absl::OkStatus();
  SegmentIndex broken = chain->last().index;
  int64_t wait = MillisToWait(*chain, diagnosis.state, env_.WallNow());
  Duration turn = TurnOf(options_.self, *needs, liveness_);
  co_await Pause(std::max(turn, Duration(std::chrono::milliseconds(wait))));
  if (stopping_) co_return absl::OkStatus();
  // Meanwhile somebody else may have helped, or the node was heard again.
  chain = log->known_chain();
  if (chain->last().index != broken) co_return absl::OkStatus();
  diagnosis = Diagnose(*needs, liveness_);
  if (diagnosis.state == Liveness::kAlive) co_return absl::OkStatus();
  ReconfigureRequest request;
  request.reason = "fail-over: " + diagnosis.reason;
  request.fail_overs = NextFailOver(*chain, env_.WallNow());
  std::string what = request.reason;
  Status done =
      co_await log->FailOver(broken, std::move(request), diagnosis.state == Liveness::kDead);
  VLOG_CO_RETURN_IF_ERROR(done);
  ++fail_overs_;
  if (options_.report) options_.report(log->name(), what, done);
  co_return absl::OkStatus();
}

}  // namespace vlog::virtuallog

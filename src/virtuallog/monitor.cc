#include "virtuallog/monitor.h"

#include <algorithm>

namespace vlog::virtuallog {
namespace {

// While the others do not share a suspicion they are asked again after this, and twice that, ...
constexpr Duration kShortestDoubt = std::chrono::milliseconds(25);
constexpr Duration kLongestDoubt = std::chrono::milliseconds(400);
// So often the metastore is asked, for all logs together, who could replace a member that is gone.
constexpr Duration kReplaceEvery = std::chrono::seconds(1);

std::string ReasonFor(const std::vector<loglets::NodeLife>& gone, const Absences& absences,
                      Instant now) {
  std::string text = "copies restored:";
  for (const loglets::NodeLife& life : gone) {
    auto away = std::chrono::duration_cast<std::chrono::seconds>(absences.TimeAway(life, now));
    absl::StrAppend(&text, &life == &gone.front() ? "" : ",", " node ", life.node.value(),
                    " is away for ", away.count(), " s");
  }
  return text;
}

CopyKeeperOptions KeeperOptions(const MonitorOptions& monitor) {
  CopyKeeperOptions options;
  options.self = monitor.self;
  options.look_every = monitor.rehome_look_every;
  options.rehome_after = monitor.rehome_after;
  options.spares = monitor.spares;
  options.report = monitor.report;
  return options;
}

}  // namespace

Monitor::Monitor(env::Env& env, metastore::Metastore& metastore, loglets::LogletFactory& factory,
                 NodeHealth& health, MonitorOptions options)
    : env_(env),
      metastore_(metastore),
      factory_(factory),
      health_(health),
      options_(std::move(options)),
      liveness_([this](const loglets::NodeLife& life) { return health_.Of(life); }),
      keeper_(env, factory, health, KeeperOptions(options_)),
      stop_(env.scheduler()),
      tasks_(env.scheduler()) {}

Task<void> Monitor::Stop() {
  stopping_ = true;
  stop_.NotifyAll();
  keeper_.Stop();
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
  Watched watched{*std::move(opened), Duration(0), Absences(options_.replace_after)};
  SharedLog* log = watched.log.get();
  async::TaskGroup keeping(env_.scheduler());
  keeping.Spawn(keeper_.Mind(log));
  Duration backoff = options_.min_backoff;
  while (!stopping_) {
    Status looked = co_await LookAfter(&watched);
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
  co_await keeping.Join();
  co_await log->Close();
}

StatusOr<loglets::Needs> Monitor::NeedsOf(const Chain& chain) const {
  if (chain.ended()) return loglets::Needs();
  StatusOr<loglets::LogletKind*> kind = factory_.Find(chain.last().made.kind);
  VLOG_RETURN_IF_ERROR(kind);
  return (*kind)->NeedsOf(chain.last().made.params);
}

Task<Status> Monitor::LookAfter(Watched* watched) {
  SharedLog* log = watched->log.get();
  std::shared_ptr<const Chain> chain = log->known_chain();
  StatusOr<loglets::Needs> needs = NeedsOf(*chain);
  VLOG_CO_RETURN_IF_ERROR(needs);
  SegmentIndex broken = chain->last().index;
  Diagnosis diagnosis = Diagnose(*needs, liveness_);
  if (ElectsItsLeader(*needs)) watched->absences.Note(*needs, liveness_, env_.scheduler().Now());
  if (diagnosis.state == Liveness::kAlive) {
    watched->doubt = Duration(0);
    bool replace = ElectsItsLeader(*needs) && options_.spares;
    if (!replace) co_return absl::OkStatus();
    co_return co_await ReplaceMembers(watched, *std::move(needs));
  }
  diagnosis = co_await AwaitTurn(log, *needs, diagnosis);
  if (diagnosis.state == Liveness::kSuspected) {
    diagnosis = co_await Confirm(watched, *needs, diagnosis);
  }
  if (diagnosis.state == Liveness::kAlive || stopping_) co_return absl::OkStatus();
  co_return co_await FailOver(log, broken, diagnosis);
}

Task<Diagnosis> Monitor::Linger(SharedLog* log, loglets::Needs needs, Diagnosis diagnosis,
                                Instant until) {
  SegmentIndex broken = log->known_chain()->last().index;
  Liveness before = diagnosis.state;
  while (!stopping_ && diagnosis.state == before && env_.scheduler().Now() < until) {
    Instant look = std::min(until, env_.scheduler().Now() + options_.look_every);
    Status changed = co_await health_.AwaitChange(look);
    if (absl::IsCancelled(changed)) stopping_ = true;
    // Meanwhile somebody else may have helped, or the node was heard again, or is proven dead.
    diagnosis = Diagnose(needs, liveness_);
    if (log->known_chain()->last().index != broken) diagnosis = Diagnosis();
  }
  co_return diagnosis;
}

Task<Diagnosis> Monitor::AwaitTurn(SharedLog* log, loglets::Needs needs, Diagnosis diagnosis) {
  Instant began = env_.scheduler().Now();
  for (;;) {
    Liveness before = diagnosis.state;
    int64_t wait = MillisToWait(*log->known_chain(), before, env_.WallNow());
    Duration turn = TurnOf(options_.self, needs, liveness_);
    Instant until = began + std::max(turn, Duration(std::chrono::milliseconds(wait)));
    diagnosis = co_await Linger(log, needs, diagnosis, until);
    bool same = diagnosis.state == before || diagnosis.state == Liveness::kAlive;
    if (same || stopping_) co_return diagnosis;
  }
}

Task<Diagnosis> Monitor::Confirm(Watched* watched, loglets::Needs needs, Diagnosis diagnosis) {
  SharedLog* log = watched->log.get();
  SegmentIndex broken = log->known_chain()->last().index;
  std::vector<NodeId> witnesses = WitnessesOf(options_.self, needs, liveness_);
  std::vector<loglets::NodeLife> suspects = SuspectsOf(needs, liveness_);
  std::vector<Testimony> testimonies =
      co_await health_.Ask(std::move(witnesses), std::move(suspects));
  if (stopping_ || log->known_chain()->last().index != broken) co_return Diagnosis();
  Diagnosis confirmed = DiagnoseConfirmed(options_.self, needs, liveness_, testimonies);
  if (confirmed.state != Liveness::kAlive) {
    watched->doubt = Duration(0);
    co_return confirmed;
  }
  if (watched->doubt == Duration(0) && options_.report) {
    options_.report(log->name(), "waits: " + diagnosis.reason + ", for a minority only",
                    absl::OkStatus());
  }
  watched->doubt = std::clamp(2 * watched->doubt, kShortestDoubt, kLongestDoubt);
  Instant until = env_.scheduler().Now() + watched->doubt;
  diagnosis = co_await Linger(log, needs, diagnosis, until);
  if (diagnosis.state == Liveness::kDead) co_return diagnosis;
  co_return Diagnosis();
}

Task<std::vector<loglets::NodeLife>> Monitor::ConfirmGone(loglets::Needs needs,
                                                          std::vector<loglets::NodeLife> gone) {
  std::erase_if(
      gone, [this](const loglets::NodeLife& life) { return liveness_(life) == Liveness::kAlive; });
  auto suspected = [this](const loglets::NodeLife& life) {
    return liveness_(life) == Liveness::kSuspected;
  };
  if (std::none_of(gone.begin(), gone.end(), suspected)) co_return std::move(gone);
  std::vector<NodeId> witnesses = WitnessesOf(options_.self, needs, liveness_);
  std::vector<loglets::NodeLife> suspects = SuspectsOf(needs, liveness_);
  std::vector<Testimony> testimonies =
      co_await health_.Ask(std::move(witnesses), std::move(suspects));
  LivenessOf confirmed = ConfirmedBy(options_.self, needs, liveness_, std::move(testimonies));
  std::erase_if(gone, [&confirmed](const loglets::NodeLife& life) {
    return confirmed(life) == Liveness::kAlive;
  });
  co_return std::move(gone);
}

Task<StatusOr<std::vector<NodeId>>> Monitor::LikelySpares() {
  Instant now = env_.scheduler().Now();
  if (now < spares_until_) co_return likely_spares_;
  // Whoever asks while this is under way gets the old answer.
  spares_until_ = now + kReplaceEvery;
  StatusOr<std::vector<NodeId>> told = co_await options_.spares();
  VLOG_CO_RETURN_IF_ERROR(told);
  likely_spares_ = *std::move(told);
  co_return likely_spares_;
}

Task<Status> Monitor::ReplaceMembers(Watched* watched, loglets::Needs needs) {
  SharedLog* log = watched->log.get();
  Instant now = env_.scheduler().Now();
  std::vector<loglets::NodeLife> gone = watched->absences.Overdue(now);
  if (gone.empty() || now < watched->replace_at) co_return absl::OkStatus();
  // The first of the living members acts; the others find it done.
  watched->replace_at = now + kReplaceEvery;
  std::shared_ptr<const Chain> chain = log->known_chain();
  SegmentIndex narrow = chain->last().index;
  // While nobody could take the place, nobody else is asked anything.
  StatusOr<std::vector<NodeId>> spares = co_await LikelySpares();
  if (!spares.ok()) co_return absl::OkStatus();
  std::vector<NodeId> nodes =
      Replaced(needs, gone, *std::move(spares), chain->policy().candidates, liveness_);
  if (nodes.empty()) co_return absl::OkStatus();
  co_await Pause(TurnOf(options_.self, needs, liveness_));
  gone = co_await ConfirmGone(needs, std::move(gone));
  if (gone.empty() || stopping_) co_return absl::OkStatus();
  spares = co_await options_.spares();
  // Without the metastore nobody can be let in; the log goes on as it is.
  if (!spares.ok()) co_return absl::OkStatus();
  chain = log->known_chain();
  if (stopping_ || chain->last().index != narrow) co_return absl::OkStatus();
  ReconfigureRequest request;
  request.placement.nodes =
      Replaced(needs, gone, *std::move(spares), chain->policy().candidates, liveness_);
  if (request.placement.nodes.empty()) co_return absl::OkStatus();  // nobody could take the place
  request.reason = ReasonFor(gone, watched->absences, env_.scheduler().Now());
  request.replaces = narrow;
  std::string what = request.reason;
  Status replaced = co_await log->Reconfigure(std::move(request));
  if (absl::IsAborted(replaced)) co_return absl::OkStatus();  // somebody else did
  VLOG_CO_RETURN_IF_ERROR(replaced);
  ++replacements_;
  if (options_.report) options_.report(log->name(), what, absl::OkStatus());
  co_return absl::OkStatus();
}

Task<Status> Monitor::FailOver(SharedLog* log, SegmentIndex broken, Diagnosis diagnosis) {
  std::shared_ptr<const Chain> chain = log->known_chain();
  if (chain->last().index != broken) co_return absl::OkStatus();
  ReconfigureRequest request;
  request.reason = "fail-over: " + diagnosis.reason;
  request.fail_overs = NextFailOver(*chain, env_.WallNow());
  std::string what = request.reason;
  bool proven = diagnosis.state == Liveness::kDead;
  StatusOr<bool> done = co_await log->FailOver(broken, std::move(request), proven);
  VLOG_CO_RETURN_IF_ERROR(done);
  if (!*done) co_return absl::OkStatus();  // somebody else did
  ++fail_overs_;
  if (options_.report) options_.report(log->name(), what, absl::OkStatus());
  co_return absl::OkStatus();
}

}  // namespace vlog::virtuallog

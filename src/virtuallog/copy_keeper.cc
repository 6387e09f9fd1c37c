#include "virtuallog/copy_keeper.h"

#include <algorithm>
#include <utility>

namespace vlog::virtuallog {

CopyKeeper::CopyKeeper(env::Env& env, loglets::LogletFactory& factory, NodeHealth& health,
                       CopyKeeperOptions options)
    : env_(env),
      factory_(factory),
      health_(health),
      options_(std::move(options)),
      liveness_([this](const loglets::NodeLife& life) { return health_.Of(life); }),
      stop_(env.scheduler()) {}

void CopyKeeper::Stop() {
  stopping_ = true;
  stop_.NotifyAll();
}

Task<void> CopyKeeper::Mind(SharedLog* log) {
  SealedCopies copies(options_.self, options_.rehome_after);
  while (!stopping_) {
    Status waited = co_await stop_.Wait(env_.scheduler().Now() + options_.look_every);
    if (absl::IsCancelled(waited)) co_return;
    if (!stopping_ && !moving_) co_await LookAfter(log, &copies);
  }
}

Task<void> CopyKeeper::LookAfter(SharedLog* log, SealedCopies* copies) {
  auto needs_of = [this](const Segment& segment) {
    StatusOr<loglets::LogletKind*> kind = factory_.Find(segment.made.kind);
    return kind.ok() ? (*kind)->NeedsOf(segment.made.params) : loglets::Needs();
  };
  std::shared_ptr<const Chain> chain = log->known_chain();
  std::optional<DueSegment> due = copies->Look(*chain, needs_of, liveness_, env_.scheduler().Now());
  if (!due) co_return;
  SegmentIndex index = due->index;
  moving_ = true;
  co_await Move(log, *std::move(due));
  moving_ = false;
  copies->Tried(index, env_.scheduler().Now());
}

Task<bool> CopyKeeper::IsWorthIt(DueSegment due) {
  if (due.gone.empty()) co_return true;
  if (!options_.spares) co_return false;
  std::vector<NodeId> witnesses = WitnessesOf(options_.self, due.needs, liveness_);
  std::vector<loglets::NodeLife> suspects = SuspectsOf(due.needs, liveness_);
  std::vector<Testimony> testimonies;
  if (!suspects.empty()) testimonies = co_await health_.Ask(std::move(witnesses), suspects);
  LivenessOf confirmed = ConfirmedBy(options_.self, due.needs, liveness_, std::move(testimonies));
  auto heard = [&confirmed](const loglets::NodeLife& life) {
    return confirmed(life) == Liveness::kAlive;
  };
  if (std::any_of(due.gone.begin(), due.gone.end(), heard)) co_return false;
  StatusOr<std::vector<NodeId>> in_service = co_await options_.spares();
  co_return in_service.ok() && AnyCanTake(due, *in_service, liveness_);
}

Task<void> CopyKeeper::Move(SharedLog* log, DueSegment due) {
  bool worth = co_await IsWorthIt(due);
  if (!worth || stopping_) co_return;
  RehomeOrder order;
  order.segment = due.index;
  order.reason = due.reason;
  order.replace_silent = !due.gone.empty();
  order.give_up = [this] { return stopping_; };
  StatusOr<RehomeReport> report = co_await log->Rehome(std::move(order));
  // Somebody else did it, or it cannot be done by anybody.
  bool nothing = absl::IsAborted(report.status()) || absl::IsUnimplemented(report.status()) ||
                 absl::IsCancelled(report.status());
  if (nothing || stopping_) co_return;
  std::string segment = absl::StrCat("segment ", due.index.value());
  if (!report.ok()) {
    if (options_.report) {
      options_.report(log->name(), "cannot move " + segment, report.status());
    }
    co_return;
  }
  if (!report->changed) co_return;
  ++moved_;
  if (!options_.report) co_return;
  std::string what = absl::StrCat("moved ", segment, ": ", due.reason);
  if (!report->what.empty()) absl::StrAppend(&what, ": ", report->what);
  absl::StrAppend(&what, "; ", report->bytes, " bytes copied");
  options_.report(log->name(), what, absl::OkStatus());
}

}  // namespace vlog::virtuallog

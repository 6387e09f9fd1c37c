#include "client/operations.h"

#include "absl/strings/str_join.h"

namespace vlog::client {
namespace {

// Each round does all that a look at the cluster shows; more than a few are needed only while
// others change it as well.
constexpr int kMostRounds = 10;
constexpr Duration kBetweenRounds = std::chrono::milliseconds(100);
// A node that has just come back is not reached by everybody at once.
constexpr Duration kMovePatience = std::chrono::seconds(3);

using MakePlan = MembershipPlan (*)(const ClusterView&, NodeId);

std::string Counted(size_t count, const std::string& what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

// kAborted: the register has changed since the look.
Task<Status> MoveRegister(Cluster& cluster, RegisterMove move, Progress tell) {
  bool of_directory = move.log == metastore::kDirectoryLog;
  std::string what = of_directory ? "metastore" : "log " + move.log + ": its register";
  std::string voters = Listed(NodesOf(move.acceptors));
  StatusOr<Version> moved = co_await cluster.metastore().ChangeAcceptors(
      move.log, std::move(move.acceptors), move.expected);
  if (absl::IsAborted(moved.status())) co_return moved.status();
  if (!moved.ok()) co_return Annotate(moved.status(), what);
  tell(what + " is voted on by nodes " + voters);
  co_return absl::OkStatus();
}

Task<Status> MoveLog(Cluster& cluster, LogMove move, Progress tell) {
  std::string what = "log " + move.log;
  StatusOr<virtuallog::SharedLog*> log = co_await cluster.OpenLog(move.log);
  if (!log.ok()) co_return Annotate(log.status(), what);
  virtuallog::ReconfigureRequest request;
  request.reason = move.reason;
  request.replaces = move.replaces;
  request.placement = std::move(move.to);
  std::string nodes = Listed(request.placement.nodes);
  std::string sequencer;
  if (request.placement.sequencer != NodeId()) {
    sequencer = absl::StrCat(", its sequencer on node ", request.placement.sequencer.value());
  }
  async::Scheduler& scheduler = cluster.env().scheduler();
  Instant deadline = scheduler.Now() + kMovePatience;
  Status done = co_await (*log)->Reconfigure(request);
  while (absl::IsUnavailable(done) && scheduler.Now() < deadline) {
    Status slept = co_await scheduler.Sleep(kBetweenRounds);
    VLOG_CO_RETURN_IF_ERROR(slept);
    done = co_await (*log)->Reconfigure(request);
  }
  if (absl::IsAborted(done)) co_return done;  // superseded: the next look shows by what
  if (!done.ok()) co_return Annotate(done, what);
  tell(what + " goes on with copies on nodes " + nodes + sequencer);
  co_return absl::OkStatus();
}

std::string Text(const metastore::MemberChange& change) {
  std::vector<std::string> parts;
  for (const Replica& each : change.join) {
    parts.push_back(absl::StrCat("new logs may use node ", each.node.value()));
  }
  for (const Replica& each : change.leave) {
    parts.push_back(absl::StrCat("new logs avoid node ", each.node.value()));
  }
  for (const Replica& each : change.retire) {
    parts.push_back(absl::StrFormat("disk %016x of node %d never counts again", each.disk.value(),
                                    each.node.value()));
  }
  return absl::StrJoin(parts, "; ");
}

Task<Status> CarryOut(Cluster& cluster, MembershipPlan plan, Progress tell) {
  if (plan.changes_members) {
    std::string text = Text(plan.members);
    Status changed = co_await cluster.metastore().ChangeMembers(std::move(plan.members));
    VLOG_CO_RETURN_IF_ERROR(changed);
    tell(text);
  }
  bool stale = false;
  for (RegisterMove& move : plan.registers) {
    Status moved = co_await MoveRegister(cluster, std::move(move), tell);
    stale = stale || absl::IsAborted(moved);
    if (!moved.ok() && !absl::IsAborted(moved)) co_return moved;
  }
  if (stale) co_return co_await cluster.env().scheduler().Sleep(kBetweenRounds);
  for (LogMove& move : plan.logs) {
    Status moved = co_await MoveLog(cluster, std::move(move), tell);
    stale = stale || absl::IsAborted(moved);
    if (!moved.ok() && !absl::IsAborted(moved)) co_return moved;
  }
  if (stale) co_return co_await cluster.env().scheduler().Sleep(kBetweenRounds);
  co_return absl::OkStatus();
}

// The view in which nothing is left to do.
Task<StatusOr<ClusterView>> Run(Cluster& cluster, NodeId node, MakePlan make, Progress tell,
                                OperationResult* result) {
  for (int round = 0; round < kMostRounds; ++round) {
    LookOptions options;
    ClusterView view = co_await Look(cluster, options);
    if (!view.metastore.ok()) co_return view.metastore;
    MembershipPlan plan = make(view, node);
    if (!plan.refusals.empty()) {
      std::string why = absl::StrJoin(plan.refusals, "; ");
      if (!view.nodes.contains(node)) co_return absl::InvalidArgumentError(why);
      co_return absl::UnavailableError(why);
    }
    result->notes = plan.notes;
    if (plan.nothing_to_do()) co_return std::move(view);
    result->changed = true;
    Status done = co_await CarryOut(cluster, std::move(plan), tell);
    VLOG_CO_RETURN_IF_ERROR(done);
  }
  co_return absl::UnavailableError(
      absl::StrCat("something else changes the cluster all the time; gave up after ",
                   Counted(kMostRounds, "round"), ". Run it again, it goes on where it stopped"));
}

}  // namespace

Task<StatusOr<OperationResult>> Drain(Cluster& cluster, NodeId node, Progress tell) {
  OperationResult result;
  StatusOr<ClusterView> view = co_await Run(cluster, node, PlanDrain, std::move(tell), &result);
  VLOG_CO_RETURN_IF_ERROR(view);
  result.sealed = SealedCopiesOn(*view, node);
  result.unsafe = ReasonsToKeep(*view, node);
  co_return std::move(result);
}

Task<StatusOr<OperationResult>> Undrain(Cluster& cluster, NodeId node, Progress tell) {
  OperationResult result;
  StatusOr<ClusterView> view = co_await Run(cluster, node, PlanUndrain, std::move(tell), &result);
  VLOG_CO_RETURN_IF_ERROR(view);
  co_return std::move(result);
}

Task<StatusOr<OperationResult>> ReplaceDisk(Cluster& cluster, NodeId node, Progress tell) {
  OperationResult result;
  StatusOr<ClusterView> view =
      co_await Run(cluster, node, PlanReplaceDisk, std::move(tell), &result);
  VLOG_CO_RETURN_IF_ERROR(view);
  result.sealed = SealedCopiesLostBy(*view, node);
  co_return std::move(result);
}

}  // namespace vlog::client

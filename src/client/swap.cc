#include "client/swap.h"

#include <algorithm>
#include <utility>

#include "client/log_health.h"

namespace vlog::client {
namespace {

// The placement in full, so that what is carried out is what was judged.
loglets::Placement PlacementOf(const loglets::Needs& needs, loglets::Placement wish) {
  loglets::Placement placement = std::move(wish);
  placement.nodes = NodesWithCopies(needs);
  placement.write_quorum = static_cast<uint32_t>(needs.acknowledging());
  if (!needs.all_of.empty()) placement.sequencer = needs.all_of.front().node;
  return placement;
}

// For the first loglet of another kind, which cannot read the old one's parameters: as many copies
// as there are, unless the policy says, where they are as far as that goes.
loglets::Policy NearTo(const loglets::Needs& before, loglets::Policy policy) {
  for (NodeId node : NodesOf(before.some_of)) {
    std::vector<NodeId>& first = policy.candidates;
    if (std::find(first.begin(), first.end(), node) == first.end()) first.push_back(node);
  }
  if (policy.copies == 0) policy.copies = static_cast<uint32_t>(before.some_of.size());
  return policy;
}

// The chain with the parameters of its segments, which a view does not carry.
Task<StatusOr<virtuallog::Chain>> OpenChain(Cluster& cluster, std::string log) {
  StatusOr<metastore::Versioned> value = co_await cluster.metastore().Read(std::move(log));
  VLOG_CO_RETURN_IF_ERROR(value);
  if (value->value.empty()) co_return absl::NotFoundError("there is no such log");
  StatusOr<virtuallog::Chain> chain = virtuallog::Chain::Decode(value->value);
  VLOG_CO_RETURN_IF_ERROR(chain);
  if (chain->ended()) {
    co_return absl::FailedPreconditionError("the log has ended: " + chain->last().made.reason);
  }
  co_return std::move(chain);
}

}  // namespace

Task<StatusOr<SwapPlan>> PlanSwap(Cluster& cluster, std::string log, SwapWish wish) {
  virtuallog::ReconfigureRequest& request = wish.request;
  SwapPlan plan;
  LookOptions options;
  options.only = log;
  plan.view = co_await Look(cluster, options);
  VLOG_CO_RETURN_IF_ERROR(plan.view.metastore);
  StatusOr<virtuallog::Chain> chain = co_await OpenChain(cluster, log);
  VLOG_CO_RETURN_IF_ERROR(chain);
  const virtuallog::Segment* last = &chain->last();
  plan.replaces = last->index;
  plan.from_kind = last->made.kind;
  plan.to_kind = request.kind.empty() ? plan.from_kind : request.kind;
  StatusOr<loglets::LogletKind*> kind = cluster.factory().Find(plan.to_kind);
  VLOG_CO_RETURN_IF_ERROR(kind);
  StatusOr<loglets::LogletKind*> before = cluster.factory().Find(plan.from_kind);
  if (before.ok()) plan.swap.before = (*before)->NeedsOf(last->made.params);
  plan.swap.wish = request.placement;
  plan.swap.allow_fewer_copies = wish.allow_fewer_copies;
  Status fine = CheckWish(plan.view, plan.swap.wish);
  VLOG_CO_RETURN_IF_ERROR(fine);
  PolicyChange change;
  change.kind = plan.to_kind;
  change.wish = request.placement;
  change.copies = wish.copies;
  change.least_copies = wish.least_copies;
  StatusOr<loglets::Policy> policy = PolicyAfter(chain->policy(), change);
  VLOG_CO_RETURN_IF_ERROR(policy);
  plan.policy = *policy;
  loglets::ProposeRequest propose;
  propose.policy = *policy;
  propose.wish = request.placement;
  propose.previous_kind = last->made.kind;
  propose.previous_params = last->made.params;
  if (plan.to_kind != plan.from_kind) propose.policy = NearTo(plan.swap.before, *policy);
  StatusOr<std::string> params = co_await (*kind)->ProposeParams(std::move(propose));
  VLOG_CO_RETURN_IF_ERROR(params);
  plan.swap.after = (*kind)->NeedsOf(*params);
  Status fits = CheckLeastCopies(wish.least_copies, plan.swap.after.acknowledging());
  VLOG_CO_RETURN_IF_ERROR(fits);
  plan.refusals = ReasonsAgainst(plan.view, plan.swap);
  for (const LogView& each : plan.view.logs) {
    if (each.name == log) plan.about = HealthOf(plan.view, each).tail;
  }
  plan.request = std::move(request);
  plan.request.placement = PlacementOf(plan.swap.after, plan.swap.wish);
  plan.request.replaces = plan.replaces;
  plan.request.policy = plan.policy;
  co_return std::move(plan);
}

}  // namespace vlog::client

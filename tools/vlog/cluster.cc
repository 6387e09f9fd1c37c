// What only a cluster has, apart from operations on its nodes: creating a log, and reconfiguring
// one with a look ahead.
#include "chain_text.h"
#include "client/swap.h"
#include "commands.h"
#include "exit_code.h"
#include "server/config_values.h"

namespace vlog::cli {
namespace {

constexpr char kOtherName[] =
    "choose another name; 'vlog --cluster ... logs' lists those there are";

std::string Text(const loglets::Needs& needs) {
  std::string text =
      absl::StrCat("nodes ", client::Listed(client::NodesOf(needs.some_of)), ", write quorum ",
                   needs.acknowledging(), " of ", needs.some_of.size());
  if (!needs.beside.empty()) {
    absl::StrAppend(&text, ", only learners on ", client::Listed(client::NodesOf(needs.beside)));
  }
  for (const loglets::NodeLife& life : needs.all_of) {
    absl::StrAppend(&text, ", sequencer on node ", life.node.value());
  }
  return text;
}

void PrintPlan(const std::string& log, const client::SwapPlan& plan, Output& out) {
  out.Line(absl::StrCat("log ", log, ": segment ", plan.replaces.value(), " would end at LSN ",
                        plan.about.value(), " or a little later"));
  out.Line("  from  " + plan.from_kind + ": " + Text(plan.swap.before));
  out.Line("  to    " + plan.to_kind + ": " + Text(plan.swap.after));
  out.Line("  later " + PolicyText(plan.policy));
  for (const auto& [node, view] : plan.view.nodes) {
    std::string state = "does not answer: " + Message(view.answer);
    if (view.answer.ok()) {
      state = absl::StrCat(server::ToString(view.status.state), ", disk ",
                           server::HexIdText(view.status.identity.disk.value()), ", boot ",
                           view.status.identity.incarnation.value());
    }
    out.Line(absl::StrCat("  node ", node.value(), ": ", state));
  }
}

ExitCode Refuse(const client::SwapPlan& plan) {
  Say("refused, nothing was changed");
  for (const std::string& reason : plan.refusals) Say("  " + reason);
  return kNotDone;
}

}  // namespace

Task<int> CreateLog(Shell& shell, CreateArguments arguments) {
  StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
  if (!cluster.ok()) co_return Fail(cluster.status());
  client::LookOptions options;
  options.logs = false;
  client::ClusterView view = co_await client::Look(**cluster, options);
  if (!view.metastore.ok()) co_return Fail(view.metastore);
  client::NewPlacement wanted;
  wanted.wish = arguments.made.placement;
  wanted.copies = arguments.copies;
  StatusOr<loglets::Placement> placed = client::PlaceNewLog(view, wanted);
  if (!placed.ok()) co_return Fail(placed.status());
  client::PolicyChange change;
  change.kind = arguments.made.kind;
  change.least_copies = arguments.least_copies;
  StatusOr<loglets::Policy> policy = client::PolicyAfter(client::PolicyOf(wanted), change);
  if (!policy.ok()) co_return Fail(policy.status());
  size_t quorum = placed->write_quorum > 0 ? placed->write_quorum : placed->nodes.size() / 2 + 1;
  Status fits = client::CheckLeastCopies(arguments.least_copies, quorum);
  if (!fits.ok()) co_return Fail(fits);
  // Nodes that nobody named are chosen when it is made, of those in service then.
  client::NewLog made = arguments.made;
  made.policy = *std::move(policy);
  StatusOr<virtuallog::SharedLog*> log =
      co_await (*cluster)->CreateLog(arguments.name, std::move(made));
  if (absl::IsAlreadyExists(log.status())) co_return Fail(log.status(), kOtherName);
  if (!log.ok()) co_return Fail(log.status());
  shell.out().Line(arguments.name);
  co_return kDone;
}

Task<int> ReconfigureOnCluster(Shell& shell, ReconfigureArguments arguments) {
  StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
  if (!cluster.ok()) co_return Fail(cluster.status());
  std::string name = shell.arguments().log;
  client::SwapWish wish;
  wish.request = arguments.request;
  wish.copies = arguments.copies;
  wish.least_copies = arguments.least_copies;
  wish.allow_fewer_copies = arguments.allow_fewer_copies;
  StatusOr<client::SwapPlan> plan = co_await client::PlanSwap(**cluster, name, std::move(wish));
  if (!plan.ok()) co_return Fail(plan.status());
  if (arguments.dry_run) PrintPlan(name, *plan, shell.out());
  if (!plan->refusals.empty()) co_return Refuse(*plan);
  if (arguments.dry_run) {
    shell.out().Line("nothing was changed; run it without --dry-run to do it");
    co_return kDone;
  }
  StatusOr<virtuallog::SharedLog*> log = co_await (*cluster)->OpenLog(name);
  if (!log.ok()) co_return Fail(log.status());
  Status done = co_await (*log)->Reconfigure(std::move(plan->request));
  if (!done.ok()) co_return Fail(done);
  co_return co_await PrintLastSegment(shell, **log);
}

}  // namespace vlog::cli

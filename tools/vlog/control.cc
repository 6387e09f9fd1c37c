// The short commands: tail, trim, reconfigure, seal, logs.
#include "commands.h"
#include "exit_code.h"

namespace vlog::cli {

Task<int> Tail(Shell& shell) {
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kRead);
  if (!log.ok()) co_return Fail(log.status());
  StatusOr<Lsn> tail = co_await (*log)->CheckTail();
  if (!tail.ok()) co_return Fail(tail.status());
  shell.out().Line(std::to_string(tail->value()));
  co_return kDone;
}

Task<int> Trim(Shell& shell, Lsn to) {
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kWrite);
  if (!log.ok()) co_return Fail(log.status());
  StatusOr<Lsn> trimmed = co_await (*log)->Trim(to);
  if (!trimmed.ok()) co_return Fail(trimmed.status());
  if (*trimmed < to) Say(absl::StrCat("the log ends at ", trimmed->value(), "; trimmed that far"));
  shell.out().Line(std::to_string(trimmed->value()));
  co_return kDone;
}

Task<int> Reconfigure(Shell& shell, ReconfigureArguments arguments) {
  virtuallog::ReconfigureRequest& request = arguments.request;
  const std::string& kind = request.kind;
  if (kind == virtuallog::kMarkerKind) {
    co_return Fail(absl::InvalidArgumentError("a marker ends the log: that is 'vlog seal'"));
  }
  if (shell.on_cluster()) co_return co_await ReconfigureOnCluster(shell, std::move(arguments));
  if (kind == "memory") {
    co_return Fail(absl::InvalidArgumentError(
        "a directory keeps its records, the kind 'memory' does not; use --to local"));
  }
  const loglets::Placement& placement = request.placement;
  bool placed = !placement.nodes.empty() || placement.write_quorum > 0 ||
                placement.sequencer != NodeId() || !placement.options.empty();
  bool counted = arguments.copies > 0 || arguments.least_copies > 0;
  if (placed || counted || arguments.dry_run || arguments.allow_fewer_copies) {
    co_return Fail(absl::InvalidArgumentError(
        "--nodes, --replication, --write-quorum, --least-copies, --sequencer, --roles, "
        "--allow-fewer-copies and --dry-run are for loglets in a cluster; use --cluster"));
  }
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kWrite);
  if (!log.ok()) co_return Fail(log.status());
  Status done = co_await (*log)->Reconfigure(std::move(request));
  if (!done.ok()) co_return Fail(done);
  co_return co_await PrintLastSegment(shell, **log);
}

Task<int> PrintLastSegment(Shell& shell, virtuallog::SharedLog& log) {
  auto chain = co_await log.ReadChain();
  if (!chain.ok()) co_return Fail(chain.status());
  const virtuallog::Segment& last = (*chain)->last();
  shell.out().Line(absl::StrCat(last.index.value(), " ", last.base.value(), " ", last.made.kind));
  co_return kDone;
}

Task<int> Seal(Shell& shell, std::string reason) {
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kWrite);
  if (!log.ok()) co_return Fail(log.status());
  Status done = co_await (*log)->SealLog(reason);
  if (!done.ok()) co_return Fail(done);
  auto chain = co_await (*log)->ReadChain();
  if (!chain.ok()) co_return Fail(chain.status());
  shell.out().Line(std::to_string((*chain)->last().base.value()));
  co_return kDone;
}

namespace {

Task<StatusOr<std::vector<std::string>>> LogsOf(Shell& shell) {
  if (shell.on_cluster()) {
    StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
    VLOG_CO_RETURN_IF_ERROR(cluster);
    co_return co_await (*cluster)->Logs();
  }
  StatusOr<embedded::Directory*> directory = co_await shell.OpenDirectory(Shell::Access::kRead);
  VLOG_CO_RETURN_IF_ERROR(directory);
  co_return co_await (*directory)->Logs();
}

}  // namespace

Task<int> ListLogs(Shell& shell) {
  StatusOr<std::vector<std::string>> logs = co_await LogsOf(shell);
  if (!logs.ok()) co_return Fail(logs.status());
  for (const std::string& log : *logs) shell.out().Line(log);
  co_return kDone;
}

}  // namespace vlog::cli

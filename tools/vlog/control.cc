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

Task<int> Reconfigure(Shell& shell, std::string kind, std::string reason) {
  if (kind == virtuallog::kMarkerKind) {
    co_return Fail(absl::InvalidArgumentError("a marker ends the log: that is 'vlog seal'"));
  }
  if (kind == "memory") {
    co_return Fail(absl::InvalidArgumentError(
        "a directory keeps its records, the kind 'memory' does not; use --to local"));
  }
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kWrite);
  if (!log.ok()) co_return Fail(log.status());
  virtuallog::ReconfigureRequest request{kind, reason};
  Status done = co_await (*log)->Reconfigure(std::move(request));
  if (!done.ok()) co_return Fail(done);
  auto chain = co_await (*log)->ReadChain();
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

Task<int> ListLogs(Shell& shell) {
  StatusOr<embedded::Directory*> directory = co_await shell.OpenDirectory(Shell::Access::kRead);
  if (!directory.ok()) co_return Fail(directory.status());
  StatusOr<std::vector<std::string>> logs = co_await (*directory)->Logs();
  if (!logs.ok()) co_return Fail(logs.status());
  for (const std::string& log : *logs) shell.out().Line(log);
  co_return kDone;
}

}  // namespace vlog::cli

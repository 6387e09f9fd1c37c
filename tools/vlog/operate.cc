// Operations on the nodes of a cluster: drain, undrain, replace-disk, rehome.
#include "client/operations.h"
#include "commands.h"
#include "exit_code.h"

namespace vlog::cli {
namespace {

constexpr char kAgain[] =
    "what was done stays; run the same command again when the cause is gone, it goes on there";

void PrintSealed(const client::OperationResult& result, const std::string& what, Output& out) {
  if (result.sealed.empty()) return;
  out.Line(what);
  for (const client::SealedCopy& copy : result.sealed) {
    out.Line(absl::StrCat("  log ", copy.log, "  segment ", copy.index.value(), "  [",
                          copy.base.value(), ", ", copy.end.value(), ")  on at least ", copy.least,
                          " of ", copy.copies, " nodes, left: ", client::Listed(copy.others),
                          copy.readable() ? "" : "  NOT ENOUGH: records may have no other copy"));
  }
}

void PrintNotes(const client::OperationResult& result, Output& out) {
  for (const std::string& note : result.notes) out.Line("note: " + note);
}

// Each step as it is done, even into a pipe.
client::Progress PrintTo(Output& out) {
  return [&out](const std::string& line) {
    out.Line(line);
    out.Flush();
  };
}

}  // namespace

Task<int> DrainNode(Shell& shell, NodeId node) {
  StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
  if (!cluster.ok()) co_return Fail(cluster.status());
  client::Progress tell = PrintTo(shell.out());
  StatusOr<client::OperationResult> result =
      co_await client::Drain(**cluster, node, std::move(tell));
  if (!result.ok()) {
    shell.out().Line("not safe to stop");
    co_return Fail(result.status(), kAgain);
  }
  PrintSealed(*result,
              absl::StrCat("sealed segments with a copy on node ", node.value(),
                           "; 'vlog rehome' copies them to nodes in service:"),
              shell.out());
  PrintNotes(*result, shell.out());
  if (result->unsafe.empty()) {
    shell.out().Line("safe to stop");
    co_return kDone;
  }
  shell.out().Line("not safe to stop");
  for (const std::string& reason : result->unsafe) Say(reason);
  co_return kNotDone;
}

Task<int> UndrainNode(Shell& shell, NodeId node) {
  StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
  if (!cluster.ok()) co_return Fail(cluster.status());
  client::Progress tell = PrintTo(shell.out());
  StatusOr<client::OperationResult> result =
      co_await client::Undrain(**cluster, node, std::move(tell));
  if (!result.ok()) co_return Fail(result.status(), kAgain);
  PrintNotes(*result, shell.out());
  std::string end = result->changed ? " is in service" : " was in service already";
  shell.out().Line(absl::StrCat("node ", node.value(), end));
  co_return kDone;
}

Task<int> ReplaceDisk(Shell& shell, NodeId node) {
  StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
  if (!cluster.ok()) co_return Fail(cluster.status());
  client::Progress tell = PrintTo(shell.out());
  StatusOr<client::OperationResult> result =
      co_await client::ReplaceDisk(**cluster, node, std::move(tell));
  if (!result.ok()) co_return Fail(result.status(), kAgain);
  PrintSealed(*result,
              absl::StrCat("sealed segments that lost their copy on node ", node.value(),
                           "; 'vlog rehome' copies them back:"),
              shell.out());
  PrintNotes(*result, shell.out());
  std::string end = ": nothing to do, its disk is the one that the cluster counts on";
  if (result->changed) end = ": its new disk counts, the old one never again";
  shell.out().Line(absl::StrCat("node ", node.value(), end));
  co_return kDone;
}

Task<int> RehomeSegments(Shell& shell, client::RehomeOptions options) {
  StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
  if (!cluster.ok()) co_return Fail(cluster.status());
  client::Progress tell = PrintTo(shell.out());
  StatusOr<client::RehomeResult> result =
      co_await client::Rehome(**cluster, options, std::move(tell));
  if (!result.ok()) co_return Fail(result.status(), kAgain);
  if (result->moved == 0 && result->stayed == 0) shell.out().Line("nothing to move");
  co_return result->stayed == 0 ? kDone : kNotDone;
}

}  // namespace vlog::cli

// vlog status: the nodes of a cluster, what they do, and how its logs fare.
#include "commands.h"
#include "exit_code.h"
#include "status_text.h"

namespace vlog::cli {

Task<int> ShowStatus(Shell& shell, bool json) {
  StatusOr<client::Cluster*> opened = co_await shell.OpenCluster();
  if (!opened.ok()) co_return Fail(opened.status());
  client::LookOptions options;
  client::ClusterView view = co_await client::Look(**opened, options);
  if (json) {
    shell.out().Line(ClusterStatusJson(view));
  } else {
    shell.out().Write(StatusTable(view));
  }
  co_return QuorumsLive(view) ? kDone : kNotDone;
}

}  // namespace vlog::cli

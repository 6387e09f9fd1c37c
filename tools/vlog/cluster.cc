// The commands that only a cluster has: create, status.
#include "base/json_text.h"
#include "commands.h"
#include "exit_code.h"
#include "server/node_pages.h"

namespace vlog::cli {
namespace {

constexpr Duration kAnswer = std::chrono::seconds(2);

struct NodeAnswer {
  NodeId node;
  server::Member member;
  StatusOr<server::NodeStatus> status;
};

std::string Text(Duration time) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 7200) return absl::StrCat(seconds / 60, "m");
  return absl::StrCat(seconds / 3600, "h");
}

void PrintNode(const NodeAnswer& answer, Output& out) {
  std::string head =
      absl::StrFormat("node %-3d %-22s ", answer.node.value(), answer.member.address);
  if (!answer.status.ok()) {
    out.Line(head + "no answer: " + Message(answer.status.status()));
    return;
  }
  const server::NodeStatus& status = *answer.status;
  out.Line(head + absl::StrFormat("%-8s up %-5s life %d%s%s", server::ToString(status.state),
                                  Text(status.uptime), status.identity.incarnation.value(),
                                  status.votes ? ", votes" : "",
                                  status.problem.empty() ? "" : "; " + status.problem));
  for (const server::LogletStatus& loglet : status.loglets) {
    const loglets::HostedLoglet& hosted = loglet.loglet;
    out.Line(absl::StrFormat("  %-24s %-12s [%d, %d) known %d%s", ToString(hosted.id), hosted.role,
                             hosted.trim.value(), hosted.tail.value(), hosted.known_tail.value(),
                             hosted.sealed ? " sealed" : ""));
  }
}

void PrintJson(const std::vector<NodeAnswer>& answers, Output& out) {
  std::string nodes;
  for (const NodeAnswer& answer : answers) {
    std::string item =
        answer.status.ok()
            ? server::StatusJson(*answer.status)
            : absl::StrCat("{\"node\":", answer.node.value(),
                           ",\"error\":", JsonString(Message(answer.status.status())), "}");
    absl::StrAppend(&nodes, nodes.empty() ? "" : ",", item);
  }
  out.Line("{\"nodes\":[" + nodes + "]}");
}

}  // namespace

Task<int> CreateLog(Shell& shell, std::string name, client::NewLog made) {
  StatusOr<client::Cluster*> cluster = co_await shell.OpenCluster();
  if (!cluster.ok()) co_return Fail(cluster.status());
  StatusOr<virtuallog::SharedLog*> existing = co_await (*cluster)->OpenLog(name);
  if (existing.ok()) {
    co_return Fail(absl::AlreadyExistsError("there is a log '" + name + "' already"));
  }
  if (!absl::IsNotFound(existing.status())) co_return Fail(existing.status());
  StatusOr<virtuallog::SharedLog*> log =
      co_await (*cluster)->OpenOrCreateLog(name, std::move(made));
  if (!log.ok()) co_return Fail(log.status());
  shell.out().Line(name);
  co_return kDone;
}

Task<int> ShowStatus(Shell& shell, bool json) {
  StatusOr<client::Cluster*> opened = co_await shell.OpenCluster();
  if (!opened.ok()) co_return Fail(opened.status());
  client::Cluster& cluster = **opened;
  std::vector<NodeAnswer> answers;
  bool all = true;
  for (const auto& [node, member] : cluster.members().nodes) {
    Instant deadline = shell.scheduler().Now() + kAnswer;
    StatusOr<server::NodeStatus> status = co_await cluster.nodes().StatusOf(node, deadline);
    all = all && status.ok();
    answers.push_back({node, member, std::move(status)});
  }
  if (json) {
    PrintJson(answers, shell.out());
  } else {
    for (const NodeAnswer& answer : answers) PrintNode(answer, shell.out());
  }
  co_return all ? kDone : kNotDone;
}

}  // namespace vlog::cli

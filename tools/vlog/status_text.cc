#include "status_text.h"

#include <algorithm>

#include "client/log_health.h"
#include "consensus/quorum.h"
#include "server/config_values.h"
#include "table.h"

namespace vlog::cli {
namespace {

using client::ClusterView;
using client::CopyHealth;
using client::LogHealth;
using client::LogView;
using client::NodeView;

std::string Text(Duration time) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 7200) return absl::StrCat(seconds / 60, "m");
  return absl::StrCat(seconds / 3600, "h");
}

// What the logs ask of one node.
struct Part {
  uint64_t leads = 0;   // as their sequencer, or as an elected leader
  uint64_t copies = 0;  // of open segments
  uint64_t lag = 0;     // the worst of them
};

Part PartOf(NodeId node, const std::vector<LogHealth>& logs) {
  Part part;
  for (const LogHealth& log : logs) {
    for (const loglets::NodeLife& life : log.sequencers) part.leads += life.node == node;
    part.leads += log.leader == node;
    for (const CopyHealth& copy : log.copies) {
      if (copy.replica.node != node) continue;
      ++part.copies;
      part.lag = std::max(part.lag, copy.lag);
    }
  }
  return part;
}

bool VotesIn(const ClusterView& view, NodeId node) {
  for (const Replica& voter : view.voters.acceptors) {
    if (voter.node == node) return voter.disk == view.DiskOf(node) || view.DiskOf(node) == DiskId();
  }
  return false;
}

std::vector<LogHealth> HealthOfAll(const ClusterView& view) {
  std::vector<LogHealth> logs;
  for (const LogView& log : view.logs) logs.push_back(client::HealthOf(view, log));
  return logs;
}

std::string MetastoreLine(const ClusterView& view) {
  const std::vector<Replica>& voters = view.voters.acceptors;
  if (voters.empty()) return "metastore: " + Message(view.metastore);
  std::string line =
      absl::StrCat("metastore: ", view.Serving(voters), " of ", voters.size(), " voters serve, ",
                   consensus::Majority(voters.size()), " are needed (nodes ",
                   client::Listed(client::NodesOf(voters)), ")");
  if (!view.metastore.ok()) line += "; " + Message(view.metastore);
  return line;
}

std::string NodeTable(const ClusterView& view, const std::vector<LogHealth>& logs) {
  std::vector<Row> rows;
  rows.push_back({"NODE", "ADDRESS", "STATE", "VOTES", "LEADS", "COPIES", "LAG", "DISK", "BOOT",
                  "UP", "PROBLEM"});
  for (const auto& [number, node] : view.nodes) {
    Part part = PartOf(number, logs);
    Row row = {std::to_string(number.value()),
               node.member.address,
               "no answer",
               VotesIn(view, number) ? "yes" : "no",
               std::to_string(part.leads),
               std::to_string(part.copies),
               "?",
               "?",
               "?",
               "?",
               Printable(Message(node.answer))};
    if (node.answer.ok()) {
      const server::NodeStatus& status = node.status;
      row[2] = server::ToString(status.state);
      row[6] = std::to_string(part.lag);
      row[7] = server::HexIdText(status.identity.disk.value());
      row[8] = std::to_string(status.identity.incarnation.value());
      row[9] = Text(status.uptime);
      row[10] = Printable(status.problem);
    }
    rows.push_back(std::move(row));
  }
  return Table(rows, {"NODE", "LEADS", "COPIES", "LAG", "BOOT", "UP"});
}

std::string CopiesText(const LogHealth& health) {
  std::string text;
  for (const CopyHealth& copy : health.copies) {
    std::string lag = copy.serves ? std::to_string(copy.lag) : "?";
    absl::StrAppend(&text, text.empty() ? "" : " ", copy.replica.node.value(), ":", lag);
  }
  return text;
}

// What the log's policy says of its copies, "2/3 on 1, 2, 3"; "-" if it says nothing.
std::string WantedText(const loglets::Policy& policy) {
  auto number = [](uint32_t value) { return value == 0 ? "?" : std::to_string(value); };
  bool counted = policy.copies > 0 || policy.write_quorum > 0;
  if (!counted && policy.candidates.empty()) return "-";
  std::string text = number(policy.write_quorum) + "/" + number(policy.copies);
  if (!policy.candidates.empty()) text += " on " + client::Listed(policy.candidates);
  return text;
}

std::string LogTable(const ClusterView& view, const std::vector<LogHealth>& logs) {
  std::vector<Row> rows;
  rows.push_back(
      {"LOG", "SEGMENT", "KIND", "TAIL", "QUORUM", "WANTED", "LEADER", "NODE:LAG", "PROBLEM"});
  for (size_t i = 0; i < view.logs.size(); ++i) {
    const LogView& log = view.logs[i];
    const LogHealth& health = logs[i];
    if (log.open_segment() == nullptr) {
      rows.push_back({log.name, "-", "ended", std::to_string(health.tail.value()), "-", "-", "-",
                      "", health.problem});
      continue;
    }
    std::vector<NodeId> leaders = client::NodesOf(health.sequencers);
    if (health.leader) leaders.push_back(*health.leader);
    rows.push_back({log.name, std::to_string(log.open_segment()->index.value()),
                    log.open_segment()->kind, std::to_string(health.tail.value()),
                    absl::StrCat(health.write_quorum, "/", health.copies.size()),
                    WantedText(log.policy), leaders.empty() ? "-" : client::Listed(leaders),
                    CopiesText(health), health.problem});
  }
  return Table(rows, {"SEGMENT", "TAIL", "LEADER"});
}

std::string FlagText(const LogView& log, const client::SegmentView& segment) {
  if (!segment.under_replicated()) return "";
  return absl::StrCat("log ", log.name, ": records of segment ", segment.index.value(), ", [",
                      segment.base.value(), ", ", segment.end.value_or(segment.base).value(),
                      "), may be on ", segment.least(), " of nodes ",
                      client::Listed(client::NodesOf(segment.needs.some_of)),
                      " only, for too few lived when it was sealed\n");
}

}  // namespace

bool QuorumsLive(const ClusterView& view) {
  auto live = [](const LogHealth& health) { return health.has_quorum; };
  std::vector<LogHealth> logs = HealthOfAll(view);
  return view.metastore.ok() && view.unreadable.empty() &&
         std::all_of(logs.begin(), logs.end(), live);
}

std::string StatusTable(const ClusterView& view) {
  std::vector<LogHealth> logs = HealthOfAll(view);
  std::string text = "cluster " + server::HexIdText(view.cluster.value()) + "\n" +
                     Printable(MetastoreLine(view)) + "\n\n" + NodeTable(view, logs);
  if (!logs.empty()) text += "\n" + LogTable(view, logs);
  for (const LogView& log : view.logs) {
    for (const client::SegmentView& segment : log.segments) text += FlagText(log, segment);
  }
  for (const LogView& log : view.unfinished) {
    absl::StrAppend(&text, "log ", log.name, ": its creation never ended; 'vlog create ", log.name,
                    "' ends it\n");
  }
  for (const client::UnreadableLog& log : view.unreadable) {
    absl::StrAppend(&text, "log ", log.name, ": its chain cannot be read (",
                    Printable(Message(log.why)), "); it was voted on by nodes ",
                    client::Listed(client::NodesOf(log.acceptors)), "\n");
  }
  return text;
}

}  // namespace vlog::cli

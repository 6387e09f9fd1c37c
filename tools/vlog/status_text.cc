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
  uint64_t sequencers = 0;
  uint64_t copies = 0;  // of open segments
  uint64_t lag = 0;     // the worst of them
};

Part PartOf(NodeId node, const std::vector<LogHealth>& logs) {
  Part part;
  for (const LogHealth& log : logs) {
    for (const loglets::NodeLife& life : log.sequencers) part.sequencers += life.node == node;
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
  rows.push_back({"NODE", "ADDRESS", "STATE", "VOTES", "SEQUENCERS", "COPIES", "LAG", "DISK",
                  "BOOT", "UP", "PROBLEM"});
  for (const auto& [number, node] : view.nodes) {
    Part part = PartOf(number, logs);
    Row row = {std::to_string(number.value()),
               node.member.address,
               "no answer",
               VotesIn(view, number) ? "yes" : "no",
               std::to_string(part.sequencers),
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
  return Table(rows, {"NODE", "SEQUENCERS", "COPIES", "LAG", "BOOT", "UP"});
}

std::string CopiesText(const LogHealth& health) {
  std::string text;
  for (const CopyHealth& copy : health.copies) {
    std::string lag = copy.serves ? std::to_string(copy.lag) : "?";
    absl::StrAppend(&text, text.empty() ? "" : " ", copy.replica.node.value(), ":", lag);
  }
  return text;
}

std::string LogTable(const ClusterView& view, const std::vector<LogHealth>& logs) {
  std::vector<Row> rows;
  rows.push_back({"LOG", "SEGMENT", "KIND", "TAIL", "QUORUM", "SEQUENCER", "NODE:LAG", "PROBLEM"});
  for (size_t i = 0; i < view.logs.size(); ++i) {
    const LogView& log = view.logs[i];
    const LogHealth& health = logs[i];
    if (log.open_segment() == nullptr) {
      rows.push_back(
          {log.name, "-", "ended", std::to_string(health.tail.value()), "-", "-", "", ""});
      continue;
    }
    std::vector<NodeId> sequencers = client::NodesOf(health.sequencers);
    rows.push_back({log.name, std::to_string(log.open_segment()->index.value()),
                    log.open_segment()->kind, std::to_string(health.tail.value()),
                    absl::StrCat(health.write_quorum, "/", health.copies.size()),
                    sequencers.empty() ? "-" : client::Listed(sequencers), CopiesText(health),
                    health.problem});
  }
  return Table(rows, {"SEGMENT", "TAIL", "SEQUENCER"});
}

}  // namespace

bool QuorumsLive(const ClusterView& view) {
  auto live = [](const LogHealth& health) { return health.has_quorum; };
  std::vector<LogHealth> logs = HealthOfAll(view);
  return view.metastore.ok() && std::all_of(logs.begin(), logs.end(), live);
}

std::string StatusTable(const ClusterView& view) {
  std::vector<LogHealth> logs = HealthOfAll(view);
  std::string text = "cluster " + server::HexIdText(view.cluster.value()) + "\n" +
                     Printable(MetastoreLine(view)) + "\n\n" + NodeTable(view, logs);
  if (!logs.empty()) text += "\n" + LogTable(view, logs);
  for (const std::string& log : view.unfinished) {
    text += "log " + log + ": its creation never ended; 'vlog create " + log + "' ends it\n";
  }
  return text;
}

}  // namespace vlog::cli

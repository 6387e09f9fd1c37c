// The status of a cluster for programs. Fields are added, never renamed.
#include <algorithm>

#include "base/json_text.h"
#include "chain_text.h"
#include "client/log_health.h"
#include "consensus/quorum.h"
#include "server/config_values.h"
#include "status_text.h"

namespace vlog::cli {
namespace {

using client::ClusterView;
using client::CopyHealth;
using client::LogHealth;
using client::LogView;
using client::NodeView;

bool Contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::string MetastoreJson(const ClusterView& view) {
  JsonArray voters;
  for (const Replica& voter : view.voters.acceptors) {
    JsonObject one;
    one.Number("node", voter.node.value());
    one.Text("disk", server::HexIdText(voter.disk.value()));
    one.Bool("serves", view.Serves(voter));
    voters.Raw(one.Finish());
  }
  size_t count = view.voters.acceptors.size();
  JsonObject json;
  json.Bool("ok", view.metastore.ok()).Text("problem", Message(view.metastore));
  json.Number("needed", count == 0 ? 0 : consensus::Majority(count));
  json.Raw("voters", voters.Finish());
  return json.Finish();
}

// What the open segments of the logs want of a node.
void AddRoles(NodeId node, const std::vector<LogHealth>& logs, JsonObject* json) {
  uint64_t sequencers = 0;
  uint64_t leads = 0;
  uint64_t copies = 0;
  uint64_t lag = 0;
  for (const LogHealth& log : logs) {
    sequencers += Contains(client::NodesOf(log.sequencers), node);
    leads += Contains(client::NodesOf(log.sequencers), node) || log.leader == node;
    for (const CopyHealth& copy : log.copies) {
      if (copy.replica.node != node) continue;
      ++copies;
      lag = std::max(lag, copy.lag);
    }
  }
  json->Number("sequencers", sequencers)
      .Number("leads", leads)
      .Number("copies", copies)
      .Number("lag", lag);
}

std::string NodeJson(const ClusterView& view, NodeId number, const NodeView& node,
                     const std::vector<LogHealth>& logs) {
  JsonObject json;
  json.Number("node", number.value()).Text("name", node.member.name);
  json.Text("address", node.member.address).Bool("answers", node.answer.ok());
  json.Text("state", node.answer.ok() ? server::ToString(node.status.state) : "no answer");
  json.Text("problem", node.answer.ok() ? node.status.problem : Message(node.answer));
  json.Bool("votes", Contains(client::NodesOf(view.voters.acceptors), node.status.identity.node) &&
                         node.status.votes);
  json.Bool("in_service", Contains(view.InService(), number));
  AddRoles(number, logs, &json);
  if (node.answer.ok()) {
    const server::NodeStatus& status = node.status;
    json.Text("disk", server::HexIdText(status.identity.disk.value()));
    json.Number("boot", status.identity.incarnation.value());
    json.Real("uptime_seconds", std::chrono::duration<double>(status.uptime).count());
    json.Text("version", status.version).Number("loglets", status.loglet_count);
  }
  return json.Finish();
}

std::string CopyJson(const CopyHealth& copy) {
  JsonObject json;
  json.Number("node", copy.replica.node.value());
  json.Text("disk", server::HexIdText(copy.replica.disk.value()));
  json.Bool("serves", copy.serves).Text("role", copy.role).Text("no_vote", copy.no_vote);
  if (copy.tail) {
    json.Number("tail", copy.tail->value()).Number("lag", copy.lag);
  } else {
    json.Raw("tail", "null").Raw("lag", "null");
  }
  return json.Finish();
}

std::string LogJson(const ClusterView& view, const LogView& log, const LogHealth& health) {
  JsonObject json;
  json.Text("log", log.name).Bool("ok", health.has_quorum).Text("problem", health.problem);
  json.Bool("ended", log.ended).Number("tail", health.tail.value());
  JsonArray flagged;
  for (const client::SegmentView& segment : health.under_replicated) {
    JsonObject one;
    one.Number("segment", segment.index.value()).Number("base", segment.base.value());
    one.Number("end", segment.end.value_or(segment.base).value());
    one.Number("least_copies", segment.least());
    flagged.Raw(one.Finish());
  }
  json.Raw("under_replicated", flagged.Finish()).Raw("policy", PolicyJson(log.policy));
  if (log.open_segment() == nullptr) return json.Finish();
  json.Number("segment", log.open_segment()->index.value())
      .Number("base", log.open_segment()->base.value());
  json.Text("kind", log.open_segment()->kind).Number("write_quorum", health.write_quorum);
  if (health.sequencers.empty()) {
    json.Raw("sequencer", "null");
  } else {
    JsonObject sequencer;
    sequencer.Number("node", health.sequencers.front().node.value());
    sequencer.Bool("serves", view.Lives(health.sequencers.front()));
    json.Raw("sequencer", sequencer.Finish());
  }
  json.Raw("leader", health.leader ? std::to_string(health.leader->value()) : "null");
  JsonArray copies;
  for (const CopyHealth& copy : health.copies) copies.Raw(CopyJson(copy));
  json.Raw("copies", copies.Finish());
  return json.Finish();
}

}  // namespace

std::string ClusterStatusJson(const ClusterView& view) {
  std::vector<LogHealth> healths;
  for (const LogView& log : view.logs) healths.push_back(client::HealthOf(view, log));
  JsonArray nodes;
  for (const auto& [number, node] : view.nodes) nodes.Raw(NodeJson(view, number, node, healths));
  JsonArray logs;
  for (size_t i = 0; i < healths.size(); ++i) logs.Raw(LogJson(view, view.logs[i], healths[i]));
  JsonObject json;
  json.Text("cluster", server::HexIdText(view.cluster.value())).Bool("ok", QuorumsLive(view));
  json.Raw("metastore", MetastoreJson(view)).Raw("nodes", nodes.Finish());
  JsonArray unreadable;
  for (const client::UnreadableLog& log : view.unreadable) {
    JsonObject one;
    one.Text("log", log.name).Text("problem", Message(log.why));
    unreadable.Raw(one.Finish());
  }
  JsonArray unfinished;
  for (const LogView& log : view.unfinished) unfinished.Raw(JsonString(log.name));
  json.Raw("logs", logs.Finish()).Raw("unreadable", unreadable.Finish());
  json.Raw("unfinished", unfinished.Finish());
  return json.Finish();
}

}  // namespace vlog::cli

#include "server/node_pages.h"

#include "base/json_text.h"
#include "server/config_values.h"
#include "server/node_figures.h"

namespace vlog::server {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string ReplicasJson(const std::vector<Replica>& replicas) {
  JsonArray list;
  for (const Replica& replica : replicas) {
    JsonObject one;
    one.Number("node", replica.node.value()).Text("disk", HexIdText(replica.disk.value()));
    list.Raw(one.Finish());
  }
  return list.Finish();
}

std::string JournalJson(const JournalStatus& journal) {
  JsonObject json;
  json.Number("groups", journal.stats.groups).Number("entries", journal.stats.entries);
  json.Number("bytes", journal.stats.bytes).Number("segments", journal.segments);
  json.Number("damaged", journal.damaged).Text("problem", journal.problem);
  return json.Finish();
}

std::string RpcJson(const rpc::ServerStats& stats) {
  JsonObject json;
  json.Number("connections", stats.connections).Number("bytes", stats.bytes);
  for (const RpcFigure& figure : RpcCounters(stats)) json.Number(figure.field, figure.value);
  return json.Finish();
}

std::string PeersJson(const std::vector<PeerStatus>& peers) {
  JsonArray list;
  for (const PeerStatus& peer : peers) {
    JsonObject json;
    json.Number("id", peer.node.value()).Text("name", peer.name).Text("address", peer.address);
    json.Number("boot", peer.incarnation.value()).Text("disk", HexIdText(peer.disk.value()));
    if (peer.silence) {
      json.Real("silent_seconds", Seconds(*peer.silence));
    } else {
      json.Raw("silent_seconds", "null");
    }
    json.Text("failure", peer.failure);
    list.Raw(json.Finish());
  }
  return list.Finish();
}

std::string LogletsJson(const std::vector<LogletStatus>& loglets) {
  JsonArray list;
  for (const LogletStatus& status : loglets) {
    const loglets::HostedLoglet& loglet = status.loglet;
    JsonObject json;
    json.Text("kind", status.kind).Text("role", loglet.role).Text("log", loglet.id.log);
    json.Number("segment", loglet.id.segment.value());
    json.Text("proposal", HexIdText(loglet.id.proposal.value()));
    json.Number("trim", loglet.trim.value()).Number("tail", loglet.tail.value());
    json.Number("known_tail", loglet.known_tail.value()).Bool("sealed", loglet.sealed);
    if (!loglet.no_vote.empty()) json.Text("no_vote", loglet.no_vote);
    list.Raw(json.Finish());
  }
  return list.Finish();
}

}  // namespace

std::string StatusJson(const NodeStatus& status) {
  JsonObject cluster;
  cluster.Text("id", HexIdText(status.identity.cluster.value()));
  cluster.Text("name", status.identity.cluster_name);
  JsonObject node;
  node.Number("id", status.identity.node.value()).Text("name", status.name);
  node.Text("disk", HexIdText(status.identity.disk.value()));
  node.Number("boot", status.identity.incarnation.value());
  node.Text("process", status.process).Text("version", status.version);
  node.Text("listen", status.listen).Text("advertise", status.advertise);
  JsonObject metastore;
  metastore.Bool("votes", status.votes);
  metastore.Raw("first_acceptors", ReplicasJson(status.first_acceptors));
  metastore.Number("directory_version", status.directory_version.value());
  metastore.Raw("voters", ReplicasJson(status.voters));
  JsonObject json;
  json.Raw("cluster", cluster.Finish()).Raw("node", node.Finish());
  json.Text("state", ToString(status.state)).Text("problem", status.problem);
  json.Real("uptime_seconds", Seconds(status.uptime));
  json.Raw("metastore", metastore.Finish()).Raw("journal", JournalJson(status.journal));
  json.Raw("rpc", RpcJson(status.rpc)).Raw("peers", PeersJson(status.peers));
  json.Number("loglet_count", status.loglet_count).Raw("loglets", LogletsJson(status.loglets));
  return json.Finish();
}

Health HealthOf(const NodeStatus& status) {
  Health health;
  health.healthy = status.state == NodeState::kServing;
  health.text = health.healthy ? "ok" : ToString(status.state);
  if (!health.healthy && !status.problem.empty()) health.text += ": " + status.problem;
  health.text += "\n";
  return health;
}

}  // namespace vlog::server

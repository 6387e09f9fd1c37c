// Settings that follow from others, and settings that do not go together.
#include <algorithm>
#include <set>

#include "server/config_loader.h"
#include "server/config_values.h"

namespace vlog::server {
namespace {

// "storage.segment_size" as the file would have it, for messages.
std::string ValueOf(NodeConfig& config, const std::string& key) {
  for (const auto& row : NodeRows()) {
    if (row.key.key == key) return ConfigFieldText(row.key, row.field(config));
  }
  return "";
}

}  // namespace

void ConfigLoader::FillIn() {
  NodeConfig& config = loaded_.config;
  if (config.node.name.empty()) {
    config.node.name = absl::StrCat("node-", config.node.id.value());
    loaded_.origins["node.name"] = "derived from node.id";
  }
  if (config.network.advertise.empty()) {
    config.network.advertise = config.network.listen;
    loaded_.origins["network.advertise"] = "derived from network.listen";
  }
  if (config.new_logs.write_quorum == 0) {
    config.new_logs.write_quorum = config.new_logs.replicas / 2 + 1;
    loaded_.origins["new_logs.write_quorum"] = "derived from new_logs.replicas";
  }
  for (size_t i = 0; i < config.peers.size(); ++i) {
    PeerConfig& peer = config.peers[i];
    if (!peer.name.empty()) continue;
    peer.name = absl::StrCat("node-", peer.id.value());
    loaded_.origins[absl::StrCat("peers.", i, ".name")] = "derived from id";
  }
}

void ConfigLoader::CheckSizes() {
  NodeConfig& config = loaded_.config;
  if (config.new_logs.write_quorum > config.new_logs.replicas) {
    ReportKey("new_logs.write_quorum",
              absl::StrCat("is ", config.new_logs.write_quorum, ", more than the ",
                           config.new_logs.replicas, " of new_logs.replicas"));
  }
  // A batch of the largest size fits a segment, and the next one, four times over.
  if (config.storage.segment_size / 4 < config.limits.record) {
    ReportKey("storage.segment_size", "is " + ValueOf(config, "storage.segment_size") +
                                          ", less than four times limits.record, " +
                                          ValueOf(config, "limits.record"));
  }
  // A frame holds a record and what is said about it.
  constexpr uint64_t kFrameOverhead = 64 << 10;
  if (config.limits.frame < config.limits.record + kFrameOverhead) {
    ReportKey("limits.frame", "is " + ValueOf(config, "limits.frame") +
                                  ", less than limits.record, " + ValueOf(config, "limits.record") +
                                  ", and 64KiB");
  }
  if (config.limits.in_flight < config.limits.frame) {
    ReportKey("limits.in_flight", "is " + ValueOf(config, "limits.in_flight") +
                                      ", less than limits.frame, " +
                                      ValueOf(config, "limits.frame"));
  }
}

void ConfigLoader::CheckTimes() {
  NodeConfig& config = loaded_.config;
  if (config.timeouts.suspect_min / 2 < config.timeouts.keep_alive) {
    ReportKey("timeouts.suspect_min", "is " + ValueOf(config, "timeouts.suspect_min") +
                                          ", less than twice timeouts.keep_alive, " +
                                          ValueOf(config, "timeouts.keep_alive") +
                                          ": nodes that are only idle would be suspected");
  }
  if (config.timeouts.suspect_max < config.timeouts.suspect_min) {
    ReportKey("timeouts.suspect_max", "is " + ValueOf(config, "timeouts.suspect_max") +
                                          ", less than timeouts.suspect_min, " +
                                          ValueOf(config, "timeouts.suspect_min"));
  }
}

void ConfigLoader::CheckAddresses() {
  NodeConfig& config = loaded_.config;
  StatusOr<env::Address> advertise = ParseAddress(config.network.advertise);
  if (advertise.ok() && IsWildcard(*advertise)) {
    ReportKey("network.listen", "is " + config.network.listen +
                                    ", which others cannot connect to: set network.advertise to "
                                    "the address under which they reach this node");
  }
  if (config.network.http == config.network.listen && !config.network.http.empty() &&
      ParseAddress(config.network.http)->port != 0) {
    ReportKey("network.http", "is the same as network.listen: give it a port of its own");
  }
}

void ConfigLoader::CheckPeers() {
  NodeConfig& config = loaded_.config;
  // A node may stand in its own list, so that all nodes can share one.
  std::map<NodeId, std::string> ids;
  std::map<std::string, std::string> names{{config.node.name, "this node"}};
  std::map<std::string, std::string> addresses{{config.network.advertise, "this node"}};
  for (size_t i = 0; i < config.peers.size(); ++i) {
    const PeerConfig& peer = config.peers[i];
    std::string key = absl::StrCat("peers.", i);
    std::string who = absl::StrCat("the peer ", peer.id.value());
    auto [other, fresh] = ids.emplace(peer.id, OriginOf(key + ".id"));
    if (!fresh) {
      ReportKey(key + ".id", absl::StrCat("is ", peer.id.value(), " again, after ", other->second,
                                          ": each node stands here once"));
      continue;
    }
    if (peer.id == config.node.id) {
      if (peer.address != config.network.advertise) {
        ReportKey(key + ".address",
                  absl::StrCat("is ", peer.address, " for this node (node.id ", peer.id.value(),
                               "), whose network.advertise is ", config.network.advertise));
      }
      continue;
    }
    auto [name, new_name] = names.emplace(peer.name, who);
    if (!new_name) ReportKey(key + ".name", "is " + peer.name + ", the name of " + name->second);
    auto [address, new_address] = addresses.emplace(peer.address, who);
    if (!new_address) {
      ReportKey(key + ".address", "is " + peer.address + ", the address of " + address->second);
    }
  }
}

void ConfigLoader::DropOwnPeer() {
  NodeConfig& config = loaded_.config;
  std::vector<PeerConfig> others;
  std::map<std::string, std::string> origins;
  for (size_t i = 0; i < config.peers.size(); ++i) {
    bool own = config.peers[i].id == config.node.id;
    for (const auto& row : PeerRows()) {
      auto origin = loaded_.origins.extract(absl::StrCat("peers.", i, ".", row.key.key));
      if (own || origin.empty()) continue;
      origin.key() = absl::StrCat("peers.", others.size(), ".", row.key.key);
      origins.insert(std::move(origin));
    }
    if (!own) others.push_back(config.peers[i]);
  }
  config.peers = std::move(others);
  loaded_.origins.merge(origins);
  if (config.new_logs.replicas > config.peers.size() + 1) {
    loaded_.warnings.push_back(absl::StrCat(
        "new_logs.replicas is ", config.new_logs.replicas, ", and peers names only ",
        config.peers.size(), " other nodes: new logs need more nodes to join, or fewer replicas"));
  }
}

}  // namespace vlog::server

// What one node is told by its operator: one file, environment variables and flags.
//
//   flag (--node-id 3)  beats  environment (VLOG_NODE_ID=3)  beats  file  beats  default
//
// server/config_keys.h has the one table of all settings, from which the parser, the help text,
// docs/node.toml and the effective configuration are made.
//
// Thread rule: plain functions on plain values. Nothing here opens a file or reads the environment.
#ifndef VLOG_SERVER_CONFIG_H_
#define VLOG_SERVER_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"

namespace vlog::server {

// Another node of the cluster, as a first contact; the metastore knows the members.
struct PeerConfig {
  NodeId id;
  std::string name;     // "": "node-ID"
  std::string address;  // HOST:PORT
};

// The fields stand in the order of the table, which documents each; sizes are in bytes.
struct NodeConfig {
  struct {
    NodeId id;
    std::string name;  // never empty once loaded
    std::string data_dir;
  } node;
  struct {
    std::string name;
    std::string id;  // "", or what ToHex() makes of it; see ConfiguredCluster()
  } cluster;
  struct {
    std::string listen;
    std::string advertise;  // never empty once loaded
    std::string http;       // "": no HTTP endpoint
  } network;
  struct {
    uint64_t segment_size = 0;
  } storage;
  struct {
    std::string kind;
    uint64_t replicas = 0;
    uint64_t write_quorum = 0;  // never zero once loaded
  } new_logs;
  struct {
    uint64_t record = 0;
    uint64_t frame = 0;
    uint64_t in_flight = 0;
    uint64_t connections = 0;
    uint64_t http_connections = 0;
  } limits;
  struct {
    Duration keep_alive{0};
    Duration suspect_min{0};
    Duration suspect_max{0};
    Duration http_idle{0};
  } timeouts;
  struct {
    Duration replace_after{0};
    Duration rehome_after{0};
  } monitor;
  struct {
    std::string level;
    std::string format;
  } logging;
  std::vector<PeerConfig> peers;  // without this node itself
};

// The cluster id that the configuration demands; none if it takes what the data directory says.
std::optional<ClusterId> ConfiguredCluster(const NodeConfig& config);

struct ConfigInput {
  std::string file_name;                           // for messages
  std::optional<std::string> file_text;            // none: no file was given
  std::map<std::string, std::string> environment;  // of variables, at least those named VLOG_*
  std::map<std::string, std::string> flags;        // by name, without the leading "--"
};

struct LoadedConfig {
  NodeConfig config;
  // For each key of the table, and for each "peers.N.KEY": "node.toml:12:7", "VLOG_NODE_ID",
  // "--node-id", "default" or, where it follows from others, "derived from KEY".
  std::map<std::string, std::string> origins;
  // What is allowed, and is probably a mistake; for the log.
  std::vector<std::string> warnings;
};

// kInvalidArgument: every mistake that was found, one a line, each with its place and what to do.
StatusOr<LoadedConfig> LoadNodeConfig(const ConfigInput& input);

// The configuration in force, as a file that would give just that, with the origin of each value
// in a comment.
std::string EffectiveConfigText(const LoadedConfig& loaded);

// docs/node.toml: each key with its default and what it means.
std::string ExampleConfigText();

// Each setting with its flag, variable, default and meaning, for --help. At most `width` columns.
std::string ConfigHelpText(size_t width = 100);

}  // namespace vlog::server

#endif  // VLOG_SERVER_CONFIG_H_

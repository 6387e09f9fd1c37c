#include "server/config_keys.h"

#include <chrono>

namespace vlog::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;
constexpr uint64_t kMaxNodeId = UINT32_MAX;

uint64_t Nanoseconds(Duration duration) { return static_cast<uint64_t>(duration.count()); }

using Row = ConfigRow<NodeConfig>;

Row Name(std::string key, std::string fallback, std::string help,
         ConfigField (*field)(NodeConfig&)) {
  return {{.key = std::move(key),
           .type = ConfigType::kName,
           .fallback = std::move(fallback),
           .help = std::move(help)},
          field};
}

Row Optional(Row row, ConfigType type) {
  row.key.type = type;
  row.key.optional = true;
  return row;
}

Row Ranged(ConfigType type, uint64_t min, uint64_t max, Row row) {
  row.key.type = type;
  row.key.min = min;
  row.key.max = max;
  return row;
}

Row Choice(std::vector<std::string> choices, Row row) {
  row.key.type = ConfigType::kChoice;
  row.key.choices = std::move(choices);
  return row;
}

Row Time(Duration min, Duration max, Row row) {
  return Ranged(ConfigType::kDuration, Nanoseconds(min), Nanoseconds(max), std::move(row));
}

Row Bytes(uint64_t min, uint64_t max, Row row) {
  return Ranged(ConfigType::kSize, min, max, std::move(row));
}

Row Count(uint64_t min, uint64_t max, Row row) {
  return Ranged(ConfigType::kInteger, min, max, std::move(row));
}

#define VLOG_CONFIG_FIELD(member) [](NodeConfig& config) -> ConfigField { return &config.member; }

std::vector<Row> PlaceRows() {
  Row id = Count(
      1, kMaxNodeId,
      Name("node.id", "", "This node's number, unique in the cluster for ever. It has no default.",
           VLOG_CONFIG_FIELD(node.id)));
  id.key.required = true;
  id.key.example = "1";
  Row data_dir = Name("node.data_dir", "/var/lib/vlogd",
                      "The folder that holds all that the node stores. 'vlogd --init' formats it.",
                      VLOG_CONFIG_FIELD(node.data_dir));
  data_dir.key.type = ConfigType::kPath;
  Row listen = Name("network.listen", "127.0.0.1:7400",
                    "Where the node takes connections of clients and of other nodes. There is no "
                    "authentication: only a trusted network may reach it.",
                    VLOG_CONFIG_FIELD(network.listen));
  listen.key.type = ConfigType::kAddress;
  Row advertise =
      Optional(Name("network.advertise", "",
                    "The address under which others reach this node; \"\" is network.listen.",
                    VLOG_CONFIG_FIELD(network.advertise)),
               ConfigType::kAddress);
  advertise.key.min = 1;
  return {
      std::move(id),
      Optional(Name("node.name", "", "What messages call this node; \"\" is \"node-ID\".",
                    VLOG_CONFIG_FIELD(node.name)),
               ConfigType::kName),
      std::move(data_dir),
      Name("cluster.name", "vlog", "What messages and metrics call the cluster.",
           VLOG_CONFIG_FIELD(cluster.name)),
      Optional(Name("cluster.id", "",
                    "The cluster's id, 16 hexadecimal digits. With \"\", --init makes a new one, "
                    "and later starts take the one in the data directory. With an id, a "
                    "directory of another cluster is refused.",
                    VLOG_CONFIG_FIELD(cluster.id)),
               ConfigType::kHexId),
      std::move(listen),
      std::move(advertise),
      Optional(Name("network.http", "127.0.0.1:7480",
                    "Where /healthz, /status and /metrics are served; \"\" turns them off.",
                    VLOG_CONFIG_FIELD(network.http)),
               ConfigType::kAddress),
  };
}

std::vector<Row> SizeRows() {
  return {
      Bytes(4 * kMiB, 4 * kGiB,
            Name("storage.segment_size", "64MiB",
                 "Size of one file of the journal; at least four times limits.record.",
                 VLOG_CONFIG_FIELD(storage.segment_size))),
      Name("new_logs.kind", "sequencer", "The kind of loglet that a new log starts with.",
           VLOG_CONFIG_FIELD(new_logs.kind)),
      Count(1, 15,
            Name("new_logs.replicas", "3", "How many nodes hold each record of a new log.",
                 VLOG_CONFIG_FIELD(new_logs.replicas))),
      Count(0, 15,
            Name("new_logs.write_quorum", "0",
                 "How many replicas must have synced a record before it is acknowledged; 0 is a "
                 "majority.",
                 VLOG_CONFIG_FIELD(new_logs.write_quorum))),
      Bytes(kKiB, 64 * kMiB,
            Name("limits.record", "1MiB", "The largest record that is taken.",
                 VLOG_CONFIG_FIELD(limits.record))),
      Bytes(64 * kKiB, kGiB,
            Name("limits.frame", "8MiB",
                 "The largest message that is taken; at least limits.record and 64KiB.",
                 VLOG_CONFIG_FIELD(limits.frame))),
      Bytes(kMiB, 64 * kGiB,
            Name("limits.in_flight", "256MiB",
                 "Bytes of all requests that the node works on at one time; what comes on top "
                 "is refused. At least limits.frame.",
                 VLOG_CONFIG_FIELD(limits.in_flight))),
      Count(8, 1'000'000,
            Name("limits.connections", "4096", "Connections of clients and nodes at one time.",
                 VLOG_CONFIG_FIELD(limits.connections))),
      Count(1, 10'000,
            Name("limits.http_connections", "64", "Connections to network.http at one time.",
                 VLOG_CONFIG_FIELD(limits.http_connections))),
  };
}

std::vector<Row> OtherRows() {
  return {
      Time(milliseconds(1), hours(1),
           Name("timeouts.keep_alive", "100ms",
                "After so long a silence a node says that it is alive.",
                VLOG_CONFIG_FIELD(timeouts.keep_alive))),
      Time(milliseconds(2), hours(1),
           Name("timeouts.suspect_min", "300ms",
                "The silence after which a node is suspected adapts to what is usual, and is "
                "never shorter than this; at least twice timeouts.keep_alive.",
                VLOG_CONFIG_FIELD(timeouts.suspect_min))),
      Time(milliseconds(2), hours(1),
           Name("timeouts.suspect_max", "3s", "Nor is it ever longer than this.",
                VLOG_CONFIG_FIELD(timeouts.suspect_max))),
      Time(milliseconds(10), hours(1),
           Name("timeouts.http_idle", "10s",
                "An HTTP connection that needs longer for a request, or to take the answer, is "
                "closed.",
                VLOG_CONFIG_FIELD(timeouts.http_idle))),
      Time(milliseconds(100), hours(1000),
           Name("monitor.replace_after", "10s",
                "A log whose loglet elects its leaders itself (raft, paxos) goes on without a "
                "member that is away, its leader too: the others elect another one within a "
                "second. When the member has been away for so long, or for twice as long as it "
                "was before, at most six times as long as is said here, another node in service "
                "takes its place by a swap, if one serves. A short time swaps such a log away from "
                "a dead leader quickly, and costs a swap for every restart that takes longer; a "
                "long one leaves it to its election, with a copy less meanwhile. Other logs are "
                "moved at once, as soon as they cannot go on.",
                VLOG_CONFIG_FIELD(monitor.replace_after))),
      Time(milliseconds(100), hours(1000),
           Name("monitor.rehome_after", "5min",
                "When a node with copies of sealed segments has been away for so long, or its disk "
                "was replaced so long ago, other nodes in service get these copies, if there are "
                "any. What was sealed with too few copies gets the missing ones as soon as enough "
                "of its nodes serve.",
                VLOG_CONFIG_FIELD(monitor.rehome_after))),
      Choice({"debug", "info", "warning", "error"},
             Name("logging.level", "info", "The least level of the lines that are written.",
                  VLOG_CONFIG_FIELD(logging.level))),
      Choice({"logfmt", "json"},
             Name("logging.format", "logfmt", "How a line is written to stderr.",
                  VLOG_CONFIG_FIELD(logging.format))),
  };
}

#undef VLOG_CONFIG_FIELD

std::vector<Row> MakeNodeRows() {
  std::vector<Row> rows = PlaceRows();
  for (std::vector<Row>& more : std::vector{SizeRows(), OtherRows()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

std::vector<ConfigRow<PeerConfig>> MakePeerRows() {
  std::vector<ConfigRow<PeerConfig>> rows(3);
  rows[0].key = {.key = "id",
                 .type = ConfigType::kInteger,
                 .help = "The peer's node.id.",
                 .min = 1,
                 .max = kMaxNodeId,
                 .required = true,
                 .example = "2"};
  rows[0].field = [](PeerConfig& peer) -> ConfigField { return &peer.id; };
  rows[1].key = {.key = "name",
                 .type = ConfigType::kName,
                 .help = "What messages call it; \"\" is \"node-ID\".",
                 .optional = true};
  rows[1].field = [](PeerConfig& peer) -> ConfigField { return &peer.name; };
  rows[2].key = {.key = "address",
                 .type = ConfigType::kAddress,
                 .help = "Its network.advertise.",
                 .min = 1,
                 .required = true,
                 .example = "127.0.0.1:7401"};
  rows[2].field = [](PeerConfig& peer) -> ConfigField { return &peer.address; };
  return rows;
}

}  // namespace

const std::vector<ConfigRow<NodeConfig>>& NodeRows() {
  static const std::vector<Row> rows = MakeNodeRows();
  return rows;
}

const std::vector<ConfigRow<PeerConfig>>& PeerRows() {
  static const std::vector<ConfigRow<PeerConfig>> rows = MakePeerRows();
  return rows;
}

}  // namespace vlog::server

// What a node says about itself: one snapshot, from which the status page, the metrics and the
// answers to the command line are made.
#ifndef VLOG_SERVER_NODE_STATUS_H_
#define VLOG_SERVER_NODE_STATUS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loglets/host.h"
#include "rpc/server.h"
#include "server/node_identity.h"

namespace vlog::server {

enum class NodeState {
  kJoining = 1,   // waits for the other nodes; it answers only who asks about the node itself
  kServing = 2,   // all of it works
  kStopping = 3,  // in good order
  kFailed = 4,    // cannot go on; it stops
};
const char* ToString(NodeState state);  // "joining", ...

// Another node, as this one sees it.
struct PeerStatus {
  NodeId node;
  std::string name;
  std::string address;
  Incarnation incarnation;          // of the last handshake; 0: none
  DiskId disk;                      // of the last handshake; 0: none
  std::optional<Duration> silence;  // since it was last heard; none: never heard
  std::string failure;              // of the last connection, if none worked since; else ""
  friend bool operator==(const PeerStatus&, const PeerStatus&) = default;
};

struct LogletStatus {
  std::string kind;
  loglets::HostedLoglet loglet;
};

struct JournalStatus {
  storage::JournalStats stats;
  uint64_t segments = 0;
  uint64_t damaged = 0;  // stretches that were found damaged when it was opened
  std::string problem;   // why it stopped for good; "" while it works
};

// A status shows at most so many loglets, those that are not sealed first.
inline constexpr size_t kMostLogletsShown = 1000;

struct NodeStatus {
  NodeIdentity identity;
  std::string name;     // by the configuration
  std::string process;  // Env::ProcessName()
  std::string version;  // of the program
  NodeState state = NodeState::kJoining;
  std::string problem;  // what it waits for, or why it failed; else ""
  Duration uptime{0};
  std::string listen;                    // with the port that it got
  std::string advertise;                 // under which others reach it
  std::vector<Replica> first_acceptors;  // of the cluster's register; empty while joining
  Version directory_version;             // of the cluster's register, as far as it is known here
  std::vector<Replica> voters;           // on the version after that
  bool votes = false;                    // it is one of them, and its acceptor lost nothing
  bool lost_votes = false;               // its acceptor lost entries: it never votes again
  JournalStatus journal;
  rpc::ServerStats rpc;
  std::vector<PeerStatus> peers;  // by node
  uint64_t loglet_count = 0;      // all, shown or not
  std::vector<LogletStatus> loglets;
};

struct Member {
  std::string name;     // "" if only the cluster's register knows it
  std::string address;  // "HOST:PORT"
  friend bool operator==(const Member&, const Member&) = default;
};

// The nodes that one node knows, itself included.
struct Members {
  ClusterId cluster;
  std::string cluster_name;
  std::map<NodeId, Member> nodes;
  friend bool operator==(const Members&, const Members&) = default;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_NODE_STATUS_H_

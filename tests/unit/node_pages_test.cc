// A node's status as pages and on the wire: nothing gets lost or mixed up on the way.
#include <catch2/catch.hpp>

#include "server/node_pages.h"
#include "server/node_wire.h"

namespace vlog::server {
namespace {

// Every field is set, to a value of its own.
NodeStatus FullStatus() {
  NodeStatus status;
  status.identity.cluster = ClusterId(0xc1);
  status.identity.cluster_name = "orders";
  status.identity.node = NodeId(3);
  status.identity.disk = DiskId(0xd1);
  status.identity.incarnation = Incarnation(7);
  status.name = "three \"3\"";
  status.process = "host:99";
  status.version = "1.2.3";
  status.state = NodeState::kServing;
  status.problem = "none to speak of";
  status.uptime = std::chrono::milliseconds(1500);
  status.listen = "a:1";
  status.advertise = "b:2";
  status.first_acceptors = {{NodeId(3), DiskId(0xd1)}, {NodeId(4), DiskId(0xd2)}};
  status.votes = true;
  status.directory_version = Version(5);
  status.voters = {{NodeId(3), DiskId(0xd1)}};
  status.journal = {{11, 12, 13}, 14, 15, "full"};
  status.rpc = {21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33};
  status.peers.resize(2);
  status.peers[0] = {
      NodeId(4), "four", "c:3", Incarnation(2), DiskId(0xd2), std::chrono::milliseconds(250), ""};
  status.peers[1] = {NodeId(5), "five", "d:4", Incarnation(), DiskId(), std::nullopt, "refused"};
  status.loglet_count = 1;
  loglets::HostedLoglet loglet;
  loglet.id = {"orders", SegmentIndex(41), ProposalId(0xabc)};
  loglet.role = "log server";
  loglet.trim = Offset(42);
  loglet.tail = Offset(43);
  loglet.known_tail = Offset(44);
  loglet.sealed = true;
  status.loglets = {{"sequencer", loglet}};
  return status;
}

rpc::Reply ReplyOf(const rpc::Message& message) {
  rpc::Reply reply;
  reply.header = message.header;
  for (const Bytes& piece : message.payload.pieces) reply.payload = piece;
  return reply;
}

constexpr char kStatusJson[] =
    R"({"cluster":{"id":"00000000000000c1","name":"orders"},)"
    R"("node":{"id":3,"name":"three \"3\"","disk":"00000000000000d1","boot":7,)"
    R"("process":"host:99","version":"1.2.3","listen":"a:1","advertise":"b:2"},)"
    R"("state":"serving","problem":"none to speak of","uptime_seconds":1.5,)"
    R"("metastore":{"votes":true,"first_acceptors":[{"node":3,"disk":"00000000000000d1"},)"
    R"({"node":4,"disk":"00000000000000d2"}],"directory_version":5,)"
    R"("voters":[{"node":3,"disk":"00000000000000d1"}]},)"
    R"("journal":{"groups":11,"entries":12,"bytes":13,"segments":14,"damaged":15,)"
    R"("problem":"full"},)"
    R"("rpc":{"connections":32,"bytes":33,"accepted":21,"refused_handshakes":22,)"
    R"("refused_connections":23,"malformed":24,"silent":25,"requests":26,"replies":27,)"
    R"("errors":28,"unknown_methods":29,"paused_reads":30,"accept_failures":31},)"
    R"("peers":[{"id":4,"name":"four","address":"c:3","boot":2,"disk":"00000000000000d2",)"
    R"("silent_seconds":0.25,"failure":""},{"id":5,"name":"five","address":"d:4","boot":0,)"
    R"("disk":"0000000000000000","silent_seconds":null,"failure":"refused"}],)"
    R"("loglet_count":1,"loglets":[{"kind":"sequencer","role":"log server","log":"orders",)"
    R"("segment":41,"proposal":"0000000000000abc","trim":42,"tail":43,"known_tail":44,)"
    R"("sealed":true}]})";

TEST_CASE("NodePages: the status page shows every figure under its own name") {
  CHECK(StatusJson(FullStatus()) == kStatusJson);
}

TEST_CASE("NodePages: a status that travelled is the same status") {
  StatusOr<NodeStatus> decoded = DecodeStatus(ReplyOf(EncodeStatus(FullStatus())));
  REQUIRE(decoded.ok());
  CHECK(StatusJson(*decoded) == kStatusJson);
  rpc::Reply garbage;
  garbage.payload = Bytes(std::string("\xff\xff\xff"));
  CHECK(absl::IsInvalidArgument(DecodeStatus(garbage).status()));
}

TEST_CASE("NodePages: members and origins travel unchanged") {
  Members members;
  members.cluster = ClusterId(9);
  members.cluster_name = "orders";
  members.nodes[NodeId(1)] = {"one", "a:1"};
  members.nodes[NodeId(2)] = {"", "b:2"};
  CHECK(DecodeMembers(ReplyOf(EncodeMembers(members))).value() == members);
  Origin origin;
  origin.configured = {NodeId(1), NodeId(2)};
  origin.first_acceptors = {{NodeId(1), DiskId(5)}};
  CHECK(DecodeOrigin(ReplyOf(EncodeOrigin(origin))).value() == origin);
  CHECK(DecodeOrigin(ReplyOf(EncodeOrigin(Origin()))).value() == Origin());
}

TEST_CASE("NodePages: the metrics page has the figures of node, journal, rpc, peers and loglets") {
  ProcessStats process{1, 2, 3, 4};
  std::string page = MetricsText(FullStatus(), process);
  CAPTURE(page);
  std::string loglet =
      R"({kind="sequencer",log="orders",proposal="0000000000000abc",role="log server",segment="41"})";
  for (const std::string& line :
       std::vector<std::string>{"vlog_node_boot 7",
                                "vlog_node_uptime_seconds 1.5",
                                "vlog_metastore_votes 1",
                                R"(vlog_node_state{state="serving"} 1)",
                                R"(vlog_node_state{state="failed"} 0)",
                                "vlog_journal_groups_total 11",
                                "vlog_journal_bytes_total 13",
                                "vlog_journal_damaged 15",
                                "vlog_journal_stopped 1",
                                "vlog_rpc_malformed_total 24",
                                "vlog_rpc_connections 32",
                                R"(vlog_peer_silent_seconds{peer="4"} 0.25)",
                                R"(vlog_peer_failed{peer="5"} 1)",
                                "vlog_loglets 1",
                                "vlog_loglet_trim" + loglet + " 42",
                                "vlog_loglet_tail" + loglet + " 43",
                                "vlog_loglet_known_tail" + loglet + " 44",
                                "vlog_loglet_sealed" + loglet + " 1",
                                "process_resident_memory_bytes 1",
                                "process_open_fds 3"}) {
    CAPTURE(line);
    CHECK(page.find("\n" + line + "\n") != std::string::npos);
  }
  CHECK(page.find(R"(vlog_peer_silent_seconds{peer="5"})") == std::string::npos);
}

TEST_CASE("NodePages: only a node that serves is healthy, the others say why not") {
  NodeStatus status = FullStatus();
  CHECK(HealthOf(status).healthy);
  CHECK(HealthOf(status).text == "ok\n");
  status.state = NodeState::kJoining;
  status.problem = "waiting for node 2";
  CHECK_FALSE(HealthOf(status).healthy);
  CHECK(HealthOf(status).text == "joining: waiting for node 2\n");
  status.state = NodeState::kFailed;
  CHECK_FALSE(HealthOf(status).healthy);
}

}  // namespace
}  // namespace vlog::server

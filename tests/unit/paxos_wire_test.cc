// The messages of the replicated register and the directory's value, as bytes.
#include <catch2/catch.hpp>
#include <random>

#include "metastore/paxos/directory.h"
#include "metastore/paxos/register_wire.h"

namespace vlog::metastore {
namespace {

using consensus::Ballot;
using consensus::PaxosRequest;

const std::vector<Replica> kThree = {
    {NodeId(1), DiskId(11)}, {NodeId(2), DiskId(12)}, {NodeId(3), DiskId(13)}};

Bytes Flat(const rpc::Payload& payload) {
  std::string all;
  for (const Bytes& piece : payload.pieces) all += piece.view();
  return Bytes(std::move(all));
}

VoteCall SampleCall() {
  Chosen before{Version(3), NextValue(Bootstrap(kThree), ProposalId(30), "before")};
  VoteCall call;
  call.cluster = ClusterId(9);
  call.request.log = "orders";
  call.request.slot = Version(4);
  call.request.previous = before.value.proposal;
  call.request.chosen = EncodeRegisterValue(before.value);
  call.request.paxos = {PaxosRequest::Kind::kAccept,
                        {7, NodeId(2), Incarnation(5)},
                        EncodeRegisterValue(NextValue(before, ProposalId(40), "after"))};
  return call;
}

TEST_CASE("Register wire: a vote survives the way there") {
  VoteCall call = SampleCall();
  rpc::Message message = EncodeVoteCall(call);
  StatusOr<VoteCall> back = DecodeVoteCall(message.header, Flat(message.payload));
  REQUIRE(back.ok());
  CHECK(back->cluster == call.cluster);
  CHECK(back->request.log == "orders");
  CHECK(back->request.slot == Version(4));
  CHECK(back->request.previous == ProposalId(30));
  CHECK(back->request.chosen == call.request.chosen);
  CHECK(back->request.paxos.kind == PaxosRequest::Kind::kAccept);
  CHECK(back->request.paxos.ballot == call.request.paxos.ballot);
  CHECK(back->request.paxos.value == call.request.paxos.value);
}

TEST_CASE("Register wire: an answer survives the way back") {
  RegisterReply reply;
  reply.outcome = RegisterReply::Outcome::kAnswered;
  reply.slot = Version(4);
  reply.version = Version(3);
  reply.paxos.kind = PaxosRequest::Kind::kPrepare;
  reply.paxos.ballot = {7, NodeId(2), Incarnation(5)};
  reply.paxos.granted = true;
  reply.paxos.promised = {8, NodeId(1), Incarnation(UINT64_MAX)};
  reply.paxos.accepted = {6, NodeId(3), Incarnation(1)};
  reply.paxos.value = Bytes::CopyOf("accepted");
  reply.chosen = Bytes::CopyOf("chosen");
  rpc::Message message = EncodeVoteReply(reply);
  StatusOr<RegisterReply> back = DecodeVoteReply(message.header, Flat(message.payload));
  REQUIRE(back.ok());
  CHECK(back->outcome == reply.outcome);
  CHECK(back->slot == reply.slot);
  CHECK(back->version == reply.version);
  CHECK(back->paxos.granted);
  CHECK(back->paxos.ballot == reply.paxos.ballot);
  CHECK(back->paxos.promised == reply.paxos.promised);
  CHECK(back->paxos.accepted == reply.paxos.accepted);
  CHECK(back->paxos.value == reply.paxos.value);
  CHECK(back->chosen == reply.chosen);
}

TEST_CASE("Register wire: watches and node info survive both ways") {
  WatchCall watch{ClusterId(9), "orders", Version(4), std::chrono::milliseconds(250)};
  StatusOr<WatchCall> watched = DecodeWatchCall(EncodeWatchCall(watch).header);
  REQUIRE(watched.ok());
  CHECK(watched->known == Version(4));
  CHECK(watched->wait == watch.wait);
  NodeInfo info{{ClusterId(9), kThree[1], kThree}, Version(6), Bytes::CopyOf("directory")};
  rpc::Message message = EncodeNodeInfo(info);
  StatusOr<NodeInfo> told = DecodeNodeInfo(message.header, Flat(message.payload));
  REQUIRE(told.ok());
  CHECK(told->record == info.record);
  CHECK(told->directory_version == Version(6));
  CHECK(told->directory == info.directory);
  CHECK_FALSE(told->lost_votes);
  info.lost_votes = true;
  message = EncodeNodeInfo(info);
  CHECK(DecodeNodeInfo(message.header, Flat(message.payload))->lost_votes);
}

TEST_CASE("Register wire: damaged messages are refused or still make sense, and never crash") {
  std::mt19937_64 random(1);
  rpc::Message good = EncodeVoteCall(SampleCall());
  std::string payload(Flat(good.payload).view());
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string header = good.header;
    std::string body = payload;
    std::string& victim = random() % 2 == 0 ? header : body;
    victim[random() % victim.size()] ^= static_cast<char>(1 + random() % 255);
    if (random() % 4 == 0) victim.resize(random() % victim.size());
    StatusOr<VoteCall> call = DecodeVoteCall(header, Bytes::CopyOf(body));
    refused += !call.ok();
    if (call.ok()) CHECK(Validate(call->request).ok());
    (void)DecodeVoteReply(header, Bytes::CopyOf(body));
    (void)DecodeWatchCall(header);
    (void)DecodeNodeInfo(header, Bytes::CopyOf(body));
  }
  CHECK(refused > 1000);
}

TEST_CASE("Directory: survives encoding, and nothing malformed passes for one") {
  Directory directory;
  directory.default_acceptors = kThree;
  directory.logs["orders"] = {Version(0), kThree};
  directory.logs["users"] = {Version(17), {kThree[0]}};
  directory.addresses[NodeId(2)] = "host:7000";
  std::string bytes = EncodeDirectory(directory);
  CHECK(*DecodeDirectory(bytes, {}) == directory);
  for (size_t length = 1; length < bytes.size(); ++length) {
    CHECK_FALSE(DecodeDirectory(std::string_view(bytes).substr(0, length), kThree).ok());
  }
  CHECK(DecodeDirectory("", kThree)->default_acceptors == kThree);
}

TEST_CASE("Directory: retired disks are kept, and older programs read one without any") {
  Directory directory;
  directory.default_acceptors = kThree;
  CHECK(EncodeDirectory(directory)[0] == 1);
  MemberChange change;
  change.retire = {kThree[1]};
  change.join = {{kThree[1].node, DiskId(999)}};
  Directory changed = *Change(directory, change);
  CHECK(changed.retired == change.retire);
  CHECK(changed.default_acceptors.size() == 3);
  CHECK(changed.default_acceptors[1] == change.join[0]);
  CHECK(*Change(changed, change) == changed);
  std::string bytes = EncodeDirectory(changed);
  CHECK(bytes[0] == 2);
  CHECK(*DecodeDirectory(bytes, {}) == changed);
  for (size_t length = 1; length < bytes.size(); ++length) {
    CHECK_FALSE(DecodeDirectory(std::string_view(bytes).substr(0, length), kThree).ok());
  }
}

TEST_CASE("Directory: what cannot be done is refused and says why, it is no success") {
  Directory directory;
  directory.default_acceptors = kThree;
  MemberChange change;
  change.leave = kThree;
  StatusOr<Directory> changed = Change(directory, change);
  CHECK(absl::IsFailedPrecondition(changed.status()));
  CHECK(Message(changed.status()).find("no node would be left to vote") != std::string::npos);
  directory.retired = {{NodeId(7), DiskId(70)}};
  change = {};
  change.join = directory.retired;
  changed = Change(directory, change);
  CHECK(absl::IsFailedPrecondition(changed.status()));
  CHECK(Message(changed.status()).find("disk 0000000000000046 of node 7") != std::string::npos);
  change.join = {{NodeId(8), DiskId(80)}, {NodeId(8), DiskId(81)}};
  CHECK(absl::IsInvalidArgument(Change(directory, change).status()));
}

}  // namespace
}  // namespace vlog::metastore

#include <catch2/catch.hpp>
#include <random>

#include "loglets/raft/raft_replica.h"
#include "loglets/raft/wire.h"
#include "unit/raft_cluster.h"

namespace vlog::loglets::raft {
namespace {

using replicated::PeerMessage;

// As it arrives: bodies in one piece.
PeerMessage Joined(PeerMessage message) {
  std::string all;
  for (const Bytes& body : message.bodies) all += body.view();
  message.bodies.clear();
  if (!all.empty()) message.bodies.push_back(Bytes(std::move(all)));
  return message;
}

AppendRequest SampleAppend() {
  AppendRequest request;
  request.disk = DiskId(9);
  request.term = Term(7);
  request.prev = Index(41);
  request.prev_term = Term(5);
  request.commit = Index(40);
  request.urgent = true;
  LogEntry batch;
  batch.term = Term(6);
  batch.type = EntryType::kBatch;
  batch.batch = MakeBatch('a', 3, 4, 2);
  LogEntry seal;
  seal.term = Term(7);
  seal.type = EntryType::kSeal;
  seal.proposal = "next";
  LogEntry no_op;
  no_op.term = Term(7);
  request.entries = {batch, seal, no_op, batch};
  request.entries[3].term = Term(7);
  return request;
}

TEST_CASE("Raft wire: requests come out as they went in") {
  AppendRequest sent = SampleAppend();
  StatusOr<RequestMessage> got = DecodeRequest(Joined(Encode(RequestMessage(sent))));
  REQUIRE(got.ok());
  const auto& append = std::get<AppendRequest>(*got);
  CHECK(append.disk == sent.disk);
  CHECK(append.term == sent.term);
  CHECK(append.prev == sent.prev);
  CHECK(append.prev_term == sent.prev_term);
  CHECK(append.commit == sent.commit);
  CHECK(append.urgent);
  REQUIRE(append.entries.size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(append.entries[i].term == sent.entries[i].term);
    CHECK(append.entries[i].type == sent.entries[i].type);
    CHECK(append.entries[i].proposal == sent.entries[i].proposal);
    CHECK(append.entries[i].batch.body == sent.entries[i].batch.body);
  }
  CHECK(append.entries[0].batch.header == sent.entries[0].batch.header);
  RequestMessage vote = VoteRequest{DiskId(3), Term(2), true, Index(8), Term(1)};
  auto voted = std::get<VoteRequest>(*DecodeRequest(Encode(vote)));
  CHECK((voted.pre && voted.disk == DiskId(3) && voted.last == Index(8)));
  RequestMessage move = MoveUpRequest{DiskId(3), Term(2), Index(8), Term(1), Bytes("state")};
  auto moved = std::get<MoveUpRequest>(*DecodeRequest(Encode(move)));
  CHECK((moved.state.view() == "state" && moved.index_term == Term(1)));
}

TEST_CASE("Raft wire: replies come out as they went in") {
  ReplyMessage vote = VoteReply{Code::kImpaired, Term(4)};
  CHECK(std::get<VoteReply>(*DecodeReply(Encode(vote))).code == Code::kImpaired);
  AppendReply sent{Code::kNo, Term(4), Index(1), Offset(2), Index(3), Term(2), true};
  auto got = std::get<AppendReply>(*DecodeReply(Encode(ReplyMessage(sent))));
  CHECK((got.code == sent.code && got.term == sent.term && got.match == sent.match));
  CHECK((got.match_end == sent.match_end && got.hint == sent.hint && got.sealed));
  CHECK(got.hint_term == sent.hint_term);
}

TEST_CASE("Raft wire: what makes no sense is refused") {
  auto refused = [](AppendRequest request) {
    return !DecodeRequest(Joined(Encode(RequestMessage(std::move(request))))).ok();
  };
  AppendRequest falls = SampleAppend();
  falls.entries[0].term = Term(4);
  CHECK(refused(falls));
  AppendRequest later = SampleAppend();
  later.entries[3].term = Term(8);
  CHECK(refused(later));
  AppendRequest crc = SampleAppend();
  crc.entries[0].batch.body_crc ^= 1;
  CHECK(refused(crc));
  AppendRequest many = SampleAppend();
  many.entries.assign(kMaxEntries + 1, many.entries[2]);
  CHECK(refused(many));
  AppendRequest far = SampleAppend();
  far.prev = Index(UINT64_MAX);
  CHECK(refused(far));
  PeerMessage longer = Joined(Encode(RequestMessage(SampleAppend())));
  longer.bodies[0] = Bytes(std::string(longer.bodies[0].view()) + "x");
  CHECK_FALSE(DecodeRequest(longer).ok());
  PeerMessage none = Joined(Encode(RequestMessage(SampleAppend())));
  none.bodies.clear();
  CHECK_FALSE(DecodeRequest(none).ok());
  PeerMessage move =
      Encode(RequestMessage(MoveUpRequest{DiskId(3), Term(2), Index(8), Term(1), Bytes("state")}));
  move.bodies[0] = Bytes("stale");
  CHECK(absl::IsDataLoss(DecodeRequest(move).status()));
  CHECK_FALSE(DecodeRequest(PeerMessage()).ok());
  CHECK_FALSE(DecodeReply(PeerMessage()).ok());
}

TEST_CASE("Raft wire: mutated messages never harm a replica") {
  std::mt19937_64 random(7);
  std::vector<PeerMessage> corpus = {
      Joined(Encode(RequestMessage(SampleAppend()))),
      Encode(RequestMessage(VoteRequest{DiskId(100), Term(2), false, Index(8), Term(1)})),
      Encode(RequestMessage(MoveUpRequest{DiskId(100), Term(2), Index(8), Term(1), Bytes("st")}))};
  replicated::Params params;
  std::vector<Replica> members;
  for (uint64_t i = 1; i <= 3; ++i) members.push_back({NodeId(i), DiskId(99 + i)});
  params = *replicated::MakeParams(members);
  uint64_t fine = 0;
  for (int run = 0; run < 20; ++run) {
    RaftState empty;
    RaftReplica replica({params, members[0], empty, Incarnation(1), [&] { return random(); }},
                        RaftOptions());
    Instant now = Instant() + std::chrono::seconds(1);
    for (ReplyTo to = 1; to < 300; ++to) {
      PeerMessage message = corpus[random() % corpus.size()];
      for (uint64_t i = 0; i < random() % 4 && !message.header.empty(); ++i) {
        message.header[random() % message.header.size()] = static_cast<char>(random());
      }
      if (random() % 8 == 0) message.header.resize(random() % (message.header.size() + 1));
      fine += DecodeRequest(message).ok();
      replica.OnRequest(members[1 + random() % 2], std::move(message), to, now);
      ReplicaCore::Output output = replica.TakeOutput();
      for (const ReplicaCore::Persist& persist : output.persist) {
        replica.Persisted(persist.ticket, now);
      }
      replica.CheckInvariants();
    }
  }
  CHECK(fine > 100);
}

TEST_CASE("Raft kind: parameters in which not all vote, or too few write, are refused") {
  std::vector<Replica> members;
  for (uint64_t i = 1; i <= 3; ++i) members.push_back({NodeId(i), DiskId(99 + i)});
  CHECK(CheckParams(*replicated::MakeParams(members)).ok());
  CHECK(absl::IsInvalidArgument(CheckParams(*replicated::MakeParams(members, 3))));
  CHECK(absl::IsInvalidArgument(CheckParams(*replicated::MakeParams(members, 1))));
  replicated::Params params = *replicated::MakeParams(members);
  params.members[2].votes = false;
  CHECK(absl::IsInvalidArgument(CheckParams(params)));
}

}  // namespace
}  // namespace vlog::loglets::raft

// The messages between Paxos replicas as bytes.
#include "loglets/paxos/wire.h"

#include <catch2/catch.hpp>

namespace vlog::loglets::paxos {
namespace {

const Ballot kBallot{7, NodeId(2), Incarnation(9)};

SlotEntry BatchIn(uint64_t slot, const std::string& text) {
  BatchBuilder builder{WriterId(5), SeqNo(slot)};
  builder.Add(text);
  return {Slot(slot), kBallot, Command::OfBatch(std::move(builder).Finish())};
}

Accept FullAccept() {
  Accept accept;
  accept.ballot = kBallot;
  accept.chosen = {{Slot(0), Slot(2), {1, NodeId(1), Incarnation(1)}}, {Slot(2), Slot(4), kBallot}};
  accept.entries = {BatchIn(4, "one"), {Slot(5), kBallot, Command()}};
  accept.entries.push_back({Slot(7), kBallot, Command::OfSeal("next")});
  Checkpoint checkpoint;
  checkpoint.slot = Slot(4);
  checkpoint.promised = kBallot;
  checkpoint.applied.Apply(BatchIn(0, "zero").command.header);
  accept.checkpoint = checkpoint;
  return accept;
}

// As the shell hands it over: the bodies in one piece.
replicated::PeerMessage Join(replicated::PeerMessage message) {
  std::string joined;
  for (const Bytes& body : message.bodies) joined += body.view();
  message.bodies = {Bytes(std::move(joined))};
  return message;
}

TEST_CASE("Paxos wire: an accept arrives as it was sent") {
  Accept sent = FullAccept();
  StatusOr<Request> got = DecodeRequest(Join(Encode(Request(sent))));
  REQUIRE(got.ok());
  const auto& accept = std::get<Accept>(*got);
  CHECK(accept.ballot == sent.ballot);
  CHECK(accept.chosen == sent.chosen);
  REQUIRE(accept.entries.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(accept.entries[i].slot == sent.entries[i].slot);
    CHECK(accept.entries[i].ballot == sent.entries[i].ballot);
    CHECK(accept.entries[i].command.SameAs(sent.entries[i].command));
    CHECK(accept.entries[i].command.body == sent.entries[i].command.body);
  }
  REQUIRE(accept.checkpoint.has_value());
  CHECK(accept.checkpoint->slot == Slot(4));
  CHECK(accept.checkpoint->applied.end() == Offset(1));
  CHECK(DecodeRequest(Encode(Request(sent))).ok());  // bodies in several pieces
}

TEST_CASE("Paxos wire: the other messages arrive as they were sent") {
  StatusOr<Request> prepare = DecodeRequest(Encode(Request(Prepare{kBallot, Slot(3)})));
  REQUIRE(prepare.ok());
  CHECK(std::get<Prepare>(*prepare).from == Slot(3));
  CHECK(std::get<Prepare>(*prepare).ballot == kBallot);
  CHECK(std::holds_alternative<Probe>(*DecodeRequest(Encode(Request(Probe{})))));
  StatusOr<Request> fetch = DecodeRequest(Encode(Request(Fetch{{Slot(3), Offset(8)}})));
  REQUIRE(fetch.ok());
  CHECK(std::get<Fetch>(*fetch).from == ChosenPoint{Slot(3), Offset(8)});

  PrepareReply promise;
  promise.standing = {true, true, kBallot, {Slot(2), Offset(5)}};
  promise.ballot = kBallot;
  promise.granted = true;
  promise.accepted = {BatchIn(2, "two")};
  promise.next = Slot(3);
  promise.complete = true;
  StatusOr<Reply> got = DecodeReply(Join(Encode(Reply(promise))));
  REQUIRE(got.ok());
  const auto& back = std::get<PrepareReply>(*got);
  CHECK(back.standing.votes);
  CHECK(back.standing.sealed);
  CHECK(back.standing.chosen == ChosenPoint{Slot(2), Offset(5)});
  CHECK((back.granted && back.complete && back.next == Slot(3)));
  REQUIRE(back.accepted.size() == 1);

  AcceptReply accepted;
  accepted.ballot = kBallot;
  accepted.full = true;
  got = DecodeReply(Encode(Reply(accepted)));
  REQUIRE(got.ok());
  CHECK(std::get<AcceptReply>(*got).full);
  ProbeReply probe;
  probe.leader_alive = true;
  got = DecodeReply(Encode(Reply(probe)));
  REQUIRE(got.ok());
  CHECK(std::get<ProbeReply>(*got).leader_alive);
  FetchReply fetched;
  fetched.chosen = {BatchIn(1, "one")};
  fetched.checkpoint = FullAccept().checkpoint;
  got = DecodeReply(Join(Encode(Reply(fetched))));
  REQUIRE(got.ok());
  CHECK(std::get<FetchReply>(*got).checkpoint->applied.end() == Offset(1));
}

TEST_CASE("Paxos wire: a body that is not what it was is refused") {
  replicated::PeerMessage message = Join(Encode(Request(FullAccept())));
  std::string body(message.bodies[0].view());
  body[5] ^= 1;
  message.bodies = {Bytes(body)};
  CHECK(absl::IsDataLoss(DecodeRequest(message).status()));
  message.bodies = {Bytes(body.substr(0, 3))};
  CHECK_FALSE(DecodeRequest(message).ok());
  message.bodies = {Bytes(std::string(message.bodies[0].view()) + "xx")};
  CHECK_FALSE(DecodeRequest(message).ok());
}

TEST_CASE("Paxos wire: what makes no sense is refused") {
  CHECK_FALSE(DecodeRequest(Encode(Request(Prepare{Ballot(), Slot(0)}))).ok());
  CHECK_FALSE(DecodeRequest(Encode(Request(Prepare{{UINT64_MAX, NodeId(1), {}}, Slot(0)}))).ok());
  CHECK_FALSE(DecodeRequest(Encode(Request(Fetch{{Slot(UINT64_MAX), Offset(0)}}))).ok());
  Accept later = FullAccept();
  later.ballot.round = 6;  // entries of ballot 7
  CHECK_FALSE(DecodeRequest(Encode(Request(later))).ok());
  Accept back = FullAccept();
  std::swap(back.entries[0], back.entries[1]);
  CHECK_FALSE(DecodeRequest(Encode(Request(back))).ok());
  Accept empty = FullAccept();
  empty.chosen[0].to = Slot(0);
  CHECK_FALSE(DecodeRequest(Encode(Request(empty))).ok());
  CHECK_FALSE(DecodeReply(replicated::PeerMessage()).ok());
}

TEST_CASE("Paxos wire: no flipped or missing byte of a header breaks the decoder") {
  std::string header = Encode(Request(FullAccept())).header;
  replicated::PeerMessage message = Join(Encode(Request(FullAccept())));
  size_t refused = 0;
  for (size_t i = 0; i < header.size(); ++i) {
    for (int bit : {0, 3, 7}) {
      message.header = header;
      message.header[i] = static_cast<char>(message.header[i] ^ (1 << bit));
      refused += !DecodeRequest(message).ok();
      refused += !DecodeReply(message).ok();
    }
    message.header = header.substr(0, i);
    refused += !DecodeRequest(message).ok();
  }
  CHECK(refused > header.size());
}

}  // namespace
}  // namespace vlog::loglets::paxos

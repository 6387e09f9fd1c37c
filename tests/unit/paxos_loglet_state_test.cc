// What a Paxos replica's journal entries amount to, and where its records lie.
#include <catch2/catch.hpp>

#include "loglets/paxos/paxos_state_core.h"
#include "unit/paxos_loglet_cluster.h"

namespace vlog::loglets::paxos {
namespace {

const Ballot kFirst{1, NodeId(1), Incarnation(1)};
const Ballot kSecond{2, NodeId(2), Incarnation(1)};

SlotEntry BatchIn(uint64_t slot, Ballot ballot, char writer, uint32_t count) {
  return {Slot(slot), ballot, Command::OfBatch(MakeBatch(writer, 0, count, std::nullopt))};
}

TEST_CASE("Paxos state: what is known as chosen is applied, the rest is kept with its ballot") {
  PaxosState state;
  state.Apply(PaxosState::AcceptEntry(0, BatchIn(0, kFirst, 'a', 3), Slot(0)));
  state.Apply(PaxosState::AcceptEntry(3, {Slot(2), kFirst, Command::OfSeal("next")}, Slot(0)));
  CHECK(state.applied().end() == Offset(0));
  CHECK(state.accepted().size() == 2);
  state.Apply(PaxosState::AcceptEntry(4, BatchIn(1, kSecond, 'b', 1), Slot(1)));
  CHECK(state.applied().end() == Offset(3));
  CHECK(state.promised() == kSecond);
  state.Apply(PaxosState::PromiseEntry(5, kSecond, Slot(3)));
  CHECK(state.applied().end() == Offset(4));
  CHECK(state.applied().sealed());
  CHECK(state.applied().proposal() == "next");
  CHECK(state.accepted().empty());
  state.CheckInvariants();
}

TEST_CASE("Paxos state: a slot that is accepted again holds the later leader's command") {
  PaxosState state;
  state.Apply(PaxosState::AcceptEntry(0, BatchIn(0, kFirst, 'a', 3), Slot(0)));
  state.Apply(PaxosState::AcceptEntry(3, BatchIn(0, kSecond, 'b', 2), Slot(0)));
  state.Apply(PaxosState::PromiseEntry(5, kSecond, Slot(1)));
  CHECK(state.applied().end() == Offset(2));
  replicated::ReplicaCore::Place place = state.log().FindRecords(Offset(0), Offset(2));
  CHECK(place.from == 3);
  CHECK(place.to == 5);
  // What was overwritten is not needed any more.
  CHECK(state.trim() == 3);
}

TEST_CASE("Paxos state: a checkpoint of the journal says all of it") {
  PaxosState state;
  state.Apply(PaxosState::AcceptEntry(0, BatchIn(0, kFirst, 'a', 3), Slot(0)));
  state.Apply(PaxosState::AcceptEntry(3, BatchIn(1, kFirst, 'b', 2), Slot(1)));
  state.Apply(PaxosState::AcceptEntry(5, {Slot(3), kSecond, Command::OfSeal("next")}, Slot(1)));
  state.Apply(PaxosState::TrimEntry(6, Offset(4), Slot(1), Slot(1)));
  PaxosState copy;
  REQUIRE(copy.Decode(state.Encode()).ok());
  CHECK(copy.Encode() == state.Encode());
  CHECK(copy.promised() == kSecond);
  CHECK(copy.log().trim() == Offset(3));
  CHECK(copy.history().base().index == 1);
  CHECK(copy.trim() == 3);
  REQUIRE(copy.accepted().contains(Slot(3)));
  CHECK(copy.accepted().at(Slot(3)).command.body.view() == "next");
  copy.CheckInvariants();
  std::string cut = state.Encode();
  cut.resize(cut.size() - 1);
  CHECK(absl::IsDataLoss(PaxosState().Decode(cut)));
  cut[0] = 77;
  CHECK(absl::IsInvalidArgument(PaxosState().Decode(cut)));
}

TEST_CASE("Paxos state: who lost entries never serves what may have lost") {
  PaxosState state;
  state.Apply(PaxosState::AcceptEntry(0, BatchIn(0, kFirst, 'a', 3), Slot(0)));
  // Lost: slot 0 was accepted again, at positions 3 and 4, and that was chosen.
  state.Apply(PaxosState::PromiseEntry(5, kSecond, Slot(1)));
  CHECK(state.impaired());
  CHECK(state.applied().end() == Offset(0));
  PaxosState copy;
  REQUIRE(copy.Decode(state.Encode()).ok());
  CHECK(copy.impaired());
}

TEST_CASE("Paxos state: a trim keeps what a laggard at the base needs, and no more") {
  MappedLog log;
  log.Append(kFirst, 3, 0, 3);    // slot 0: offsets 0..2
  log.Append(kFirst, 0, 3, 1);    // slot 1: a no-op
  log.Append(kSecond, 4, 10, 4);  // slot 2: offsets 3..6
  log.Append(kSecond, 2, 14, 2);  // slot 3: offsets 7..8
  CHECK(log.lowest_needed() == 0);
  CHECK(log.Find({Slot(3), Offset(7)})->from == 14);
  CHECK(log.Find({Slot(1), Offset(3)})->from == 3);
  CHECK_FALSE(log.Find({Slot(3), Offset(99)}).has_value());
  log.Trim(Offset(5), {Slot(2), Offset(3)});
  CHECK(log.lowest_needed() == 10);
  CHECK_FALSE(log.Find({Slot(0), Offset(0)}).has_value());
  CHECK(log.Find({Slot(2), Offset(3)})->from == 10);
  CHECK(log.Find({Slot(3), Offset(7)})->to == 16);
  CHECK(log.FindRecords(Offset(5), Offset(9)).from == 12);
  CHECK(log.OffsetOf(Slot(3), 14) == Offset(7));
  std::vector<BallotRun> runs = log.Ballots(Slot(0), Slot(9), 9);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0] == BallotRun{Slot(2), Slot(4), kSecond});
  log.CheckInvariants();
  log.Trim(Offset(8), {Slot(3), Offset(7)});
  CHECK(log.lowest_needed() == 14);
  CHECK_FALSE(log.Find({Slot(2), Offset(3)}).has_value());
  log.CheckInvariants();
  log.Trim(Offset(9), log.end());
  CHECK_FALSE(log.lowest_needed().has_value());
  log.CheckInvariants();
}

TEST_CASE("Paxos state: a log that was moved says what it lacks") {
  MappedLog log;
  log.Append(kFirst, 3, 0, 3);
  log.MoveTo({Slot(7), Offset(20)});
  log.Append(kSecond, 2, 3, 2);
  CHECK(log.FindRecords(Offset(0), Offset(22)).next == Offset(20));
  CHECK(log.FindRecords(Offset(20), Offset(22)).from == 3);
  CHECK(log.end() == ChosenPoint{Slot(8), Offset(22)});
  CHECK_FALSE(log.Find({Slot(0), Offset(0)}).has_value());
  log.CheckInvariants();
}

}  // namespace
}  // namespace vlog::loglets::paxos

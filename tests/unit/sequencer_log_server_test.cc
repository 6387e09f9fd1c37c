// One loglet on one log server, rule by rule. R numbers and race numbers are those of the fault
// catalogue.
#include <string>

#include "base/crc32c.h"
#include "storage/stream_table.h"
#include "unit/sequencer_fixture.h"

namespace vlog::loglets::sequencer {
namespace {

TEST_CASE("Log server: stores pipeline at the accepted tail and only the durable tail is told") {
  TestServer server;
  ReplyTo first = server.Store(0, {Placed(0, 2), Placed(2)});
  ReplyTo second = server.Store(0, {Placed(3)});
  CHECK(server.core.accepted_tail() == Offset(4));
  CHECK_FALSE(server.answered(first));
  // Race 34: a tail is not told before it is durable.
  CHECK(server.answer(server.Ask()).durable_tail == Offset(0));
  server.SyncOne();
  CHECK_FALSE(server.answered(first));
  CHECK(server.answer(server.Ask()).durable_tail == Offset(2));
  server.SyncOne();
  CHECK(server.answer(first).durable_tail == Offset(3));
  CHECK_FALSE(server.answered(second));
  server.Sync();
  CHECK(server.code(second) == ServerCode::kOk);
  CHECK(server.answer(second).durable_tail == Offset(4));
}

TEST_CASE("Log server: a duplicate writes nothing and is answered by the durable tail") {
  TestServer server;
  server.Store(0, {Placed(0, 2)});
  ReplyTo early = server.Store(0, {Placed(0, 2)});
  CHECK(server.unsynced.size() == 1);
  CHECK_FALSE(server.answered(early));
  server.Sync();
  CHECK(server.answer(early).durable_tail == Offset(2));
  ReplyTo late = server.Store(0, {Placed(0, 2)});
  CHECK(server.unsynced.empty());
  CHECK(server.answer(late).code == ServerCode::kOk);
  CHECK(server.answer(late).durable_tail == Offset(2));
}

TEST_CASE("Log server: a gap is refused and a batch across the tail fits nothing") {
  TestServer server;
  server.Store(0, {Placed(0, 2)});
  server.Sync();
  CHECK(server.code(server.Store(0, {Placed(3)})) == ServerCode::kGap);
  CHECK(server.code(server.Store(0, {Placed(1, 2)})) == ServerCode::kMalformed);
  CHECK(server.code(server.Store(0, {Placed(2), Placed(4)})) == ServerCode::kMalformed);
  CHECK(server.unsynced.empty());
}

TEST_CASE("Log server: what is committed is caught up by omission and remembered as a hole") {
  TestServer server;
  server.Store(0, {Placed(0, 2)});
  server.Sync();
  // The known tail must cover the gap.
  CHECK(server.code(server.Store(4, {Placed(5)})) == ServerCode::kGap);
  TestServer other;
  other.Store(0, {Placed(0, 2)});
  ReplyTo skipped = other.Store(5, {Placed(5)});
  other.Sync();
  CHECK(other.answer(skipped).durable_tail == Offset(6));
  CHECK(other.answer(skipped).holds_from == Offset(5));
  CHECK(other.Plan(0, 6).next == Offset(2));
  CHECK(other.Plan(3, 6).code == ReadCode::kLacks);
  CHECK(other.Plan(3, 6).next == Offset(5));
  CHECK(other.Plan(6, 9).code == ReadCode::kLacks);
  CHECK(other.Plan(6, 9).next == kMaxOffset);
  // The hole outlives a crash and a checkpoint.
  other.Crash();
  LogServerState decoded;
  REQUIRE(decoded.Decode(other.Replayed().Encode()).ok());
  CHECK(decoded.HeldUntil(Offset(0)) == Offset(2));
  CHECK(decoded.NextHeld(Offset(2)) == Offset(5));
  CHECK(decoded.known_tail() == Offset(5));
}

TEST_CASE("Log server: a known tail raises both tails, and the batch headers keep it") {
  TestServer server;
  server.Store(0, {Placed(0, 2)});
  server.Store(2, {Placed(2)});
  server.Sync();
  server.Crash();
  CHECK(server.answer(server.Ask()).known_tail == Offset(2));
  server.Store(9, {});
  CHECK(server.durable() == Offset(9));
  CHECK(server.core.accepted_tail() == Offset(9));
  CHECK(server.answer(server.Ask()).holds_from == Offset(9));
  // Nothing below is written any more; what follows begins behind the hole.
  ReplyTo below = server.Store(9, {Placed(3, 6)});
  CHECK(server.code(below) == ServerCode::kOk);
  CHECK(server.unsynced.empty());
  server.Store(9, {Placed(9)});
  server.Sync();
  CHECK(server.Replayed().end() == 10);
  CHECK(server.Plan(3, 10).next == Offset(9));
}

TEST_CASE("Log server: races 7 and 33, a second incarnation of the sequencer is refused") {
  TestServer server;
  SequencerId second{NodeId(1), Incarnation(8), DiskId(1)};
  SequencerId wiped{NodeId(1), Incarnation(7), DiskId(2)};
  server.Store(0, {Placed(0)});
  CHECK(server.code(server.Store(0, {Placed(0)}, wiped)) == ServerCode::kFenced);
  CHECK(server.code(server.Store(0, {Placed(0)}, second)) == ServerCode::kFenced);
  server.Sync();
  server.Crash();
  CHECK(server.code(server.Store(0, {}, second)) == ServerCode::kFenced);
  CHECK(server.code(server.Store(0, {}, wiped)) == ServerCode::kFenced);
  CHECK(server.code(server.Store(0, {})) == ServerCode::kOk);
}

TEST_CASE("Log server: race 8, another disk answers nothing but that") {
  TestServer server;
  server.Store(0, {Placed(0)});
  server.Sync();
  server.disk = DiskId(999);
  CHECK(server.code(server.Store(0, {Placed(1)})) == ServerCode::kWrongDisk);
  CHECK(server.code(server.Seal()) == ServerCode::kWrongDisk);
  CHECK(server.code(server.Repair(0, {})) == ServerCode::kWrongDisk);
  CHECK(server.code(server.Trim(1, 1)) == ServerCode::kWrongDisk);
  CHECK(server.code(server.Ask()) == ServerCode::kWrongDisk);
  CHECK(server.Plan(0, 1).code == ReadCode::kWrongDisk);
  CHECK(server.unsynced.empty());
}

TEST_CASE("Log server: R1 and R4, the seal counts every store before it and none after it") {
  TestServer server;
  ReplyTo store = server.Store(0, {Placed(0, 2)});
  ReplyTo seal = server.Seal("mine");
  ReplyTo late = server.Store(0, {Placed(2)});
  CHECK(server.code(late) == ServerCode::kSealed);
  server.SyncOne();
  // Race 3: acknowledged before the seal, and counted by it.
  CHECK(server.code(store) == ServerCode::kOk);
  CHECK_FALSE(server.answer(store).sealed);
  // Race 9: the seal is not told before it is durable.
  CHECK_FALSE(server.answered(seal));
  server.SyncOne();
  CHECK(server.answer(seal).sealed);
  CHECK(server.answer(seal).durable_tail == Offset(2));
  CHECK(server.answer(seal).exact());
  CHECK(server.unsynced.empty());
}

TEST_CASE("Log server: race 9, a seal that was not durable is gone after a crash") {
  TestServer server;
  server.Store(0, {Placed(0)});
  server.Sync();
  ReplyTo seal = server.Seal();
  server.Crash();
  CHECK_FALSE(server.answered(seal));
  CHECK_FALSE(server.answer(server.Ask()).sealed);
  server.Store(0, {Placed(1)});
  server.Sync();
  CHECK(server.durable() == Offset(2));
}

TEST_CASE("Log server: R5, a sealed server acknowledges not even a duplicate") {
  TestServer server;
  server.Store(0, {Placed(0, 2)});
  server.Seal();
  server.Sync();
  for (int life = 0; life < 2; ++life) {
    ReplyTo duplicate = server.Store(0, {Placed(0, 2)});
    CHECK(server.code(duplicate) == ServerCode::kSealed);
    CHECK(server.answer(duplicate).sealed);
    CHECK(server.code(server.Store(0, {Placed(2)})) == ServerCode::kSealed);
    CHECK(server.code(server.Store(0, {})) == ServerCode::kSealed);
    server.Crash();
  }
  CHECK(server.Replayed().end() == 2);
}

TEST_CASE(
    "Log server: R5, a repaired batch is not acknowledged to the zombie that sends it again") {
  TestServer server;
  server.Seal();
  server.Sync();
  ReplyTo repair = server.Repair(0, {Placed(0, 2)});
  ReplyTo zombie = server.Store(0, {Placed(0, 2)});
  server.Sync();
  CHECK(server.answer(repair).durable_tail == Offset(2));
  CHECK(server.code(zombie) == ServerCode::kSealed);
  CHECK(server.code(server.Store(0, {Placed(0, 2)})) == ServerCode::kSealed);
}

TEST_CASE(
    "Log server: a seal for an unknown loglet creates it sealed, the first proposal is kept") {
  TestServer server;
  ReplyTo first = server.Seal("first");
  ReplyTo second = server.Seal("second");
  server.Sync();
  CHECK(server.synced.size() == 1);
  CHECK(server.answer(first).proposal == "first");
  CHECK(server.answer(second).proposal == "first");
  CHECK(server.answer(second).durable_tail == Offset(0));
  server.Crash();
  ReplyTo third = server.Seal("third");
  CHECK(server.unsynced.empty());
  CHECK(server.answer(third).proposal == "first");
}

TEST_CASE("Log server: race 31, a repair seals first, and behind everything that was accepted") {
  TestServer server;
  ReplyTo store = server.Store(0, {Placed(0)});
  ReplyTo repair = server.Repair(0, {Placed(0), Placed(1)});
  REQUIRE(server.unsynced.size() == 3);
  CHECK(server.unsynced[1].entry.type == kSealEntry);
  CHECK(server.unsynced[1].entry.first == 1);
  CHECK(server.unsynced[2].entry.type == kRepairEntry);
  CHECK(server.code(server.Store(0, {Placed(1)})) == ServerCode::kSealed);
  server.SyncOne();
  CHECK(server.code(store) == ServerCode::kOk);
  server.SyncOne();
  CHECK_FALSE(server.answered(repair));
  server.Sync();
  CHECK(server.answer(repair).sealed);
  CHECK(server.answer(repair).durable_tail == Offset(2));
}

TEST_CASE("Log server: race 31, a repair in pieces is refused") {
  TestServer server;
  server.Seal();
  server.Sync();
  PlacedBatch piece = Placed(0, 2);
  piece.batch.header.count = 1;
  CHECK(server.code(server.Repair(0, {piece})) == ServerCode::kMalformed);
  server.Repair(0, {Placed(0, 2)});
  server.Sync();
  CHECK(server.code(server.Repair(0, {Placed(1, 2)})) == ServerCode::kMalformed);
  CHECK(server.code(server.Repair(0, {Placed(3)})) == ServerCode::kGap);
}

TEST_CASE("Log server: a repair raises the tail and never the known tail") {
  TestServer server;
  server.Store(0, {Placed(0)});
  server.Sync();
  server.Repair(1, {Placed(1), Placed(2, 3)});
  server.Sync();
  CHECK(server.durable() == Offset(5));
  CHECK(server.core.durable().known_tail() == Offset(1));
  server.Crash();
  CHECK(server.core.durable().known_tail() == Offset(1));
  // K may take a server over what it lacks of the committed part.
  TestServer behind;
  ReplyTo repaired = behind.Repair(4, {Placed(4)});
  behind.Sync();
  CHECK(behind.answer(repaired).holds_from == Offset(4));
  CHECK(behind.answer(repaired).known_tail == Offset(4));
}

TEST_CASE("Log server: a trim is durable, exact, grows only and works after the seal") {
  TestServer server;
  server.Store(0, {Placed(0, 4), Placed(4)});
  server.Seal();
  server.Sync();
  ReplyTo trim = server.Trim(3, 4);
  CHECK_FALSE(server.answered(trim));
  server.Sync();
  CHECK(server.answer(trim).trim == Offset(3));
  CHECK(server.answer(server.Trim(1, 5)).trim == Offset(3));
  CHECK(server.Plan(2, 5).code == ReadCode::kTrimmed);
  CHECK(server.Plan(3, 5).code == ReadCode::kBatches);
  server.Crash();
  CHECK(server.answer(server.Ask()).trim == Offset(3));
}

TEST_CASE("Log server: race 14, a trim is clamped to what is known to be committed") {
  TestServer server;
  server.Store(2, {Placed(0, 2), Placed(2)});
  server.Sync();
  ReplyTo trim = server.Trim(9, 2);
  server.Sync();
  CHECK(server.answer(trim).trim == Offset(2));
  // A server that is behind takes the trim all the same.
  TestServer behind;
  trim = behind.Trim(5, 7);
  behind.Sync();
  CHECK(behind.answer(trim).trim == Offset(5));
  CHECK(behind.answer(trim).durable_tail == Offset(7));
  CHECK(behind.Replayed().end() >= behind.Replayed().trim());
}

TEST_CASE(
    "Log server: waiters are answered by growth and by the seal, and say so to the sequencer") {
  TestServer server;
  ReplyTo durable = server.Ask(WaitFor::kDurable, 0);
  ReplyTo known = server.Ask(WaitFor::kKnown, 0);
  ReplyTo beyond = server.Ask(WaitFor::kKnown, 5);
  ReplyTo store = server.Store(0, {Placed(0)});
  server.Sync();
  CHECK(server.answer(store).waiters);
  CHECK(server.answered(durable));
  CHECK_FALSE(server.answered(known));
  server.Store(1, {});
  CHECK(server.answer(known).known_tail == Offset(1));
  ReplyTo gone = server.Ask(WaitFor::kKnown, 9);
  server.core.Forget(gone);
  server.Seal();
  server.Sync();
  CHECK(server.answer(beyond).sealed);
  CHECK_FALSE(server.answered(gone));
}

TEST_CASE("Log server: a full disk refuses all that waits and takes it up again later") {
  TestServer server;
  server.Store(0, {Placed(0)});
  server.Sync();
  ReplyTo first = server.Store(0, {Placed(1)});
  ReplyTo second = server.Store(0, {Placed(2)});
  server.FillDisk();
  CHECK(server.code(first) == ServerCode::kFull);
  CHECK(server.code(second) == ServerCode::kFull);
  CHECK(server.core.accepted_tail() == Offset(1));
  CHECK(server.code(server.Store(0, {Placed(2)})) == ServerCode::kGap);
  server.Store(0, {Placed(1)});
  server.Sync();
  CHECK(server.durable() == Offset(2));
}

TEST_CASE("Log server: a seal beside refused stores settles on what is there") {
  TestServer server;
  server.Store(0, {Placed(0)});
  server.Sync();
  ReplyTo store = server.Store(0, {Placed(1)});
  ReplyTo seal = server.Seal("p");
  server.FillDisk();
  CHECK(server.code(store) == ServerCode::kFull);
  server.SyncOne();
  CHECK_FALSE(server.answered(seal));
  server.Sync();
  CHECK(server.answer(seal).sealed);
  CHECK(server.answer(seal).exact());
  CHECK(server.answer(seal).durable_tail == Offset(1));
  CHECK(server.answer(seal).proposal == "p");
  CHECK(server.Replayed().possible_tail() == Offset(1));
}

TEST_CASE("Log server: race 22, damage seals, keeps the place and never lowers a tail") {
  // Batches are lost whose place the next one tells.
  LogServerState state;
  state.Apply(LogServerState::BatchEntry(kStoreEntry, Placed(0, 2), Offset(0), kSequencer));
  state.SkipTo(6);
  state.Apply(LogServerState::BatchEntry(kStoreEntry, Placed(6), Offset(0), kSequencer));
  state.Damaged(0);
  state.CheckInvariants();
  TestServer server;
  server.core = LogServerCore(server.disk, state);
  ServerWord word = server.answer(server.Ask());
  CHECK(word.sealed);
  CHECK(word.exact());
  CHECK(word.durable_tail == Offset(7));
  CHECK(word.holds_from == Offset(6));
  CHECK(server.code(server.Store(0, {Placed(7)})) == ServerCode::kSealed);
  // The seal becomes an entry of the journal with the first one who asks.
  ReplyTo seal = server.Seal();
  CHECK_FALSE(server.answered(seal));
  server.Sync();
  CHECK(server.answer(seal).durable_tail == Offset(7));
}

TEST_CASE("Log server: race 22, lost entries at the tail leave it open how much was acknowledged") {
  LogServerState state;
  state.Apply(LogServerState::BatchEntry(kStoreEntry, Placed(0, 2), Offset(0), kSequencer));
  state.Damaged(3);
  CHECK(state.sealed());
  CHECK(state.possible_tail() == Offset(5));
  TestServer server;
  server.core = LogServerCore(server.disk, state);
  ReplyTo seal = server.Seal();
  server.Sync();
  CHECK_FALSE(server.answer(seal).exact());
  // What came after the seal does not make it worse, and a repair closes it.
  LogServerState again = server.core.durable();
  again.Damaged(100);
  CHECK(again.possible_tail() == Offset(5));
  server.Repair(0, {Placed(2, 3)});
  server.Sync();
  CHECK(server.core.Word().exact());
  // A seal behind lost stores counts them.
  LogServerState counted;
  counted.Apply(LogServerState::SealEntry(Offset(4), "p"));
  CHECK(counted.possible_tail() == Offset(4));
  CHECK(counted.durable_tail() == Offset(0));
}

TEST_CASE("Log server: a loglet that a damaged journal may have lost is sealed at the bound") {
  TestServer server;
  server.core.SealAsLost(Offset(40));
  server.Flush();
  CHECK(server.code(server.Store(0, {Placed(0)})) == ServerCode::kSealed);
  ReplyTo seal = server.Seal();
  server.Sync();
  CHECK(server.answer(seal).possible_tail == Offset(40));
  CHECK(server.Replayed().possible_tail() == Offset(40));
}

TEST_CASE("Log server: what a read finds unreadable is a hole from then on") {
  TestServer server;
  server.Store(0, {Placed(0, 2), Placed(2), Placed(3)});
  server.Sync();
  server.core.NoteHole(Offset(2), Offset(3));
  server.core.CheckInvariants();
  CHECK(server.Plan(0, 4).next == Offset(2));
  CHECK(server.Plan(2, 4).next == Offset(3));
  CHECK(server.core.Word().holds_from == Offset(3));
}

TEST_CASE("Log server: once gone every verb says so, also to those that wait") {
  TestServer server;
  ReplyTo store = server.Store(0, {Placed(0)});
  ReplyTo seal = server.Seal();
  ReplyTo wait = server.Ask(WaitFor::kKnown, 5);
  server.core.MarkGone();
  server.Flush();
  for (ReplyTo to : {store, seal, wait, server.Store(0, {}), server.Seal(), server.Repair(0, {}),
                     server.Trim(0, 0), server.Ask()}) {
    CHECK(server.code(to) == ServerCode::kGone);
  }
  CHECK(server.Plan(0, 1).code == ReadCode::kGone);
  server.Sync();  // what was on its way changes nothing
}

TEST_CASE("Log server: stream keys name the loglet and states of other kinds are not made") {
  LogletId id{"orders", SegmentIndex(7), ProposalId(99)};
  CHECK(ParseLogServerStreamKey(LogServerStreamKey(id)) == id);
  CHECK(ParseLogServerStreamKey("l234").log.empty());
  CHECK(ParseLogServerStreamKey("s").log.empty());
  CHECK(NewSequencerStreamState(kLogServerStreamKind) != nullptr);
  CHECK(NewSequencerStreamState("local") == nullptr);
  CHECK_FALSE(LogServerState().Decode("").ok());
  CHECK_FALSE(LogServerState().Decode(std::string(5, '\1')).ok());
}

TEST_CASE("Log server: entries give back the batch that was stored") {
  PlacedBatch placed = Placed(3, 2);
  storage::Entry entry = LogServerState::BatchEntry(kStoreEntry, placed, Offset(2), kSequencer);
  StatusOr<PlacedBatch> back = LogServerState::ToBatch(entry);
  REQUIRE(back.ok());
  CHECK(back->first == Offset(3));
  CHECK(back->batch.header == placed.batch.header);
  CHECK(ValidateBatch(back->batch).ok());
  entry.meta.pop_back();
  CHECK_FALSE(LogServerState::ToBatch(entry).ok());
}

// What another version of this program left in the journal or in a chain.
TEST_CASE("Formats: a journal of an older version is refused with its format and what to do") {
  PlacedBatch placed = Placed(0);
  storage::Entry entry = LogServerState::BatchEntry(kStoreEntry, placed, Offset(), kSequencer);
  entry.stream = storage::StreamId(1);
  auto apply = [](const storage::Entry& applied) {
    storage::StreamTable table(NewSequencerStreamState);
    REQUIRE(table
                .Apply(storage::StreamTable::CreateEntry(storage::StreamId(1), kLogServerStreamKind,
                                                         "key"))
                .ok());
    return table.Apply(applied);
  };
  CHECK(apply(entry).ok());
  // The first format had no disk in it.
  storage::Entry old = entry;
  old.meta.resize(old.meta.size() - sizeof(uint64_t));
  Status refused = apply(old);
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(Message(refused).find("format 1, of an older version") != std::string::npos);
  CHECK(Message(refused).find("replace-disk") != std::string::npos);
  storage::Entry cut = entry;
  cut.meta.resize(5);
  CHECK(absl::IsDataLoss(apply(cut)));
  storage::Entry newer = LogServerState::SettleEntry(Offset(1));
  newer.stream = storage::StreamId(1);
  CHECK(apply(newer).ok());
  newer.type = 99;
  CHECK(Message(apply(newer)).find("a newer version") != std::string::npos);
}

TEST_CASE("Formats: parameters of an older version are refused with their format and what to do") {
  std::string bytes = EncodeParams(*MakeParams({{NodeId(1), DiskId(9)}}, 1, kSequencer));
  REQUIRE(DecodeParams(bytes).ok());
  bytes[0] = 1;
  Status refused = DecodeParams(bytes).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(Message(refused).find("format 1, of an older version") != std::string::npos);
  CHECK(Message(refused).find("append it to a new one") != std::string::npos);
  bytes[0] = 9;
  CHECK(Message(DecodeParams(bytes).status()).find("use that version") != std::string::npos);
}

}  // namespace
}  // namespace vlog::loglets::sequencer

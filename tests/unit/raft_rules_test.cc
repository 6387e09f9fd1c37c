// One test for each safety rule of Raft, by its section in the extended paper (or Ongaro's thesis):
// replication, decisions, tail checks and moves.
#include "unit/raft_one.h"

namespace vlog::loglets::raft {
namespace {

using std::chrono::milliseconds;

// ---- replication ----

TEST_CASE("Raft 5.3: an append is answered when its entries are durable, not before") {
  One r;
  r.Append(1, 0, 0, {});
  r.Sync();  // the term is durable
  r.replies.clear();
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'a', 0)});
  CHECK(r.replies.empty());
  // Nor a doubled one, whose entries are only on their way to the disk.
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'a', 0)});
  CHECK(r.replies.empty());
  r.Sync();
  REQUIRE(r.replies.size() == 2);
  CHECK(r.appended().match == Index(2));
  CHECK(r.appended().match_end == Offset(1));
}

TEST_CASE("Raft 5.3: entries behind a gap, or behind another entry, are refused with a hint") {
  One r;
  r.Append(3, 5, 2, {NoOp(3)});
  CHECK(r.appended().code == Code::kNo);
  CHECK(r.appended().hint == Index(1));
  r.Append(3, 0, 0, {NoOp(1), NoOp(2), NoOp(2), NoOp(2)});
  r.Sync();
  r.Append(3, 4, 3, {NoOp(3)});
  CHECK(r.appended().code == Code::kNo);
  CHECK(r.appended().hint_term == Term(2));
  CHECK(r.appended().hint == Index(2));
}

TEST_CASE("Raft 5.3: what conflicts is cut with all behind it, and the cut survives a restart") {
  One r;
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'a', 0), Record(1, 'a', 1), Record(1, 'a', 2)});
  r.Sync();
  r.Append(2, 1, 1, {NoOp(2), Record(2, 'b', 0)}, 3);
  r.Sync();
  CHECK(r.core.log().last() == Index(3));
  CHECK(r.core.log().state().TermAt(Index(2)) == Term(2));
  CHECK(r.core.applied().end() == Offset(1));
  RaftState again = r.Recovered();
  CHECK(again.last() == Index(3));
  CHECK(again.last_term() == Term(2));
}

TEST_CASE("Raft 5.3: an old request that comes late cuts nothing that follows") {
  One r;
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'a', 0), Record(1, 'a', 1)});
  r.Sync();
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'a', 0)});
  CHECK(r.core.log().last() == Index(3));
  CHECK(r.appended().code == Code::kOk);
}

TEST_CASE("Raft 5.3: a follower decides no further than the entries that its leader confirmed") {
  One r;
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'a', 0), Record(1, 'a', 1)});
  r.Sync();
  // The leader of term 2 has other entries behind the first: its commit point says nothing of ours.
  r.Append(2, 1, 1, {}, 3);
  CHECK(r.core.log().commit() == Index(1));
}

TEST_CASE(
    "Raft 5.3: the next index backs up a term at a time, never below what is known to match") {
  RaftLog log(RaftState(), 1 << 20);
  log.SetHardState({Term(5), kSelf});
  for (uint64_t term : {1, 1, 4, 4, 5}) log.Append(NoOp(term), false);
  FollowerFlow flow(FlowOptions(), Index(5), Instant());
  FollowerFlow::Leader leader{log, Term(5), Index(5), 0, false, false};
  REQUIRE(std::get<AppendRequest>(flow.TakeNext(leader, 1, Instant())).prev == Index(5));
  AppendReply no{Code::kNo, Term(5)};
  no.hint = Index(2);
  no.hint_term = Term(4);  // ours ends at 4
  flow.OnReply(1, no, log, Instant());
  REQUIRE(std::get<AppendRequest>(flow.TakeNext(leader, 2, Instant())).prev == Index(4));
  AppendReply yes{Code::kOk, Term(5)};
  yes.match = Index(4);
  flow.OnReply(2, yes, log, Instant());
  CHECK(flow.match() == Index(4));
  CHECK(flow.state() == FollowerFlow::State::kStream);
  REQUIRE(std::get<AppendRequest>(flow.TakeNext(leader, 3, Instant())).prev == Index(4));
  log.Append(NoOp(5), false);
  leader.last_sendable = Index(6);
  REQUIRE(std::get<AppendRequest>(flow.TakeNext(leader, 4, Instant())).prev == Index(5));
  // The first of these was lost; the refusal of the second is wrong about the beginning of the log.
  no.hint = Index(1);
  no.hint_term = Term();
  flow.OnReply(4, no, log, Instant());
  CHECK(flow.next() == Index(5));
  flow.CheckInvariants();
}

TEST_CASE("Raft 5.3: what a follower refused is sent again, also when its word comes late") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.Agree(kC, 1);
  for (uint64_t i = 0; i < 2; ++i) {
    r.core.Append(MakeBatch('a', i, 1, i == 0 ? std::nullopt : std::optional(i - 1)), i, r.now);
    r.Take();
  }
  std::vector<CallId> calls;  // entry 2, then entry 3 behind it
  for (const RaftCore::Send& send : r.sent) {
    const auto* append = std::get_if<AppendRequest>(&send.message);
    bool entries = append != nullptr && !append->entries.empty();
    if (send.to == kB && entries && append->prev > Index()) calls.push_back(send.call);
  }
  REQUIRE(calls.size() == 2);
  size_t before = r.sent.size();
  // The network turned them round: entry 3 came first and was refused, then entry 2 was taken.
  AppendReply taken{Code::kOk, r.core.term()};
  taken.match = Index(2);
  taken.match_end = Offset(1);
  r.core.OnReply(calls[0], taken, r.now);
  r.Take();
  AppendReply refused{Code::kNo, r.core.term()};
  refused.hint = Index(2);
  r.core.OnReply(calls[1], refused, r.now);
  r.Take();
  bool again = false;
  for (size_t i = before; i < r.sent.size(); ++i) {
    const auto* append = std::get_if<AppendRequest>(&r.sent[i].message);
    again |= r.sent[i].to == kB && append != nullptr && append->prev == Index(2) &&
             append->entries.size() == 1;
  }
  CHECK(again);
}

TEST_CASE("Raft 5.4.2: a leader decides by counting only entries of its own term") {
  One r;
  r.Append(2, 0, 0, {NoOp(1), Record(2, 'a', 0)});
  r.Sync();
  One leader(r.Recovered());
  leader.Lead();
  REQUIRE(leader.core.term() == Term(3));
  // Entry 2 is on a majority now, and is of term 2.
  leader.Agree(kB, 2);
  CHECK(leader.core.log().commit() == Index());
  leader.Agree(kB, 3);
  CHECK(leader.core.log().commit() == Index(3));
}

TEST_CASE("Raft 5.3: the leader's own copy counts when it is durable") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.core.Append(MakeBatch('a', 0, 1, std::nullopt), 1, r.now);
  r.Take();
  r.Agree(kB, 2);
  CHECK(r.core.log().commit() == Index(1));
  CHECK(r.answers.empty());
  r.Sync();
  CHECK(r.core.log().commit() == Index(2));
  CHECK(r.answers.size() == 1);
}

TEST_CASE("Raft: entries that wait until others are answered do not make the clock late") {
  One r;
  r.Lead();
  for (const Replica& follower : {kB, kC}) r.Agree(follower, 1);
  size_t before = r.sent.size();
  // Each is half of what may be under way to one follower.
  for (uint64_t i = 0; i < 4; ++i) {
    std::optional<uint64_t> prev;
    if (i > 0) prev = i - 1;
    Batch batch = MakeBatch('a', i, 1, prev);
    batch.body = Bytes(std::string(FlowOptions().window_bytes / 2, 'x'));
    r.core.Append(batch, i + 1, r.now);
    r.Take();
  }
  CHECK(r.sent.size() < before + 8);  // not all of them to both
  CHECK(r.core.next_tick() > r.now);
}

TEST_CASE("Raft: appends are acknowledged in the order of the log, with what they wait for") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.core.Append(MakeBatch('a', 0, 2, std::nullopt), 1, r.now);
  r.core.Append(MakeBatch('b', 0, 1, std::nullopt), 2, r.now);
  r.core.Append(MakeBatch('a', 2, 1, 1), 3, r.now);
  r.Take();
  r.Sync();
  CHECK(r.answers.empty());
  r.Agree(kB, 4);
  REQUIRE(r.answers.size() == 3);
  for (Token token : {1, 2, 3}) CHECK(r.answers[token - 1].token == token);
  CHECK(*r.answers[1].result == Offset(2));
  CHECK(*r.answers[2].result == Offset(3));
}

// ---- a full disk ----

TEST_CASE("Raft: what a full disk refuses leaves no hole, whatever was behind it") {
  RaftLog log(RaftState(), 1 << 20);
  log.SetHardState({Term(1), kSelf});
  for (uint64_t i = 0; i < 3; ++i) log.Append(Record(1, 'a', i), false);
  std::vector<ReplicaCore::Persist> handed = log.TakePersists();
  REQUIRE(handed.size() == 4);
  log.Persisted(handed[0].ticket);
  log.Persisted(handed[1].ticket);
  log.Append(Record(1, 'a', 3), false);  // not handed out yet
  CHECK(log.Refused(handed[2].ticket) == Index(2));
  CHECK_FALSE(log.may_write());  // one more will be refused
  log.Refused(handed[3].ticket);
  CHECK(log.may_write());
  CHECK(log.TakePersists().empty());
  CHECK(log.last() == Index(1));
  CHECK(log.disk_suspect());
  log.Append(Record(1, 'a', 1), false);
  handed = log.TakePersists();
  REQUIRE(handed.size() == 1);
  CHECK(handed[0].entry.first == 1);
  log.Persisted(handed[0].ticket);
  CHECK(log.durable() == Index(2));
  CHECK_FALSE(log.disk_suspect());
  log.CheckInvariants();
}

TEST_CASE("Raft: a leader with a full disk refuses what nobody has seen, and leads on") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.core.Append(MakeBatch('a', 0, 1, std::nullopt), 1, r.now);
  r.Take();
  r.core.Refused(r.unsynced.back().ticket, r.now);
  r.unsynced.pop_back();
  r.Take();
  // The others may have it: whoever leads next knows.
  CHECK(r.core.role() == RaftCore::Role::kFollower);
  REQUIRE(r.answers.size() == 1);
  CHECK(absl::IsUnknown(r.answers[0].result.status()));
  // Elected again it sends nothing before it is durable here, so it can take it back.
  r.Lead();
  r.Agree(kB, 2);
  size_t sent = r.sent.size();
  r.core.Append(MakeBatch('a', 0, 1, std::nullopt), 2, r.now);
  r.Take();
  CHECK(r.sent.size() == sent);
  r.core.Refused(r.unsynced.back().ticket, r.now);
  r.unsynced.pop_back();
  r.Take();
  CHECK(r.core.role() == RaftCore::Role::kLeader);
  REQUIRE(r.answers.size() == 2);
  CHECK(absl::IsResourceExhausted(r.answers[1].result.status()));
  // SEAL goes where there is room for control entries.
  r.core.Seal("next", 3, r.now);
  r.Take();
  REQUIRE(r.unsynced.size() == 1);
  CHECK(r.unsynced[0].control);
}

// ---- tail checks ----

TEST_CASE("Raft 8 and thesis 6.4: a tail check needs a round, and one that starts behind it") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.Agree(kC, 1);
  r.now = r.now + milliseconds(31);
  r.core.Tick(r.now);  // heartbeats are on their way
  r.Take();
  size_t before = r.sent.size();
  CallId old_call = r.sent.back().call;
  r.core.CheckTail(1, r.now);
  r.Take();
  CHECK(r.answers.empty());
  REQUIRE(r.sent.size() > before);
  // What was asked before the check proves nothing of now.
  AppendReply ok{Code::kOk, r.core.term()};
  ok.match = Index(1);
  r.core.OnReply(old_call, ok, r.now);
  r.Take();
  CHECK(r.answers.empty());
  // One that comes while the round runs waits for the next.
  r.core.CheckTail(2, r.now);
  r.Take();
  r.Agree(kB, 1);
  REQUIRE(r.answers.size() == 1);
  CHECK(r.answers[0].token == 1);
  r.Agree(kB, 1);
  CHECK(r.answers.size() == 2);
}

TEST_CASE("Raft 8: only one who surely leads calls an append certainly not stored") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.core.Append(MakeBatch('a', 1, 1, 0), 1, r.now);  // what was before it is not here
  r.Take();
  // Its successor, if there is one, may have taken what is missing.
  CHECK(r.answers.empty());
  r.Agree(kB, 1);
  REQUIRE(r.answers.size() == 1);
  CHECK(absl::IsInvalidArgument(r.answers[0].result.status()));
  r.core.Append(MakeBatch('a', 1, 1, 0), 2, r.now);
  r.now = r.now + milliseconds(301);
  r.core.Tick(r.now);
  r.Take();
  REQUIRE(r.answers.size() == 2);
  CHECK(absl::IsAborted(r.answers[1].result.status()));
}

TEST_CASE("Raft: a leader whose disk hangs lets others lead") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.core.Append(MakeBatch('a', 0, 1, std::nullopt), 1, r.now);
  r.Take();
  r.Agree(kB, 2);
  r.Agree(kC, 2);  // both have it; this one's own copy is not durable
  for (int i = 0; i < 12 && r.core.role() == RaftCore::Role::kLeader; ++i) {
    r.now = r.now + milliseconds(100);
    r.core.Tick(r.now);
    r.Take();
    if (r.core.role() == RaftCore::Role::kLeader) r.Agree(kB, 2);
  }
  CHECK(r.core.role() == RaftCore::Role::kFollower);
}

TEST_CASE("Raft 8: a new leader answers no tail check before its first entry is decided") {
  One r;
  r.Lead();
  r.core.CheckTail(1, r.now);
  r.Take();
  r.Answer(kC, AppendReply{Code::kNo, r.core.term(), Index(), Offset(), Index(1)});
  CHECK(r.answers.empty());
  r.Agree(kB, 1);
  CHECK(r.answers.empty());
  r.Agree(kB, 1);
  REQUIRE(r.answers.size() == 1);
  CHECK(*r.answers[0].result == Offset(0));
}

TEST_CASE("Raft, thesis 6.2: a leader without a majority gives up and its clients are told") {
  One r;
  r.Lead();
  r.Agree(kB, 1);
  r.core.Append(MakeBatch('a', 0, 1, std::nullopt), 1, r.now);
  r.core.CheckTail(2, r.now);
  r.core.Seal("x", 3, r.now);
  r.Take();
  r.now = r.now + milliseconds(250);
  r.core.Tick(r.now);
  r.Take();
  CHECK(r.core.role() == RaftCore::Role::kLeader);
  r.now = r.now + milliseconds(100);
  r.core.Tick(r.now);
  r.Take();
  CHECK(r.core.role() == RaftCore::Role::kFollower);
  REQUIRE(r.answers.size() == 3);
  for (const replicated::Answer& answer : r.answers) {
    CHECK(answer.result.status().code() ==
          (answer.token == 2 ? absl::StatusCode::kAborted : absl::StatusCode::kUnknown));
  }
}

// ---- moves ----

Bytes StateOf(uint64_t records) {
  AppliedState state;
  for (uint64_t i = 0; i < records; ++i) {
    state.Apply(Record(1, 'a', i).batch.header);
  }
  std::string out;
  state.EncodeTo(&out);
  return Bytes(std::move(out));
}

TEST_CASE("Raft, FAULTS race 38: a move that comes late cuts nothing and touches no vote") {
  One r;
  r.Vote(kB, 1);
  r.Sync();
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'a', 0), Record(1, 'a', 1)});
  r.Sync();
  MoveUpRequest move{DiskId(), Term(1), Index(2), Term(1), StateOf(1)};
  r.Ask(kB, move);
  r.Sync();
  CHECK(r.appended().code == Code::kOk);
  CHECK(r.core.log().last() == Index(3));
  CHECK(r.core.log().state().start().index == Index());
  CHECK(r.core.log().hard() == HardState{Term(1), kB});
}

TEST_CASE("Raft: a move takes the place of a log that is behind, with its term and its writers") {
  One r;
  r.Append(1, 0, 0, {NoOp(1), Record(1, 'z', 0)});
  r.Sync();
  r.Ask(kB, MoveUpRequest{DiskId(), Term(3), Index(9), Term(3), StateOf(4)});
  CHECK(r.replies.size() == 1);  // of the append: a move is told when it is durable
  r.Sync();
  CHECK(r.appended().match == Index(9));
  CHECK(r.appended().match_end == Offset(4));
  for (const RaftState& state : {r.Recovered(), r.core.log().state()}) {
    CHECK(state.start().index == Index(9));
    CHECK(state.last_term() == Term(3));
    BatchHeader again = Record(1, 'a', 3).batch.header;
    CHECK(state.log().Judge(again).outcome == AppliedState::Outcome::kDuplicate);
    CHECK(state.log().Judge(again).offset == Offset(3));
    CHECK(state.FindRecords(Offset(0), Offset(4)) == std::nullopt);
  }
  r.Append(3, 9, 3, {Record(3, 'a', 4)}, 10);
  r.Sync();
  CHECK(r.appended().match == Index(10));
  CHECK(r.core.applied().end() == Offset(5));
}

}  // namespace
}  // namespace vlog::loglets::raft

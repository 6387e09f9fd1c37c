// One test for each safety rule of Raft, by its section in the extended paper (or Ongaro's thesis):
// elections and who takes part in them.
#include "unit/raft_one.h"

namespace vlog::loglets::raft {
namespace {

using std::chrono::milliseconds;

TEST_CASE("Raft 5.2: one vote a term, first come first served") {
  One r;
  r.Vote(kB, 1);
  r.Sync();
  CHECK(r.vote().code == Code::kOk);
  r.Vote(kC, 1);
  r.Sync();
  CHECK(r.vote().code == Code::kNo);
  r.Vote(kB, 1);
  r.Sync();
  CHECK(r.vote().code == Code::kOk);
  r.Vote(kC, 2);
  r.Sync();
  CHECK(r.vote().code == Code::kOk);
}

TEST_CASE("Raft 5.2: a vote is told when it is durable, not before") {
  One r;
  r.Vote(kB, 1);
  CHECK(r.replies.empty());
  r.Sync();
  REQUIRE(r.replies.size() == 1);
  CHECK(r.vote().code == Code::kOk);
}

TEST_CASE("Raft 5.2: a vote survives a restart, so nobody gets a second one in its term") {
  One r;
  r.Vote(kB, 3);
  r.Sync();
  One again(r.Recovered());
  again.Vote(kC, 3);
  again.Sync();
  CHECK(again.vote().code == Code::kNo);
  CHECK(again.vote().term == Term(3));
  RaftState decoded;
  REQUIRE(decoded.Decode(r.Recovered().Encode()).ok());
  One through_checkpoint(decoded);
  through_checkpoint.Vote(kC, 3);
  through_checkpoint.Sync();
  CHECK(through_checkpoint.vote().code == Code::kNo);
}

TEST_CASE("Raft 5.2: a candidate's own vote counts when it is durable") {
  One r;
  r.core.Campaign(true, r.now);
  r.Take();
  r.Answer(kB, VoteReply{Code::kOk, Term(1)});
  CHECK(r.core.role() == RaftCore::Role::kCandidate);
  r.Sync();
  CHECK(r.core.role() == RaftCore::Role::kLeader);
}

TEST_CASE("Raft 5.1: a leader that hears of a later term follows") {
  One r;
  r.Lead();
  r.Answer(kC, AppendReply{Code::kNo, Term(9)});
  CHECK(r.core.role() == RaftCore::Role::kFollower);
  CHECK(r.core.term() == Term(9));
}

TEST_CASE("Raft 5.4.1: no vote for a log that is behind, by last term first and then by length") {
  One r;
  r.Append(2, 0, 0, {NoOp(1), NoOp(2)});
  r.Sync();
  r.now = r.now + std::chrono::seconds(1);  // the leader is silent
  r.Vote(kC, 3, 5, 1);
  r.Sync();
  CHECK(r.vote().code == Code::kNo);
  r.Vote(kC, 4, 1, 2);
  r.Sync();
  CHECK(r.vote().code == Code::kNo);
  r.Vote(kC, 5, 2, 2);
  r.Sync();
  CHECK(r.vote().code == Code::kOk);
}

TEST_CASE("Raft, thesis 9.6: a pre-vote changes no term and promises nothing") {
  One r;
  r.Vote(kB, 5, 0, 0, true);
  CHECK(r.vote().code == Code::kOk);
  CHECK(r.core.term() == Term());
  CHECK(r.unsynced.empty());
  r.Vote(kC, 5, 0, 0, true);
  CHECK(r.vote().code == Code::kOk);
}

TEST_CASE("Raft, thesis 4.2.3: who hears a leader votes for nobody and keeps its term") {
  One r;
  r.Append(1, 0, 0, {NoOp(1)});
  r.Sync();
  r.now = r.now + milliseconds(100);
  r.Vote(kC, 2, 9, 1, true);
  CHECK(r.vote().code == Code::kNo);
  r.Vote(kC, 2, 9, 1);
  r.Sync();
  CHECK(r.vote().code == Code::kNo);
  CHECK(r.core.term() == Term(1));
  r.now = r.now + milliseconds(100);
  r.Vote(kC, 2, 9, 1);
  r.Sync();
  CHECK(r.vote().code == Code::kOk);
}

TEST_CASE("Raft, DESIGN 6.4: a replica that lost entries takes no part, after restarts as well") {
  One r;
  r.Append(1, 0, 0, {NoOp(1)});
  r.Sync();
  RaftState state = r.Recovered();
  state.Damaged(0);
  RaftState decoded;
  REQUIRE(decoded.Decode(state.Encode()).ok());
  One again(decoded);
  again.Vote(kC, 2, 9, 9);
  CHECK(again.vote().code == Code::kImpaired);
  again.Append(2, 1, 1, {NoOp(2)});
  CHECK(again.appended().code == Code::kImpaired);
  again.core.Campaign(true, again.now);
  again.Take();
  CHECK(again.sent.empty());
  CHECK(again.core.next_tick() == Instant::Max());
}

TEST_CASE(
    "Raft, DESIGN 6.4: another disk id is another replica, which neither votes nor is heard") {
  One r;
  VoteRequest request{DiskId(55), Term(1), false, Index(), Term()};
  r.core.OnRequest(kB, request, 1, r.now);
  r.Take();
  CHECK(r.vote().code == Code::kOtherDisk);
  r.Vote(Replica{NodeId(2), DiskId(55)}, 1);
  CHECK(r.vote().code == Code::kStranger);
  CHECK(r.core.term() == Term());
}

}  // namespace
}  // namespace vlog::loglets::raft

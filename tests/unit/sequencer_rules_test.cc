// The small cores of the sequencer loglet: parameters, quorum maths, tail check, rounds, trim,
// lives.
#include <random>
#include <string>

#include "loglets/sequencer/sequencer_lives_core.h"
#include "loglets/sequencer/tail_check_core.h"
#include "loglets/sequencer/trim_core.h"
#include "unit/sequencer_fixture.h"

namespace vlog::loglets::sequencer {
namespace {

TEST_CASE("Sequencer params: survive encoding and default to a majority") {
  Params params = ThreeServers();
  CHECK(params.write_quorum == 2);
  CHECK(params.seal_quorum() == 2);
  StatusOr<Params> back = DecodeParams(EncodeParams(params));
  REQUIRE(back.ok());
  CHECK(*back == params);
  CHECK(MakeParams(params.replicas, std::nullopt, kSequencer)->write_quorum == 2);
  CHECK(MakeParams(params.replicas, 3, kSequencer)->seal_quorum() == 1);
}

TEST_CASE("Sequencer params: what cannot work is refused, with the reason") {
  std::vector<Replica> good = ThreeServers().replicas;
  auto fails = [](std::vector<Replica> replicas, uint32_t quorum, SequencerId sequencer,
                  const std::string& word) {
    Status status = MakeParams(std::move(replicas), quorum, sequencer).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(Message(status).find(word) != std::string::npos);
  };
  fails({}, 1, kSequencer, "1 to 64");
  fails(good, 0, kSequencer, "write quorum of 0");
  fails(good, 4, kSequencer, "write quorum of 4");
  fails({good[0], good[0]}, 1, kSequencer, "twice");
  fails({{NodeId(1), DiskId()}}, 1, kSequencer, "no disk id");
  fails(good, 2, {NodeId(1), Incarnation(), DiskId(1)}, "incarnation");
  fails(good, 2, {NodeId(1), Incarnation(1), DiskId()}, "disk id");
}

TEST_CASE("Sequencer params: other versions and cut bytes are told apart") {
  std::string data = EncodeParams(ThreeServers());
  for (size_t size = 0; size < data.size(); ++size) {
    CHECK_FALSE(DecodeParams(std::string_view(data).substr(0, size)).ok());
  }
  CHECK(absl::IsDataLoss(DecodeParams(data + "x").status()));
  data[0] = 9;
  CHECK(absl::IsInvalidArgument(DecodeParams(data).status()));
}

TEST_CASE("Sequencer quorums: the bounds hold for every committed tail, by counting") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    size_t n = 1 + random() % 6;
    size_t w = 1 + random() % n;
    size_t most_silent = std::min(n - w, w - 1);  // m >= max(W, S)
    size_t m = n - random() % (most_silent + 1);
    std::vector<Offset> all;
    for (size_t k = 0; k < n; ++k) all.emplace_back(random() % 5);
    Offset committed = NthLargest(all, w);
    std::vector<Offset> told(all.begin(), all.begin() + static_cast<ptrdiff_t>(m));
    CommittedBounds bounds = BoundsOf(told, n, w);
    REQUIRE(bounds.proven <= committed);
    REQUIRE(bounds.possible >= committed);
    if (m == n) REQUIRE(bounds.proven == bounds.possible);
  }
}

ServerWord Tail(uint64_t durable, bool sealed = false) {
  ServerWord word;
  word.durable_tail = Offset(durable);
  word.sealed = sealed;
  return word;
}

TEST_CASE(
    "Tail check: R6 and race 11, all answers tell the tail with no sequencer and no traffic") {
  TailCheckCore check(ThreeServers(), {}, At(0));
  CHECK(check.TakeOutput().size() == 3);
  check.OnWord(0, Tail(7), At(1));
  CHECK_FALSE(check.result());
  check.OnWord(1, Tail(5), At(1));
  CHECK_FALSE(check.result());  // the third may hold 7 as well
  check.OnWord(2, Tail(4), At(1));
  REQUIRE(check.result());
  CHECK((*check.result())->tail == Offset(5));
  CHECK_FALSE((*check.result())->sealed);
}

TEST_CASE("Tail check: two of three that agree suffice, else their notices are awaited") {
  TailCheckCore check(ThreeServers(), {}, At(0));
  check.TakeOutput();
  check.OnWord(0, Tail(7), At(1));
  check.OnWord(1, Tail(5), At(1));
  std::vector<TailCheckCore::Ask> notices = check.TakeOutput();
  REQUIRE(notices.size() == 2);
  CHECK(notices[1].request.wait == WaitFor::kDurable);
  CHECK(notices[1].request.beyond == Offset(5));
  check.OnWord(1, Tail(5), At(2));  // an old answer again
  CHECK_FALSE(check.result());
  check.OnWord(1, Tail(7), At(3));
  REQUIRE(check.result());
  CHECK((*check.result())->tail == Offset(7));
}

TEST_CASE("Tail check: race 43, one sealed server ends it and its tail is no proof") {
  for (ServerCode code : {ServerCode::kOk, ServerCode::kSealed, ServerCode::kGone}) {
    TailCheckCore check(ThreeServers(), {}, At(0));
    check.OnWord(0, Tail(7), At(1));
    ServerWord word = Tail(7, code == ServerCode::kOk);
    word.code = code;
    check.OnWord(1, word, At(1));
    REQUIRE(check.result());
    CHECK((*check.result())->sealed);
  }
}

TEST_CASE("Tail check: race 10, with a dead sequencer and no agreement it ends at the bound") {
  TailCheckOptions options;
  TailCheckCore check(ThreeServers(), options, At(0));
  check.TakeOutput();
  ServerWord wrong;
  wrong.code = ServerCode::kWrongDisk;
  check.OnWord(2, wrong, At(1));
  check.OnWord(0, Tail(7), At(1));
  check.OnWord(1, Tail(5), At(1));
  check.TakeOutput();
  CHECK(check.next_tick() == Instant() + options.resend);
  check.Tick(Instant() + options.resend);
  CHECK(check.TakeOutput().size() == 2);  // the lost replica is not asked again
  check.Tick(Instant() + options.bound);
  REQUIRE(check.result());
  CHECK(absl::IsUnavailable(check.result()->status()));
  CHECK(check.next_tick() == Instant::Max());
}

TEST_CASE("Tail check: race 44, a call joins only a round that starts after it") {
  RoundJoinCore rounds;
  RoundJoinCore::Joined first = rounds.Join();
  CHECK(first.start);
  RoundJoinCore::Joined second = rounds.Join();
  RoundJoinCore::Joined third = rounds.Join();
  CHECK(second.round == first.round + 1);
  CHECK(third.round == second.round);
  CHECK_FALSE(second.start);
  CHECK(rounds.Finished() == second.round);
  RoundJoinCore::Joined fourth = rounds.Join();
  CHECK(fourth.round == second.round + 1);
  CHECK(rounds.Finished() == fourth.round);
  CHECK_FALSE(rounds.Finished());
  CHECK_FALSE(rounds.running());
  CHECK(rounds.Join().start);
}

TEST_CASE("Trim: the point in force is the highest that W servers hold") {
  TrimCore trim(ThreeServers());
  TrimRequest request = trim.RequestFor(1, Offset(5), Offset(8));
  CHECK(request.disk == DiskId(102));
  auto told = [](uint64_t point, ServerCode code = ServerCode::kOk) {
    ServerWord word;
    word.trim = Offset(point);
    word.code = code;
    return word;
  };
  trim.OnWord(0, told(5));
  CHECK(trim.effective() == Offset(0));
  CHECK(trim.highest() == Offset(5));
  trim.OnWord(1, told(9, ServerCode::kGone));
  CHECK_FALSE(trim.Holds(Offset(5)));
  trim.OnWord(1, told(3));
  CHECK(trim.effective() == Offset(3));
  trim.OnWord(2, told(7));
  CHECK(trim.Holds(Offset(5)));
  trim.OnWord(2, told(0));  // an old answer
  CHECK(trim.effective() == Offset(5));
}

TEST_CASE("Sequencer lives: races 7 and 33, a process makes a loglet's sequencer once") {
  Params params = ThreeServers();
  LogletId id{"log", SegmentIndex(3), ProposalId(1)};
  SequencerLives lives(kSequencer);
  CHECK(lives.Claim(id, params).ok());
  CHECK(absl::IsAlreadyExists(lives.Claim(id, params)));
  SequencerLives restarted({kSequencer.node, Incarnation(8), kSequencer.disk});
  CHECK(absl::IsAborted(restarted.Claim(id, params)));
  CHECK(absl::IsAborted(
      SequencerLives({NodeId(2), Incarnation(7), kSequencer.disk}).Claim(id, params)));
  // The same node in a life of the same number, on a disk that was wiped.
  SequencerLives wiped({kSequencer.node, kSequencer.incarnation, DiskId(99)});
  CHECK(absl::IsAborted(wiped.Claim(id, params)));
  // What lies below the floor is forgotten one by one, and refused all the same.
  lives.ForgetBelow("log", SegmentIndex(4));
  CHECK(lives.remembered() == 0);
  CHECK(absl::IsAborted(lives.Claim(id, params)));
  lives.ForgetBelow("log", SegmentIndex(1));
  CHECK(absl::IsAborted(lives.Claim(id, params)));
}

}  // namespace
}  // namespace vlog::loglets::sequencer

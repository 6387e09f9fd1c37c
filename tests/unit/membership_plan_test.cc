// What is planned for a node that goes, comes back, or returns with another disk; and where logs
// are put.
#include "client/membership_plan.h"

#include <catch2/catch.hpp>

#include "client/log_health.h"
#include "client/placement_plan.h"
#include "metastore/paxos/acceptor_core.h"

namespace vlog::client {
namespace {

Replica Disk(uint64_t node, uint64_t life = 0) { return {NodeId(node), DiskId(100 * node + life)}; }

std::vector<Replica> Disks(const std::vector<uint64_t>& nodes) {
  std::vector<Replica> disks;
  for (uint64_t node : nodes) disks.push_back(Disk(node));
  return disks;
}

std::vector<NodeId> Nodes(const std::vector<uint64_t>& numbers) {
  std::vector<NodeId> nodes;
  for (uint64_t number : numbers) nodes.emplace_back(number);
  return nodes;
}

loglets::Needs NeedsOf(const std::vector<Replica>& copies, size_t quorum, uint64_t sequencer) {
  loglets::Needs needs;
  needs.all_of.push_back({NodeId(sequencer), Incarnation(1), Disk(sequencer).disk});
  for (const Replica& copy : copies) needs.some_of.push_back({copy.node, Incarnation(), copy.disk});
  needs.least = quorum;
  needs.to_seal = copies.size() + 1 - quorum;
  return needs;
}

// Nodes 1 to `count`, all of which serve and vote, and know each other.
ClusterView View(uint64_t count) {
  ClusterView view;
  std::vector<uint64_t> all;
  for (uint64_t node = 1; node <= count; ++node) {
    all.push_back(node);
    NodeView& each = view.nodes[NodeId(node)];
    each.status.state = server::NodeState::kServing;
    each.status.identity.node = NodeId(node);
    each.status.identity.disk = Disk(node).disk;
    each.status.identity.incarnation = Incarnation(1);
    each.status.advertise = absl::StrCat("n", node, ":1");
    for (uint64_t peer = 1; peer <= count; ++peer) {
      server::PeerStatus other;
      other.node = NodeId(peer);
      other.address = absl::StrCat("n", peer, ":1");
      if (peer != node) each.status.peers.push_back(other);
    }
  }
  view.voters = {Version(4), Disks(all)};
  view.directory.default_acceptors = Disks(all);
  return view;
}

void Stop(ClusterView& view, uint64_t node) {
  view.nodes.at(NodeId(node)).answer = absl::UnavailableError("refused");
}

void Wipe(ClusterView& view, uint64_t node, uint64_t life) {
  view.nodes.at(NodeId(node)).status.identity.disk = Disk(node, life).disk;
}

// A log with one open segment, its register on the voters.
LogView& AddLog(ClusterView& view, const std::string& name, const loglets::Needs& needs) {
  LogView log;
  log.name = name;
  log.acceptors = {Version(2), view.voters.acceptors};
  SegmentView segment;
  segment.kind = "sequencer";
  segment.proposal = ProposalId(7);
  segment.needs = needs;
  log.segments.push_back(segment);
  view.logs.push_back(std::move(log));
  return view.logs.back();
}

// What carrying out the plan would leave, as far as the view shows it.
ClusterView After(ClusterView view, const MembershipPlan& plan) {
  view.directory = *metastore::Change(view.directory, plan.members);
  for (const RegisterMove& move : plan.registers) {
    if (move.log == metastore::kDirectoryLog) view.voters.acceptors = move.acceptors;
    for (LogView& log : view.logs) {
      if (log.name == move.log) log.acceptors.acceptors = move.acceptors;
      if (log.name == move.log) log.anchored = true;
    }
  }
  for (const LogMove& move : plan.logs) {
    for (LogView& log : view.logs) {
      if (log.name != move.log) continue;
      SegmentView next = log.segments.back();
      log.segments.back().end = next.base + 10;
      next.base = next.base + 10;
      next.index = SegmentIndex(next.index.value() + 1);
      std::vector<Replica> copies;
      for (NodeId node : move.to.nodes) copies.push_back({node, view.DiskOf(node)});
      next.needs = NeedsOf(copies, next.needs.least, move.to.sequencer.value());
      next.needs.all_of.front().disk = view.DiskOf(move.to.sequencer);
      log.segments.push_back(next);
    }
  }
  return view;
}

bool Mentions(const std::vector<std::string>& texts, const std::string& part) {
  auto has = [&](const std::string& text) { return text.find(part) != std::string::npos; };
  return std::any_of(texts.begin(), texts.end(), has);
}

TEST_CASE("Drain: votes, copies and sequencers go, quorums stay, and then nothing is left to do") {
  ClusterView view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 3));
  AddLog(view, "b", NeedsOf(Disks({1, 2, 3}), 2, 1));
  AddLog(view, "c", NeedsOf(Disks({1, 2}), 2, 1));
  MembershipPlan plan = PlanDrain(view, NodeId(3));
  CHECK(plan.refusals.empty());
  CHECK(plan.members.leave == Disks({3}));
  REQUIRE(plan.registers.size() == 4);
  for (const RegisterMove& move : plan.registers) CHECK(move.acceptors == Disks({1, 2}));
  REQUIRE(plan.logs.size() == 2);
  CHECK(plan.logs[0].to.nodes == Nodes({1, 2}));
  // Node 1 has two already.
  CHECK(plan.logs[0].to.sequencer == NodeId(2));
  CHECK(plan.logs[1].to.sequencer == NodeId(1));
  CHECK(Mentions(plan.notes, "metastore: 2 of 2 are needed"));
  ClusterView after = After(view, plan);
  CHECK(PlanDrain(after, NodeId(3)).nothing_to_do());
  CHECK(ReasonsToKeep(after, NodeId(3)).empty());
  CHECK(after.InService() == Nodes({1, 2}));
}

TEST_CASE("Drain: another node in service takes the place, one that was drained does not") {
  ClusterView view = View(5);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  view = After(view, PlanDrain(view, NodeId(4)));
  MembershipPlan plan = PlanDrain(view, NodeId(3));
  REQUIRE(plan.logs.size() == 1);
  CHECK(plan.logs[0].to.nodes == Nodes({1, 2, 5}));
  Stop(view, 5);
  CHECK(PlanDrain(view, NodeId(3)).logs[0].to.nodes == Nodes({1, 2}));
}

TEST_CASE("Drain: it is refused if a log or the metastore could not go on") {
  ClusterView view = View(3);
  AddLog(view, "strict", NeedsOf(Disks({1, 2, 3}), 3, 1));
  CHECK(Mentions(PlanDrain(view, NodeId(3)).refusals, "log strict: its write quorum is 3"));
  view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  Stop(view, 2);
  std::vector<std::string> refusals = PlanDrain(view, NodeId(3)).refusals;
  CHECK(Mentions(refusals, "log a: its write quorum is 2, and only 1 of nodes 1, 2 serve"));
  CHECK(Mentions(refusals, "the metastore would be left with 2 voters"));
  CHECK(Mentions(PlanDrain(View(1), NodeId(1)).refusals, "has no other voter"));
  CHECK(Mentions(PlanDrain(View(3), NodeId(9)).refusals, "there is no node 9"));
}

TEST_CASE("Drain: a voter that lost its memory counts for no majority") {
  ClusterView view = View(3);
  CHECK(PlanDrain(view, NodeId(3)).refusals.empty());
  view.nodes.at(NodeId(2)).status.lost_votes = true;
  CHECK_FALSE(PlanDrain(view, NodeId(3)).refusals.empty());
}

TEST_CASE("Drain: a move is for the segment that it was planned for") {
  ClusterView view = View(3);
  LogView& log = AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  log.segments.back().index = SegmentIndex(8);
  MembershipPlan plan = PlanDrain(view, NodeId(1));
  REQUIRE(plan.logs.size() == 1);
  CHECK(plan.logs.front().replaces == SegmentIndex(8));
}

// A sealed segment in front of the open one, on the same copies.
void AddSealed(LogView& log, uint32_t least_copies) {
  SegmentView sealed = log.segments.back();
  sealed.end = Lsn(10);
  sealed.least_copies = least_copies;
  SegmentView& open = log.segments.back();
  open.index = SegmentIndex(1);
  open.base = Lsn(10);
  log.segments.insert(log.segments.begin(), sealed);
}

TEST_CASE("Drain: a node that may have the only copy of a record is not safe to stop") {
  for (uint32_t least : {0, 1}) {
    CAPTURE(least);
    ClusterView view = View(4);
    AddSealed(AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1)), least);
    MembershipPlan plan = PlanDrain(view, NodeId(3));
    CHECK(plan.refusals.empty());
    ClusterView after = After(view, plan);
    // The segment that was moved counts as sealed with all copies.
    std::vector<SealedCopy> sealed = SealedCopiesOn(after, NodeId(3));
    REQUIRE(sealed.size() == 2);
    CHECK(sealed[0].flagged == (least == 1));
    CHECK(sealed[0].least == (least == 1 ? 1 : 2));
    CHECK(sealed[0].readable() == (least == 0));
    CHECK(sealed[1].readable());
    std::vector<std::string> reasons = ReasonsToKeep(after, NodeId(3));
    CHECK(reasons.empty() == (least == 0));
    if (least == 1) CHECK(Mentions(reasons, "too few lived when it was sealed"));
  }
}

TEST_CASE("Status: a log says that a segment of it has too few copies") {
  ClusterView view = View(3);
  LogView& log = AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  CHECK(HealthOf(view, log).problem.empty());
  AddSealed(log, 1);
  LogHealth health = HealthOf(view, log);
  CHECK(health.has_quorum);
  REQUIRE(health.under_replicated.size() == 1);
  CHECK(health.under_replicated[0].least() == 1);
  CHECK(health.problem == "segment 0 has fewer copies than were promised");
  log.ended = true;
  CHECK(HealthOf(view, log).under_replicated.size() == 1);
}

TEST_CASE("Plans: a log that cannot be read stops a drain and nothing else") {
  ClusterView view = View(3);
  AddLog(view, "fine", NeedsOf(Disks({1, 2, 3}), 2, 1));
  UnreadableLog bad{"bad", absl::UnavailableError("no majority"), Disks({1, 2})};
  view.unreadable.push_back(bad);
  std::vector<std::string> refusals = PlanDrain(view, NodeId(3)).refusals;
  REQUIRE(refusals.size() == 1);
  CHECK(Mentions(refusals, "log bad: its chain cannot be read (no majority)"));
  CHECK(Mentions(refusals, "start the nodes that vote on it (1, 2)"));
  CHECK_FALSE(ReasonsToKeep(view, NodeId(3)).empty());
  view.voters.acceptors = view.directory.default_acceptors = Disks({1, 2});
  MembershipPlan undrain = PlanUndrain(view, NodeId(3));
  CHECK(undrain.refusals.empty());
  CHECK_FALSE(undrain.nothing_to_do());
  CHECK(Mentions(undrain.notes, "log bad: its chain cannot be read"));
  view = View(3);
  view.unreadable.push_back(bad);
  Wipe(view, 2, 1);
  MembershipPlan replace = PlanReplaceDisk(view, NodeId(2));
  CHECK(replace.refusals.empty());
  CHECK(replace.changes_members);
  CHECK(Mentions(replace.notes, "log bad: its chain cannot be read"));
  // What it may count on is known all the same.
  bad.acceptors = {Disk(2, 7)};
  view.unreadable = {bad};
  CHECK(Mentions({PlanReplaceDisk(view, NodeId(2)).members.retire.size() == 2 ? "both" : "one"},
                 "both"));
}

TEST_CASE("Plans: the register of a log that was never written moves like any other") {
  ClusterView view = View(3);
  LogView unfinished;
  unfinished.name = "half";
  unfinished.acceptors = {Version(0), Disks({1, 2, 3})};
  view.unfinished.push_back(unfinished);
  MembershipPlan plan = PlanDrain(view, NodeId(3));
  CHECK(plan.refusals.empty());
  REQUIRE(plan.registers.size() == 2);
  CHECK(plan.registers[0].log == "half");
  CHECK(plan.registers[0].expected == Version(0));
  CHECK(plan.registers[0].acceptors == Disks({1, 2}));
  CHECK(Mentions(plan.notes, "'vlog create half' ends it"));
  Wipe(view, 3, 1);
  plan = PlanReplaceDisk(view, NodeId(3));
  REQUIRE(plan.registers.size() == 2);
  CHECK(plan.registers[0].acceptors == std::vector<Replica>{Disk(1), Disk(2), Disk(3, 1)});
}

TEST_CASE("Undrain: a log gets as many copies as its policy wants, and no more") {
  ClusterView view = View(3);
  AddLog(view, "two", NeedsOf(Disks({1, 2}), 2, 1)).policy.copies = 2;
  AddLog(view, "three", NeedsOf(Disks({1, 2}), 1, 1)).policy.copies = 3;
  AddLog(view, "unsaid", NeedsOf(Disks({1, 2}), 2, 1));
  MembershipPlan plan = PlanUndrain(view, NodeId(3));
  REQUIRE(plan.logs.size() == 2);
  CHECK(plan.logs[0].log == "three");
  CHECK(plan.logs[1].log == "unsaid");
}

TEST_CASE("Drain: the place is taken by a candidate of the log's policy, if one serves") {
  ClusterView view = View(5);
  LogView& log = AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  log.policy.candidates = Nodes({1, 2, 3, 5});
  CHECK(PlanDrain(view, NodeId(3)).logs[0].to.nodes == Nodes({1, 2, 5}));
  Stop(view, 5);
  CHECK(PlanDrain(view, NodeId(3)).logs[0].to.nodes == Nodes({1, 2, 4}));
}

TEST_CASE("Policy: it keeps what was asked for, and what was only found is not in it") {
  NewPlacement placement;
  CHECK(PolicyOf(placement) == loglets::Policy());
  placement.copies = 2;
  CHECK(PolicyOf(placement).copies == 2);
  CHECK(PolicyOf(placement).candidates.empty());
  placement.copies = 0;
  placement.wish.nodes = Nodes({2, 3});
  CHECK(PolicyOf(placement).copies == 2);
  CHECK(PolicyOf(placement).candidates == Nodes({2, 3}));
}

TEST_CASE("Policy: an operator changes what is named, and numbers that do not fit are refused") {
  loglets::Policy before;
  before.kind = "sequencer";
  before.copies = 3;
  before.write_quorum = 3;
  before.least_copies = 2;
  before.candidates = Nodes({1, 2, 3});
  PolicyChange change;
  CHECK(*PolicyAfter(before, change) == before);
  change.kind = "raft";
  change.copies = 5;
  StatusOr<loglets::Policy> after = PolicyAfter(before, change);
  REQUIRE(after.ok());
  CHECK(after->kind == "raft");
  CHECK(after->copies == 5);
  CHECK(after->candidates == before.candidates);
  change = {};
  change.wish.nodes = Nodes({4, 5});
  CHECK(absl::IsInvalidArgument(PolicyAfter(before, change).status()));
  change.wish.write_quorum = 2;
  after = PolicyAfter(before, change);
  REQUIRE(after.ok());
  CHECK(after->copies == 2);
  CHECK(after->candidates == Nodes({4, 5}));
  // Two is what every quorum has now.
  CHECK(after->least_copies == 0);
  change.copies = 3;
  CHECK(absl::IsInvalidArgument(PolicyAfter(before, change).status()));
  change = {};
  change.least_copies = 4;
  CHECK(absl::IsInvalidArgument(PolicyAfter(before, change).status()));
  // Where the kind makes the write quorum, nobody knows it yet.
  CHECK(PolicyAfter({}, change).ok());
  CHECK(absl::IsInvalidArgument(CheckLeastCopies(4, 3)));
  CHECK(CheckLeastCopies(3, 3).ok());
}

TEST_CASE("Undrain: a disk that was retired is never let in again") {
  ClusterView view = View(3);
  view.voters.acceptors = view.directory.default_acceptors = Disks({1, 2});
  CHECK(PlanUndrain(view, NodeId(3)).refusals.empty());
  view.directory.retired.push_back(Disk(3));
  CHECK_FALSE(PlanUndrain(view, NodeId(3)).refusals.empty());
  metastore::MemberChange change;
  change.join.push_back(Disk(3));
  CHECK(absl::IsFailedPrecondition(metastore::Change(view.directory, change).status()));
}

TEST_CASE("Drain: a dead node can be drained while the others have the quorums") {
  ClusterView view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 3));
  Stop(view, 3);
  MembershipPlan plan = PlanDrain(view, NodeId(3));
  CHECK(plan.refusals.empty());
  CHECK(ReasonsToKeep(After(view, plan), NodeId(3)).empty());
}

TEST_CASE("Drain: a sealed segment whose records may be nowhere else keeps the node") {
  ClusterView view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 1, 1));
  view = After(view, PlanDrain(view, NodeId(3)));
  std::vector<SealedCopy> sealed = SealedCopiesOn(view, NodeId(3));
  REQUIRE(sealed.size() == 1);
  CHECK(sealed[0].end == Lsn(10));
  CHECK(sealed[0].others == Nodes({1, 2}));
  CHECK_FALSE(sealed[0].readable());
  CHECK(Mentions(ReasonsToKeep(view, NodeId(3)), "[0, 10) may have no copy elsewhere"));
  // Two of three is enough for one to go, but not if another is lost already.
  view = View(3);
  AddLog(view, "b", NeedsOf(Disks({1, 2, 3}), 2, 1));
  view = After(view, PlanDrain(view, NodeId(3)));
  CHECK(ReasonsToKeep(view, NodeId(3)).empty());
  // Nor if another is silent: nobody knows whether it comes back.
  ClusterView silent = view;
  Stop(silent, 1);
  CHECK(Mentions(ReasonsToKeep(silent, NodeId(3)), "log b: records of [0, 10)"));
  Wipe(view, 1, 1);
  CHECK(Mentions(ReasonsToKeep(view, NodeId(3)), "log b: records of [0, 10)"));
}

TEST_CASE("Drain: a sealed segment of a kind that nobody knows keeps every node") {
  ClusterView view = View(3);
  LogView& log = AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  AddSealed(log, 0);
  CHECK(UnknownCopies(view).empty());
  log.segments[0].kind = "single";
  log.segments[0].needs = loglets::Needs();
  ClusterView after = After(view, PlanDrain(view, NodeId(3)));
  CHECK(PlanDrain(after, NodeId(3)).nothing_to_do());
  for (uint64_t node : {1, 2, 3}) {
    CHECK(Mentions(ReasonsToKeep(after, NodeId(node)),
                   "on which nodes records of [0, 10) are (segment 0, a 'single' loglet)"));
  }
  Wipe(view, 3, 1);
  CHECK(Mentions(PlanReplaceDisk(view, NodeId(3)).notes, "they may have been on the old disk"));
}

TEST_CASE("Drain: a copy on a disk that lost something is none to rely on") {
  ClusterView view = View(5);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  view = After(view, PlanDrain(view, NodeId(3)));
  CHECK(ReasonsToKeep(view, NodeId(3)).empty());
  ClusterView lost = view;
  lost.nodes.at(NodeId(2)).status.lost_votes = true;
  CHECK(Mentions(ReasonsToKeep(lost, NodeId(3)), "[0, 10) may have no copy elsewhere"));
  CHECK(SealedCopiesOn(lost, NodeId(3)).front().others == Nodes({1}));
  ClusterView damaged = view;
  damaged.nodes.at(NodeId(1)).status.journal.damaged = 1;
  CHECK(Mentions(ReasonsToKeep(damaged, NodeId(3)), "[0, 10) may have no copy elsewhere"));
}

// As of kinds whose seal is an entry like any other.
loglets::Needs VotersOf(const std::vector<Replica>& copies, size_t quorum) {
  loglets::Needs needs = NeedsOf(copies, quorum, 1);
  needs.all_of.clear();
  needs.least = std::max(quorum, copies.size() + 1 - quorum);
  needs.to_seal = needs.write_quorum = quorum;
  return needs;
}

TEST_CASE("Plans: a log is sealed by as many copies as its kind needs for that") {
  ClusterView view = View(7);
  AddLog(view, "a", VotersOf(Disks({1, 2, 3, 4, 5}), 4));
  Swap swap;
  swap.before = swap.after = view.logs[0].segments[0].needs;
  swap.after.some_of = VotersOf(Disks({1, 4, 5, 6, 7}), 4).some_of;
  CHECK(ReasonsAgainst(view, swap).empty());
  CHECK(PlanDrain(view, NodeId(2)).refusals.empty());
  Stop(view, 2);
  Stop(view, 3);
  std::vector<std::string> refusals = PlanDrain(view, NodeId(2)).refusals;
  CHECK(Mentions(refusals, "its open segment cannot be sealed: 3 of its 5 copies serve"));
  CHECK(Mentions(ReasonsAgainst(view, swap), "cannot be sealed: 3 of its 5"));
}

TEST_CASE("Drain: what is held by fewer copies than elect a leader counts with those") {
  ClusterView view = View(3);
  AddSealed(AddLog(view, "a", VotersOf(Disks({1, 2, 3}), 1)), 0);
  REQUIRE(view.logs[0].segments[0].needs.least == 3);
  REQUIRE(SealedCopiesOn(view, NodeId(3)).size() == 1);
  CHECK(SealedCopiesOn(view, NodeId(3)).front().least == 1);
  CHECK_FALSE(SealedCopiesOn(view, NodeId(3)).front().readable());
}

TEST_CASE("Undrain: a log of a kind that nobody knows stays as it is, with a note") {
  ClusterView view = View(3);
  view.voters.acceptors = view.directory.default_acceptors = Disks({1, 2});
  AddLog(view, "a", loglets::Needs()).segments[0].kind = "single";
  MembershipPlan plan = PlanUndrain(view, NodeId(3));
  CHECK(plan.refusals.empty());
  CHECK(plan.logs.empty());
  CHECK(plan.changes_members);
  CHECK(Mentions(plan.notes, "on which nodes a 'single' loglet lives; it gets no copy there"));
}

TEST_CASE("Undrain: what a drain made narrow is as wide as before, and nothing else moves") {
  ClusterView view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 3));
  AddLog(view, "narrow", NeedsOf(Disks({1, 2}), 1, 1));
  view = After(view, PlanDrain(view, NodeId(3)));
  MembershipPlan plan = PlanUndrain(view, NodeId(3));
  CHECK(plan.refusals.empty());
  CHECK(plan.members.join == Disks({3}));
  CHECK(plan.members.addresses.empty());
  REQUIRE(plan.logs.size() == 1);
  CHECK(plan.logs[0].to.nodes == Nodes({1, 2, 3}));
  CHECK(plan.logs[0].to.sequencer == NodeId(2));
  view = After(view, plan);
  CHECK(view.voters.acceptors == Disks({1, 2, 3}));
  CHECK(PlanUndrain(view, NodeId(3)).nothing_to_do());
}

TEST_CASE("Undrain: a node that others do not know is told to them, a silent one is refused") {
  ClusterView view = View(4);
  view.directory.default_acceptors = view.voters.acceptors = Disks({1, 2, 3});
  view.nodes.at(NodeId(1)).status.peers.clear();
  CHECK(PlanUndrain(view, NodeId(4)).members.addresses.at(NodeId(4)) == "n4:1");
  Stop(view, 4);
  CHECK(Mentions(PlanUndrain(view, NodeId(4)).refusals, "node 4 does not answer"));
  ClusterView wiped = View(3);
  Wipe(wiped, 3, 1);
  CHECK(Mentions(PlanUndrain(wiped, NodeId(3)).refusals, "'vlog replace-disk 3'"));
}

TEST_CASE("Replace-disk: the new disk takes every place of the old one, which is retired") {
  ClusterView view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 3));
  AddLog(view, "elsewhere", NeedsOf(Disks({1, 2}), 2, 1));
  CHECK(PlanReplaceDisk(view, NodeId(3)).nothing_to_do());
  Wipe(view, 3, 1);
  MembershipPlan plan = PlanReplaceDisk(view, NodeId(3));
  CHECK(plan.refusals.empty());
  CHECK(plan.members.retire == Disks({3}));
  std::vector<Replica> replaced = {Disk(1), Disk(2), Disk(3, 1)};
  REQUIRE(plan.registers.size() == 3);
  for (const RegisterMove& move : plan.registers) CHECK(move.acceptors == replaced);
  REQUIRE(plan.logs.size() == 1);
  CHECK(plan.logs[0].to.nodes == Nodes({1, 2, 3}));
  view = After(view, plan);
  CHECK(view.directory.default_acceptors == replaced);
  CHECK(view.directory.retired == Disks({3}));
  CHECK(PlanReplaceDisk(view, NodeId(3)).nothing_to_do());
  std::vector<SealedCopy> sealed = SealedCopiesLostBy(view, NodeId(3));
  REQUIRE(sealed.size() == 1);
  CHECK(sealed[0].lost == 1);
  CHECK(sealed[0].readable());
  // The old disk is put back: it is not taken again.
  Wipe(view, 3, 0);
  CHECK(Mentions(PlanReplaceDisk(view, NodeId(3)).refusals, "was replaced before"));
}

TEST_CASE("Replace-disk: interrupted after any step, the rest is planned again") {
  ClusterView view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 3));
  AddLog(view, "b", NeedsOf(Disks({1, 2, 3}), 2, 1));
  Wipe(view, 3, 1);
  MembershipPlan whole = PlanReplaceDisk(view, NodeId(3));
  ClusterView done = After(view, whole);
  size_t steps = 1 + whole.registers.size() + whole.logs.size();
  REQUIRE(steps == 6);
  for (size_t cut = 0; cut <= steps; ++cut) {
    CAPTURE(cut);
    MembershipPlan part = whole;
    if (cut < 1) part.members = {};
    size_t registers = std::min(part.registers.size(), cut < 1 ? 0 : cut - 1);
    part.registers.resize(registers);
    part.logs.resize(cut < 1 + whole.registers.size() ? 0 : cut - 1 - whole.registers.size());
    ClusterView half = After(view, part);
    ClusterView after = After(half, PlanReplaceDisk(half, NodeId(3)));
    CHECK(PlanReplaceDisk(after, NodeId(3)).nothing_to_do());
    CHECK(after.directory == done.directory);
    CHECK(after.voters.acceptors == done.voters.acceptors);
    CHECK(after.logs[0].open_segment()->needs.some_of ==
          done.logs[0].open_segment()->needs.some_of);
    CHECK(after.logs[1].acceptors.acceptors == done.logs[1].acceptors.acceptors);
  }
}

TEST_CASE("Replace-disk: it needs a majority of the others, and an anchor that is old is renewed") {
  ClusterView view = View(3);
  Wipe(view, 3, 1);
  Stop(view, 2);
  CHECK(Mentions(PlanReplaceDisk(view, NodeId(3)).refusals, "the metastore has no majority"));
  view = View(3);
  AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 3)).anchored = false;
  MembershipPlan plan = PlanReplaceDisk(view, NodeId(3));
  REQUIRE(plan.registers.size() == 1);
  CHECK(plan.registers[0].log == "a");
  CHECK(PlanReplaceDisk(After(view, plan), NodeId(3)).nothing_to_do());
}

TEST_CASE("Placement: a new log goes where it was asked for or to nodes in service that serve") {
  ClusterView view = View(4);
  view.directory.default_acceptors = Disks({1, 2, 3});
  CHECK(PlaceNewLog(view, {})->nodes == Nodes({1, 2, 3}));
  NewPlacement two{{{}, 2, NodeId()}, 2};
  CHECK(PlaceNewLog(view, two)->nodes == Nodes({1, 2}));
  CHECK(PlaceNewLog(view, two)->write_quorum == 2);
  Stop(view, 1);
  CHECK(PlaceNewLog(view, two)->nodes == Nodes({2, 3}));
  Stop(view, 2);
  CHECK(absl::IsUnavailable(PlaceNewLog(view, two).status()));
  CHECK(absl::IsInvalidArgument(PlaceNewLog(view, {{}, 5}).status()));
  NewPlacement named{{Nodes({3, 4}), 0, NodeId()}, 0};
  CHECK(PlaceNewLog(view, named)->nodes == Nodes({3, 4}));
  named.copies = 3;
  CHECK(absl::IsInvalidArgument(PlaceNewLog(view, named).status()));
  NewPlacement silent{{Nodes({2, 3}), 0, NodeId()}, 0};
  CHECK(absl::IsUnavailable(PlaceNewLog(view, silent).status()));
}

TEST_CASE("Placement: a swap that would lose a quorum is told why not") {
  ClusterView view = View(3);
  Swap swap;
  swap.before = NeedsOf(Disks({1, 2, 3}), 2, 1);
  swap.after = NeedsOf(Disks({1, 2, 3}), 2, 2);
  CHECK(ReasonsAgainst(view, swap).empty());
  swap.after = NeedsOf(Disks({1, 2}), 1, 2);
  CHECK(Mentions(ReasonsAgainst(view, swap), "--allow-fewer-copies"));
  swap.allow_fewer_copies = true;
  CHECK(ReasonsAgainst(view, swap).empty());
  swap.wish.nodes = Nodes({1, 2, 3});
  CHECK(Mentions(ReasonsAgainst(view, swap), "node 3 "));
  swap.wish.nodes.clear();
  Stop(view, 2);
  CHECK(Mentions(ReasonsAgainst(view, swap), "the sequencer's node 2 does not answer"));
  swap.after = NeedsOf(Disks({1, 2}), 2, 1);
  CHECK(Mentions(ReasonsAgainst(view, swap),
                 "it would need 2 nodes, and only 1 of the nodes 1, 2 serve"));
  Stop(view, 3);
  swap.after = NeedsOf(Disks({1}), 1, 1);
  CHECK(Mentions(ReasonsAgainst(view, swap), "the open segment cannot be sealed: 1 of its 3"));
}

TEST_CASE("Health: the lag of each copy is counted from what any node knows is committed") {
  ClusterView view = View(3);
  LogView& log = AddLog(view, "a", NeedsOf(Disks({1, 2, 3}), 2, 1));
  log.segments.back().base = Lsn(100);
  auto host = [&](uint64_t node, const std::string& role, uint64_t tail, uint64_t known) {
    loglets::HostedLoglet hosted;
    hosted.id = {"a", SegmentIndex(0), ProposalId(7)};
    hosted.role = role;
    hosted.tail = Offset(tail);
    hosted.known_tail = Offset(known);
    view.nodes.at(NodeId(node)).status.loglets.push_back({"sequencer", hosted});
  };
  host(1, "sequencer", 60, 50);
  host(1, "log server", 50, 40);
  host(2, "log server", 55, 40);
  host(3, "log server", 20, 20);
  LogHealth health = HealthOf(view, log);
  CHECK(health.tail == Lsn(150));
  CHECK(health.copies[0].lag == 0);
  CHECK(health.copies[1].tail == Lsn(155));
  CHECK(health.copies[2].lag == 30);
  CHECK(health.problem.empty());
  Stop(view, 1);
  CHECK(HealthOf(view, log).problem == "the sequencer on node 1 does not answer");
  CHECK(HealthOf(view, log).has_quorum);
  Stop(view, 2);
  CHECK_FALSE(HealthOf(view, log).has_quorum);
}

// A kind that elects its leaders has nobody whom it cannot do without.
loglets::Needs Electing(const std::vector<Replica>& voters, const std::vector<Replica>& learners) {
  loglets::Needs needs = NeedsOf(voters, 2, 1);
  needs.all_of.clear();
  for (const Replica& each : learners) {
    needs.beside.push_back({each.node, Incarnation(), each.disk});
  }
  return needs;
}

void HostReplica(ClusterView& view, uint64_t node, const std::string& role,
                 const std::string& no_vote = "") {
  loglets::HostedLoglet hosted;
  hosted.id = {"a", SegmentIndex(0), ProposalId(7)};
  hosted.role = role;
  hosted.no_vote = no_vote;
  view.nodes.at(NodeId(node)).status.loglets.push_back({"raft", hosted});
}

TEST_CASE("Health: whoever leads is told, unless nobody or more than one says so") {
  ClusterView view = View(4);
  LogView& log = AddLog(view, "a", Electing(Disks({1, 2, 3}), Disks({4})));
  CHECK_FALSE(HealthOf(view, log).leader.has_value());
  HostReplica(view, 1, "follower");
  HostReplica(view, 4, "leader");
  CHECK(HealthOf(view, log).leader == NodeId(4));
  CHECK(HealthOf(view, log).copies[0].role == "follower");
  HostReplica(view, 2, "leader");
  CHECK_FALSE(HealthOf(view, log).leader.has_value());
}

TEST_CASE("Health: a voter that lost its disk, or part of its state, is told not to vote") {
  ClusterView view = View(3);
  LogView& log = AddLog(view, "a", Electing(Disks({1, 2, 3}), {}));
  for (uint64_t node : {1, 2, 3}) HostReplica(view, node, "follower");
  CHECK(HealthOf(view, log).problem.empty());
  view.nodes.at(NodeId(3)).status.identity.disk = Disk(3, 1).disk;
  view.nodes.at(NodeId(3)).status.loglets.clear();
  LogHealth health = HealthOf(view, log);
  CHECK(health.problem == "node 3 does not vote: its disk was replaced");
  CHECK(health.has_quorum);
  view.nodes.at(NodeId(2)).status.loglets.clear();
  HostReplica(view, 2, "follower", "its journal lost entries");
  health = HealthOf(view, log);
  CHECK_FALSE(health.has_quorum);
  CHECK(health.problem ==
        "no write quorum: 1 of 3 copies serve, 2 are needed; node 2 does not vote: its journal "
        "lost entries; node 3 does not vote: its disk was replaced");
}

TEST_CASE("Drain: a node that is only a learner is left as well, the other learners stay") {
  ClusterView view = View(5);
  AddLog(view, "a", Electing(Disks({1, 2, 3}), Disks({4, 5})));
  MembershipPlan plan = PlanDrain(view, NodeId(4));
  REQUIRE(plan.logs.size() == 1);
  CHECK(plan.logs[0].to.nodes == Nodes({1, 2, 3, 5}));
}

TEST_CASE("Policy: roles stay until other ones are named or the kind changes") {
  PolicyChange change;
  change.kind = "paxos";
  change.wish.options = "acceptors=1";
  loglets::Policy policy;
  policy.kind = "sequencer";
  policy = *PolicyAfter(policy, change);
  CHECK(policy.options == "acceptors=1");
  change.wish.options.clear();
  policy = *PolicyAfter(policy, change);
  CHECK(policy.options == "acceptors=1");
  change.kind = "raft";
  CHECK(PolicyAfter(policy, change)->options.empty());
}

}  // namespace
}  // namespace vlog::client

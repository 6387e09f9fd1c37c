// An operator's work on simulated nodes: drains and replaced disks while a client appends, each
// interrupted and run again, and then one record for each acknowledgement, in order.
#include <catch2/catch.hpp>

#include "client/operations.h"
#include "client/placement_plan.h"
#include "client/swap.h"
#include "scenario/operator_world.h"

namespace vlog::testing {
namespace {

using client::Cluster;
using client::OperationResult;
using std::chrono::milliseconds;

using Operation = Task<StatusOr<OperationResult>> (*)(Cluster&, NodeId, client::Progress);

// Runs the operation in processes that die after ever more time, until one gets to its end.
OperationResult RunInterrupted(OperatorWorld& world, Operation operation, uint64_t node,
                               int* deaths) {
  for (int life = 0;; ++life) {
    REQUIRE(life < 200);
    Person person(world.nodes, absl::StrCat("operator", life));
    person.Connect(1);
    Task<StatusOr<OperationResult>> task = operation(*person.cluster, NodeId(node), Ignore);
    auto result = StartTask(*person.env, std::move(task));
    Instant limit = world.nodes.world.now() + milliseconds(1 + 3 * life);
    world.nodes.world.RunUntil([&] { return result->has_value(); }, limit);
    if (result->has_value()) {
      CHECK((*result)->ok());
      INFO((*result)->status().message());
      REQUIRE((*result)->ok());
      return ***result;
    }
    ++*deaths;
    world.Append();
  }
}

TEST_CASE("Operations: a node is drained by operators that die, stops, and comes back") {
  uint64_t seed = GENERATE(range(1, 7));
  CAPTURE(seed);
  OperatorWorld world(seed);
  uint64_t victim = 2 + seed % 2;
  for (int i = 0; i < 5; ++i) world.Append();
  int deaths = 0;
  OperationResult drained = RunInterrupted(world, client::Drain, victim, &deaths);
  CHECK(deaths > 0);
  CHECK(drained.unsafe.empty());
  CHECK_FALSE(drained.sealed.empty());
  for (const loglets::NodeLife& life : world.OpenNeeds().some_of) {
    CHECK(life.node != NodeId(victim));
  }
  REQUIRE(world.nodes.Stop(victim).ok());
  for (int i = 0; i < 5; ++i) world.Append();
  world.CheckAll();
  world.nodes.Start(victim);
  REQUIRE(world.nodes.AwaitJoined());
  RunInterrupted(world, client::Undrain, victim, &deaths);
  CHECK(world.OpenNeeds().some_of.size() == 3);
  // One of the others may go now.
  world.nodes.Crash(5 - victim);
  for (int i = 0; i < 5; ++i) world.Append();
  world.CheckAll();
}

TEST_CASE("Operations: a wiped node counts again after replace-disk, and its old disk never") {
  uint64_t seed = GENERATE(range(1, 7));
  CAPTURE(seed);
  OperatorWorld world(seed);
  uint64_t victim = 2 + seed % 2;
  for (int i = 0; i < 5; ++i) world.Append();
  world.nodes.Crash(victim);
  auto blank = std::make_unique<env::SimDiskImage>(world.nodes.world);
  std::unique_ptr<env::SimDiskImage> old = world.nodes.SwapDisk(victim, std::move(blank));
  world.nodes.Format(victim);
  world.nodes.Start(victim);
  REQUIRE(world.nodes.AwaitJoined());
  CHECK_FALSE(world.nodes.node(victim)->status().votes);
  world.Append();
  int deaths = 0;
  OperationResult replaced = RunInterrupted(world, client::ReplaceDisk, victim, &deaths);
  CHECK(deaths > 0);
  CHECK_FALSE(replaced.sealed.empty());
  Replica now = world.nodes.node(victim)->identity().replica();
  bool named = false;
  for (const loglets::NodeLife& life : world.OpenNeeds().some_of) {
    named = named || (life.node == now.node && life.disk == now.disk);
  }
  CHECK(named);
  // Its vote and its copy carry the log with one other node.
  world.nodes.Crash(5 - victim);
  for (int i = 0; i < 5; ++i) world.Append();
  world.nodes.Start(5 - victim);
  REQUIRE(world.nodes.AwaitJoined());
  world.CheckAll();
  // Somebody puts the old disk back.
  world.nodes.Crash(victim);
  std::unique_ptr<env::SimDiskImage> kept = world.nodes.SwapDisk(victim, std::move(old));
  world.nodes.Start(victim);
  REQUIRE(world.nodes.RunUntil([&] { return !world.nodes.Failure(victim).ok(); }));
  CHECK(Message(world.nodes.Failure(victim)).find("was replaced by 'vlog replace-disk") !=
        std::string::npos);
  world.Append();
  world.nodes.Crash(victim);
  world.nodes.SwapDisk(victim, std::move(kept));
  world.nodes.Start(victim);
  REQUIRE(world.nodes.AwaitJoined());
  world.Append();
  world.CheckAll();
}

TEST_CASE("Operations: two operators who drain different nodes never leave too few") {
  uint64_t seed = GENERATE(range(1, 11));
  CAPTURE(seed);
  OperatorWorld world(seed);
  world.Append();
  Person first(world.nodes, "first");
  Person second(world.nodes, "second");
  first.Connect(1);
  second.Connect(1);
  auto one = StartTask(*first.env, client::Drain(*first.cluster, NodeId(2), Ignore));
  auto two = StartTask(*second.env, client::Drain(*second.cluster, NodeId(3), Ignore));
  REQUIRE(world.nodes.RunUntil([&] { return one->has_value() && two->has_value(); }));
  // The write quorum is two of the three: at most one of them may be told to stop its node.
  bool both = (*one)->ok() && (**one)->unsafe.empty() && (*two)->ok() && (**two)->unsafe.empty();
  CHECK_FALSE(both);
  CHECK(world.OpenNeeds().some_of.size() >= 2);
  world.Append();
  world.CheckAll();
}

client::ClusterView LookAt(OperatorWorld& world) {
  client::LookOptions options;
  return world.user.Run(client::Look(*world.user.cluster, options));
}

TEST_CASE("Operations: a segment that was sealed with too few copies keeps its nodes from going") {
  uint64_t seed = GENERATE(range(1, 4));
  CAPTURE(seed);
  OperatorWorld world(seed);
  client::NewLog made;
  made.placement.nodes = {NodeId(1), NodeId(2), NodeId(3)};
  made.placement.write_quorum = 3;
  made.policy = client::PolicyOf({made.placement});
  made.policy->least_copies = 2;
  auto opened = world.user.Run(world.user.cluster->CreateLog("strict", std::move(made)));
  REQUIRE(opened.ok());
  virtuallog::SharedLog* log = *opened;
  std::unique_ptr<virtuallog::Appender> appender = log->NewAppender();
  REQUIRE(world.user.Run(appender->Append("on all three")).ok());
  // The next one gets to two of them only, and nobody but them ever knows it.
  world.nodes.Crash(3);
  StatusOr<Lsn> second = world.user.Run(appender->Append("on two"));
  REQUIRE(second.ok());
  client::ClusterView view = LookAt(world);
  REQUIRE(view.metastore.ok());
  const client::LogView& strict = view.logs.at(1);
  REQUIRE(strict.name == "strict");
  CHECK(strict.policy.write_quorum == 3);
  REQUIRE(strict.segments.size() == 2);
  CHECK(strict.segments[1].needs.least == 2);
  // It is in the sealed segment, which has two full copies, one of them on node 1.
  REQUIRE(*second < strict.segments[1].base);
  CHECK(strict.segments[0].least() == 2);
  std::vector<client::SealedCopy> copies = client::SealedCopiesOn(view, NodeId(1));
  auto strict_one = [](const client::SealedCopy& copy) { return copy.log == "strict"; };
  auto copy = std::find_if(copies.begin(), copies.end(), strict_one);
  REQUIRE(copy != copies.end());
  CHECK(copy->flagged);
  CHECK_FALSE(copy->readable());  // node 3 does not have it, and is away
  world.nodes.Start(3);
  REQUIRE(world.nodes.AwaitJoined());
  world.nodes.RunFor(std::chrono::seconds(5));  // connections are made again
  REQUIRE(world.user.Run(log->Reconfigure({})).ok());
  view = LookAt(world);
  CHECK(view.logs.at(1).open_segment()->needs.least == 3);
}

TEST_CASE("Operations: a log whose creation stopped half-way moves with the others, and is made") {
  OperatorWorld world(3);
  // Somebody who dies between the directory and the log's own register.
  client::ClusterView view;
  for (int life = 1; view.unfinished.empty(); ++life) {
    REQUIRE(life < 100);
    Person creator(world.nodes, absl::StrCat("creator", life));
    creator.Connect(1);
    client::NewLog made;
    auto made_in_time =
        StartTask(*creator.env, creator.cluster->CreateLog(absl::StrCat("half", life), made));
    world.nodes.RunFor(milliseconds(life));
    creator.env->Crash();
    view = LookAt(world);
  }
  CHECK(view.unreadable.empty());
  std::string half = view.unfinished[0].name;
  auto drained = world.user.Run(client::Drain(*world.user.cluster, NodeId(3), Ignore));
  REQUIRE(drained.ok());
  CHECK(drained->unsafe.empty());
  view = LookAt(world);
  REQUIRE(view.unfinished.size() == 1);
  CHECK(client::NodesOf(view.unfinished[0].acceptors.acceptors) ==
        std::vector<NodeId>{NodeId(1), NodeId(2)});
  client::NewLog made;
  auto opened = world.user.Run(world.user.cluster->CreateLog(half, std::move(made)));
  REQUIRE(opened.ok());
  CHECK(world.user.Run((*opened)->CheckTail()).ok());
  CHECK(LookAt(world).unfinished.empty());
}

TEST_CASE("Swap: another kind has as many copies as are asked for, near to where the log is") {
  NodeWorld nodes(4, 5);
  nodes.StartAll();
  REQUIRE(nodes.AwaitJoined());
  Person user(nodes, "user");
  user.Connect(1);
  client::NewLog made;
  made.placement.nodes = {NodeId(2), NodeId(3), NodeId(4)};
  auto opened = user.Run(user.cluster->CreateLog("a", made));
  REQUIRE(opened.ok());
  auto plan = [&](const std::string& kind, uint32_t quorum, uint32_t copies) {
    client::SwapWish wish;
    wish.request.kind = kind;
    wish.request.placement.write_quorum = quorum;
    wish.copies = copies;
    auto planned = user.Run(client::PlanSwap(*user.cluster, "a", std::move(wish)));
    INFO(planned.status().message());
    REQUIRE(planned.ok());
    return *std::move(planned);
  };
  auto on = [](const client::SwapPlan& planned) {
    std::vector<NodeId> all = client::NodesOf(planned.swap.after.some_of);
    std::sort(all.begin(), all.end());
    return all;
  };
  std::vector<NodeId> five = {NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)};
  CHECK(on(plan("raft", 0, 0)) == made.placement.nodes);
  client::SwapPlan wide = plan("raft", 3, 5);
  CHECK(on(wide) == five);
  CHECK(wide.swap.after.acknowledging() == 3);
  CHECK(wide.swap.after.to_seal == 3);
  CHECK(wide.refusals.empty());
  REQUIRE(user.Run((*opened)->Reconfigure(wide.request)).ok());
  // The candidates that were named at first are preferred.
  client::SwapPlan narrow = plan("sequencer", 3, 3);
  CHECK(on(narrow) == made.placement.nodes);
  CHECK(narrow.refusals.empty());
  CHECK(on(plan("sequencer", 0, 0)) == five);
}

TEST_CASE("Operations: a log whose creation was held up by a drain is not on the drained node") {
  OperatorWorld world(3);
  // Somebody who loses most voters, not the node, between the directory and the log's own register.
  bool held_up = false;
  for (int life = 1; !held_up; ++life) {
    REQUIRE(life < 100);
    std::string name = absl::StrCat("half", life);
    std::string host = absl::StrCat("creator", life);
    Person creator(world.nodes, host);
    creator.Connect(1);
    auto made = StartTask(*creator.env, creator.cluster->CreateLog(name, client::NewLog()));
    world.nodes.RunFor(milliseconds(life));
    for (uint64_t node : {1, 2}) {
      world.nodes.fabric.Cut(host, NodeWorld::Host(node));
      world.nodes.fabric.Cut(NodeWorld::Host(node), host);
    }
    held_up = !LookAt(world).unfinished.empty();
    if (!held_up) {
      world.nodes.fabric.HealAll();
      continue;
    }
    auto drained = world.user.Run(client::Drain(*world.user.cluster, NodeId(3), Ignore));
    REQUIRE(drained.ok());
    CHECK(drained->unsafe.empty());
    world.nodes.fabric.HealAll();
    REQUIRE(world.nodes.RunUntil([&] { return made->has_value(); }));
    INFO((*made)->status().message());
    REQUIRE((*made)->ok());
    for (const client::LogView& log : LookAt(world).logs) {
      if (log.name != name) continue;
      CHECK(client::NodesOf(log.open_segment()->needs.some_of) ==
            std::vector<NodeId>{NodeId(1), NodeId(2)});
    }
  }
}

using virtuallog::Explanation;
using virtuallog::Fate;

std::string WordsOf(const Explanation& explanation) {
  std::string words;
  for (const loglets::CopyWord& copy : explanation.copies) {
    absl::StrAppend(&words, copy.life.node.value(), ":", loglets::ToString(copy.state), " ");
  }
  return words;
}

TEST_CASE("Explain: each copy of a record is asked for, and the chain says who made its segment") {
  OperatorWorld world(5);
  auto explain = [&](uint64_t lsn) {
    StatusOr<Explanation> explanation = world.user.Run(world.log->Explain(Lsn(lsn)));
    REQUIRE(explanation.ok());
    return *std::move(explanation);
  };
  CHECK(explain(0).fate == Fate::kNotWritten);
  for (int i = 0; i < 5; ++i) world.Append();
  world.nodes.RunFor(milliseconds(500));  // all three have it
  Explanation open = explain(3);
  CHECK(open.fate == Fate::kStored);
  CHECK(open.bytes == 1);
  CHECK(WordsOf(open) == "1:yes 2:yes 3:yes ");
  REQUIRE(open.segment.has_value());
  CHECK(open.segment->made.reason == "created");
  CHECK(open.segment->made.who == world.user.env->ProcessName());
  CHECK_FALSE(open.followed.has_value());
  CHECK(open.needs.least == 2);
  CHECK(explain(5).fate == Fate::kNotWritten);
  CHECK(explain(5).until == Lsn(5));
  // A copy that does not answer is none that lacks it.
  world.nodes.Crash(3);
  CHECK(WordsOf(explain(3)) == "1:yes 2:yes 3:no answer ");
  world.Append();
  world.nodes.Start(3);
  REQUIRE(world.nodes.AwaitJoined());
  virtuallog::ReconfigureRequest request;
  request.reason = "for a change";
  REQUIRE(world.user.Run(world.log->Reconfigure(request)).ok());
  world.nodes.RunFor(std::chrono::seconds(2));
  Explanation sealed = explain(5);
  CHECK(sealed.fate == Fate::kStored);
  CHECK(sealed.end == Lsn(6));
  REQUIRE(sealed.followed.has_value());
  CHECK(sealed.followed->made.reason == "for a change");
  // It was away when that one was written, and nobody brings it there.
  CHECK(WordsOf(sealed) == "1:yes 2:yes 3:no ");
  CHECK(explain(6).segment->index == SegmentIndex(1));
  REQUIRE(world.user.Run(world.log->Trim(Lsn(2))).ok());
  CHECK(explain(1).fate == Fate::kTrimmed);
  CHECK(explain(1).until == Lsn(2));
  CHECK(WordsOf(explain(1)) == "1:trimmed 2:trimmed 3:trimmed ");
  CHECK(explain(4).fate == Fate::kStored);
  world.Append();
  REQUIRE(world.user.Run(world.log->Trim(Lsn(7))).ok());
  CHECK(explain(4).fate == Fate::kTrimmed);
  CHECK_FALSE(explain(4).segment.has_value());
  REQUIRE(world.user.Run(world.log->SealLog("enough")).ok());
  Explanation ended = explain(9);
  CHECK(ended.fate == Fate::kEnded);
  CHECK(ended.until == Lsn(7));
  CHECK(ended.segment->made.reason == "enough");
}

TEST_CASE("Explain: where nobody answers it says so, and what the chain knows") {
  OperatorWorld world(6);
  for (int i = 0; i < 3; ++i) world.Append();
  // The metastore's majority lives, the log's two copies do not.
  client::NewLog made;
  made.placement.nodes = {NodeId(3)};
  auto opened = world.user.Run(world.user.cluster->CreateLog("one", std::move(made)));
  REQUIRE(opened.ok());
  REQUIRE(world.user.Run((*opened)->NewAppender()->Append("only there")).ok());
  world.nodes.Crash(3);
  StatusOr<Explanation> explanation = world.user.Run((*opened)->Explain(Lsn(0)));
  REQUIRE(explanation.ok());
  CHECK(explanation->fate == Fate::kUnknown);
  CHECK_FALSE(explanation->problem.empty());
  CHECK(WordsOf(*explanation) == "3:no answer ");
}

}  // namespace
}  // namespace vlog::testing

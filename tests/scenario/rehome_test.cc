// Sealed segments move while the log is used: by an operator's command, and by the nodes
// themselves.
#include "client/rehome.h"
#include "client/operations.h"
#include "scenario/operator_world.h"

namespace vlog::testing {
namespace {

using client::RehomeOptions;
using client::RehomeResult;
using std::chrono::milliseconds;
using std::chrono::seconds;

client::NewLog OnNodes(std::vector<NodeId> nodes, uint32_t write_quorum = 2) {
  client::NewLog made;
  made.placement.nodes = std::move(nodes);
  made.placement.write_quorum = write_quorum;
  loglets::Policy policy;
  policy.kind = made.kind;
  policy.write_quorum = write_quorum;
  policy.copies = 3;
  made.policy = std::move(policy);
  return made;
}

const std::vector<NodeId> kFirstThree = {NodeId(1), NodeId(2), NodeId(3)};

struct Rehoming : OperatorWorld {
  using OperatorWorld::OperatorWorld;

  void AppendSome(int count) {
    for (int i = 0; i < count; ++i) Append();
  }
  void Swap(std::vector<NodeId> nodes = {}) {
    virtuallog::ReconfigureRequest request;
    request.placement.nodes = std::move(nodes);
    Status swapped = user.Run(log->Reconfigure(std::move(request)));
    INFO(swapped.ToString());
    REQUIRE(swapped.ok());
  }
  RehomeResult Rehome(RehomeOptions options = {}) {
    Person person(nodes, absl::StrCat("operator", ++people));
    person.Connect(4);
    auto tell = [this](const std::string& line) { told.push_back(line); };
    auto result = person.Run(client::Rehome(*person.cluster, options, tell));
    INFO(result.status().ToString());
    REQUIRE(result.ok());
    return *result;
  }
  std::shared_ptr<const virtuallog::Chain> Chain() {
    auto chain = user.Run(log->ReadChain());
    REQUIRE(chain.ok());
    return *chain;
  }
  std::vector<NodeId> HomeOf(uint64_t index) {
    const virtuallog::Segment* segment = Chain()->Find(SegmentIndex(index));
    REQUIRE(segment != nullptr);
    auto kind = user.cluster->factory().Find(segment->made.kind);
    return client::NodesOf((*kind)->NeedsOf(segment->made.params).some_of);
  }

  std::vector<std::string> told;
  int people = 0;
};

std::vector<NodeId> Nodes(std::vector<uint64_t> numbers) {
  return std::vector<NodeId>(numbers.begin(), numbers.end());
}

TEST_CASE("Rehome: what a node had that died for good is on another one, and any one may go then") {
  uint64_t seed = GENERATE(range(1, 5));
  CAPTURE(seed);
  Rehoming world(seed, 4, OnNodes(kFirstThree));
  uint64_t victim = 2 + seed % 2;
  for (int segment = 0; segment < 3; ++segment) {
    world.AppendSome(10);
    world.Swap();
  }
  world.nodes.Crash(victim);
  RehomeOptions dry;
  dry.dry_run = true;
  CHECK(world.Rehome(dry).moved == 3);
  CHECK(world.HomeOf(0) == kFirstThree);
  RehomeResult result = world.Rehome();
  CHECK(result.moved == 3);
  CHECK(result.stayed == 0);
  REQUIRE(world.told.size() == 6);
  CHECK(world.told[3].find("does not answer, node 4 takes its place") != std::string::npos);
  for (uint64_t index : {0, 1, 2}) {
    std::vector<NodeId> home = world.HomeOf(index);
    CHECK(home == (victim == 2 ? Nodes({1, 4, 3}) : Nodes({1, 2, 4})));
    REQUIRE(world.Chain()->Find(SegmentIndex(index))->rehomed.has_value());
  }
  CHECK(world.Rehome().moved == 0);
  // Its disk is gone as well; of the new ones W - 1 are down.
  world.nodes.SwapDisk(victim, std::make_unique<env::SimDiskImage>(world.nodes.world));
  world.nodes.Crash(5 - victim);
  world.CheckAll();
}

TEST_CASE("Rehome: a reader in the middle of a segment goes on when all of its nodes are others") {
  uint64_t seed = GENERATE(range(1, 4));
  CAPTURE(seed);
  Rehoming world(seed, 6, OnNodes(kFirstThree));
  world.AppendSome(30);
  world.Swap();
  world.AppendSome(5);
  // It has the loglet open, and knows nothing of what comes.
  Person other(world.nodes, "reader");
  other.Connect(1);
  auto opened = other.Run(other.cluster->OpenLog("a"));
  REQUIRE(opened.ok());
  std::unique_ptr<virtuallog::Reader> reader = (*opened)->NewReader(Lsn(0));
  reader->set_read_bytes(40);
  auto first = other.Run(reader->Next());
  REQUIRE(first.ok());
  REQUIRE(reader->position() < Lsn(30));
  for (uint64_t node : {1, 2, 3}) {
    auto drained = world.user.Run(client::Drain(*world.user.cluster, NodeId(node), Ignore));
    REQUIRE(drained.ok());
  }
  CHECK(world.Rehome().stayed == 0);
  CHECK(world.HomeOf(0) == Nodes({4, 5, 6}));
  for (uint64_t node : {1, 2, 3}) {
    world.nodes.Crash(node);
    world.nodes.SwapDisk(node, std::make_unique<env::SimDiskImage>(world.nodes.world));
    world.nodes.Format(node);
    world.nodes.Start(node);
  }
  world.nodes.RunFor(seconds(5));
  uint64_t at = reader->position().value();
  while (at < world.acknowledged.size()) {
    auto next = other.Run(reader->Next());
    INFO(next.status().ToString());
    REQUIRE((next.ok() || absl::IsUnavailable(next.status())));
    if (!next.ok()) continue;
    REQUIRE_FALSE(next->gap.has_value());  // its old nodes lack all of it, and nothing is lost
    for (const virtuallog::RecordRun& run : next->runs) {
      run.ForEach([&](Lsn lsn, std::string_view payload) {
        CHECK(payload == world.acknowledged[lsn.value()]);
      });
    }
    at = reader->position().value();
  }
}

TEST_CASE("Rehome: it may race with a swap, a truncate, a trim and another one") {
  uint64_t seed = GENERATE(range(1, 13));
  CAPTURE(seed);
  Rehoming world(seed, 5, OnNodes(kFirstThree));
  world.AppendSome(10);
  world.Swap();
  world.AppendSome(30);
  world.Swap();
  world.AppendSome(10);
  world.nodes.Crash(3);
  Person one(world.nodes, "one");
  Person two(world.nodes, "two");
  Person third(world.nodes, "third");
  for (Person* each : {&one, &two, &third}) each->Connect(4);
  auto log_of = [](Person& person) { return *person.Run(person.cluster->OpenLog("a")); };
  virtuallog::RehomeOrder order;
  order.segment = SegmentIndex(1);
  order.reason = "a race";
  virtuallog::SharedLog* swapper = log_of(third);
  auto first = StartTask(*one.env, log_of(one)->Rehome(order));
  auto second = StartTask(*two.env, log_of(two)->Rehome(order));
  world.nodes.RunFor(milliseconds(7 * (seed % 4)));
  virtuallog::ReconfigureRequest request;
  request.reason = "planned";
  auto swapped = StartTask(*third.env, swapper->Reconfigure(request));
  uint64_t to = 4 * seed - 2;  // in the first segment, at its end, in the one that moves, behind it
  auto trimmed = StartTask(*world.user.env, world.log->Trim(Lsn(to)));
  REQUIRE(world.nodes.RunUntil([&] {
    return first->has_value() && second->has_value() && swapped->has_value() &&
           trimmed->has_value();
  }));
  INFO((*first)->status().ToString());
  INFO((*second)->status().ToString());
  CHECK((**swapped).ok());
  REQUIRE((*trimmed)->ok());
  int moved = 0;
  for (const auto& result : {first, second}) {
    if ((*result)->ok() && (**result)->changed) ++moved;
    CHECK(((*result)->ok() || absl::IsAborted((*result)->status()) ||
           absl::IsUnavailable((*result)->status())));
  }
  CHECK(moved <= 1);
  std::shared_ptr<const virtuallog::Chain> chain = world.Chain();
  CHECK_FALSE(chain->intent().has_value());
  if (to < 40 && moved == 1) {
    CHECK(world.HomeOf(1) == Nodes({1, 2, 4}));
    CHECK(chain->segments().back().index == SegmentIndex(3));
  }
  auto point = two.Run(log_of(two)->TrimPoint());
  REQUIRE(point.ok());
  CHECK(*point >= Lsn(to));
  world.Append();
  std::unique_ptr<virtuallog::Reader> reader = world.log->NewReader(Lsn(to));
  std::vector<std::string> read(world.acknowledged.begin(),
                                world.acknowledged.begin() + static_cast<ptrdiff_t>(to));
  world.ReadOn(*reader, &read);
}

TEST_CASE("Rehome: the nodes bring what was sealed on too few to those that return") {
  uint64_t seed = GENERATE(range(1, 4));
  CAPTURE(seed);
  client::NewLog made = OnNodes(kFirstThree, 3);
  made.policy->least_copies = 2;
  made.policy->candidates = kFirstThree;
  Rehoming world(seed, 3, std::move(made));
  world.AppendSome(5);
  world.nodes.Crash(3);
  world.Append();  // gets to two of them only
  REQUIRE(world.Chain()->segments()[0].least_copies == 2);
  world.nodes.RunFor(seconds(20));
  CHECK(world.Chain()->segments()[0].least_copies == 2);
  world.nodes.Start(3);
  REQUIRE(world.nodes.AwaitJoined());
  world.nodes.RunFor(seconds(20));
  const virtuallog::Segment& sealed = world.Chain()->segments()[0];
  CHECK(sealed.least_copies == 0);
  REQUIRE(sealed.rehomed.has_value());
  CHECK(sealed.rehomed->reason == "too few lived when it was sealed");
  CHECK(world.nodes.log().find("moved segment 0") != std::string::npos);
  // It alone has all of it.
  StatusOr<virtuallog::Explanation> explained = world.user.Run(world.log->Explain(Lsn(5)));
  REQUIRE(explained.ok());
  for (const loglets::CopyWord& copy : explained->copies) {
    CHECK(copy.state == loglets::CopyWord::State::kHolds);
  }
}

TEST_CASE("Rehome: the nodes replace one that is away for long, and not before") {
  Rehoming world(3, 4, OnNodes(kFirstThree), seconds(30));
  world.AppendSome(10);
  world.Swap();
  world.AppendSome(3);
  world.nodes.Crash(3);
  world.nodes.RunFor(seconds(20));
  CHECK(world.HomeOf(0) == kFirstThree);
  world.nodes.RunFor(seconds(30));
  CHECK(world.HomeOf(0) == Nodes({1, 2, 4}));
  REQUIRE(world.Chain()->segments()[0].rehomed.has_value());
  CHECK(world.Chain()->segments()[0].rehomed->reason.find("node 3 is away for 3") == 0);
  world.CheckAll();
}

}  // namespace
}  // namespace vlog::testing

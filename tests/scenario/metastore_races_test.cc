// The replicated metastore in the simulated world: acceptors and clients crash, links are cut,
// messages are lost, doubled and late. The numbers are those of the catalogue of races.
#include <catch2/catch.hpp>

#include "scenario/metastore_world.h"

namespace vlog::testing {
namespace {

using metastore::Anchor;
using metastore::Versioned;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kSeeds = 60;

const consensus::AcceptorState& Open(MetastoreWorld& w, uint64_t node) {
  return w.node(node)->acceptor->core().open_slot("a");
}
bool HasAccepted(MetastoreWorld& w, uint64_t node) { return !Open(w, node).accepted.none(); }

TEST_CASE("Race 17: an acceptor is lost in mid compare-and-set, and the write succeeds") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed);
    auto client = w.NewClient("c1");
    REQUIRE(w.Write(*client, "one", 0).ok());
    auto writing = StartTask(client->env, client->store->Write("a", "two", Version(1)));
    uint64_t steps = w.world.RandomBelow(300);
    w.world.RunUntil([&] { return steps-- == 0 || writing->has_value(); },
                     w.world.now() + seconds(60));
    uint64_t victim = 1 + w.world.RandomBelow(3);
    w.CrashNode(victim);
    w.world.RunUntil([&] { return writing->has_value(); }, w.world.now() + seconds(60));
    REQUIRE(writing->has_value());
    REQUIRE((*writing)->ok());
    CHECK((*writing)->value() == Version(2));
    // The others lose power as well; what was acknowledged is there.
    for (uint64_t node = 1; node <= 3; ++node) w.CrashNode(node);
    for (uint64_t node = 1; node <= 3; ++node) {
      if (node != victim) w.StartNode(node);
    }
    auto other = w.NewClient("c2");
    CHECK(w.Read(*other)->value == "two");
  }
}

TEST_CASE("Race 17: a compare-and-set whose replies are lost is settled, not repeated") {
  int completed_by_another = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed);
    auto writer = w.NewClient("c1");
    auto reader = w.NewClient("c2");
    REQUIRE(w.Write(*writer, "one", 0).ok());
    auto writing = StartTask(writer->env, writer->store->Write("a", "two", Version(1)));
    uint64_t steps = w.world.RandomBelow(200);
    w.world.RunUntil([&] { return steps-- == 0; }, w.world.now() + seconds(60));
    // From here on nothing comes back to the writer, though it goes on to send.
    for (uint64_t node = 1; node <= 3; ++node) w.fabric.Cut(w.Host(node), "c1");
    StatusOr<Versioned> seen = w.Read(*reader);
    REQUIRE(seen.ok());
    bool done_for_him = seen->version == Version(2) && !writing->has_value();
    if (done_for_him) {
      ++completed_by_another;
      REQUIRE(w.Write(*reader, "three", 2).ok());
    }
    w.RunFor(seconds(2));
    w.fabric.HealAll();
    w.world.RunUntil([&] { return writing->has_value(); }, w.world.now() + seconds(60));
    REQUIRE(writing->has_value());
    REQUIRE((*writing)->ok());
    CHECK((*writing)->value() == Version(2));
    StatusOr<Versioned> now = w.Read(*reader);
    CHECK(now->version == Version(done_for_him ? 3 : 2));
    CHECK(now->value == (done_for_him ? "three" : "two"));
  }
  CHECK(completed_by_another > 0);
}

TEST_CASE("Race 35: a collected slot never looks empty to a laggard") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed);
    auto laggard = w.NewClient("c1");
    auto busy = w.NewClient("c2");
    REQUIRE(w.Write(*laggard, "v1", 0).ok());
    for (uint64_t v = 1; v < 100; ++v) {
      REQUIRE(w.Write(*busy, "v" + std::to_string(v + 1), v).ok());
      if (v % 20 == 0) w.RestartNode(1 + w.world.RandomBelow(3));
    }
    for (uint64_t node = 1; node <= 3; ++node) w.RestartNode(node);
    StatusOr<Version> late = w.Write(*laggard, "late", 1);
    CHECK(absl::IsAborted(late.status()));
    StatusOr<Versioned> now = w.Read(*laggard);
    REQUIRE(now.ok());
    CHECK(now->version == Version(100));
    CHECK(now->value == "v100");
    // One who never saw anything, and one whose first word is a write.
    CHECK(w.Read(*w.NewClient("c3"))->value == "v100");
    CHECK(absl::IsAborted(w.Write(*w.NewClient("c4"), "new", 0).status()));
  }
}

// Node 1 accepts "two" for slot 2, nobody else does, and the writer does not learn anything.
void HalfWrite(MetastoreWorld& w, MetastoreClient& writer, Outcome<StatusOr<Version>>& writing) {
  // Phase 1 first, with everybody, so that phase 2 is a single message.
  REQUIRE(w.Run(writer, writer.store->Reserve("a", Version(1)))->ok());
  for (uint64_t node : {2, 3}) {
    w.fabric.Cut("c1", w.Host(node));
    w.fabric.Cut(w.Host(node), "c1");
  }
  writing = StartTask(writer.env, writer.store->Write("a", "two", Version(1)));
  auto accepted = [&] { return HasAccepted(w, 1); };
  REQUIRE(w.world.RunUntil(accepted, w.world.now() + seconds(5)));
}

TEST_CASE("Race 39: a compare-and-set reported as unknown is completed later by somebody else") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed);
    w.options().patience = seconds(3);
    auto writer = w.NewClient("c1");
    auto reader = w.NewClient("c2");
    REQUIRE(w.Write(*writer, "one", 0).ok());
    Outcome<StatusOr<Version>> writing;
    HalfWrite(w, *writer, writing);
    w.world.RunUntil([&] { return writing->has_value(); }, w.world.now() + seconds(60));
    REQUIRE(writing->has_value());
    CHECK(absl::IsUnknown((*writing)->status()));
    bool dies = seed % 2 == 0;
    if (dies) writer.reset();
    // A read that does not meet node 1 shows the old version, and proves nothing.
    w.fabric.Isolate({w.Host(1), "c1"});
    StatusOr<Versioned> before = w.Read(*reader);
    REQUIRE(before.ok());
    CHECK(before->version == Version(1));
    w.fabric.HealAll();
    if (dies) {
      // Now it meets node 1, and one other: it cannot know who else accepted, and completes.
      w.CrashNode(3);
      StatusOr<Versioned> after = w.Read(*reader);
      REQUIRE(after.ok());
      CHECK(after->version == Version(2));
      CHECK(after->value == "two");
    } else {
      // The writer comes back for it: the same proposal, not a second one.
      StatusOr<Version> again = w.Write(*writer, "two", 1);
      REQUIRE(again.ok());
      CHECK(again->value() == 2);
      CHECK(w.Read(*reader)->version == Version(2));
    }
  }
}

TEST_CASE("Race 39: the writer of an unknown outcome goes on until its slot is decided") {
  MetastoreWorld w(7);
  w.options().patience = seconds(3);
  auto writer = w.NewClient("c1");
  REQUIRE(w.Write(*writer, "one", 0).ok());
  Outcome<StatusOr<Version>> writing;
  HalfWrite(w, *writer, writing);
  w.world.RunUntil([&] { return writing->has_value(); }, w.world.now() + seconds(60));
  REQUIRE(absl::IsUnknown((*writing)->status()));
  w.fabric.HealAll();
  w.RunFor(seconds(5));
  // Nobody called anything since.
  CHECK(w.node(2)->acceptor->core().version("a") == Version(2));
  CHECK(w.node(3)->acceptor->core().version("a") == Version(2));
  CHECK(w.Write(*writer, "two", 1)->value() == 2);
  // An equal value that is another call's after that is another write.
  CHECK(absl::IsAborted(w.Write(*writer, "two", 1).status()));
}

TEST_CASE("Race 46: a process that starts again does not use its ballots again") {
  int played = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed);
    // The log stands in the directory, and nobody has written it yet.
    auto creator = w.NewClient("c8");
    auto creating = StartTask(creator->env, creator->store->Write("a", "never", Version(0)));
    auto listed = [&] {
      for (uint64_t node : {1, 2}) {
        const metastore::AcceptorCore& core = w.node(node)->acceptor->core();
        if (core.open_slot(metastore::kDirectoryLog).accepted.none()) return false;
      }
      return true;
    };
    REQUIRE(w.world.RunUntil(listed, w.world.now() + seconds(5)));
    creator.reset();
    w.RunFor(seconds(1));
    if (!Open(w, 1).empty() || !Open(w, 2).empty() || !Open(w, 3).empty()) continue;
    ++played;

    // The first life: its first ballot, promised by 2 and 3, brings "A" to node 1 alone.
    auto client = w.NewClient("c1");
    auto first = StartTask(client->env, client->store->Write("a", "A", Version(0)));
    auto promised = [&] { return !Open(w, 2).empty() && !Open(w, 3).empty(); };
    REQUIRE(w.world.RunUntil(promised, w.world.now() + seconds(5)));
    for (uint64_t node : {2, 3}) w.fabric.Cut("c1", w.Host(node));
    REQUIRE(w.world.RunUntil([&] { return HasAccepted(w, 1); }, w.world.now() + seconds(5)));
    client.reset();

    // The second life, on another host, does not reach node 1; its first ballot carries "B", and
    // before it can tell anybody that "B" is chosen it is cut off.
    w.fabric.Cut("c3", w.Host(1));
    w.fabric.Cut(w.Host(1), "c3");
    client = w.NewClient("c3");
    auto second = StartTask(client->env, client->store->Write("a", "B", Version(0)));
    auto both = [&] { return HasAccepted(w, 2) && HasAccepted(w, 3); };
    REQUIRE(w.world.RunUntil(both, w.world.now() + seconds(5)));
    for (uint64_t node : {2, 3}) w.fabric.Cut("c3", w.Host(node));
    REQUIRE(w.world.RunUntil([&] { return second->has_value(); }, w.world.now() + seconds(60)));
    REQUIRE((*second)->ok());
    client.reset();
    w.CrashNode(2 + seed % 2);
    auto reader = w.NewClient("c2");
    StatusOr<Versioned> read = w.Read(*reader);
    REQUIRE(read.ok());
    CHECK(read->value == "B");
  }
  CHECK(played > kSeeds / 3);
}

TEST_CASE("Race 46: what a dead process sent late changes nothing that was decided since") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed);
    // What a dead process sent arrives after what its next life sends.
    w.fabric.SetStragglers(0.7, milliseconds(50));
    auto watcher = w.NewClient("c9");
    REQUIRE(w.Write(*watcher, "v1", 0).ok());
    std::map<uint64_t, std::string> seen;
    std::unique_ptr<MetastoreClient> client;
    for (int life = 0; life < 8; ++life) {
      client = w.NewClient("c1");
      StatusOr<Versioned> now = w.Read(*client);
      REQUIRE(now.ok());
      auto [it, is_new] = seen.emplace(now->version.value(), now->value);
      CHECK(it->second == now->value);
      auto writing = StartTask(
          client->env, client->store->Write("a", "life" + std::to_string(life), now->version));
      uint64_t steps = w.world.RandomBelow(120);
      w.world.RunUntil([&] { return steps-- == 0; }, w.world.now() + seconds(60));
      client.reset();
      if (w.world.Chance(0.3)) w.RestartNode(1 + w.world.RandomBelow(3));
    }
    w.RunFor(seconds(1));
    StatusOr<Versioned> now = w.Read(*watcher);
    REQUIRE(now.ok());
    auto [it, is_new] = seen.emplace(now->version.value(), now->value);
    CHECK(it->second == now->value);
  }
}

TEST_CASE("Metastore: a register moves to other acceptors, and its clients follow") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed, 6);
    auto admin = w.NewClient("c1");
    auto old_client = w.NewClient("c2");
    REQUIRE(w.Write(*admin, "one", 0).ok());
    REQUIRE(w.Read(*old_client).ok());
    std::vector<Replica> next = {w.ReplicaOf(4), w.ReplicaOf(5), w.ReplicaOf(6)};
    auto moved = w.Run(*admin, admin->store->ChangeAcceptors("a", next, Version(1)));
    REQUIRE(moved->ok());
    CHECK(**moved == Version(2));
    int told = 0;
    for (uint64_t node = 4; node <= 6; ++node) {
      told += w.node(node)->acceptor->core().version("a") == Version(2);
    }
    CHECK(told >= 2);
    auto directory = w.Run(*admin, admin->store->ReadAcceptors(metastore::kDirectoryLog));
    REQUIRE(directory->ok());
    auto all = w.Run(*admin, admin->store->ChangeAcceptors(metastore::kDirectoryLog, next,
                                                           (*directory)->version));
    REQUIRE(all->ok());
    REQUIRE(w.Run(*admin, admin->store->SetDefaultAcceptors(next, {}))->ok());
    // The former acceptors are gone for good.
    for (uint64_t node = 1; node <= 3; ++node) w.CrashNode(node);
    CHECK(w.Read(*old_client)->value == "one");
    StatusOr<Version> written = w.Write(*old_client, "two", 2);
    REQUIRE(written.ok());
    auto new_client = w.NewClient("c3");
    CHECK(w.Read(*new_client)->value == "two");
    auto created = w.Run(*new_client, new_client->store->Write("b", "x", Version(0)));
    CHECK(created->ok());
    CHECK(**w.Run(*new_client, new_client->store->List()) == std::vector<std::string>{"a", "b"});
    auto anchor = w.Run(*new_client, new_client->store->ReadAcceptors("b"));
    CHECK((*anchor)->acceptors == next);
  }
}

TEST_CASE("Metastore: a move to acceptors that do not answer changes nothing") {
  MetastoreWorld w(3, 5);
  auto admin = w.NewClient("c1");
  REQUIRE(w.Write(*admin, "one", 0).ok());
  w.CrashNode(4);
  w.CrashNode(5);
  std::vector<Replica> next = {w.ReplicaOf(3), w.ReplicaOf(4), w.ReplicaOf(5)};
  auto moved = w.Run(*admin, admin->store->ChangeAcceptors("a", next, Version(1)));
  CHECK(absl::IsUnavailable(moved->status()));
  CHECK(w.Read(*admin)->version == Version(1));
  CHECK(w.Write(*admin, "two", 1).ok());
}

TEST_CASE("Metastore: a node that lost its disk does not vote") {
  MetastoreWorld w(5);
  auto client = w.NewClient("c1");
  REQUIRE(w.Write(*client, "one", 0).ok());
  w.CrashNode(1);
  w.WipeNode(1);
  REQUIRE(w.AwaitNodes());
  REQUIRE(w.Write(*client, "two", 1).ok());
  // Without node 3 there is no majority of those who remember: unavailable, not wrong.
  w.CrashNode(3);
  auto fresh = w.NewClient("c2");
  CHECK(absl::IsUnavailable(w.Read(*fresh).status()));
  CHECK_FALSE(w.Write(*fresh, "three", 2).ok());
  w.StartNode(3);
  CHECK(w.Read(*fresh)->version >= Version(2));
}

TEST_CASE("Metastore: an empty disk does not vote on a log's first slot either") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    MetastoreWorld w(seed);
    w.options().patience = seconds(2);
    auto writer = w.NewClient("c1");
    auto reader = w.NewClient("c2");
    REQUIRE(w.Run(*writer, writer->store->Write("b", "other", Version(0)))->ok());
    w.CrashNode(3);
    REQUIRE(w.Write(*writer, "one", 0).ok());  // by 1 and 2
    REQUIRE(w.Run(*reader, reader->store->List())->ok());
    w.CrashNode(1);
    w.WipeNode(1);
    w.CrashNode(2);
    w.StartNode(3);
    REQUIRE(w.AwaitNodes());
    // It knows from the directory who votes; 1 is another disk now, and 3 alone is no majority.
    CHECK(absl::IsUnavailable(w.Read(*reader).status()));
    CHECK_FALSE(w.Write(*reader, "x", 0).ok());
    w.StartNode(2);
    CHECK(w.Read(*reader)->value == "one");
  }
}

TEST_CASE("Metastore: a node whose journal rotted below its synced mark does not vote") {
  MetastoreWorld w(11);
  auto client = w.NewClient("c1");
  for (uint64_t v = 0; v < 20; ++v) {
    REQUIRE(w.Write(*client, "v" + std::to_string(v + 1), v).ok());
  }
  w.RunFor(seconds(1));
  CHECK(w.node(2)->acceptor->core().votes());
  w.CrashNode(2);
  std::string segment;
  for (const std::string& name : w.image(2).names()) {
    if (segment.empty() && name.ends_with(".seg")) segment = name;
  }
  REQUIRE_FALSE(segment.empty());
  w.image(2).FlipBit(segment, 3000);
  w.StartNode(2);
  REQUIRE(w.AwaitNodes());
  CHECK_FALSE(w.node(2)->acceptor->core().votes());
  CHECK(w.Write(*client, "more", 20).ok());
  w.CrashNode(1);
  CHECK_FALSE(w.Write(*client, "not", 21).ok());
}

TEST_CASE("Metastore: another cluster's nodes are refused") {
  MetastoreWorld w(2);
  w.options().cluster = ClusterId(43);
  w.options().patience = seconds(2);
  auto stranger = w.NewClient("c1");
  CHECK_FALSE(w.Read(*stranger).ok());
  CHECK_FALSE(w.Write(*stranger, "x", 0).ok());
  metastore::ClusterRecord record;
  record.cluster = ClusterId(43);
  record.self = w.ReplicaOf(1);
  record.acceptors = {w.ReplicaOf(1)};
  auto formatted = RunTask(w.world, stranger->env, w.node(1)->acceptor->Format(record));
  CHECK(absl::IsAlreadyExists(*formatted));
}

TEST_CASE("Metastore: a change is heard at once when chosen, after a grace when half accepted") {
  MetastoreWorld w(4);
  auto writer = w.NewClient("c1");
  auto waiter = w.NewClient("c2");
  REQUIRE(w.Write(*writer, "one", 0).ok());
  Instant far = w.world.now() + std::chrono::minutes(5);
  auto first = StartTask(waiter->env, waiter->store->AwaitChange("a", Version(1), far));
  w.RunFor(seconds(1));
  CHECK_FALSE(first->has_value());
  REQUIRE(w.Write(*writer, "two", 1).ok());
  w.RunFor(milliseconds(20));
  REQUIRE(first->has_value());
  CHECK((*first)->value() == Version(2));

  REQUIRE(w.Run(*writer, writer->store->Reserve("a", Version(2)))->ok());
  for (uint64_t node : {2, 3}) w.fabric.Cut("c1", w.Host(node));
  for (uint64_t node : {2, 3}) w.fabric.Cut(w.Host(node), "c1");
  auto writing = StartTask(writer->env, writer->store->Write("a", "three", Version(2)));
  auto accepted = [&] { return HasAccepted(w, 1); };
  REQUIRE(w.world.RunUntil(accepted, w.world.now() + seconds(5)));
  writer.reset();
  // Without node 3 nobody can say that it was not chosen.
  w.CrashNode(3);
  auto second = StartTask(waiter->env, waiter->store->AwaitChange("a", Version(2), far));
  w.RunFor(milliseconds(100));
  CHECK_FALSE(second->has_value());
  w.RunFor(seconds(3));
  REQUIRE(second->has_value());
  CHECK((*second)->value() == Version(3));
}

TEST_CASE("Metastore: an idle watch costs next to nothing, and news bring the value along") {
  MetastoreWorld w(6);
  auto writer = w.NewClient("c1");
  auto waiter = w.NewClient("c2");
  REQUIRE(w.Write(*writer, "one", 0).ok());
  auto requests = [&] {
    uint64_t sum = 0;
    for (uint64_t node = 1; node <= 3; ++node) sum += w.node(node)->server->stats().requests;
    return sum;
  };
  Instant far = w.world.now() + std::chrono::minutes(5);
  auto news = StartTask(waiter->env, waiter->store->AwaitNewer("a", Version(1), far));
  w.RunFor(seconds(1));
  uint64_t before = requests();
  w.RunFor(seconds(60));
  CHECK(requests() - before < 100);
  before = requests();
  REQUIRE(w.Write(*writer, "two", 1).ok());
  w.RunFor(milliseconds(20));
  REQUIRE(news->has_value());
  CHECK((**news)->version == Version(2));
  CHECK((**news)->value == "two");
  uint64_t with_waiter = requests() - before;
  before = requests();
  REQUIRE(w.Write(*writer, "three", 2).ok());
  w.RunFor(milliseconds(20));
  CHECK(requests() - before == with_waiter);  // nobody has read anything
}

TEST_CASE("Metastore: closing ends a watch at once, also one without a majority") {
  MetastoreWorld w(7);
  auto client = w.NewClient("c1");
  REQUIRE(w.Write(*client, "one", 0).ok());
  Instant far = w.world.now() + std::chrono::minutes(5);
  auto news = StartTask(client->env, client->store->AwaitNewer("a", Version(1), far));
  w.RunFor(seconds(1));
  w.CrashNode(1);
  w.CrashNode(2);
  auto read = StartTask(client->env, client->store->Read("a"));
  w.RunFor(milliseconds(500));
  REQUIRE_FALSE(news->has_value());
  REQUIRE_FALSE(read->has_value());
  client->store->EndWaits("a");
  w.RunFor(milliseconds(1));
  CHECK(news->has_value());
  CHECK(read->has_value());
}

TEST_CASE("Metastore: a watch whose acceptors were all gone for a moment is not blind") {
  MetastoreWorld w(8);
  auto writer = w.NewClient("c1");
  auto waiter = w.NewClient("c2");
  REQUIRE(w.Write(*writer, "one", 0).ok());
  Instant far = w.world.now() + std::chrono::minutes(5);
  auto news = StartTask(waiter->env, waiter->store->AwaitNewer("a", Version(1), far));
  w.RunFor(seconds(1));
  for (uint64_t node = 1; node <= 3; ++node) w.CrashNode(node);
  w.RunFor(milliseconds(100));
  for (uint64_t node = 1; node <= 3; ++node) w.StartNode(node);
  REQUIRE(w.AwaitNodes());
  REQUIRE(w.Write(*writer, "two", 1).ok());
  w.RunFor(milliseconds(1500));
  REQUIRE(news->has_value());
  CHECK((**news)->value == "two");
}

TEST_CASE("Metastore: a write that finds its reservation under way takes it over") {
  auto requests_of = [](bool beside) {
    MetastoreWorld w(9);
    auto client = w.NewClient("c1");
    REQUIRE(w.Write(*client, "one", 0).ok());
    w.RunFor(seconds(1));
    uint64_t before = 0;
    for (uint64_t node = 1; node <= 3; ++node) before += w.node(node)->server->stats().requests;
    auto reserved = StartTask(client->env, client->store->Reserve("a", Version(1)));
    if (!beside) w.RunFor(seconds(1));
    REQUIRE(w.Write(*client, "two", 1).ok());
    w.RunFor(seconds(1));
    REQUIRE(reserved->has_value());
    CHECK((*reserved)->ok());
    uint64_t after = 0;
    for (uint64_t node = 1; node <= 3; ++node) after += w.node(node)->server->stats().requests;
    return after - before;
  };
  CHECK(requests_of(true) == requests_of(false));
}

}  // namespace
}  // namespace vlog::testing

// The identity of a data directory on the simulated disk: formatting and boot numbers under crashes
// at every step, and every directory that is not the right one.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "env/real/temp_directory.h"
#include "env/sim/sim_env.h"
#include "server/node_identity.h"
#include "server/node_identity_core.h"
#include "server/node_life.h"
#include "testing/contract_world.h"
#include "testing/run_task.h"

namespace vlog::server {
namespace {

using env::SimDiskImage;
using env::SimEnv;
using env::SimWorld;
using testing::Outcome;
using testing::RunTask;
using testing::StartTask;

using Opened = StatusOr<std::unique_ptr<DataDirectory>>;
using Formatted = StatusOr<NodeIdentity>;

FormatRequest Request(uint64_t node = 3) {
  FormatRequest request;
  request.node = NodeId(node);
  request.cluster_name = "orders";
  return request;
}

// One machine with one disk, whose process can be killed or lose its power.
struct Machine {
  explicit Machine(uint64_t seed) : world(seed), image(world) { Boot(); }
  ~Machine() { PowerCut(); }

  void Boot() { env = std::make_unique<SimEnv>(world, image, "node"); }
  // The process is gone; what it wrote is in the page cache.
  void Kill() {
    env->Crash();
    directory.reset();
    env.reset();
    Boot();
  }
  void PowerCut() {
    Kill();
    image.Crash();
  }

  Formatted Format(FormatRequest request = Request()) {
    std::optional<Formatted> formatted =
        RunTask(world, *env, FormatDataDirectory(*env, std::move(request)));
    REQUIRE(formatted.has_value());
    return *formatted;
  }
  // The boot number of a start, which keeps the directory.
  StatusOr<uint64_t> Start(ExpectedIdentity expected = {NodeId(3), std::nullopt}) {
    directory.reset();
    std::optional<Opened> opened = RunTask(world, *env, DataDirectory::Open(*env, expected));
    REQUIRE(opened.has_value());
    VLOG_RETURN_IF_ERROR(*opened);
    directory = **std::move(opened);
    return directory->identity().incarnation.value();
  }
  Status StartError(ExpectedIdentity expected = {NodeId(3), std::nullopt}) {
    return Start(expected).status();
  }
  void Put(const std::string& name, std::string contents) {
    auto file = RunTask(world, *env, env->disk().Open(name, env::OpenMode::kCreate));
    REQUIRE(file.has_value());
    REQUIRE(file->ok());
    BytesList data(1, Bytes(std::move(contents)));
    auto written =
        RunTask(world, *env, (**file)->Write(0, std::move(data), env::Durability::kSynced));
    REQUIRE(written.has_value());
    auto synced = RunTask(world, *env, env->disk().SyncDirectory(""));
    REQUIRE(synced.has_value());
  }

  SimWorld world;
  SimDiskImage image;
  std::unique_ptr<SimEnv> env;
  std::unique_ptr<DataDirectory> directory;
};

bool Says(const Status& status, const std::string& text) {
  CAPTURE(Message(status));
  bool says = Message(status).find(text) != std::string::npos;
  CHECK(says);
  return says;
}

TEST_CASE("Identity: a formatted directory keeps who it is, and its boot number grows each start") {
  Machine machine(1);
  Formatted formatted = machine.Format();
  REQUIRE(formatted.ok());
  CHECK(formatted->node == NodeId(3));
  CHECK(formatted->cluster != ClusterId());
  CHECK(formatted->disk != DiskId());
  CHECK(formatted->incarnation == Incarnation(0));
  for (uint64_t boot = 1; boot <= 5; ++boot) {
    StatusOr<uint64_t> started = machine.Start();
    REQUIRE(started.ok());
    CHECK(*started == boot);
    NodeIdentity found = machine.directory->identity();
    CHECK(found.cluster == formatted->cluster);
    CHECK(found.disk == formatted->disk);
    CHECK(found.cluster_name == "orders");
    machine.PowerCut();
  }
}

TEST_CASE("Identity: two formatted directories share no id unless they are told one") {
  Machine one(1);
  Machine two(2);
  Formatted first = one.Format();
  Formatted second = two.Format();
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(first->cluster != second->cluster);
  CHECK(first->disk != second->disk);
  Machine three(3);
  FormatRequest request = Request(4);
  request.cluster = first->cluster;
  Formatted third = three.Format(request);
  REQUIRE(third.ok());
  CHECK(third->cluster == first->cluster);
  CHECK(third->disk != first->disk);
  // The same disk, wiped and formatted again, is another replica.
  Machine again(1);
  again.world.Random();
  CHECK(again.Format()->disk != first->disk);
}

// --- Crashes ------------------------------------------------------------------------------------

TEST_CASE("Identity: a crash at any step of --init leaves it done, or to be done again") {
  int done = 0;
  int undone = 0;
  for (bool power_cut : {false, true}) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      bool finished = false;
      for (int steps = 0; !finished; ++steps) {
        CAPTURE(power_cut, seed, steps);
        REQUIRE(steps < 200);
        Machine machine(seed);
        Outcome<Formatted> formatting =
            StartTask(*machine.env, FormatDataDirectory(*machine.env, Request()));
        for (int i = 0; i < steps && !formatting->has_value(); ++i) machine.world.Step();
        finished = formatting->has_value();
        std::optional<Formatted> result = *formatting;
        power_cut ? machine.PowerCut() : machine.Kill();

        StatusOr<uint64_t> started = machine.Start();
        ++(started.ok() ? done : undone);
        if (finished) {
          REQUIRE(started.ok());
          REQUIRE(machine.directory->identity().disk == (*result)->disk);
        }
        if (started.ok()) {
          // Whatever was served on the strength of this must be there after a power cut.
          DiskId disk = machine.directory->identity().disk;
          machine.PowerCut();
          REQUIRE(machine.Start().ok());
          REQUIRE(machine.directory->identity().disk == disk);
          REQUIRE(*machine.Start() == 3);
          REQUIRE(absl::IsAlreadyExists(machine.Format().status()));
        } else {
          REQUIRE(absl::IsNotFound(started.status()));
          REQUIRE(machine.Format().ok());
          REQUIRE(*machine.Start() == 1);
        }
      }
    }
  }
  CHECK(done > 100);
  CHECK(undone > 100);
}

TEST_CASE("Identity: no boot number is ever given twice, whenever the node crashes") {
  int cut = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Machine machine(seed);
    REQUIRE(machine.Format().ok());
    uint64_t last = 0;
    for (int start = 0; start < 20; ++start) {
      CAPTURE(start);
      ExpectedIdentity expected{NodeId(3), std::nullopt};
      Outcome<Opened> opening =
          StartTask(*machine.env, DataDirectory::Open(*machine.env, expected));
      uint64_t steps = machine.world.RandomBelow(30);
      for (uint64_t i = 0; i < steps && !opening->has_value(); ++i) machine.world.Step();
      if (opening->has_value()) {
        REQUIRE((*opening)->ok());
        uint64_t boot = (**opening).value()->identity().incarnation.value();
        REQUIRE(boot > last);
        last = boot;
      } else {
        ++cut;
      }
      opening->reset();
      opening.reset();
      machine.world.Chance(0.5) ? machine.PowerCut() : machine.Kill();
    }
    StatusOr<uint64_t> started = machine.Start();
    REQUIRE(started.ok());
    REQUIRE(*started > last);
  }
  CHECK(cut > 200);
}

TEST_CASE("Identity: without a durable boot number the node does not start") {
  Machine machine(1);
  REQUIRE(machine.Format().ok());
  REQUIRE(*machine.Start() == 1);
  machine.PowerCut();
  machine.image.FailNextSync();
  Status failed = machine.StartError();
  CHECK_FALSE(failed.ok());
  CHECK(machine.directory == nullptr);
  machine.PowerCut();
  CHECK(*machine.Start() == 2);
  // Counting the boot takes no space.
  machine.PowerCut();
  machine.image.SetCapacity(machine.image.used());
  CHECK(*machine.Start() == 3);
}

TEST_CASE("Identity: on a full disk --init fails and can be done again") {
  Machine machine(1);
  machine.image.SetCapacity(1000);
  CHECK(absl::IsResourceExhausted(machine.Format().status()));
  CHECK(absl::IsNotFound(machine.StartError()));
  machine.image.SetCapacity(UINT64_MAX);
  CHECK(machine.Format().ok());
  CHECK(*machine.Start() == 1);
}

// --- The wrong directory ------------------------------------------------------------------------

TEST_CASE("Identity: an empty or wiped directory is refused with what to do, and left alone") {
  Machine machine(1);
  Status refused = machine.StartError();
  CHECK(absl::IsNotFound(refused));
  Says(refused, "'vlogd --init'");
  Says(refused, "'vlog replace-disk NODE'");
  CHECK(machine.image.names().empty());
}

TEST_CASE("Identity: a directory with other files is neither started nor formatted") {
  Machine machine(1);
  for (const char* name : {"a.txt", "b.txt", "c.txt", "d.txt"}) machine.Put(name, "text");
  std::vector<std::string> before = machine.image.names();
  Status refused = machine.StartError();
  CHECK(absl::IsDataLoss(refused));
  Says(refused, "a.txt, b.txt, c.txt and 1 more");
  Says(refused, "'vlog replace-disk NODE'");
  refused = machine.Format().status();
  CHECK(absl::IsInvalidArgument(refused));
  Says(refused, "is not empty (a.txt, b.txt, c.txt and 1 more)");
  CHECK(machine.image.names() == before);
}

TEST_CASE("Identity: what a file system brings along does not make a directory full") {
  Machine machine(1);
  REQUIRE(RunTask(machine.world, *machine.env, machine.env->disk().MakeDirectory("lost+found")));
  CHECK(absl::IsNotFound(machine.StartError()));
  CHECK(machine.Format().ok());
  CHECK(*machine.Start() == 1);
}

TEST_CASE("Identity: --init never touches a formatted directory") {
  Machine machine(1);
  Formatted formatted = machine.Format();
  REQUIRE(formatted.ok());
  Status again = machine.Format(Request(9)).status();
  CHECK(absl::IsAlreadyExists(again));
  Says(again, "formatted already");
  REQUIRE(machine.Start().ok());
  CHECK(machine.directory->identity().disk == formatted->disk);
}

TEST_CASE("Identity: the directory of another node or cluster is refused and counts no boot") {
  Machine machine(1);
  Formatted formatted = machine.Format();
  REQUIRE(formatted.ok());
  ClusterId other(formatted->cluster.value() ^ 1);
  Status refused = machine.StartError({NodeId(4), std::nullopt});
  CHECK(absl::IsInvalidArgument(refused));
  Says(refused, "belongs to node 3 of cluster orders");
  Says(refused, "node.id is 4");
  refused = machine.StartError({NodeId(3), other});
  CHECK(absl::IsInvalidArgument(refused));
  Says(refused, absl::StrFormat("cluster.id is %016x", other.value()));
  CHECK(*machine.Start({NodeId(3), formatted->cluster}) == 1);
}

TEST_CASE("Identity: two processes on one directory are refused, also while it is formatted") {
  Machine machine(1);
  REQUIRE(machine.Format().ok());
  REQUIRE(machine.Start().ok());
  SimEnv second(machine.world, machine.image, "second");
  std::optional<Opened> opened =
      RunTask(machine.world, second, DataDirectory::Open(second, {NodeId(3), std::nullopt}));
  REQUIRE(opened.has_value());
  CHECK(absl::IsAlreadyExists(opened->status()));
  Says(opened->status(), "in use by another process");
  // Beside it, a look is free.
  std::optional<Formatted> looked = RunTask(machine.world, second, ReadIdentity(second));
  REQUIRE(looked.has_value());
  REQUIRE(looked->ok());
  CHECK(**looked == machine.directory->identity());
  machine.directory.reset();
  CHECK(*machine.Start() == 2);
  second.Crash();
}

TEST_CASE("Identity: of two concurrent --init one wins") {
  int races = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Machine machine(seed);
    SimEnv second(machine.world, machine.image, "second");
    Outcome<Formatted> one = StartTask(*machine.env, FormatDataDirectory(*machine.env, Request()));
    Outcome<Formatted> two = StartTask(second, FormatDataDirectory(second, Request()));
    bool both = machine.world.RunUntil([&] { return one->has_value() && two->has_value(); },
                                       machine.world.now() + std::chrono::minutes(1));
    REQUIRE(both);
    REQUIRE((*one)->ok() != (*two)->ok());
    const Formatted& winner = (*one)->ok() ? **one : **two;
    const Formatted& loser = (*one)->ok() ? **two : **one;
    REQUIRE(absl::IsAlreadyExists(loser.status()));
    races += Message(loser.status()).find("in use") != std::string::npos;
    second.Crash();
    machine.PowerCut();
    REQUIRE(machine.Start().ok());
    REQUIRE(machine.directory->identity().disk == winner->disk);
  }
  CHECK(races > 5);
}

TEST_CASE("Identity: rot of one copy is survived, rot of both is told and nothing is served") {
  for (uint64_t byte = 0; byte < 64; ++byte) {
    CAPTURE(byte);
    Machine machine(byte);
    REQUIRE(machine.Format().ok());
    REQUIRE(*machine.Start() == 1);
    machine.PowerCut();
    machine.image.FlipBit(kIdentityFile, 4096 + byte);
    REQUIRE(*machine.Start() == 2);
    machine.PowerCut();
    machine.image.FlipBit(kIdentityFile, 4096 + byte);
    machine.image.FlipBit(kIdentityFile, 8192 + byte);
    Status refused = machine.StartError();
    REQUIRE(absl::IsDataLoss(refused));
    Says(refused, "'vlog replace-disk NODE'");
  }
}

TEST_CASE("Identity: an unknown format version and malformed values are refused") {
  NodeIdentity identity{ClusterId(1), "c", NodeId(2), DiskId(3), Incarnation(4)};
  std::string encoded = EncodeIdentity(identity);
  REQUIRE(DecodeIdentity(encoded).ok());
  CHECK(*DecodeIdentity(encoded) == identity);
  std::string newer = encoded;
  newer[4] = 2;
  Status refused = DecodeIdentity(newer).status();
  CHECK(absl::IsInvalidArgument(refused));
  Says(refused, "has format version 2, and this program knows only 1");
  for (size_t size = 0; size < encoded.size(); ++size) {
    CAPTURE(size);
    CHECK(absl::IsDataLoss(DecodeIdentity(encoded.substr(0, size)).status()));
  }
  CHECK(absl::IsDataLoss(DecodeIdentity(encoded + "x").status()));
  for (NodeIdentity broken : {NodeIdentity{ClusterId(), "c", NodeId(2), DiskId(3), {}},
                              NodeIdentity{ClusterId(1), "c", NodeId(), DiskId(3), {}},
                              NodeIdentity{ClusterId(1), "c", NodeId(2), DiskId(), {}}}) {
    CHECK(absl::IsDataLoss(DecodeIdentity(EncodeIdentity(broken)).status()));
  }
  // The whole way: a state file that holds something else.
  Machine machine(1);
  auto made = RunTask(machine.world, *machine.env,
                      storage::StateFile::Create(*machine.env, kIdentityFile, newer));
  REQUIRE(made.has_value());
  Status whole = machine.StartError();
  CHECK(absl::IsInvalidArgument(whole));
  Says(whole, "simulated disk/identity has format version 2");
}

TEST_CASE("Identity: it works on a real folder, made on the way") {
  std::unique_ptr<testing::ContractWorld> world = testing::NewRealContractWorld();
  std::optional<Formatted> formatted = world->Run(FormatDataDirectory(world->env(), Request()));
  REQUIRE(formatted.has_value());
  REQUIRE(formatted->ok());
  for (uint64_t boot = 1; boot <= 3; ++boot) {
    ExpectedIdentity expected{NodeId(3), (*formatted)->cluster};
    std::optional<Opened> opened = world->Run(DataDirectory::Open(world->env(), expected));
    REQUIRE(opened.has_value());
    REQUIRE(opened->ok());
    CHECK((**opened)->identity().incarnation == Incarnation(boot));
    world->Kill([&] { opened.reset(); });
  }
}

// --- Lives --------------------------------------------------------------------------------------

NodeLife Life(uint64_t disk, uint64_t boot, uint64_t process) {
  return NodeLife{{NodeId(3), DiskId(disk)}, Incarnation(boot), ProcessId(process)};
}

TEST_CASE("Identity: an old copy of a disk is told from a life that goes on and from a new one") {
  NodeLife known = Life(7, 5, 100);
  CHECK(*CompareLives(known, Life(7, 5, 100)) == LifeChange::kSame);
  CHECK(*CompareLives(known, Life(7, 6, 200)) == LifeChange::kNewer);
  CHECK(*CompareLives(known, Life(7, 900, 200)) == LifeChange::kNewer);
  for (NodeLife copy : {Life(7, 5, 200), Life(7, 4, 200), Life(7, 0, 200)}) {
    Status refused = CompareLives(known, copy).status();
    CHECK(absl::IsAborted(refused));
    Says(refused, "old copy of the disk");
    Says(refused, "'vlog replace-disk 3'");
    Says(refused, absl::StrCat("boot ", copy.incarnation.value(), ")"));
  }
  Status wiped = CompareLives(known, Life(8, 1, 200)).status();
  CHECK(absl::IsAborted(wiped));
  Says(wiped, "its disk was replaced, wiped or swapped");
  Says(wiped, "'vlog replace-disk 3'");
  CHECK(absl::IsAborted(CompareLives(known, Life(7, 6, 100)).status()));
  CHECK(absl::IsAborted(CompareLives(known, Life(7, 4, 100)).status()));
}

TEST_CASE("Identity: a disk that is put back to an older state is found out by its boot number") {
  Machine machine(1);
  REQUIRE(machine.Format().ok());
  REQUIRE(machine.Start().ok());
  machine.PowerCut();
  std::string snapshot = machine.image.contents(kIdentityFile);
  REQUIRE(*machine.Start() == 2);
  NodeLife known{machine.directory->identity().replica(), Incarnation(2), ProcessId(1)};
  machine.PowerCut();
  // The folder is copied back.
  REQUIRE(RunTask(machine.world, *machine.env, machine.env->disk().Remove(kIdentityFile)));
  machine.Put(kIdentityFile, snapshot);
  REQUIRE(*machine.Start() == 2);
  NodeLife seen{machine.directory->identity().replica(), machine.directory->identity().incarnation,
                ProcessId(2)};
  CHECK(absl::IsAborted(CompareLives(known, seen).status()));
}

}  // namespace
}  // namespace vlog::server

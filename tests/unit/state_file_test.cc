// A small atomic value on the simulated disk: crashes at every step, rot, a full disk, a failed
// sync, and a reader beside the writer.
#include "storage/state_file.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "env/sim/sim_env.h"
#include "testing/run_task.h"

namespace vlog::storage {
namespace {

using env::OpenMode;
using env::SimDiskImage;
using env::SimEnv;
using env::SimWorld;
using testing::Outcome;
using testing::RunTask;
using testing::StartTask;

constexpr char kName[] = "state";
constexpr uint64_t kHeaderBytes = 4096;  // before the two copies

// One process with one state file, which can crash and start again.
struct Node {
  explicit Node(uint64_t seed) : world(seed), image(world) { Boot(); }
  ~Node() { Crash(); }

  void Boot() { env = std::make_unique<SimEnv>(world, image, "node"); }

  void Crash() {
    env->Crash();
    file.reset();
    env.reset();
    image.Crash();
    Boot();
  }

  Status Take(std::optional<StatusOr<std::unique_ptr<StateFile>>> opened) {
    REQUIRE(opened.has_value());
    VLOG_RETURN_IF_ERROR(*opened);
    file = **std::move(opened);
    return absl::OkStatus();
  }
  Status Create(std::string value) {
    return Take(RunTask(world, *env, StateFile::Create(*env, kName, std::move(value))));
  }
  Status Open(OpenMode mode = OpenMode::kReadWrite) {
    return Take(RunTask(world, *env, StateFile::Open(*env, kName, mode)));
  }
  Status Write(std::string value) {
    std::optional<Status> written = RunTask(world, *env, file->Write(std::move(value)));
    REQUIRE(written.has_value());
    return *written;
  }

  SimWorld world;
  SimDiskImage image;
  std::unique_ptr<SimEnv> env;
  std::unique_ptr<StateFile> file;
};

// Fits a slot of 4096 bytes, and does not.
const std::string kOld = "the old value " + std::string(900, 'o');
const std::string kNew = "the new value " + std::string(1500, 'n');
const std::string kLarge = "a large value " + std::string(9000, 'l');

TEST_CASE("State file: it holds the last value that was written") {
  Node node(1);
  REQUIRE(node.Create("one").ok());
  CHECK(node.file->value() == "one");
  REQUIRE(node.Write("two").ok());
  REQUIRE(node.Write("").ok());
  CHECK(node.file->value().empty());
  REQUIRE(node.Write("three").ok());
  node.file.reset();
  REQUIRE(node.Open().ok());
  CHECK(node.file->value() == "three");
  REQUIRE(node.Open(OpenMode::kRead).ok());
  CHECK(node.file->value() == "three");
}

TEST_CASE("State file: creating an existing one and opening a missing one are refused") {
  Node node(1);
  CHECK(absl::IsNotFound(node.Open()));
  CHECK(absl::IsNotFound(node.Open(OpenMode::kRead)));
  REQUIRE(node.Create("one").ok());
  CHECK(absl::IsAlreadyExists(node.Create("two")));
  REQUIRE(node.Open().ok());
  CHECK(node.file->value() == "one");
}

TEST_CASE("State file: a file that is none says so") {
  for (size_t size : {0, 10, 4096, 20'000}) {
    CAPTURE(size);
    Node node(1);
    auto file = RunTask(node.world, *node.env, node.env->disk().Open(kName, OpenMode::kCreate));
    REQUIRE(file.has_value());
    REQUIRE(file->ok());
    BytesList data(1, Bytes(std::string(size, 'x')));
    auto written = RunTask(node.world, *node.env,
                           (**file)->Write(0, std::move(data), env::Durability::kSynced));
    REQUIRE(written.has_value());
    CHECK(absl::IsDataLoss(node.Open()));
    CHECK(absl::IsDataLoss(node.Open(OpenMode::kRead)));
  }
}

// --- Crashes ------------------------------------------------------------------------------------

// What happened to one write that was cut short.
struct Cut {
  bool finished = false;  // the write had returned OK
  bool took_new = false;  // the new value is there after the crash
};

// Crashes `steps` world steps into a write of `value` over kOld, and checks what is left.
Cut CrashDuringWrite(uint64_t seed, int steps, const std::string& value) {
  Cut cut;
  Node node(seed);
  REQUIRE(node.Create(kOld).ok());
  REQUIRE(node.Write(kOld).ok());
  Outcome<Status> outcome = StartTask(*node.env, node.file->Write(value));
  for (int i = 0; i < steps && !outcome->has_value(); ++i) node.world.Step();
  cut.finished = outcome->has_value();
  if (cut.finished) REQUIRE((*outcome)->ok());
  node.Crash();

  REQUIRE(node.Open().ok());
  cut.took_new = node.file->value() == value;
  if (cut.finished) REQUIRE(cut.took_new);
  if (!cut.took_new) REQUIRE(node.file->value() == kOld);
  // What was read once is there for good, and the file takes more.
  std::string seen = node.file->value();
  node.Crash();
  REQUIRE(node.Open().ok());
  REQUIRE(node.file->value() == seen);
  REQUIRE(node.Write("after").ok());
  node.Crash();
  REQUIRE(node.Open().ok());
  REQUIRE(node.file->value() == "after");
  return cut;
}

TEST_CASE("State file: a crash at any step of a write leaves the old value or the new one") {
  for (const std::string* value : {&kNew, &kLarge}) {
    int unfinished_old = 0;
    int unfinished_new = 0;
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      CAPTURE(seed, value->size());
      Cut cut;
      for (int steps = 0; !cut.finished; ++steps) {
        CAPTURE(steps);
        REQUIRE(steps < 200);
        cut = CrashDuringWrite(seed, steps, *value);
        if (!cut.finished) ++(cut.took_new ? unfinished_new : unfinished_old);
      }
    }
    CAPTURE(value->size());
    CHECK(unfinished_old > 40);
    CHECK(unfinished_new > 10);
  }
}

TEST_CASE("State file: a crash at any step of the repair of a cut write loses nothing") {
  int repairs_cut = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Node node(seed);
    REQUIRE(node.Create(kOld).ok());
    Outcome<Status> outcome = StartTask(*node.env, node.file->Write(kNew));
    for (uint64_t i = node.world.RandomBelow(12); i > 0; --i) node.world.Step();
    node.Crash();
    std::string bytes = node.image.contents(kName);
    bool torn = bytes.substr(kHeaderBytes, 4096) != bytes.substr(kHeaderBytes + 4096);
    for (int round = 0; round < 4; ++round) {
      auto opening = StartTask(*node.env, StateFile::Open(*node.env, kName, OpenMode::kReadWrite));
      for (uint64_t i = node.world.RandomBelow(20); i > 0; --i) node.world.Step();
      repairs_cut += torn && !opening->has_value();
      opening.reset();
      node.Crash();
    }
    REQUIRE(node.Open().ok());
    REQUIRE((node.file->value() == kOld || node.file->value() == kNew));
  }
  CHECK(repairs_cut > 50);
}

TEST_CASE("State file: a crash at any step of its creation leaves none or the first value") {
  int none = 0;
  int there = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    bool finished = false;
    for (int steps = 0; !finished; ++steps) {
      CAPTURE(steps);
      REQUIRE(steps < 200);
      Node node(seed);
      auto creating = StartTask(*node.env, StateFile::Create(*node.env, kName, kOld));
      for (int i = 0; i < steps && !creating->has_value(); ++i) node.world.Step();
      finished = creating->has_value();
      creating->reset();
      node.Crash();
      Status opened = node.Open();
      ++(opened.ok() ? there : none);
      if (opened.ok()) {
        REQUIRE(node.file->value() == kOld);
      } else {
        REQUIRE(absl::IsNotFound(opened));
        REQUIRE_FALSE(finished);
        REQUIRE(node.Create("again").ok());  // whatever the crash left behind
      }
    }
  }
  CHECK(none > 50);
  CHECK(there > 50);
}

// --- Rot and errors -----------------------------------------------------------------------------

TEST_CASE("State file: rot anywhere in one copy leaves the value") {
  for (uint64_t copy : {0, 1}) {
    for (uint64_t byte = 0; byte < 16 + kNew.size(); byte += byte < 40 ? 1 : 37) {
      CAPTURE(copy, byte);
      Node node(byte);
      REQUIRE(node.Create(kOld).ok());
      REQUIRE(node.Write(kNew).ok());
      node.image.FlipBit(kName, kHeaderBytes + copy * 4096 + byte);
      REQUIRE(node.Open(OpenMode::kRead).ok());
      REQUIRE(node.file->value() == kNew);
      REQUIRE(node.Open().ok());
      REQUIRE(node.file->value() == kNew);
      // It was repaired: now the other copy may rot.
      node.image.FlipBit(kName, kHeaderBytes + (1 - copy) * 4096 + byte);
      REQUIRE(node.Open().ok());
      REQUIRE(node.file->value() == kNew);
    }
  }
}

TEST_CASE("State file: rot of both copies is data loss, never another value") {
  for (uint64_t byte = 0; byte < 16 + kNew.size(); byte += 97) {
    Node node(byte);
    REQUIRE(node.Create(kOld).ok());
    REQUIRE(node.Write(kNew).ok());
    node.image.FlipBit(kName, kHeaderBytes + byte);
    node.image.FlipBit(kName, kHeaderBytes + 4096 + byte);
    CHECK(absl::IsDataLoss(node.Open()));
    CHECK(absl::IsDataLoss(node.Open(OpenMode::kRead)));
  }
}

TEST_CASE("State file: rot of its header is the value or data loss") {
  for (const std::string* value : {&kNew, &kLarge}) {
    for (uint64_t byte = 0; byte < 16; ++byte) {
      CAPTURE(byte, value->size());
      Node node(byte);
      REQUIRE(node.Create(*value).ok());
      node.image.FlipBit(kName, byte);
      Status opened = node.Open();
      if (opened.ok()) {
        CHECK(node.file->value() == *value);
      } else {
        CHECK(absl::IsDataLoss(opened));
      }
    }
  }
}

TEST_CASE("State file: on a full disk what fits its slot is written, and more is not done") {
  Node node(1);
  REQUIRE(node.Create(kOld).ok());
  node.image.SetCapacity(node.image.used());
  REQUIRE(node.Write(kNew).ok());
  CHECK(absl::IsResourceExhausted(node.Write(kLarge)));
  CHECK(node.file->value() == kNew);
  CHECK(node.image.names() == std::vector<std::string>{kName});
  REQUIRE(node.Write(kOld).ok());
  node.image.SetCapacity(UINT64_MAX);
  REQUIRE(node.Write(kLarge).ok());
  REQUIRE(node.Write(kLarge + "!").ok());  // in place again
  node.Crash();
  REQUIRE(node.Open().ok());
  CHECK(node.file->value() == kLarge + "!");
}

TEST_CASE("State file: after a failed sync it holds the old value or the new one") {
  for (const std::string* value : {&kNew, &kLarge}) {
    for (uint64_t seed = 1; seed <= 30; ++seed) {
      CAPTURE(seed, value->size());
      Node node(seed);
      REQUIRE(node.Create(kOld).ok());
      node.image.FailNextSync();
      CHECK(absl::IsInternal(node.Write(*value)));
      CHECK(node.file->value() == kOld);
      node.Crash();
      REQUIRE(node.Open().ok());
      REQUIRE(node.file->value() == kOld);  // the first copy's sync failed
      REQUIRE(node.Write(*value).ok());
    }
  }
}

// --- A reader beside the writer -----------------------------------------------------------------

// How the values of one run change, and how the reader looks at them.
struct Watch {
  bool growing;  // each value outgrows the file of the one before
  bool reopen;   // opens the file for every look, else refreshes
};

// A value that tells its number.
std::string Numbered(uint64_t number, bool growing) {
  std::string value = std::to_string(number) + " ";
  value.resize(growing ? 1100 << (2 * number) : value.size() + (number * 311) % 2000, 'v');
  return value;
}
uint64_t NumberOf(const std::string& value) { return std::stoull(value); }

Task<void> WriteNumbers(StateFile& file, bool growing, uint64_t& acked) {
  while (!growing || acked < 4) {
    std::string next = Numbered(acked + 1, growing);
    Status written = co_await file.Write(std::move(next));
    if (!written.ok()) co_return;
    ++acked;
  }
}

// A process that only reads.
struct Reader {
  explicit Reader(Node& node) : world(node.world), env(node.world, node.image, "reader") {}

  std::string Look(bool reopen) {
    if (file == nullptr || reopen) {
      auto opened = RunTask(world, env, StateFile::Open(env, kName, OpenMode::kRead));
      REQUIRE(opened.has_value());
      REQUIRE(opened->ok());
      file = **std::move(opened);
    } else {
      std::optional<Status> refreshed = RunTask(world, env, file->Refresh());
      REQUIRE(refreshed.has_value());
      REQUIRE(refreshed->ok());
    }
    return file->value();
  }

  SimWorld& world;
  SimEnv env;
  std::unique_ptr<StateFile> file;
};

// How often the reader saw a value before the writer knew that it was written.
uint64_t WatchWriter(uint64_t seed, Watch watch) {
  Node node(seed);
  node.image.SetLatency(std::chrono::microseconds(1), std::chrono::microseconds(500));
  REQUIRE(node.Create(Numbered(0, watch.growing)).ok());
  Reader reader(node);
  uint64_t acked = 0;
  uint64_t ahead = 0;
  uint64_t shown = NumberOf(reader.Look(watch.reopen));
  async::SpawnRoot(node.env->scheduler().executor(),
                   WriteNumbers(*node.file, watch.growing, acked));
  for (uint64_t rounds = 1 + node.world.RandomBelow(20); rounds > 0; --rounds) {
    for (uint64_t i = node.world.RandomBelow(10); i > 0; --i) node.world.Step();
    uint64_t acked_before = acked;
    std::string value = reader.Look(watch.reopen);
    uint64_t number = NumberOf(value);
    REQUIRE(value == Numbered(number, watch.growing));
    REQUIRE(number >= shown);
    REQUIRE(number >= acked_before);
    REQUIRE(number <= acked + 1);
    shown = number;
    if (shown <= acked) continue;
    ++ahead;
    if (node.world.Chance(0.3)) break;  // to crash just here
  }
  node.Crash();
  // What the reader saw is there after any crash.
  REQUIRE(node.Open().ok());
  uint64_t after = NumberOf(node.file->value());
  REQUIRE(after >= shown);
  REQUIRE(after >= acked);
  REQUIRE(after <= acked + 1);
  return ahead;
}

TEST_CASE("State file: a reader beside the writer sees what is acknowledged and durable") {
  for (bool reopen : {false, true}) {
    uint64_t ahead = 0;
    for (uint64_t seed = 1; seed <= 300; ++seed) {
      CAPTURE(reopen, seed);
      ahead += WatchWriter(seed, {.growing = false, .reopen = reopen});
    }
    CHECK(ahead > 10);
  }
}

TEST_CASE("State file: a reader that refreshes follows a value that outgrows its file") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    WatchWriter(seed, {.growing = true, .reopen = false});
  }
}

TEST_CASE("State file: a reader that opens the file sees no larger value that is not durable") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    WatchWriter(seed, {.growing = true, .reopen = true});
  }
}

}  // namespace
}  // namespace vlog::storage

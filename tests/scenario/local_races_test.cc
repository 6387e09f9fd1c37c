// Races of one process and its disk, by name (FAULTS.md section 4).
#include <catch2/catch.hpp>

#include "embedded/directory.h"
#include "env/sim/sim_env.h"
#include "loglets/local/local_core.h"
#include "loglets/local/local_host.h"
#include "metastore/memory/memory_metastore.h"
#include "testing/run_task.h"
#include "testing/sim.h"

namespace vlog::testing {
namespace {

using embedded::Directory;
using embedded::DirectoryOptions;

// One embedded process that can be killed and started again on its disk.
struct Process {
  explicit Process(uint64_t seed) : world(seed), image(world) { Start(); }
  ~Process() { Kill(); }

  void Start() {
    env = std::make_shared<env::SimEnv>(world, image, "process");
    auto opened = RunTask(world, *env, Directory::OpenOn(env, DirectoryOptions()));
    REQUIRE((opened.has_value() && opened->ok()));
    directory = **std::move(opened);
    auto found = RunTask(world, *env, directory->OpenLog("log", true));
    REQUIRE((found.has_value() && found->ok()));
    log = **found;
    appender = log->NewAppender();
  }
  void Kill() {
    env->Crash();
    appender.reset();
    directory.reset();
    env.reset();
    image.Crash();
  }
  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> result = RunTask(world, *env, std::move(task));
    REQUIRE(result.has_value());
    return *std::move(result);
  }

  env::SimWorld world;
  env::SimDiskImage image;
  std::shared_ptr<env::SimEnv> env;
  std::unique_ptr<Directory> directory;
  virtuallog::SharedLog* log = nullptr;
  std::unique_ptr<virtuallog::Appender> appender;
};

Task<bool> CloseOf(virtuallog::Appender* appender) {
  co_await appender->Close();
  co_return true;
}

TEST_CASE("Race 34: a tail that was told survives a power cut at any later step") {
  for (uint64_t steps = 0; steps < 60; ++steps) {
    CAPTURE(steps);
    Process process(34);
    for (int i = 0; i < 3; ++i) {
      process.appender->Append(std::string_view("record"), [](const StatusOr<Lsn>&) {});
    }
    for (uint64_t i = 0; i < steps; ++i) process.world.Step();
    StatusOr<Lsn> told = process.Run(process.log->CheckTail());
    REQUIRE(told.ok());
    process.Kill();
    process.Start();
    CHECK(*process.Run(process.log->CheckTail()) >= *told);
  }
}

TEST_CASE("Race 22: a full disk refuses appends, serves reads, trim, swap and seal, and recovers") {
  Process process(22);
  std::string payload(100'000, 'p');
  uint64_t appended = 0;
  process.image.SetCapacity(process.image.used() + 400'000);
  Status refused;
  for (int i = 0; i < 200 && refused.ok(); ++i) {
    StatusOr<Lsn> lsn = process.Run(process.appender->Append(payload));
    refused = lsn.status();
    appended += lsn.ok();
  }
  CHECK(absl::IsResourceExhausted(refused));
  CHECK(appended > 0);
  CHECK(process.Run(process.log->CheckTail())->value() == appended);
  auto reader = process.log->NewReader(Lsn(0));
  CHECK(process.Run(reader->Next()).ok());
  CHECK(*process.Run(process.log->Trim(Lsn(1))) == Lsn(1));
  virtuallog::ReconfigureRequest swap;
  swap.reason = "full";
  CHECK(process.Run(process.log->Reconfigure(swap)).ok());
  process.image.SetCapacity(UINT64_MAX);
  StatusOr<Lsn> again = process.Run(process.appender->Append(std::string("again")));
  REQUIRE(again.ok());
  CHECK(again->value() == appended);
  CHECK(process.Run(process.log->SealLog("done")).ok());
  StatusOr<Lsn> late = process.Run(process.appender->Append(std::string("late")));
  CHECK(absl::IsFailedPrecondition(late.status()));
  CHECK(Message(late.status()).find("done") != std::string::npos);
}

TEST_CASE("Race 29: a run in which nothing happened is told by its counts") {
  SimScenario idle = *FindSimScenario("calm");
  idle.lives = 0;
  SimVerdict verdict = RunSim(idle, 1, false);
  CHECK(verdict.ok);
  CHECK(verdict.acked < 200);  // vlog-sim fails such a run as vacuous
}

// The local kind and its journal, without a directory around them.
struct LocalNode {
  LocalNode(env::SimWorld& world, env::SimDiskImage& image, size_t most_writers)
      : world(world), env(world, image, "node") {
    auto opened = RunTask(
        world, env,
        storage::Journal::Open(env, "j", storage::JournalOptions(), loglets::NewLocalStreamState));
    REQUIRE((opened.has_value() && opened->ok()));
    journal = **std::move(opened);
    loglets::LocalOptions options;
    options.most_writers = most_writers;
    factory.Register(loglets::NewLocalKind(env, *journal, options));
  }
  ~LocalNode() { env.Crash(); }
  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> result = RunTask(world, env, std::move(task));
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  std::shared_ptr<loglets::Loglet> Open(LogletId id) {
    return *Run((*factory.Find(loglets::kLocalKind))->Open(id, "", std::nullopt));
  }
  StatusOr<Offset> Append(loglets::Loglet& loglet, Batch batch) {
    std::optional<StatusOr<Offset>> result;
    loglet.Append(std::move(batch), [&](StatusOr<Offset> offset) { result = std::move(offset); });
    world.RunUntil([&] { return result.has_value(); }, Instant::Max());
    REQUIRE(result.has_value());
    return *result;
  }

  env::SimWorld& world;
  env::SimEnv env;
  std::unique_ptr<storage::Journal> journal;
  loglets::LogletFactory factory;
};

TEST_CASE(
    "Race 41: a trim and a restart keep the writers' table, and a retry is not stored twice") {
  env::SimWorld world(41);
  env::SimDiskImage image(world);
  LogletId id{"log", SegmentIndex(3), ProposalId(7)};
  auto batch = [](uint64_t seq) {
    BatchBuilder builder(WriterId(5), SeqNo(seq));
    builder.Add("record");
    Batch made = std::move(builder).Finish();
    made.header.first_in_loglet = seq == 0;
    made.header.prev = SeqNo(seq == 0 ? 0 : seq - 1);
    return made;
  };
  for (bool clean : {false, true}) {
    CAPTURE(clean);
    std::optional<LocalNode> node;
    node.emplace(world, image, 100);
    std::shared_ptr<loglets::Loglet> loglet = node->Open(id);
    CHECK(*node->Append(*loglet, batch(0)) == Offset(0));
    CHECK(*node->Append(*loglet, batch(1)) == Offset(1));
    CHECK(*node->Run(loglet->Trim(Offset(2))) == Offset(2));
    if (clean) CHECK(node->Run(node->journal->Close()).ok());
    loglet.reset();
    node.reset();
    image.Crash();
    node.emplace(world, image, 100);
    loglet = node->Open(id);
    CHECK(*node->Append(*loglet, batch(1)) == Offset(1));
    CHECK(node->Run(loglet->CheckTail())->offset == Offset(2));
    loglet.reset();
  }
}

TEST_CASE("Writers' cap: a loglet that knows its most writers seals itself and is succeeded") {
  env::SimWorld world(42);
  env::SimDiskImage image(world);
  LocalNode node(world, image, 3);
  metastore::MemoryMetastore metastore(node.env.scheduler());
  virtuallog::OpenOptions options;
  options.create_with_kind = loglets::kLocalKind;
  auto log =
      *node.Run(virtuallog::SharedLog::Open(node.env, metastore, node.factory, "log", options));
  std::vector<std::unique_ptr<virtuallog::Appender>> appenders;
  for (uint64_t i = 0; i < 10; ++i) {
    appenders.push_back(log->NewAppender());
    StatusOr<Lsn> lsn = node.Run(appenders.back()->Append(std::string("first")));
    REQUIRE(lsn.ok());
    CHECK(*lsn == Lsn(i));
  }
  CHECK((*node.Run(log->ReadChain()))->segments().size() == 4);
  // The handles of the older segments go on as well.
  for (uint64_t i = 0; i < 10; ++i) {
    StatusOr<Lsn> lsn = node.Run(appenders[i]->Append(std::string("second")));
    REQUIRE(lsn.ok());
    CHECK(*lsn == Lsn(10 + i));
  }
  for (auto& appender : appenders) {
    Task<bool> closing = CloseOf(appender.get());
    node.Run(std::move(closing));
  }
}

TEST_CASE("Swap: the stream of a segment that was replaced while empty does not stay") {
  env::SimWorld world(43);
  env::SimDiskImage image(world);
  LocalNode node(world, image, 100);
  metastore::MemoryMetastore metastore(node.env.scheduler());
  virtuallog::OpenOptions options;
  options.create_with_kind = loglets::kLocalKind;
  auto log =
      *node.Run(virtuallog::SharedLog::Open(node.env, metastore, node.factory, "log", options));
  for (int i = 0; i < 50; ++i) {
    virtuallog::ReconfigureRequest swap;
    swap.reason = "nothing was written";
    CHECK(node.Run(log->Reconfigure(swap)).ok());
  }
  CHECK((*node.Run(log->ReadChain()))->last().index == SegmentIndex(50));
  world.RunUntil([] { return false; }, world.now() + std::chrono::seconds(1));
  CHECK(node.journal->streams().streams().size() <= 2);  // the last loglet's, and the tombstones
}

TEST_CASE("Append: a deadline ends the wait, not the record's place in the order") {
  Process process(1);
  process.image.SetLatency(std::chrono::seconds(1), std::chrono::seconds(1));
  Instant soon = process.env->scheduler().Now() + std::chrono::milliseconds(10);
  StatusOr<Lsn> first = process.Run(process.appender->Append(std::string("first"), soon));
  CHECK(absl::IsUnknown(first.status()));
  StatusOr<Lsn> second = process.Run(process.appender->Append(std::string("second")));
  REQUIRE(second.ok());
  CHECK(*second == Lsn(1));
  Instant later = process.env->scheduler().Now() + std::chrono::minutes(1);
  StatusOr<Lsn> third = process.Run(process.appender->Append(std::string("third"), later));
  REQUIRE(third.ok());
  CHECK(*third == Lsn(2));
}

TEST_CASE("Close: a handle and a directory close while appends are on their way") {
  for (uint64_t steps = 0; steps < 40; ++steps) {
    CAPTURE(steps);
    Process process(2);
    int told = 0;
    for (int i = 0; i < 5; ++i) {
      process.appender->Append(std::string_view("record"), [&](const StatusOr<Lsn>& result) {
        CHECK(result.ok());
        ++told;
      });
    }
    for (uint64_t i = 0; i < steps; ++i) process.world.Step();
    Task<bool> closing = CloseOf(process.appender.get());
    process.Run(std::move(closing));
    CHECK(told == 5);
    StatusOr<Lsn> late = process.Run(process.appender->Append(std::string("late")));
    CHECK(absl::IsCancelled(late.status()));
    CHECK(process.Run(process.directory->Close()).ok());
  }
}

}  // namespace
}  // namespace vlog::testing

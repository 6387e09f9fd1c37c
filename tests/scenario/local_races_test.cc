// Races of one process and its disk, by name (FAULTS.md section 4).
#include <catch2/catch.hpp>

#include "embedded/directory.h"
#include "env/sim/sim_env.h"
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
    bool closed = false;
    auto close = [](virtuallog::Appender* appender, bool* done) -> Task<bool> {
      co_await appender->Close();
      *done = true;
      co_return true;
    };
    Task<bool> closing = close(process.appender.get(), &closed);
    process.Run(std::move(closing));
    CHECK(told == 5);
    StatusOr<Lsn> late = process.Run(process.appender->Append(std::string("late")));
    CHECK(absl::IsCancelled(late.status()));
    CHECK(process.Run(process.directory->Close()).ok());
  }
}

}  // namespace
}  // namespace vlog::testing

// The contract of a disk (env/disk.h), for the real and the simulated one.
#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "env/sim/sim_env.h"
#include "testing/contract_world.h"

namespace vlog::testing {
namespace {

using env::Disk;
using env::Durability;
using env::File;
using env::OpenMode;

class Fixture {
 public:
  explicit Fixture(ContractWorld& world) : world(world) {}

  Disk& disk() { return world.env().disk(); }
  std::shared_ptr<File> Open(const std::string& name, OpenMode mode) {
    auto file = world.Run(disk().Open(name, mode));
    REQUIRE(file.has_value());
    INFO(file->status().ToString());
    REQUIRE(file->ok());
    return **file;
  }
  Status OpenStatus(const std::string& name, OpenMode mode) {
    return world.Run(disk().Open(name, mode))->status();
  }
  Status Write(File& file, uint64_t offset, const std::string& data,
               Durability durability = Durability::kSynced) {
    // In two windows, so that gathering is exercised.
    BytesList parts;
    parts.push_back(Bytes::CopyOf(data.substr(0, data.size() / 2)));
    parts.push_back(Bytes::CopyOf(data.substr(data.size() / 2)));
    return *world.Run(file.Write(offset, std::move(parts), durability));
  }
  std::string Read(File& file, uint64_t offset, size_t length) {
    auto data = world.Run(file.Read(offset, length));
    REQUIRE(data->ok());
    return std::string((**data).view());
  }
  std::vector<std::string> List(const std::string& directory) {
    auto names = world.Run(disk().List(directory));
    REQUIRE(names->ok());
    return **names;
  }

  ContractWorld& world;
};

void WritesAndReads(Fixture& f) {
  auto file = f.Open("f", OpenMode::kCreate);
  REQUIRE(f.Write(*file, 0, "hello world").ok());
  CHECK(f.Read(*file, 0, 100) == "hello world");
  CHECK(f.Read(*file, 6, 5) == "world");
  CHECK(f.Read(*file, 11, 5).empty());
  CHECK(f.Read(*file, 500, 5).empty());
  REQUIRE(f.Write(*file, 6, "there").ok());
  CHECK(f.Read(*file, 0, 100) == "hello there");
  auto size = f.world.Run(file->Size());
  CHECK(**size == 11);
  REQUIRE(f.Write(*file, 20, "far", Durability::kBuffered).ok());
  CHECK(f.Read(*file, 11, 9) == std::string(9, '\0'));
  CHECK(f.world.Run(file->Sync())->ok());
}

void LargeGatheredWrites(Fixture& f) {
  auto file = f.Open("f", OpenMode::kCreate);
  BytesList parts;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    std::string part(static_cast<size_t>(i % 700), static_cast<char>('a' + i % 26));
    expected += part;
    parts.push_back(Bytes(std::move(part)));
  }
  REQUIRE(f.world.Run(file->Write(7, std::move(parts), Durability::kSynced))->ok());
  CHECK(f.Read(*file, 7, expected.size() + 10) == expected);
}

void ErrorsHaveTheirCodes(Fixture& f) {
  CHECK(absl::IsNotFound(f.OpenStatus("none", OpenMode::kRead)));
  CHECK(absl::IsNotFound(f.OpenStatus("none", OpenMode::kReadWrite)));
  CHECK(absl::IsNotFound(f.OpenStatus("no-folder/f", OpenMode::kCreate)));
  f.Open("f", OpenMode::kCreate);
  CHECK(absl::IsAlreadyExists(f.OpenStatus("f", OpenMode::kCreate)));
  CHECK(absl::IsNotFound(*f.world.Run(f.disk().Remove("none"))));
  CHECK(absl::IsNotFound(*f.world.Run(f.disk().Rename("none", "other"))));
  CHECK(absl::IsNotFound(f.world.Run(f.disk().List("none"))->status()));
}

void NamesChange(Fixture& f) {
  REQUIRE(f.world.Run(f.disk().MakeDirectory("d"))->ok());
  REQUIRE(f.world.Run(f.disk().MakeDirectory("d"))->ok());
  auto a = f.Open("d/a", OpenMode::kCreate);
  auto b = f.Open("d/b", OpenMode::kCreate);
  REQUIRE(f.Write(*a, 0, "A").ok());
  REQUIRE(f.Write(*b, 0, "B").ok());
  CHECK(f.List("d") == std::vector<std::string>{"a", "b"});
  REQUIRE(f.world.Run(f.disk().Rename("d/a", "d/b"))->ok());
  CHECK(f.List("d") == std::vector<std::string>{"b"});
  CHECK(f.Read(*f.Open("d/b", OpenMode::kRead), 0, 9) == "A");
  CHECK(f.Read(*b, 0, 9) == "B");  // an open file outlives its name
  REQUIRE(f.world.Run(f.disk().SyncDirectory("d"))->ok());
  REQUIRE(f.world.Run(f.disk().Remove("d/b"))->ok());
  CHECK(f.List("d").empty());
}

void LocksExclude(Fixture& f) {
  auto lock = f.world.Run(f.disk().Lock("LOCK"));
  REQUIRE(lock->ok());
  auto second = f.world.Run(f.disk().Lock("LOCK"));
  CHECK(absl::IsAlreadyExists(second->status()));
  CHECK(Message(second->status()).find("locked by") != std::string::npos);
  (**lock).reset();
  auto third = f.world.Run(f.disk().Lock("LOCK"));
  CHECK(third->ok());
}

void SyncedDataOutlivesTheProcess(Fixture& f) {
  auto file = f.Open("f", OpenMode::kCreate);
  REQUIRE(f.Write(*file, 0, "synced").ok());
  REQUIRE(f.world.Run(f.disk().SyncDirectory(""))->ok());
  f.world.Kill([&] { file.reset(); });
  CHECK(f.Read(*f.Open("f", OpenMode::kRead), 0, 100).substr(0, 6) == "synced");
}

void WritesKeepTheirOrder(Fixture& f) {
  auto file = f.Open("f", OpenMode::kCreate);
  std::vector<Outcome<Status>> writes;
  for (int i = 0; i < 20; ++i) {
    BytesList data(1, Bytes(std::string(1, static_cast<char>('a' + i))));
    writes.push_back(
        StartTask(f.world.env(), file->Write(0, std::move(data), Durability::kBuffered)));
    // A task calls when it is first run, and ready tasks run in any order: let this one begin.
    int turns = 2;
    f.world.RunUntil([&] { return turns-- == 0; });
  }
  REQUIRE(f.world.RunUntil([&] { return writes.back()->has_value(); }));
  CHECK(f.Read(*file, 0, 1) == "t");
}

const std::vector<std::pair<const char*, void (*)(Fixture&)>> kCases = {
    {"writes and reads", WritesAndReads},
    {"large gathered writes", LargeGatheredWrites},
    {"errors have their codes", ErrorsHaveTheirCodes},
    {"names change", NamesChange},
    {"locks exclude", LocksExclude},
    {"synced data outlives the process", SyncedDataOutlivesTheProcess},
    {"writes keep their order", WritesKeepTheirOrder},
};

void RunSuite(const std::function<std::unique_ptr<ContractWorld>()>& new_world) {
  for (const auto& [name, run] : kCases) {
    std::unique_ptr<ContractWorld> world = new_world();
    std::printf("disk     %-10s %s\n", world->name().c_str(), name);
    INFO(world->name() << ": " << name);
    auto root = world->Run(world->env().disk().MakeDirectory(""));
    REQUIRE((root.has_value() && root->ok()));
    Fixture fixture(*world);
    run(fixture);
  }
}

TEST_CASE("Disk contract: the simulated disk") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    RunSuite([seed] { return NewSimContractWorld(seed); });
  }
}

TEST_CASE("Disk contract: the real disk") { RunSuite(NewRealContractWorld); }

TEST_CASE("Simulated disk: a crash keeps what was synced and any sectors of what was not") {
  int lost = 0;
  int kept = 0;
  int torn = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    env::SimWorld world(seed);
    env::SimDiskImage image(world);
    auto env = std::make_unique<env::SimEnv>(world, image, "p");
    auto file = *RunTask(world, *env, env->disk().Open("f", OpenMode::kCreate));
    BytesList before(1, Bytes(std::string(8 * env::kSectorBytes, 'o')));
    REQUIRE(RunTask(world, *env, (*file)->Write(0, std::move(before), Durability::kSynced))->ok());
    REQUIRE(RunTask(world, *env, env->disk().SyncDirectory(""))->ok());
    BytesList after(1, Bytes(std::string(6 * env::kSectorBytes, 'n')));
    REQUIRE(RunTask(world, *env, (*file)->Write(0, std::move(after), Durability::kBuffered))->ok());
    env->Crash();
    file->reset();
    env.reset();
    image.Crash();
    std::string now = image.contents("f");
    REQUIRE(now.size() == 8 * env::kSectorBytes);
    CHECK(now.substr(6 * env::kSectorBytes) == std::string(2 * env::kSectorBytes, 'o'));
    int sectors = 0;
    for (size_t s = 0; s < 6; ++s) {
      std::string sector = now.substr(s * env::kSectorBytes, env::kSectorBytes);
      bool is_new = sector == std::string(env::kSectorBytes, 'n');
      CHECK((is_new || sector == std::string(env::kSectorBytes, 'o')));
      sectors += is_new;
    }
    ++(sectors == 0 ? lost : sectors == 6 ? kept : torn);
  }
  CHECK(lost > 10);
  CHECK(kept > 10);
  CHECK(torn > 20);
}

TEST_CASE(
    "Simulated disk: after a failed sync the data reads back until the crash, then it is gone") {
  env::SimWorld world(5);
  env::SimDiskImage image(world);
  auto env = std::make_unique<env::SimEnv>(world, image, "p");
  auto file = *RunTask(world, *env, env->disk().Open("f", OpenMode::kCreate));
  REQUIRE(RunTask(world, *env, env->disk().SyncDirectory(""))->ok());
  image.FailNextSync();
  BytesList data(1, Bytes("lost"));
  CHECK(absl::IsInternal(
      *RunTask(world, *env, (*file)->Write(0, std::move(data), Durability::kSynced))));
  CHECK(RunTask(world, *env, (*file)->Sync())->ok());  // the second one "succeeds"
  CHECK(image.contents("f") == "lost");
  env->Crash();
  file->reset();
  env.reset();
  image.Crash();
  CHECK(image.contents("f").empty());
}

}  // namespace
}  // namespace vlog::testing

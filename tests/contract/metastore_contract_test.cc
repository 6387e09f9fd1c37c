// The contract of a metastore (metastore/metastore.h), for every kind in every world.
#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "metastore/file/file_metastore.h"
#include "metastore/memory/memory_metastore.h"
#include "metastore/paxos/paxos_metastore.h"
#include "scenario/acceptor_node.h"
#include "testing/contract_world.h"

namespace vlog::testing {
namespace {

using metastore::FileMetastore;
using metastore::MemoryMetastore;
using metastore::Metastore;
using metastore::Versioned;

using StartMetastore = std::function<std::unique_ptr<Metastore>(ContractWorld&)>;

// Cases that a kind is excused from: a memory metastore has no restart.
const std::map<std::string, std::set<std::string>> kNotApplicable = {
    {"memory", {"restart keeps registers", "a crash in a write leaves the old or the new value"}},
};

class Fixture {
 public:
  Fixture(ContractWorld& world, const StartMetastore& start) : world(world), start_(start) {
    store = start_(world);
  }
  ~Fixture() {
    world.Kill([this] { store.reset(); });
  }
  void Restart() {
    world.Kill([this] { store.reset(); });
    store = start_(world);
  }
  StatusOr<Versioned> Read(const std::string& log) { return *world.Run(store->Read(log)); }
  StatusOr<Version> Write(const std::string& log, const std::string& value, uint64_t expected) {
    return *world.Run(store->Write(log, value, Version(expected)));
  }

  ContractWorld& world;
  std::unique_ptr<Metastore> store;

 private:
  const StartMetastore& start_;
};

void CreatesAndReads(Fixture& f) {
  CHECK(absl::IsNotFound(f.Read("a").status()));
  CHECK(f.Write("a", "one", 0)->value() == 1);
  CHECK(f.Read("a")->value == "one");
  CHECK(f.Read("a")->version.value() == 1);
  CHECK(f.Write("a", "two", 1)->value() == 2);
  CHECK(f.Read("a")->value == "two");
  CHECK(absl::IsNotFound(f.Read("b").status()));
}

void LosersAreTold(Fixture& f) {
  REQUIRE(f.Write("a", "one", 0).ok());
  CHECK(absl::IsAborted(f.Write("a", "x", 0).status()));
  CHECK(absl::IsAborted(f.Write("a", "x", 2).status()));
  CHECK(absl::IsAborted(f.Write("b", "x", 1).status()));
  CHECK(f.Read("a")->value == "one");
}

void OneOfManyWins(Fixture& f) {
  REQUIRE(f.Write("a", "start", 0).ok());
  for (uint64_t version = 1; version <= 5; ++version) {
    std::vector<Outcome<StatusOr<Version>>> writers;
    for (int i = 0; i < 6; ++i) {
      std::string value = std::to_string(version) + "." + std::to_string(i);
      writers.push_back(StartTask(f.world.env(), f.store->Write("a", value, Version(version))));
    }
    auto all = [&] {
      for (auto& writer : writers) {
        if (!writer->has_value()) return false;
      }
      return true;
    };
    REQUIRE(f.world.RunUntil(all));
    int winners = 0;
    std::string winner;
    for (int i = 0; i < 6; ++i) {
      if ((*writers[static_cast<size_t>(i)])->ok()) {
        ++winners;
        winner = std::to_string(version) + "." + std::to_string(i);
      }
    }
    CHECK(winners == 1);
    CHECK(f.Read("a")->value == winner);
  }
}

void ManyLogs(Fixture& f) {
  for (const char* name : {"c", "a", "b"}) REQUIRE(f.Write(name, name, 0).ok());
  auto names = f.world.Run(f.store->List());
  CHECK(**names == std::vector<std::string>{"a", "b", "c"});
  CHECK(f.Read("b")->value == "b");
}

void LargeAndBinaryValues(Fixture& f) {
  std::string value(300'000, '\0');
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7);
  REQUIRE(f.Write("a", "small", 0).ok());
  REQUIRE(f.Write("a", value, 1).ok());
  CHECK(f.Read("a")->value == value);
  REQUIRE(f.Write("a", "", 2).ok());
  CHECK(f.Read("a")->value.empty());
}

void AwaitSeesChangesAndDeadlines(Fixture& f) {
  Instant soon = f.world.env().scheduler().Now() + std::chrono::milliseconds(60);
  auto none = f.world.Run(f.store->AwaitChange("a", Version(0), soon));
  CHECK(absl::IsDeadlineExceeded(none->status()));
  Instant far = f.world.env().scheduler().Now() + std::chrono::minutes(5);
  auto one = StartTask(f.world.env(), f.store->AwaitChange("a", Version(0), far));
  auto two = StartTask(f.world.env(), f.store->AwaitChange("a", Version(1), far));
  REQUIRE(f.Write("a", "x", 0).ok());
  REQUIRE(f.world.RunUntil([&] { return one->has_value(); }));
  CHECK((**one)->value() == 1);
  REQUIRE(f.Write("a", "y", 1).ok());
  REQUIRE(f.world.RunUntil([&] { return two->has_value(); }));
  CHECK((**two)->value() == 2);
  auto at_once = f.world.Run(f.store->AwaitChange("a", Version(1), far));
  CHECK((*at_once)->value() == 2);
}

void NewsBringTheValue(Fixture& f) {
  REQUIRE(f.Write("a", "one", 0).ok());
  Instant far = f.world.env().scheduler().Now() + std::chrono::minutes(5);
  auto news = StartTask(f.world.env(), f.store->AwaitNewer("a", Version(1), far));
  REQUIRE(f.Write("a", "two", 1).ok());
  REQUIRE(f.world.RunUntil([&] { return news->has_value(); }));
  CHECK((**news)->version.value() == 2);
  CHECK((**news)->value == "two");
  auto at_once = f.world.Run(f.store->AwaitNewer("a", Version(1), far));
  CHECK((*at_once)->value == "two");
}

void WaitsAreEnded(Fixture& f) {
  REQUIRE(f.Write("a", "one", 0).ok());
  REQUIRE(f.Write("b", "one", 0).ok());
  Instant far = f.world.env().scheduler().Now() + std::chrono::minutes(5);
  auto ended = StartTask(f.world.env(), f.store->AwaitChange("a", Version(1), far));
  auto other = StartTask(f.world.env(), f.store->AwaitChange("b", Version(1), far));
  Instant soon = f.world.env().scheduler().Now() + std::chrono::milliseconds(60);
  auto none = f.world.Run(f.store->AwaitChange("b", Version(1), soon));
  CHECK(absl::IsDeadlineExceeded(none->status()));
  REQUIRE_FALSE(ended->has_value());
  f.store->EndWaits("a");
  REQUIRE(f.world.RunUntil([&] { return ended->has_value(); }));
  CHECK(absl::IsDeadlineExceeded((*ended)->status()));
  CHECK_FALSE(other->has_value());
  // Whoever comes later waits as ever.
  auto later = StartTask(f.world.env(), f.store->AwaitChange("a", Version(1), far));
  REQUIRE(f.Write("a", "two", 1).ok());
  REQUIRE(f.world.RunUntil([&] { return later->has_value(); }));
  CHECK((*later)->ok());
  REQUIRE(f.Write("b", "two", 1).ok());
  REQUIRE(f.world.RunUntil([&] { return other->has_value(); }));
  CHECK((*other)->ok());
}

void RestartKeepsRegisters(Fixture& f) {
  REQUIRE(f.Write("a", "one", 0).ok());
  REQUIRE(f.Write("a", "two", 1).ok());
  REQUIRE(f.Write("b", "other", 0).ok());
  f.Restart();
  CHECK(f.Read("a")->value == "two");
  CHECK(f.Read("a")->version.value() == 2);
  CHECK(f.Write("a", "three", 2)->value() == 3);
  CHECK(f.Read("b")->value == "other");
}

void CrashInAWrite(Fixture& f) {
  REQUIRE(f.Write("a", "0", 0).ok());
  uint64_t version = 1;
  for (int i = 1; i < 25; ++i) {
    auto writing =
        StartTask(f.world.env(), f.store->Write("a", std::to_string(i), Version(version)));
    int steps = i;
    f.world.RunUntil([&] { return writing->has_value() || steps-- == 0; });
    bool told = writing->has_value() && (*writing)->ok();
    std::string old = std::to_string(i - 1);
    f.Restart();
    StatusOr<Versioned> now = f.Read("a");
    REQUIRE(now.ok());
    bool is_new = now->value == std::to_string(i);
    CHECK((is_new || (!told && now->version.value() == version)));
    version = now->version.value();
    if (!is_new) {
      REQUIRE(f.Write("a", std::to_string(i), version).ok());
      ++version;
    }
  }
}

const std::vector<std::pair<std::string, void (*)(Fixture&)>> kCases = {
    {"creates and reads", CreatesAndReads},
    {"losers are told", LosersAreTold},
    {"one of many wins", OneOfManyWins},
    {"many logs", ManyLogs},
    {"large and binary values", LargeAndBinaryValues},
    {"await sees changes and deadlines", AwaitSeesChangesAndDeadlines},
    {"news bring the value", NewsBringTheValue},
    {"waits are ended", WaitsAreEnded},
    {"restart keeps registers", RestartKeepsRegisters},
    {"a crash in a write leaves the old or the new value", CrashInAWrite},
};

void RunSuite(const std::string& kind, const StartMetastore& start,
              const std::function<std::unique_ptr<ContractWorld>()>& new_world) {
  auto excused = kNotApplicable.find(kind);
  for (const auto& [name, run] : kCases) {
    std::unique_ptr<ContractWorld> world = new_world();
    bool skip = excused != kNotApplicable.end() && excused->second.contains(name);
    std::printf("%-8s %-10s %-52s %s\n", kind.c_str(), world->name().c_str(), name.c_str(),
                skip ? "not applicable" : "");
    if (skip) continue;
    INFO(kind << ", " << world->name() << ": " << name);
    Fixture fixture(*world, start);
    run(fixture);
  }
}

std::unique_ptr<Metastore> StartMemory(ContractWorld& world) {
  return std::make_unique<MemoryMetastore>(world.env().scheduler());
}

std::unique_ptr<Metastore> StartFile(ContractWorld& world) {
  auto made = world.Run(world.env().disk().MakeDirectory("chains"));
  REQUIRE((made.has_value() && made->ok()));
  return std::make_unique<FileMetastore>(world.env(), "chains", FileMetastore::Access::kReadWrite);
}

// Three nodes and a client in one process, with the network's loop between them.
class PaxosOnLoopback final : public Metastore {
 public:
  explicit PaxosOnLoopback(ContractWorld& world) {
    metastore::ClusterRecord record;
    record.cluster = ClusterId(5);
    for (uint64_t i = 1; i <= 3; ++i) record.acceptors.push_back({NodeId(i), DiskId(i + 10)});
    rpc::Identity client;
    client.cluster = record.cluster;
    client.instance = world.env().RandomId();
    peers_ = std::make_unique<rpc::Peers>(world.env(), client, nullptr, rpc::PeersOptions());
    metastore::PaxosMetastoreOptions options;
    for (const Replica& replica : record.acceptors) {
      record.self = replica;
      std::string directory = "node" + std::to_string(replica.node.value());
      env::Address at{"127.0.0.1", 0};
      auto opened =
          world.Run(AcceptorNode::Open(world.env(), directory, record, Incarnation(++boots_), at));
      REQUIRE(opened.has_value());
      if (!opened->ok()) FAIL(opened->status().ToString());
      nodes_.push_back(**std::move(opened));
      peers_->SetAddress(replica.node, nodes_.back()->server->address());
      options.seeds.push_back(replica.node);
    }
    store_ = std::make_unique<metastore::PaxosMetastore>(world.env(), *peers_, options);
  }

  Task<StatusOr<Versioned>> Read(std::string log) override { return store_->Read(log); }
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override {
    return store_->Write(log, value, expected);
  }
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override {
    return store_->AwaitChange(log, known, deadline);
  }
  Task<StatusOr<Versioned>> AwaitNewer(std::string log, Version known, Instant deadline) override {
    return store_->AwaitNewer(log, known, deadline);
  }
  void EndWaits(const std::string& log) override { store_->EndWaits(log); }
  Task<StatusOr<std::vector<std::string>>> List() override { return store_->List(); }

 private:
  std::vector<std::unique_ptr<AcceptorNode>> nodes_;
  std::unique_ptr<rpc::Peers> peers_;
  std::unique_ptr<metastore::PaxosMetastore> store_;
  static inline uint64_t boots_ = 0;  // boot numbers only grow
};

std::unique_ptr<Metastore> StartPaxos(ContractWorld& world) {
  return std::make_unique<PaxosOnLoopback>(world);
}

TEST_CASE("Metastore contract: memory in the simulated world") {
  RunSuite("memory", StartMemory, [] { return NewSimContractWorld(1); });
}

TEST_CASE("Metastore contract: memory in the real world") {
  RunSuite("memory", StartMemory, NewRealContractWorld);
}

TEST_CASE("Metastore contract: file in the simulated world") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    RunSuite("file", StartFile, [seed] { return NewSimContractWorld(seed); });
  }
}

TEST_CASE("Metastore contract: file in the real world") {
  RunSuite("file", StartFile, NewRealContractWorld);
}

TEST_CASE("Metastore contract: paxos in the simulated world") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    RunSuite("paxos", StartPaxos, [seed] { return NewSimContractWorld(seed); });
  }
}

TEST_CASE("Metastore contract: paxos in the real world") {
  RunSuite("paxos", StartPaxos, NewRealContractWorld);
}

TEST_CASE("File metastore: names that would leave the folder are refused") {
  for (const char* bad : {"", "..", ".hidden", "a/b", "a b", "\xc3\xa4"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(metastore::CheckLogName(bad)));
  }
  CHECK(metastore::CheckLogName("orders-2.eu_west").ok());
}

TEST_CASE("File metastore: a reader beside the writer sees what is durable") {
  std::unique_ptr<ContractWorld> world = NewSimContractWorld(3);
  std::unique_ptr<Metastore> writer = StartFile(*world);
  FileMetastore reader(world->env(), "chains", FileMetastore::Access::kRead);
  CHECK(absl::IsNotFound((*world->Run(reader.Read("a"))).status()));
  for (uint64_t version = 0; version < 5; ++version) {
    std::string value = "v" + std::to_string(version);
    REQUIRE((*world->Run(writer->Write("a", value, Version(version)))).ok());
    CHECK((*world->Run(reader.Read("a")))->value == value);
  }
  CHECK(absl::IsUnavailable((*world->Run(reader.Write("a", "x", Version(5)))).status()));
  world->Kill([&] { writer.reset(); });
}

}  // namespace
}  // namespace vlog::testing

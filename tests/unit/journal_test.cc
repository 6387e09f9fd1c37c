// The journal in the simulated world: crashes at any step, torn writes, rot, failed syncs, full
// disk.
#include "storage/journal.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "base/crc32c.h"
#include "env/sim/sim_env.h"
#include "storage/journal_view.h"
#include "testing/run_task.h"

namespace vlog::storage {
namespace {

using env::SimDiskImage;
using env::SimEnv;
using env::SimWorld;
using testing::RunTask;

constexpr uint16_t kDataType = 1;
constexpr uint16_t kTrimType = 2;

// A stream that counts.
class CountingState final : public StreamState {
 public:
  void Apply(const Entry& entry) override {
    if (entry.type == kTrimType) {
      trim_ = std::max(trim_, entry.first);
    } else {
      CHECK(entry.first == end_);
      end_ = entry.first + entry.count;
    }
  }
  void Damaged(uint64_t lost) override {
    damaged_ = true;
    end_ += lost;
  }
  void SkipTo(uint64_t end) override { end_ = std::max(end_, end); }
  uint64_t trim() const override { return trim_; }
  uint64_t end() const override { return end_; }
  std::string Encode() const override {
    return std::to_string(trim_) + " " + std::to_string(end_) + (damaged_ ? " damaged" : "");
  }
  Status Decode(std::string_view data) override {
    std::string text(data);
    damaged_ = text.ends_with("damaged");
    size_t end = 0;
    trim_ = std::stoull(text, &end);
    end_ = std::stoull(text.substr(end));
    return absl::OkStatus();
  }
  bool damaged() const { return damaged_; }

 private:
  uint64_t trim_ = 0;
  uint64_t end_ = 0;
  bool damaged_ = false;
};

std::unique_ptr<StreamState> NewCountingState(const std::string& kind) {
  if (kind != "counting") return nullptr;
  return std::make_unique<CountingState>();
}

std::string PayloadFor(uint64_t stream, uint64_t first, uint32_t count) {
  std::string payload =
      std::to_string(stream) + ":" + std::to_string(first) + "+" + std::to_string(count) + ".";
  payload.resize(payload.size() + (first * 37) % 900, 'x');
  return payload;
}

// One process with one journal, which can crash and start again.
class Node {
 public:
  explicit Node(uint64_t seed, JournalOptions options = SmallOptions())
      : world(seed), image(world), options_(options) {}
  ~Node() {
    if (env != nullptr) Crash();
  }

  static JournalOptions SmallOptions() {
    JournalOptions options;
    options.segment_bytes = 16 * 1024;
    options.max_group_bytes = 4 * 1024;
    options.checkpoint_bytes = 6 * 1024;
    return options;
  }

  Status Start() {
    env = std::make_unique<SimEnv>(world, image, "node");
    auto opened = RunTask(world, *env, Journal::Open(*env, "journal", options_, NewCountingState));
    REQUIRE(opened.has_value());
    VLOG_RETURN_IF_ERROR(*opened);
    journal = **std::move(opened);
    return absl::OkStatus();
  }

  void Crash() {
    env->Crash();
    journal.reset();
    env.reset();
    image.Crash();
  }

  void Stop() {
    std::optional<Status> closed = RunTask(world, *env, journal->Close());
    REQUIRE(closed.has_value());
    CHECK(closed->ok());
    journal.reset();
    env.reset();
  }

  StreamId StreamFor(const std::string& key) {
    if (Stream* stream = journal->streams().Find(key)) return stream->id;
    return journal->CreateStream("counting", key, [](const Status&) {});
  }

  void Append(StreamId stream, uint64_t first, uint32_t count, AppendDone done) {
    Entry entry;
    entry.stream = stream;
    entry.type = kDataType;
    entry.first = first;
    entry.count = count;
    entry.payload = Bytes(PayloadFor(stream.value(), first, count));
    entry.payload_crc = Crc32c(entry.payload.view());
    journal->Append(std::move(entry), EntryClass::kData, std::move(done));
  }

  // Appends and waits.
  Status AppendNow(StreamId stream, uint64_t first, uint32_t count) {
    std::optional<Status> result;
    Append(stream, first, count, [&](Status status) { result = std::move(status); });
    world.RunUntil([&] { return result.has_value(); }, world.now() + std::chrono::minutes(1));
    REQUIRE(result.has_value());
    return *result;
  }

  Status TrimNow(StreamId stream, uint64_t to) {
    Entry entry;
    entry.stream = stream;
    entry.type = kTrimType;
    entry.first = to;
    auto status = RunTask(world, *env, journal->AppendControl(std::move(entry)));
    journal->ReclaimSoon();
    REQUIRE(status.has_value());
    return *status;
  }

  // Reads [from, to) and checks each entry; returns the lost ranges.
  std::vector<std::pair<uint64_t, uint64_t>> ReadAndCheck(StreamId stream, uint64_t from,
                                                          uint64_t to) {
    std::vector<std::pair<uint64_t, uint64_t>> lost;
    while (from < to) {
      auto read = RunTask(world, *env, journal->Read(stream, from, to, 3000));
      REQUIRE(read.has_value());
      INFO(read->status().ToString());
      REQUIRE(read->ok());
      if ((*read)->entries.empty()) {
        REQUIRE((*read)->lost_end > from);
        lost.emplace_back(from, (*read)->lost_end);
        from = (*read)->lost_end;
      }
      for (const Entry& entry : (*read)->entries) {
        REQUIRE(entry.first <= from);
        REQUIRE(entry.payload.view() == PayloadFor(stream.value(), entry.first, entry.count));
        from = entry.first + entry.count;
      }
    }
    return lost;
  }

  SimWorld world;
  SimDiskImage image;
  std::unique_ptr<SimEnv> env;
  std::unique_ptr<Journal> journal;

 private:
  JournalOptions options_;
};

// What the test knows about one stream: everything below `acked` was acknowledged.
struct Known {
  uint64_t next = 0;
  uint64_t acked = 0;
  uint64_t trim = 0;
};

TEST_CASE("Journal: a read goes on when segments are recycled while it looks for its place") {
  // Eight segments of one stream, then a few entries of another; the indexes are not in memory.
  for (uint64_t steps = 0; steps < 80; ++steps) {
    CAPTURE(steps);
    Node node(7);
    REQUIRE(node.Start().ok());
    StreamId old = node.StreamFor("old");
    for (uint64_t i = 0; i < 260; ++i) REQUIRE(node.AppendNow(old, i, 1).ok());
    StreamId wanted = node.StreamFor("wanted");
    for (uint64_t i = 0; i < 50; ++i) REQUIRE(node.AppendNow(wanted, i, 1).ok());
    node.Stop();
    REQUIRE(node.Start().ok());
    REQUIRE(node.journal->segment_count() > 8);
    CHECK(node.TrimNow(old, 260).ok());
    for (uint64_t i = 0; i < steps; ++i) node.world.Step();
    CHECK(node.ReadAndCheck(wanted, 0, 50).empty());
    CHECK(node.journal->segment_count() < 8);
  }
}

TEST_CASE("Journal: what was acknowledged survives any crash and reads back") {
  uint64_t crashes = 0;
  uint64_t entries = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    Node node(seed);
    std::map<std::string, Known> known;
    for (int life = 0; life < 6; ++life) {
      CAPTURE(life);
      Status started = node.Start();
      INFO(started.ToString());
      REQUIRE(started.ok());
      REQUIRE(node.journal->damage().empty());
      for (auto& [key, stream] : known) {
        CAPTURE(key);
        Stream* found = node.journal->streams().Find(key);
        uint64_t end = found == nullptr ? 0 : found->state->end();
        REQUIRE(end >= stream.acked);
        REQUIRE(end <= stream.next);
        stream.next = stream.acked = end;
        if (found != nullptr) {
          REQUIRE(found->state->trim() == stream.trim);
          REQUIRE(node.ReadAndCheck(found->id, stream.trim, end).empty());
        }
      }
      int work = static_cast<int>(node.world.RandomBelow(60));
      for (int i = 0; i < work; ++i) {
        std::string key = "s" + std::to_string(node.world.RandomBelow(3));
        Known& stream = known[key];
        StreamId id = node.StreamFor(key);
        if (node.world.Chance(0.1) && stream.acked > stream.trim) {
          uint64_t to = stream.trim + node.world.RandomBelow(stream.acked - stream.trim + 1);
          REQUIRE(node.TrimNow(id, to).ok());
          stream.trim = std::max(stream.trim, to);
          continue;
        }
        // A burst of pipelined entries; sometimes the crash comes in the middle.
        uint64_t burst = 1 + node.world.RandomBelow(5);
        for (uint64_t k = 0; k < burst; ++k) {
          uint32_t count = 1 + static_cast<uint32_t>(node.world.RandomBelow(4));
          uint64_t end = stream.next + count;
          node.Append(id, stream.next, count, [&stream, &entries, end](const Status& status) {
            CHECK(status.ok());
            CHECK(stream.acked < end);
            stream.acked = end;
            ++entries;
          });
          stream.next = end;
        }
        uint64_t steps = node.world.RandomBelow(200);
        for (uint64_t s = 0; s < steps; ++s) node.world.Step();
        if (i % 7 == 6) {
          node.world.RunUntil([&] { return stream.acked == stream.next; },
                              node.world.now() + std::chrono::seconds(10));
          REQUIRE(stream.acked == stream.next);
        }
        // A stream whose creation is on its way is not found yet: wait for it.
        node.world.RunUntil([&] { return node.journal->streams().Find(key) != nullptr; },
                            node.world.now() + std::chrono::seconds(10));
      }
      if (node.world.Chance(0.3)) {
        node.Stop();
      } else {
        uint64_t steps = node.world.RandomBelow(300);
        for (uint64_t s = 0; s < steps; ++s) node.world.Step();
        node.Crash();
        ++crashes;
      }
    }
  }
  WARN(crashes << " crashes, " << entries << " acknowledged entries");
  CHECK(crashes > 300);
  CHECK(entries > 10000);
}

TEST_CASE("Journal: segments are recycled and the disk space returns") {
  Node node(7);
  REQUIRE(node.Start().ok());
  StreamId stream = node.StreamFor("s");
  uint64_t next = 0;
  size_t most_segments = 0;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 20; ++i) {
      REQUIRE(node.AppendNow(stream, next, 1).ok());
      ++next;
    }
    REQUIRE(node.TrimNow(stream, next - 5).ok());
    node.world.RunUntil([] { return false; }, node.world.now() + std::chrono::milliseconds(100));
    most_segments = std::max(most_segments, node.journal->segment_count());
  }
  CHECK(most_segments <= 5);
  CHECK(node.ReadAndCheck(stream, next - 5, next).empty());
  node.Crash();
  REQUIRE(node.Start().ok());
  CHECK(node.ReadAndCheck(stream, next - 5, next).empty());
}

TEST_CASE("Journal: rot below the synced mark is a declared gap and nothing is given out twice") {
  int reported = 0;
  int read_as_lost = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    JournalOptions options = Node::SmallOptions();
    options.checkpoint_bytes = seed % 3 == 0 ? 3 * 1024 : 1 << 20;  // damage below one as well
    Node node(seed, options);
    REQUIRE(node.Start().ok());
    StreamId stream = node.StreamFor("s");
    uint64_t next = 0;
    for (int i = 0; i < 12; ++i) {
      REQUIRE(node.AppendNow(stream, next, 2).ok());
      next += 2;
    }
    // Let the idle mark come, then crash, so that the next start has to look at the bytes.
    node.world.RunUntil([] { return false; }, node.world.now() + std::chrono::milliseconds(200));
    node.Crash();
    std::string segment;
    for (const std::string& name : node.image.names()) {
      if (name.ends_with(".seg") && segment.empty()) segment = name;
    }
    std::string bytes = node.image.contents(segment);
    uint64_t used = bytes.find_last_not_of('\0');
    node.image.FlipBit(segment, node.world.RandomBelow(used - 200));
    Status started = node.Start();
    INFO(started.ToString());
    REQUIRE(started.ok());
    bool damaged = !node.journal->damage().empty();
    reported += damaged;
    Stream* found = node.journal->streams().Find("s");
    if (found == nullptr) {
      CHECK(node.journal->streams().lost_bound().value_or(0) >= next);
      continue;
    }
    CHECK(found->state->end() >= next);
    CHECK(static_cast<CountingState&>(*found->state).damaged() == damaged);
    auto lost = node.ReadAndCheck(found->id, 0, found->state->end());
    uint64_t positions = 0;
    for (auto [begin, end] : lost) positions += end - begin;
    CHECK(positions <= 4);
    read_as_lost += positions > 0;
    // And it stays that way.
    node.Crash();
    REQUIRE(node.Start().ok());
    found = node.journal->streams().Find("s");
    REQUIRE(found != nullptr);
    CHECK(found->state->end() >= next);
    CHECK(node.ReadAndCheck(found->id, 0, found->state->end()) == lost);
  }
  // The bit may also fall on padding, or on a group header whose entries stay readable.
  CHECK(reported >= 30);
  CHECK(read_as_lost >= 20);
}

TEST_CASE("Journal: a failed sync is final and nothing behind it is acknowledged") {
  Node node(3);
  REQUIRE(node.Start().ok());
  StreamId stream = node.StreamFor("s");
  REQUIRE(node.AppendNow(stream, 0, 1).ok());
  node.image.FailNextSync();
  Status failed = node.AppendNow(stream, 1, 1);
  CHECK(absl::IsUnknown(failed));
  Status after = node.AppendNow(stream, 2, 1);
  CHECK(absl::IsInternal(after));
  CHECK(Message(after).find("stopped for good") != std::string::npos);
  node.Crash();
  REQUIRE(node.Start().ok());
  CHECK(node.journal->streams().Find("s")->state->end() >= 1);
}

TEST_CASE("Journal: a full disk refuses data, takes control entries, and recovers") {
  Node node(5);
  REQUIRE(node.Start().ok());
  StreamId stream = node.StreamFor("s");
  uint64_t next = 0;
  for (int i = 0; i < 10; ++i) REQUIRE(node.AppendNow(stream, next++, 1).ok());
  node.image.SetCapacity(node.image.used());
  Status full;
  for (int i = 0; i < 300 && full.ok(); ++i) {
    full = node.AppendNow(stream, next, 1);
    if (full.ok()) ++next;
  }
  CHECK(absl::IsResourceExhausted(full));
  CHECK(Message(full).find("disk is full") != std::string::npos);
  CHECK(node.ReadAndCheck(stream, 0, next).empty());
  CHECK(node.TrimNow(stream, next / 2).ok());
  CHECK(absl::IsResourceExhausted(node.AppendNow(stream, next, 1)) ==
        (node.journal->streams().Find("s")->state->end() == next));
  next = node.journal->streams().Find("s")->state->end();
  node.image.SetCapacity(UINT64_MAX);
  CHECK(node.AppendNow(stream, next, 1).ok());
  ++next;
  node.Crash();
  REQUIRE(node.Start().ok());
  CHECK(node.journal->streams().Find("s")->state->end() == next);
  CHECK(node.ReadAndCheck(stream, next / 2, next).empty());
}

TEST_CASE("Journal: a reader beside the writer sees what is durable, across segments") {
  Node node(11);
  REQUIRE(node.Start().ok());
  StreamId stream = node.StreamFor("s");
  REQUIRE(node.AppendNow(stream, 0, 1).ok());
  node.world.RunUntil([] { return false; }, node.world.now() + std::chrono::milliseconds(100));
  auto opened =
      RunTask(node.world, *node.env, JournalView::Open(*node.env, "journal", NewCountingState));
  REQUIRE(opened.has_value());
  INFO(opened->status().ToString());
  REQUIRE(opened->ok());
  std::unique_ptr<JournalView> view = **std::move(opened);
  uint64_t next = 1;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 5; ++i) REQUIRE(node.AppendNow(stream, next++, 1).ok());
    if (round % 2 == 0) {
      node.world.RunUntil([] { return false; }, node.world.now() + std::chrono::milliseconds(50));
    }
    auto refreshed = RunTask(node.world, *node.env, view->Refresh());
    REQUIRE(refreshed->ok());
    uint64_t end = view->streams().Find("s")->state->end();
    CHECK(end <= next);
    CHECK(end + 1 >= next);
    if (round % 2 == 0) CHECK(end == next);
    auto read = RunTask(node.world, *node.env, view->Read(stream, end - 1, end, 100));
    REQUIRE(read->ok());
    CHECK((*read)->entries.size() == 1);
  }
  CHECK(node.journal->segment_count() > 4);
  auto damage = RunTask(node.world, *node.env, view->Verify());
  REQUIRE(damage->ok());
  CHECK((*damage)->empty());
  view.reset();
}

}  // namespace
}  // namespace vlog::storage

// Raft explored: many thousand random schedules of a small world with lost, late and doubled
// messages, crashes that lose what was not synced, full disks and pauses. The rules that are
// checked behind every step are in raft_cluster.cc.
#include <catch2/catch.hpp>
#include <cstdio>

#include "unit/raft_cluster.h"

namespace vlog::loglets::raft {
namespace {

using std::chrono::milliseconds;

class Model {
 public:
  explicit Model(uint64_t seed)
      : random_(seed * 0x9e3779b97f4a7c15),
        cluster_(Below(4) == 0 ? 5 : 3, seed, Options()),
        loss_(Chance(0.4) ? 0 : 0.1),
        crashes_(Chance(0.3) ? 0 : 1),
        full_(Chance(0.7) ? 0 : 1) {
    cluster_.lazy = Chance(0.5) ? 0 : 4;
    for (char name : {'a', 'b', 'c'}) writers_.push_back({name, 0, std::nullopt, {}});
  }

  // "" or the first rule that was broken.
  std::string Run(size_t steps) {
    cluster_.Campaign(0, true);
    size_t seal_from = Chance(0.5) ? steps / 2 : steps;
    for (size_t i = 0; i < steps && cluster_.violation().empty(); ++i) {
      Step(i >= seal_from);
      if (i % 100 == 0) cluster_.CheckCopies();
    }
    if (std::getenv("RAFT_TRACE") != nullptr) {
      cluster_.on_event = [this](const std::string& text) {
        std::printf("%8.3f %s\n", double(cluster_.now().since_start().count()) / 1e9, text.c_str());
      };
    }
    if (cluster_.violation().empty()) Heal();
    return cluster_.violation();
  }
  const RaftCluster::Counts& counts() const { return cluster_.counts; }

 private:
  struct Writer {
    char name;
    uint64_t next;
    std::optional<uint64_t> last;
    std::deque<Batch> open;  // without a good answer
  };

  RaftOptions Options() {
    RaftOptions options;
    options.flow.window = 1 + Below(4);
    options.flow.request_bytes = Chance(0.5) ? 1 : 200;
    options.flow.most_heartbeats = 1 + Below(4);
    options.cache_bytes = Chance(0.3) ? 0 : Chance(0.5) ? Below(1500) : 4 << 20;
    options.flow.window_bytes = Chance(0.7) ? 1 << 20 : 1 + Below(300);
    options.max_load_bytes = 1 + Below(Chance(0.5) ? 20 : 200);
    return options;
  }
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(double p) { return static_cast<double>(Below(1'000'000)) < p * 1e6; }
  size_t AnyNode() { return Below(cluster_.size()); }
  bool Up(size_t node) { return cluster_.node(node).up; }

  void Step(bool seal) {
    uint64_t dice = Below(1000);
    if (dice < 400) return MoveMessage();
    if (dice < 640) return cluster_.Sync(AnyNode());
    if (dice < 700) return cluster_.Load(AnyNode());
    if (dice < 790) return PassTime();
    if (dice < 880) return AppendOrRetry();
    size_t node = AnyNode();
    if (dice < 905) {
      if (Up(node)) cluster_.CheckTail(node);
    } else if (dice < 915) {
      if (Up(node)) cluster_.Trim(node, cluster_.core(node).applied().end());
    } else if (dice < 922) {
      Offset end = Up(node) ? cluster_.core(node).applied().end() : Offset();
      if (Up(node)) cluster_.Trim(node, Offset(Below(end.value() + 1)));
    } else if (dice < 926) {
      if (Up(node)) cluster_.Campaign(node, Chance(0.5));
    } else if (dice < 929) {
      if (Up(node) && seal) cluster_.Seal(node, "by " + std::to_string(node));
    } else if (dice < 937) {
      if (Up(node)) cluster_.Read(node);
    } else if (dice < 943) {
      if (crashes_) cluster_.Crash(node, Below(3));
    } else if (dice < 955) {
      cluster_.Restart(node, Chance(0.5));
    } else if (dice < 957) {
      if (full_) cluster_.FillDisk(node);
    } else if (dice < 960) {
      paused_until_[node] = cluster_.now() + milliseconds(Below(1500));
    }
  }

  bool Paused(size_t node) {
    auto it = paused_until_.find(node);
    return it != paused_until_.end() && cluster_.now() < it->second;
  }

  void MoveMessage() {
    std::vector<Wire>& wires = cluster_.wires();
    if (wires.empty()) return;
    // Mostly in order; a late one now and then.
    size_t most = Chance(0.8) ? 3 : wires.size();
    const Wire& wire = wires[Below(std::min(most, wires.size()))];
    if (Paused(wire.to)) return;
    uint64_t id = wire.id;
    if (Chance(loss_) || wires.size() > 400) return cluster_.Lose(id);
    if (Chance(loss_ / 4)) cluster_.Duplicate(id);
    cluster_.Deliver(id);
  }

  void PassTime() {
    cluster_.Advance(milliseconds(Chance(0.05) ? Below(400) : Below(12)));
    for (size_t i = 0; i < cluster_.size(); ++i) {
      bool due = Up(i) && !Paused(i) && cluster_.core(i).next_tick() <= cluster_.now();
      if (!due) continue;
      cluster_.Tick(i);
      bool spins = cluster_.lazy == 0 && cluster_.core(i).next_tick() <= cluster_.now();
      if (spins) cluster_.Violate("a timer is due although nothing is to be done");
    }
  }

  size_t ProbableLeader() {
    std::optional<size_t> leader = cluster_.Leader();
    if (leader && Chance(0.8)) return *leader;
    return AnyNode();
  }

  void AppendOrRetry() {
    size_t node = ProbableLeader();
    if (!Up(node)) return;
    Writer& writer = writers_[Below(writers_.size())];
    Settle(writer);
    if (!writer.open.empty() && (writer.open.size() >= 4 || Chance(0.4))) {
      // From the oldest on, or just any.
      size_t from = Chance(0.7) ? 0 : Below(writer.open.size());
      for (size_t i = from; i < writer.open.size(); ++i) Submit(node, writer.open[i]);
      return;
    }
    auto count = static_cast<uint32_t>(1 + Below(3));
    writer.open.push_back(MakeBatch(writer.name, writer.next, count, writer.last));
    writer.next += count;
    writer.last = writer.next - 1;
    Submit(node, writer.open.back());
  }

  void Submit(size_t node, const Batch& batch) {
    tokens_[cluster_.Append(node, batch)] = {batch.header.writer, batch.header.first};
  }

  // Forgets what has been acknowledged.
  void Settle(Writer& writer) {
    for (auto it = tokens_.begin(); it != tokens_.end();) {
      std::optional<StatusOr<Offset>> result = cluster_.Result(it->first);
      if (!result) {
        ++it;
        continue;
      }
      if (result->ok()) {
        acked_.insert(it->second);
        ++acks_;
      }
      it = tokens_.erase(it);
    }
    std::erase_if(writer.open, [&](const Batch& batch) {
      return acked_.contains({batch.header.writer, batch.header.first});
    });
  }

  // The faults stop. Within seconds there is a leader, the seal works, all replicas show the same,
  // all that was acknowledged among it, and nobody has anything left to do.
  void Heal() {
    for (size_t i = 0; i < cluster_.size(); ++i) cluster_.Restart(i);
    paused_until_.clear();
    cluster_.lazy = 0;
    // A loglet that nobody uses any more needs a client to wake it.
    for (size_t i = 0; i < cluster_.size(); ++i) cluster_.Campaign(i, false);
    cluster_.Run(std::chrono::seconds(3));
    Token token = 0;
    for (int i = 0; i < 20; ++i) {
      size_t node = cluster_.Leader().value_or(0);
      token = cluster_.Seal(node, "heal");
      cluster_.Run(milliseconds(300));
      if (cluster_.Result(token) && cluster_.Result(token)->ok()) break;
    }
    if (!cluster_.Result(token) || !cluster_.Result(token)->ok()) {
      return cluster_.Violate("no seal although all is well");
    }
    cluster_.Run(std::chrono::seconds(5));
    for (Writer& writer : writers_) Settle(writer);
    Offset end = **cluster_.Result(token);
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (!cluster_.core(i).sealed())
        return cluster_.Violate("a replica without the seal: " + cluster_.Describe(i));
      if (cluster_.core(i).applied().end() != end) return cluster_.Violate("different ends");
      if (cluster_.core(i).next_tick() != Instant::Max()) {
        return cluster_.Violate("a sealed loglet costs something: " + cluster_.Describe(i));
      }
      cluster_.Read(i);
    }
    if (!cluster_.wires().empty()) cluster_.Violate("messages about a sealed loglet");
  }

  std::mt19937_64 random_;
  RaftCluster cluster_;
  double loss_, crashes_, full_;
  std::vector<Writer> writers_;
  std::map<Token, RecordId> tokens_;
  std::set<RecordId> acked_;
  uint64_t acks_ = 0;
  std::map<size_t, Instant> paused_until_;
};

TEST_CASE("Raft model: many random schedules keep every safety rule of the paper") {
  uint64_t first = 1;
  uint64_t seeds = 1500;
  if (const char* text = std::getenv("RAFT_SEEDS")) seeds = std::strtoull(text, nullptr, 10);
  if (const char* text = std::getenv("RAFT_SEED")) {
    first = std::strtoull(text, nullptr, 10);
    seeds = 1;
  }
  size_t steps = 4000;
  if (const char* text = std::getenv("RAFT_STEPS")) steps = std::strtoull(text, nullptr, 10);
  RaftCluster::Counts sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    Model model(seed);
    std::string violation = model.Run(steps);
    INFO("seed " << seed << " (RAFT_SEED runs it alone)");
    REQUIRE(violation == "");
    const RaftCluster::Counts& counts = model.counts();
    sum.commits += counts.commits;
    sum.elections += counts.elections;
    sum.cuts += counts.cuts;
    sum.moves += counts.moves;
    sum.acks += counts.acks;
    sum.tails += counts.tails;
    sum.loads += counts.loads;
    sum.refusals += counts.refusals;
  }
  std::printf(
      "commits %lu elections %lu cuts %lu moves %lu acks %lu tails %lu loads %lu full %lu\n",
      sum.commits, sum.elections, sum.cuts, sum.moves, sum.acks, sum.tails, sum.loads,
      sum.refusals);
  // A run in which too little happens proves nothing.
  CHECK(sum.commits > 12 * seeds);
  CHECK(sum.acks > 10 * seeds);
  CHECK(sum.tails > seeds);
  CHECK(sum.elections > 2 * seeds);
  CHECK((seeds < 100 || sum.cuts > seeds));
  CHECK((seeds < 100 || sum.moves > seeds / 2));
  CHECK((seeds < 100 || sum.loads > seeds));
  CHECK((seeds < 100 || sum.refusals > 0));
}

}  // namespace
}  // namespace vlog::loglets::raft

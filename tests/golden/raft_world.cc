#include "golden/raft_world.h"

#include <algorithm>
#include <set>
#include <utility>

#include "unit/raft_cluster.h"

namespace vlog::golden {
namespace {

using namespace loglets::raft;

class RaftWorld final : public World {
 public:
  std::vector<std::string> Do(const std::vector<std::string>& words) override {
    lines_.clear();
    if (!cluster_ && words[0] != "replicas") return {"begin with `replicas N`"};
    if (!Carry(words)) lines_.push_back("no such command");
    if (cluster_ && !cluster_->violation().empty()) {
      lines_.push_back("BROKEN: " + cluster_->violation());
    }
    return lines_;
  }

 private:
  using Link = std::pair<size_t, size_t>;

  bool Carry(const std::vector<std::string>& words) {
    const std::string& verb = words[0];
    size_t a = words.size() > 1 ? Number(words[1]) - 1 : 0;
    size_t b = words.size() > 2 ? Number(words[2]) - 1 : 0;
    if (verb == "replicas") {
      Begin(a + 1);
    } else if (verb == "run") {
      cluster_->Settle();
    } else if (verb == "wait") {
      cluster_->Run(std::chrono::milliseconds(a + 1));
    } else if (verb == "pass") {
      cluster_->Advance(std::chrono::milliseconds(a + 1));
      for (size_t i = 0; i < cluster_->size(); ++i) cluster_->Tick(i);
      SyncQuickDisks();
    } else if (verb == "show") {
      for (size_t i = 0; i < cluster_->size(); ++i) Show(i);
    } else if (verb == "deliver" || verb == "first" || verb == "lose" || verb == "double" ||
               verb == "late") {
      MoveMessages(verb, {a, b});
    } else if (verb == "cut") {
      cut_.insert({a, b});
      cut_.insert({b, a});
    } else if (verb == "join") {
      cut_.erase({a, b});
      cut_.erase({b, a});
    } else {
      return CarryOnReplica(words, a);
    }
    return true;
  }

  bool CarryOnReplica(const std::vector<std::string>& words, size_t node) {
    const std::string& verb = words[0];
    if (verb == "start") {
      cluster_->Restart(node);
    } else if (verb == "damage") {
      cluster_->node(node).damaged = true;
    } else if (verb == "slow") {
      cluster_->slow_disks.insert(node);
    } else if (verb == "quick") {
      cluster_->slow_disks.erase(node);
    } else if (!cluster_->node(node).up) {
      lines_.push_back("it is down");
    } else if (verb == "campaign") {
      cluster_->Campaign(node, true);
    } else if (verb == "timeout") {
      cluster_->Timeout(node);
    } else if (verb == "crash") {
      cluster_->Crash(node);
    } else if (verb == "append") {
      for (size_t i = 2; i < words.size(); ++i) Append(node, words[i]);
    } else if (verb == "tail") {
      Asked("tail check", cluster_->CheckTail(node));
    } else if (verb == "seal") {
      Asked("seal", cluster_->Seal(node, "by " + words[1]));
    } else if (verb == "trim") {
      Asked("trim", cluster_->Trim(node, Offset(Number(words[2]))));
    } else {
      return false;
    }
    SyncQuickDisks();
    return true;
  }

  static size_t Number(const std::string& word) { return std::strtoull(word.c_str(), nullptr, 10); }

  void Begin(size_t replicas) {
    cluster_ = std::make_unique<RaftCluster>(replicas, 1);
    cluster_->on_event = [this](const std::string& text) { lines_.push_back(text); };
    cluster_->connected = [this](const Wire& wire) { return !cut_.contains({wire.from, wire.to}); };
  }

  void SyncQuickDisks() {
    for (size_t i = 0; i < cluster_->size(); ++i) {
      if (cluster_->slow_disks.contains(i)) continue;
      while (cluster_->node(i).up && !cluster_->node(i).unsynced.empty()) cluster_->Sync(i);
      while (cluster_->node(i).up && !cluster_->node(i).loads.empty()) cluster_->Load(i);
    }
  }

  void MoveMessages(const std::string& verb, Link link) {
    if (verb == "late") {
      for (Wire& wire : std::exchange(kept_[link], {})) cluster_->wires().push_back(wire);
    }
    std::vector<uint64_t> ids;
    for (const Wire& wire : cluster_->wires()) {
      if (Link(wire.from, wire.to) == link) ids.push_back(wire.id);
    }
    for (uint64_t id : ids) {
      if (verb == "lose") {
        cluster_->Lose(id);
      } else if (verb == "double") {
        auto& wires = cluster_->wires();
        auto it = std::find_if(wires.begin(), wires.end(),
                               [&](const Wire& wire) { return wire.id == id; });
        lines_.push_back("doubled: " + ToString(*it));
        kept_[link].push_back(*it);
      } else {
        cluster_->Deliver(id);
        SyncQuickDisks();
        if (verb == "first") break;
      }
    }
    if (ids.empty()) lines_.push_back("(nothing)");
  }

  // Consecutive numbers of one writer follow each other, and 0 is its first.
  void Append(size_t node, const std::string& record) {
    uint64_t number = Number(record.substr(1));
    std::optional<uint64_t> prev;
    if (number > 0) prev = number - 1;
    Asked("append of " + record, cluster_->Append(node, MakeBatch(record[0], number, 1, prev)));
  }

  void Asked(const std::string& what, Token token) {
    auto line = what + " is request " + std::to_string(token);
    lines_.insert(lines_.end() - (cluster_->Result(token) ? 1 : 0), line);
  }

  void Show(size_t node) {
    lines_.push_back(cluster_->Describe(node));
    if (cluster_->node(node).up) lines_.push_back("  " + cluster_->DescribeLog(node));
  }

  std::unique_ptr<RaftCluster> cluster_;
  std::set<Link> cut_;
  std::map<Link, std::vector<Wire>> kept_;
  std::vector<std::string> lines_;
};

}  // namespace

std::unique_ptr<World> NewRaftWorld() { return std::make_unique<RaftWorld>(); }

}  // namespace vlog::golden

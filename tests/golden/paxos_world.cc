#include "golden/paxos_world.h"

#include <cstdlib>
#include <utility>

#include "unit/paxos_loglet_cluster.h"

namespace vlog::golden {
namespace {

using namespace loglets::paxos;
using loglets::replicated::Token;
using std::chrono::milliseconds;

class PaxosWorld final : public World {
 public:
  std::vector<std::string> Do(const std::vector<std::string>& words) override {
    lines_.clear();
    if (!cluster_ && words[0] != "replicas") return {"begin with `replicas ROLES`"};
    if (!Carry(words)) lines_.push_back("no such command");
    if (!cluster_->violation().empty()) lines_.push_back("BROKEN: " + cluster_->violation());
    return lines_;
  }

 private:
  static size_t Number(const std::string& word) { return std::strtoull(word.c_str(), nullptr, 10); }

  bool Carry(const std::vector<std::string>& words) {
    const std::string& verb = words[0];
    size_t a = words.size() > 1 ? Number(words[1]) : 0;
    size_t b = words.size() > 2 ? Number(words[2]) : 0;
    if (verb == "replicas") {
      cluster_ = std::make_unique<PaxosCluster>(words.at(1), static_cast<uint32_t>(b));
      cluster_->on_event = [this](const std::string& text) { lines_.push_back(text); };
    } else if (verb == "run") {
      cluster_->Run();
    } else if (verb == "wait") {
      cluster_->Wait(milliseconds(a));
    } else if (verb == "pass") {
      cluster_->Pass(milliseconds(a));
    } else if (verb == "show") {
      for (size_t i = 0; i < cluster_->size(); ++i) Show(i);
    } else if (verb == "deliver" || verb == "first") {
      Moved(cluster_->DeliverLink(a - 1, b - 1, verb == "first"));
    } else if (verb == "drop") {
      Moved(cluster_->LoseLink(a - 1, b - 1, true));
    } else if (verb == "lose") {
      Moved(cluster_->LoseLink(a - 1, b - 1));
    } else if (verb == "cut") {
      cluster_->cut.insert({a - 1, b - 1});
      cluster_->cut.insert({b - 1, a - 1});
    } else if (verb == "join") {
      cluster_->cut.erase({a - 1, b - 1});
      cluster_->cut.erase({b - 1, a - 1});
    } else {
      return a > 0 && a <= cluster_->size() && CarryOnReplica(words, a - 1);
    }
    return true;
  }

  bool CarryOnReplica(const std::vector<std::string>& words, size_t i) {
    const std::string& verb = words[0];
    if (verb == "start") {
      cluster_->Start(i);
    } else if (verb == "damage") {
      cluster_->node(i).damaged = 1;
    } else if (verb == "slow") {
      cluster_->node(i).slow = true;
    } else if (!cluster_->node(i).up) {
      lines_.push_back("it is down");
    } else if (verb == "quick") {
      cluster_->node(i).slow = false;
      cluster_->Sync(i);
    } else if (verb == "crash") {
      cluster_->Crash(i);
    } else if (verb == "lead") {
      cluster_->Lead(i);
    } else if (verb == "append") {
      for (size_t word = 2; word < words.size(); ++word) Append(i, words[word]);
    } else if (verb == "tail") {
      Asked("tail check", cluster_->CheckTail(i));
    } else if (verb == "seal") {
      Asked("seal", cluster_->Seal(i, "by " + words[1]));
    } else if (verb == "trim") {
      Asked("trim", cluster_->Trim(i, Offset(Number(words.at(2)))));
    } else {
      return false;
    }
    return true;
  }

  // Consecutive numbers of one writer follow each other, and 0 is its first.
  void Append(size_t i, const std::string& record) {
    uint64_t number = Number(record.substr(1));
    std::optional<uint64_t> prev;
    if (number > 0) prev = number - 1;
    Asked("append of " + record, cluster_->Append(i, MakeBatch(record[0], number, 1, prev)));
  }

  void Asked(const std::string& what, Token token) {
    auto line = what + " is request " + std::to_string(token);
    lines_.insert(lines_.end() - (cluster_->Result(token) ? 1 : 0), line);
  }

  void Moved(size_t messages) {
    if (messages == 0) lines_.push_back("(nothing)");
  }

  void Show(size_t i) {
    lines_.push_back(cluster_->Describe(i));
    if (cluster_->node(i).up) lines_.push_back("  " + cluster_->DescribeLog(i));
  }

  std::unique_ptr<PaxosCluster> cluster_;
  std::vector<std::string> lines_;
};

}  // namespace

std::unique_ptr<World> NewPaxosWorld() { return std::make_unique<PaxosWorld>(); }

}  // namespace vlog::golden

// A handful of Paxos replicas that move only when told to: for golden scenarios and for the tests
// of single rules. Messages wait on their way until somebody delivers them; what a replica writes
// is durable at once, unless its disk is slow. Replicas are numbered from 0, and called 1, 2, ...
// in texts.
#ifndef VLOG_TESTS_UNIT_PAXOS_LOGLET_CLUSTER_H_
#define VLOG_TESTS_UNIT_PAXOS_LOGLET_CLUSTER_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loglets/paxos/paxos_core.h"
#include "unit/paxos_loglet_truth.h"

namespace vlog::loglets::paxos {

struct Wire {
  uint64_t id;
  size_t from;
  size_t to;
  replicated::CallId call;
  uint64_t life;  // of the caller
  std::optional<Request> request;
  std::optional<Reply> reply;
};
// "1 -> 2  phase 1 with 1.1.1 from 0".
std::string ToString(const Wire& wire);
// "a3": record 3 of writer a; batches of several records "a3x2".
std::string ToString(const Command& command);
// The batch of `count` records from `first` on of writer `writer`; none before it if `prev` is
// none.
Batch MakeBatch(char writer, uint64_t first, uint32_t count, std::optional<uint64_t> prev);

class PaxosCluster {
 public:
  // `roles`: one letter a replica: b both, a acceptor only, l proposer and learner only.
  explicit PaxosCluster(const std::string& roles, uint32_t write_quorum = 0);

  struct Node {
    bool up = true;
    bool slow = false;  // what it writes waits for Sync()
    uint64_t life = 1;
    std::vector<storage::Entry> synced;
    std::deque<Persist> unsynced;
    std::deque<replicated::ReplicaCore::Load> loads;
    uint64_t damaged = 0;  // positions that its journal lost
    std::unique_ptr<PaxosCore> core;
  };
  Node& node(size_t i) { return nodes_[i]; }
  PaxosCore& core(size_t i) { return *nodes_[i].core; }
  size_t size() const { return nodes_.size(); }
  Instant now() const { return now_; }

  // What happens, line by line, if somebody listens.
  std::function<void(const std::string&)> on_event;
  // From -> to: nothing gets through.
  std::set<std::pair<size_t, size_t>> cut;
  std::vector<Wire>& wires() { return wires_; }

  // Silence has been long enough for it: it begins a ballot at once.
  void Lead(size_t i);
  // Delivers what is on its way until nothing is left; no time passes.
  void Run();
  // The same, with time.
  void Wait(Duration time);
  void Pass(Duration time) { now_ = now_ + time; }
  void Tick(size_t i);
  void Deliver(uint64_t id);
  void Lose(uint64_t id);
  // All or the first of what is on its way from one to the other. How many there were.
  size_t DeliverLink(size_t from, size_t to, bool first_only = false);
  size_t LoseLink(size_t from, size_t to, bool first_only = false);
  void Sync(size_t i);    // all that it wrote
  void Refuse(size_t i);  // all data that it wrote: the disk is full
  void Crash(size_t i);
  void Start(size_t i);

  replicated::Token Append(size_t i, Batch batch);
  replicated::Token CheckTail(size_t i);
  replicated::Token Seal(size_t i, const std::string& proposal);
  replicated::Token Trim(size_t i, Offset to);
  std::optional<StatusOr<Offset>> Result(replicated::Token token) const;

  std::string Describe(size_t i) const;
  std::string DescribeLog(size_t i) const;
  // "" or the first rule that was broken.
  const std::string& violation() const { return violation_; }

 private:
  void Flush(size_t i);
  void Say(const std::string& text) {
    if (on_event) on_event(text);
  }
  void Check(const std::string& bad) {
    if (violation_.empty()) violation_ = bad;
  }
  void SyncIfQuick(size_t i);

  Group group_;
  PaxosOptions options_;
  Instant now_;
  std::vector<Node> nodes_;
  std::vector<Wire> wires_;
  std::map<std::pair<size_t, replicated::ReplyTo>, Wire> asked_;
  std::map<replicated::Token, StatusOr<Offset>> results_;
  uint64_t next_id_ = 1;
  replicated::Token next_token_ = 1;
  Truth truth_;
  std::string violation_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_TESTS_UNIT_PAXOS_LOGLET_CLUSTER_H_

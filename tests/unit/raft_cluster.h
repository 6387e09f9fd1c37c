// A small world of Raft replicas, moved by hand: messages wait until they are delivered, writes
// until they are synced. Whatever happens, the safety rules of the paper are checked behind it.
#ifndef VLOG_TESTS_UNIT_RAFT_CLUSTER_H_
#define VLOG_TESTS_UNIT_RAFT_CLUSTER_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "loglets/raft/raft_core.h"

namespace vlog::loglets::raft {

// A message that is on its way.
struct Wire {
  uint64_t id;
  size_t from, to;  // replica numbers, from 0
  uint64_t life;    // of the caller, that counts for replies
  CallId call;
  std::optional<RequestMessage> request;
  std::optional<ReplyMessage> reply;
};
std::string ToString(const Wire& wire);

class RaftCluster {
 public:
  struct Node {
    Replica id;
    bool up = true;
    bool damaged = false;  // its journal lost something: known at the next start
    uint64_t life = 1;
    std::vector<storage::Entry> synced;
    RaftState durable;  // what they amount to
    std::deque<ReplicaCore::Persist> unsynced;
    std::deque<ReplicaCore::Load> loads;
    std::unique_ptr<RaftCore> core;
    // By the shell's number for a peer's request: where the answer goes.
    std::map<ReplyTo, Wire> asked;
    Index commit_seen;
    Index written;  // the newest entry that went to the journal
    bool led = false;
    Term led_term;
  };
  struct Happened {
    enum class What { kAnswer, kLeader } what;
    size_t node;
    Token token = 0;
    StatusOr<Offset> result = Offset();
  };

  RaftCluster(size_t replicas, uint64_t seed, RaftOptions options = RaftOptions());

  // --- The world's moves. Each returns with all rules checked. ---
  void Deliver(uint64_t wire);
  // The caller hears that there is no answer; of a reply that is lost as well.
  void Lose(uint64_t wire, absl::StatusCode code = absl::StatusCode::kUnknown);
  void Duplicate(uint64_t wire);
  // The oldest write becomes durable.
  void Sync(size_t node);
  void FillDisk(size_t node);  // all data that waits is refused
  // Loses what is not synced but for the oldest `kept`.
  void Crash(size_t node, size_t kept = 0);
  void Restart(size_t node, bool through_checkpoint = false);
  void Load(size_t node);  // the oldest read of the journal is done
  void Tick(size_t node);
  void Advance(Duration time);
  // The node's clock reaches its election timeout.
  void Timeout(size_t node);

  Token Append(size_t node, const Batch& batch);
  Token CheckTail(size_t node);
  Token Seal(size_t node, const std::string& proposal);
  Token Trim(size_t node, Offset to);
  void Campaign(size_t node, bool at_once);

  // Everything that waits happens, in order, until nothing waits. No time passes.
  void Settle();
  // The same with ticks, for so long.
  void Run(Duration time);

  // --- What there is ---
  RaftCore& core(size_t node) { return *nodes_[node].core; }
  Node& node(size_t node) { return nodes_[node]; }
  size_t size() const { return nodes_.size(); }
  Instant now() const { return now_; }
  std::vector<Wire>& wires() { return wires_; }
  std::optional<StatusOr<Offset>> Result(Token token) const;
  std::optional<size_t> Leader() const;  // of the highest term, among those that are up
  std::string Describe(size_t node) const;
  // Its entries above the start, as far as their text is known: "1/1 no-op  2/1 a0".
  std::string DescribeLog(size_t node) const;
  // Records that the replica shows, by reading its synced entries.
  std::vector<RecordId> Read(size_t node) const;
  Index committed() const { return Index(committed_.empty() ? 0 : committed_.rbegin()->first); }

  // Called for whatever happens, for traces.
  std::function<void(const std::string&)> on_event;
  // Messages for which it is false are lost when they are to be delivered by Settle() or Run().
  std::function<bool(const Wire&)> connected;
  std::set<size_t> slow_disks;  // Settle() and Run() do not sync these
  // How many of eight steps leave what they want done to the next step of their replica, as a shell
  // does that carries out what one turn of its executor brought.
  uint64_t lazy = 0;
  // "" or the first rule that was broken.
  const std::string& violation() const { return violation_; }
  // What is decided and not trimmed is never given up by so many that others could miss it.
  void CheckCopies();
  void Violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  struct Counts {
    uint64_t commits = 0, elections = 0, cuts = 0, moves = 0, acks = 0, loads = 0, refusals = 0;
    uint64_t tails = 0, duplicates = 0, shown = 0;
  };
  Counts counts;

 private:
  struct Known {  // of an entry: all that have its index and term are the same
    std::string text;
    Term before;
    Offset begin;
    std::multiset<size_t> written_by;
  };
  void Flush(size_t node);
  void Note(size_t node, const storage::Entry& entry);
  void Check(size_t node);
  void Event(const std::string& text) {
    if (on_event) on_event(text);
  }
  size_t NumberOf(const Replica& replica) const;
  std::optional<Wire> Take(uint64_t wire);
  RaftState Recover(const Node& node, bool through_checkpoint);

  RaftOptions options_;
  std::mt19937_64 random_;
  std::vector<Replica> ids_;
  std::deque<Node> nodes_;
  std::vector<Wire> wires_;
  Instant now_ = Instant() + std::chrono::seconds(10);
  uint64_t next_wire_ = 1;
  ReplyTo next_reply_ = 1;
  Token next_token_ = 1;
  std::map<Token, StatusOr<Offset>> results_;
  std::string violation_;

  std::map<uint64_t, size_t> leaders_;                      // term -> replica
  std::map<std::pair<uint64_t, uint64_t>, Known> entries_;  // {index, term}
  struct Decided {
    Term term;  // of the entry
    Term in;    // in which it was decided
  };
  std::map<uint64_t, Decided> committed_;  // by index
  std::map<Offset, RecordId> records_;     // as acknowledged or shown
  std::map<RecordId, Offset> places_;
  std::map<Token, BatchHeader> appends_;
  std::map<Token, Offset> at_least_;  // of a tail check: what was known when it began
  std::set<Token> seals_;
  Offset trimmed_;  // the highest point that a trim asked for
  Offset floor_;    // what was acknowledged, or told as the tail
  std::optional<Offset> sealed_at_;
  void Claim(Offset at, RecordId id, const char* who);
  void Judge(Token token, const StatusOr<Offset>& result);
};

// Records [first, first + count) of a writer that is called by a letter; `prev` as in BatchHeader.
Batch MakeBatch(char writer, uint64_t first, uint32_t count, std::optional<uint64_t> prev);

}  // namespace vlog::loglets::raft

#endif  // VLOG_TESTS_UNIT_RAFT_CLUSTER_H_

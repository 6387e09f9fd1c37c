// A small world around the cores of the Paxos loglet: replicas with separate roles whose journals
// lose what was not synced, refuse data or lose entries for good, writers, sealers, tail checks,
// trims, and a network that loses, doubles and reorders. One seed, one schedule; everything is
// checked after every step.
#ifndef VLOG_TESTS_UNIT_PAXOS_LOGLET_MODEL_H_
#define VLOG_TESTS_UNIT_PAXOS_LOGLET_MODEL_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "loglets/paxos/paxos_core.h"
#include "unit/paxos_loglet_truth.h"

namespace vlog::loglets::paxos {

// What happened in one or many schedules; a floor under these guards against vacuous passes.
struct ModelCounts {
  uint64_t steps = 0, acked = 0, unknown = 0, refused_calls = 0, tails = 0, seals = 0, trims = 0;
  uint64_t leaders = 0, ballots = 0, crashes = 0, restarts = 0, refusals = 0, damages = 0;
  uint64_t checkpoints = 0, no_ops = 0, voids = 0, fetches = 0, loads = 0, recovered = 0;
  uint64_t losses = 0, doubles = 0, cuts = 0;
};

class ModelWorld {
 public:
  ModelWorld(uint64_t seed, ModelCounts& counts);
  // Runs the schedule, heals, seals, reads everything. "" or the first violation.
  std::string Run(size_t steps);

 private:
  struct Node {
    bool up = true;
    uint64_t life = 1;
    bool disk_full = false;
    bool damaged = false;
    std::vector<storage::Entry> synced;
    std::deque<Persist> unsynced;
    std::deque<replicated::ReplicaCore::Load> loads;
    PaxosState state;  // of what is synced
    std::unique_ptr<PaxosCore> core;
    Ballot told_promise;  // that others were told of
    std::map<Slot, Ballot> told_accepts;
    Offset trim;  // that was answered
  };
  struct Message {
    size_t from;
    size_t to;
    uint64_t life;  // of the caller
    replicated::CallId call;
    std::optional<Request> request;
    std::optional<StatusOr<Reply>> reply;
  };
  struct Asked {  // a request that a node has not answered
    size_t caller;
    uint64_t caller_life;
    replicated::CallId call;
    std::optional<Accept> accept;
  };
  struct Open {  // a batch without a certain answer
    Batch batch;
    uint64_t calls = 0;  // unanswered
    bool maybe = false;  // some call may have stored it
  };
  struct Writer {
    WriterId id;
    SeqNo next;
    std::optional<SeqNo> last;
    std::map<SeqNo, Open> open;
  };
  struct ClientCall {
    enum class Kind { kAppend, kCheck, kSeal, kTrim } kind;
    size_t node;
    uint64_t life;
    size_t writer = 0;
    SeqNo first;
    Offset at_least;  // of a check: what it must cover
    uint64_t trim = 0;
    bool stored = false;  // of an append: when it was called
  };

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(double p) { return static_cast<double>(Below(1'000'000)) < p * 1e6; }
  void Violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  // Events; in paxos_loglet_model.cc.
  void Step();
  void Deliver();
  void DeliverRequest(Message message);
  void DeliverReply(Message message);
  void Sync(size_t node);
  void RefuseData(size_t node);
  void AnswerLoad(size_t node);
  void Crash(size_t node);
  void Restart(size_t node);
  void DamageJournal(Node& node);
  void Advance();
  void TickDue();
  void Flush(size_t node);
  void Send(size_t node, PaxosCore::Send send);
  void Answer(size_t node, PaxosCore::Answered answered);
  // Clients; in paxos_loglet_model_clients.cc.
  void AppendOne();
  void Retry(size_t writer);
  void Submit(size_t writer, SeqNo first);
  void StartCheck(size_t node);
  void StartSeal(size_t node);
  void StartTrim(size_t node);
  void OnAnswer(const replicated::Answer& answer);
  void OnAppendAnswer(const ClientCall& call, const StatusOr<Offset>& result);
  void LoseCalls(size_t node);
  size_t PickServer();
  // The end of a schedule, and what recovery must find; in paxos_loglet_model_end.cc.
  void CheckRecovered(size_t node);
  void CheckReads(size_t node);
  bool Holds(const Node& node, Slot slot) const;
  void CheckCopies();
  std::string Describe() const;
  void HealAndFinish();
  bool QuietRound();

  std::mt19937_64 random_;
  ModelCounts& counts_;
  PaxosOptions options_;
  Group group_;
  Instant now_;
  bool faults_ = true;
  bool twins_ = false;  // all lives of a node have the same incarnation
  double cut_ = 0, loss_ = 0, crash_ = 0, full_ = 0, seal_ = 0, trim_ = 0, damage_ = 0;
  std::string violation_;
  Truth truth_;

  std::set<std::pair<size_t, size_t>> cuts_;  // links that pass nothing, one way
  std::vector<Node> nodes_;
  std::vector<Message> bag_;
  std::map<std::pair<size_t, replicated::ReplyTo>, Asked> asked_;
  std::vector<Writer> writers_;
  std::map<replicated::Token, ClientCall> calls_;
  uint64_t next_id_ = 1;
  Offset proven_;   // the highest tail that was told or acknowledged
  Offset trimmed_;  // the highest point that a trim asked for
  std::optional<Offset> sealed_at_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_TESTS_UNIT_PAXOS_LOGLET_MODEL_H_

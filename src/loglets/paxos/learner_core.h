// What a replica gives to others that lag behind: chosen commands from memory or from its journal,
// or a checkpoint where they were given up because they are trimmed (DESIGN 6.3). Pure; part of
// PaxosCore.
#ifndef VLOG_LOGLETS_PAXOS_LEARNER_CORE_H_
#define VLOG_LOGLETS_PAXOS_LEARNER_CORE_H_

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "loglets/paxos/options.h"
#include "loglets/paxos/replica_log_core.h"

namespace vlog::loglets::paxos {

// Who asked: a request of another replica, or the leader's flow to a member.
struct Asker {
  bool flow = false;
  uint64_t id = 0;  // of the request, or the member
};

class LearnerCore {
 public:
  // `log` outlives it.
  LearnerCore(ReplicaLog& log, const PaxosOptions& options) : log_(log), options_(options) {}

  // What a laggard at a certain point is given. Neither: it cannot be read here.
  struct Help {
    Asker to;
    std::vector<SlotEntry> chosen;  // from there on, with ballots that prove them as chosen
    ChosenPoint next;               // where they end; the offset only if they were read back
    std::optional<Checkpoint> checkpoint;
  };
  // Answered through TakeHelp(), at once or when the journal has been read.
  void Ask(Asker asker, ChosenPoint from);
  std::vector<Help> TakeHelp() { return std::exchange(help_, {}); }
  // Bodies of accepted commands are needed in memory.
  void WantBodies();
  std::vector<replicated::ReplicaCore::Load> TakeLoads() { return std::exchange(loads_, {}); }
  void Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries);
  // What another replica gave: commands that are chosen, each with a ballot that proves it.
  void Learn(const FetchReply& reply);

 private:
  struct Loading {
    std::optional<Asker> asker;  // none: bodies for the acceptor
    ChosenPoint from;
    uint64_t position;  // where the read begins
  };
  Help FromMemory(Asker asker, ChosenPoint from) const;
  void OnPiece(const Loading& loading, StatusOr<std::vector<storage::Entry>> entries);

  ReplicaLog& log_;
  PaxosOptions options_;
  std::map<uint64_t, Loading> loading_;
  bool loading_bodies_ = false;
  uint64_t next_load_ = 1;
  std::vector<Help> help_;
  std::vector<replicated::ReplicaCore::Load> loads_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_LEARNER_CORE_H_

// The sequencer of one loglet: gives each batch its offset, sends it to all log servers, and
// acknowledges in order what W of them hold (DESIGN 6.2; Delos 4.1).
//
//   kRunning ----------- seal through the sequencer -----------> kHandingOver
//      |                                                             |  all that was assigned is
//      | a sealed server, or no commit for a bound                   |  committed and S servers are
//      v                                                             v  sealed behind it
//   kDraining -- all sent is committed, or hopeless, or a bound --> kStopped
//
// Rules, in release builds too:
// - Offsets are assigned only while kRunning; what was assigned never moves. (What was sent to no
//   server is taken back when draining begins: nobody can know of it.)
// - Committed = the W-th largest durable tail that unsealed servers told; acknowledged in order.
// - A tail is handed over only if everything ever assigned is committed and no server has proved
//   more (FAULTS race 30).
// - "Sealed, not stored" is said only of a batch that was sent to no server (race 45).
//
// Pure. Effects come out of TakeOutput() and are carried out in the order send, deliver; nothing is
// persisted here, a sequencer lives once (see SequencerLives). The shell keeps one connection to
// each log server, calls Connected() for each new one, passes requests on in order, passes no
// answer on that belongs to an older connection, and breaks one on which an answer is overdue.
#ifndef VLOG_LOGLETS_SEQUENCER_SEQUENCER_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_SEQUENCER_CORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "loglets/sequencer/batch_log_core.h"
#include "loglets/sequencer/server_flow_core.h"
#include "loglets/writers_table.h"

namespace vlog::loglets::sequencer {

struct SequencerOptions {
  FlowOptions flow;
  size_t max_waiting_batches = 65'536;  // assigned and not committed; beyond: kResourceExhausted
  size_t max_waiting_bytes = 64 << 20;  // the same, of bodies
  size_t max_kept_bytes = 8 << 20;      // committed, kept for slow servers
  size_t max_writers = 1'000'000;       // beyond: asks for a successor and takes no new writer
  Duration commit_bound = std::chrono::milliseconds(500);  // without a commit while batches wait
  Duration drain_bound = std::chrono::milliseconds(200);   // of draining and handing over
};

using HandOverToken = uint64_t;  // of one seal through the sequencer, chosen by the shell

class SequencerCore {
 public:
  enum class State { kRunning, kHandingOver, kDraining, kStopped };

  // REQUIRES: params are valid and name this process; this is its first core for the loglet.
  SequencerCore(Params params, SequencerOptions options);

  struct Store {
    size_t server;
    RequestId id;
    StoreRequest request;
  };
  struct Seal {  // on the same connection, behind all that was sent there
    size_t server;
    SealRequest request;
  };
  struct Appended {
    AppendToken token;
    StatusOr<Offset> result;
  };
  struct HandedOver {
    HandOverToken token;
    StatusOr<HandOver> result;
  };
  struct Output {
    std::vector<Store> stores;  // those of one server before its seal
    std::vector<Seal> seals;
    std::vector<Appended> appended;  // those of one writer in the order of its appends
    std::vector<HandedOver> handed_over;
  };
  Output TakeOutput() { return std::exchange(output_, {}); }

  // --- From appenders; answered through the output, as Loglet::Append says ---
  //   kFailedPrecondition  sealed, and this batch was sent to no server
  //   kUnknown             sealed, and it was sent; or too old for the writers' table
  //   kInvalidArgument     out of order
  //   kResourceExhausted   too much waits; kUnavailable: too many writers, a successor is needed
  void Append(Batch batch, AppendToken token, Instant now);

  // --- A seal that goes through the sequencer ---
  //   OK: the servers are sealed, tail and proposal are final, nothing needs repair.
  //   kUnavailable: seal the servers themselves; appends may have become unknown.
  void HandOverTo(std::string proposal, HandOverToken token, Instant now);

  // --- The connections ---
  void Connected(size_t server, Instant now);
  void Disconnected(size_t server, Instant now);
  void OnStoreReply(size_t server, RequestId id, const ServerWord& word, Instant now);
  void OnSealReply(size_t server, const ServerWord& word, Instant now);

  // Gives back the memory of all batches: they are sent to nobody any more. What it says of them,
  // to retries and to hand-overs, stays right. REQUIRES: kStopped.
  void Release();

  void Tick(Instant now);
  // When Tick() has something to do next.
  Instant next_tick() const;

  State state() const { return state_; }
  const Params& params() const { return params_; }
  // A hint for appenders and readers, never mixed into a tail check.
  Offset committed() const { return log_.committed(); }
  Offset assigned() const { return log_.next(); }
  // Bodies in memory.
  size_t bytes() const { return log_.waiting_bytes() + log_.kept_bytes(); }
  // It stopped for good: the loglet must be sealed by its servers, and why.
  bool seal_wanted() const { return seal_wanted_; }
  const std::string& stop_reason() const { return stop_reason_; }
  // The table of writers is full: the log should move on to a loglet with an empty one.
  bool successor_wanted() const { return successor_wanted_; }
  const ServerFlowCore& flow(size_t server) const { return flows_[server]; }

  void CheckInvariants() const;

 private:
  Status Room(const Batch& batch);
  void Repeat(Offset offset, AppendToken token);
  void OnWord(size_t server, const ServerWord& word, Instant now);
  void Answer(AppendToken token, StatusOr<Offset> result);
  // What every event ends with: judges, sends.
  void Settle(Instant now);
  void Commit(Instant now);
  void Pump(Instant now);
  void PumpSeals();
  void BeginDrain(const std::string& why, Instant now);
  void CutUnsent();
  void SettleDrain(Instant now);
  void Stop();
  void AnswerLate();
  void SettleHandOver(Instant now);
  // Enough servers may still acknowledge what is not committed.
  bool hopeful() const;
  size_t sealed_count() const;

  const Params params_;
  const SequencerOptions options_;
  State state_ = State::kRunning;
  BatchLogCore log_;
  WritersTable writers_;
  std::vector<ServerFlowCore> flows_;  // by server number
  std::vector<bool> sealed_;           // these servers said so, to a store or a seal
  std::vector<bool> seal_sent_;        // on the present connection
  Offset proven_;                      // the highest tail that any server told
  Instant waiting_since_;              // of the last commit, or of the first batch that waits
  Instant drain_until_;
  bool seal_wanted_ = false;
  bool successor_wanted_ = false;
  std::string stop_reason_;
  // Appends that came after the end, or were taken back: answered "sealed, not stored", behind all
  // that was assigned before them.
  std::vector<AppendToken> late_;

  std::vector<HandOverToken> hand_overs_;
  std::string proposal_;       // of the first one who asked
  std::string kept_proposal_;  // what the first server that was sealed keeps
  Instant hand_over_until_;
  Output output_;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SEQUENCER_CORE_H_

// The sequencer's flow to one log server: what was sent on this connection, what was acknowledged,
// what comes next. Pure; part of SequencerCore, which is the one to be used.
//
//   kDown -> kHello (one empty request; its answer says where the server stands) -> kOpen
//     ^         |  any refusal or gap: begin again with a hello         |
//     +---------+-------------------------------------------------------+--> kSealed, kLost
//
// Invariants: acked() only grows, and only by the word of an unsealed server; a known tail that is
// sent never lies above what was sent on the flow before it, so that no server skips what is on its
// way; at most `window` requests with batches are unanswered.
#ifndef VLOG_LOGLETS_SEQUENCER_SERVER_FLOW_CORE_H_
#define VLOG_LOGLETS_SEQUENCER_SERVER_FLOW_CORE_H_

#include <cstdint>
#include <map>
#include <optional>

#include "base/time.h"
#include "loglets/sequencer/batch_log_core.h"
#include "loglets/sequencer/messages.h"

namespace vlog::loglets::sequencer {

struct FlowOptions {
  size_t window = 4;               // requests with batches that are unanswered
  size_t window_bytes = 4 << 20;   // of bodies in them
  size_t request_bytes = 1 << 20;  // of bodies in one of them; a larger batch goes alone
  Duration retry = std::chrono::milliseconds(20);      // before a new hello after a refusal
  Duration heartbeat = std::chrono::milliseconds(10);  // when idle
};

using RequestId = uint64_t;  // of one request on one flow; the answer names it

class ServerFlowCore {
 public:
  enum class State {
    kDown,   // no connection
    kHello,  // a hello is due or unanswered
    kOpen,
    kSealed,  // this server acknowledges nothing any more
    kLost,    // another disk, or it holds what it should not: not this replica any more
  };

  explicit ServerFlowCore(FlowOptions options) : options_(options) {}

  // A new connection; answers that come from older ones are not passed on. A lost one.
  void Connected(Instant now);
  void Disconnected();

  struct Request {
    RequestId id;
    StoreRequest store;  // without disk and sequencer
  };
  // The next request to send now, if any: a hello, batches, a known tail that somebody waits for,
  // or a heartbeat.
  std::optional<Request> Next(BatchLogCore& log, Instant now);
  // Set when everything up to log.next() was sent: a seal may follow on this connection.
  bool caught_up(const BatchLogCore& log) const {
    return state_ == State::kOpen && next_ == log.next();
  }
  // The answer to a store request. `assigned`: the end of all that the sequencer has assigned; a
  // server that holds more without being sealed is lost.
  void OnReply(RequestId id, const ServerWord& word, Offset assigned, Instant now);
  // What the server said about itself, in any answer.
  void OnWord(const ServerWord& word, Offset assigned);

  // It is not the replica that the parameters name, or holds what was never sent to it.
  void Lose() { state_ = State::kLost; }

  State state() const { return state_; }
  Offset acked() const { return acked_; }
  bool may_acknowledge() const { return state_ != State::kSealed && state_ != State::kLost; }
  // When Next() may have something to send although nothing else happens; never if kMax.
  Instant due() const;

  void CheckInvariants() const;

 private:
  struct InFlight {
    size_t batches;
    size_t bytes;
  };
  void Restart(Instant at);
  std::optional<Request> NextBatches(BatchLogCore& log, Instant now);
  Request Make(Offset known, Instant now);

  FlowOptions options_;
  State state_ = State::kDown;
  Offset acked_;       // durable on this server
  Offset next_;        // everything below was sent on this connection or need not be sent
  Offset known_sent_;  // on this connection
  std::map<RequestId, InFlight> in_flight_;
  size_t with_batches_ = 0;  // of them
  size_t bytes_ = 0;
  RequestId next_id_ = 1;
  RequestId oldest_of_connection_ = 1;
  bool restart_ = false;  // once nothing is in flight: a hello, at restart_at_
  Instant restart_at_;
  Instant last_sent_;
  bool waiters_ = false;  // at the server
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_LOGLETS_SEQUENCER_SERVER_FLOW_CORE_H_

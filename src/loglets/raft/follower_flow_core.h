// A leader's flow of entries to one follower: what it has, what was sent, what comes next. Pure;
// part of RaftCore, which is the one to be used.
//
//   kProbe: where does its log agree with ours? One request at a time, the next index backs up by
//           whole terms (Raft 5.3). kStream: entries are sent without waiting, several requests at
//           a time. kMoveUp: it needs what was given up. kLost: another disk, or it lost its
//           state.
//
//   kProbe -> kStream <-> kProbe (a refusal, a lost request);  any -> kMoveUp -> kStream
//
// Invariants: match() only grows and is never above what the follower said is durable there; the
// next index is never at or below match().
#ifndef VLOG_LOGLETS_RAFT_FOLLOWER_FLOW_CORE_H_
#define VLOG_LOGLETS_RAFT_FOLLOWER_FLOW_CORE_H_

#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/time.h"
#include "loglets/raft/raft_log_core.h"

namespace vlog::loglets::raft {

using replicated::CallId;

struct FlowOptions {
  size_t window = 8;                 // requests with entries that are unanswered
  size_t window_bytes = 1 << 20;     // of entries in them
  size_t request_bytes = 256 << 10;  // in one of them; a larger entry goes alone
  size_t most_heartbeats = 16;       // unanswered
  Duration heartbeat = std::chrono::milliseconds(30);
  // The commit point is told this soon to a follower for whom there is nothing else.
  Duration commit_delay = std::chrono::milliseconds(2);
  // After an error and of a full disk; longer while errors go on.
  Duration retry = std::chrono::milliseconds(30);
  Duration lost_retry = std::chrono::milliseconds(500);  // of a replica that is not one any more
};

class FollowerFlow {
 public:
  enum class State { kProbe, kStream, kMoveUp, kLost };

  // A new leader, whose log ends at `last`, knows nothing of the follower.
  FollowerFlow(FlowOptions options, Index last, Instant now);

  // What the leader knows when it asks for the next request.
  struct Leader {
    const RaftLog& log;
    Term term;
    Index last_sendable;  // entries above it stay here for now
    uint64_t round;       // of reads: every request counts for the rounds that began before it
    bool urgent;          // SEAL is not decided yet
    bool quiet;           // nobody needs heartbeats
  };
  // Where the next entries lie in the journal. OnLoaded() answers.
  struct Load {
    uint64_t from;
    uint64_t to;
  };
  using Next = std::variant<std::monostate, AppendRequest, MoveUpRequest, Load>;
  // The next thing to do now, if any; `call` is the request's number, or the load's.
  Next TakeNext(const Leader& leader, CallId call, Instant now);

  void OnReply(CallId call, const AppendReply& reply, const RaftLog& log, Instant now);
  // No answer comes. `lost`: another disk or process answers there.
  void OnError(CallId call, bool lost, Instant now);
  void OnLoaded(CallId load, StatusOr<std::vector<storage::Entry>> entries, const RaftLog& log,
                Instant now);
  bool Owns(CallId call) const { return in_flight_.contains(call) || load_ == call; }
  // It spoke up: heartbeats go on even if it had been silent.
  void Wake(Instant now);

  State state() const { return state_; }
  Index match() const { return match_; }
  Index next() const { return next_; }
  uint64_t acked_round() const { return acked_round_; }
  Instant heard_at() const { return heard_at_; }
  bool sealed() const { return sealed_; }  // SEAL is applied there
  // What it needs cannot be read back here: somebody else should lead.
  bool unreadable() const { return unreadable_; }
  size_t bytes_in_memory() const { return loaded_bytes_; }
  // When TakeNext() may have something although nothing else happens.
  Instant due(const Leader& leader) const;

  void CheckInvariants() const;

 private:
  enum class What { kEntries, kProbe, kMove, kHeartbeat };
  struct InFlight {
    What what;
    Index prev;
    bool entries = false;  // it has some
    size_t bytes = 0;
    uint64_t round = 0;
    bool awaited = false;  // nothing else went before its answer
  };
  Next Probe(const Leader& leader, CallId call, Instant now);
  Next Stream(const Leader& leader, CallId call, Instant now);
  Next MoveUp(const Leader& leader, CallId call, Instant now);
  Next Heartbeat(const Leader& leader, CallId call, Instant now);
  static AppendRequest Begin(const Leader& leader, Index prev);
  void Fill(const Leader& leader, AppendRequest* request);
  void Note(CallId call, What what, const Leader& leader, const AppendRequest& request,
            Instant now);
  Instant HeartbeatDue(const Leader& leader) const;
  // Whether more entries may be under way. What waits for room is not due: a clock that is always
  // late would leave no time for the answers.
  bool HasRoom() const {
    return with_entries_ < options_.window && bytes_ < options_.window_bytes && !load_;
  }
  std::optional<InFlight> Take(CallId call);
  void OnAgreed(const InFlight& sent, const AppendReply& reply, const RaftLog& log);
  void OnConflict(const InFlight& sent, const AppendReply& reply, const RaftLog& log, Instant now);
  void Retreat(const InFlight& sent, Instant at);
  void SetNext(Index next);
  void DropLoaded();

  FlowOptions options_;
  State state_ = State::kProbe;
  Index match_;
  Offset match_end_;  // of the records up to match_
  Index next_;
  std::optional<Offset> next_begin_;  // of the records from next_ on, if that is known
  std::map<CallId, InFlight> in_flight_;
  size_t with_entries_ = 0;  // of them
  size_t heartbeats_ = 0;    // of them
  size_t bytes_ = 0;
  std::optional<CallId> waiting_for_;  // the probe or the move; nothing else goes before its answer
  Instant not_before_;                 // but heartbeats
  uint32_t errors_ = 0;                // since the last answer
  Index commit_sent_;
  uint64_t round_sent_ = 0;
  uint64_t acked_round_ = 0;
  Instant last_sent_;
  Instant heard_at_;
  bool sealed_ = false;
  bool unreadable_ = false;

  // Read back from the journal for a follower that is far behind; begins at next_.
  std::optional<CallId> load_;
  std::deque<StoredEntry> loaded_;
  size_t loaded_bytes_ = 0;
};

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_FOLLOWER_FLOW_CORE_H_

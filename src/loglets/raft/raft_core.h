// One Raft replica of one loglet (DESIGN 6.4): elections, replication, the clients' requests.
//
// Section numbers are those of the extended Raft paper; "thesis" is Ongaro's. What is left out:
// membership changes, snapshots of a state machine and leadership transfer (the virtual log swaps
// loglets). What is added: SEAL, after which nothing is taken; offsets, which count records only;
// deduplication by the writers' table; a trim point for each replica.
//
// Rules, in release builds too:
// - One vote a term, durable before it is told (5.2); votes only for logs that are up to date
//   (5.4.1). A replica that lost its state, or part of it, takes no part any more.
// - A pre-vote comes first, and nobody who hears a leader grants any (thesis 4.2.3, 9.6).
// - An append is answered when its entries are durable; what conflicts is cut (5.3), what is
//   decided never.
// - A leader decides by counting only entries of its own term (5.4.2); its own copy counts when it
//   is durable. It gives up when it has not heard of a majority for a while (thesis 6.2), or its
//   own disk hangs.
// - An append of a client is acknowledged when its entry is decided, in the order of the log; a
//   tail check after a round that started behind it, and behind the first entry of the term.
//
// Pure. Effects come out of TakeOutput(), in the order persist, send, deliver.
#ifndef VLOG_LOGLETS_RAFT_RAFT_CORE_H_
#define VLOG_LOGLETS_RAFT_RAFT_CORE_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "consensus/quorum.h"
#include "loglets/raft/follower_flow_core.h"
#include "loglets/raft/read_rounds_core.h"

namespace vlog::loglets::raft {

using replicated::Answer;
using replicated::ReplyTo;
using replicated::Token;

struct RaftOptions {
  FlowOptions flow;
  // Silence after which a follower campaigns; a random value between the two each time.
  Duration election_min = std::chrono::milliseconds(150);
  Duration election_max = std::chrono::milliseconds(300);
  // A leader that has not heard of a majority for this long gives up.
  Duration check_quorum = std::chrono::milliseconds(300);
  // A sealed loglet's leader forgets followers that were silent for this long, until they speak.
  Duration silent_after = std::chrono::seconds(3);
  Duration vote_patience = std::chrono::milliseconds(300);
  Duration append_patience = std::chrono::seconds(1);
  size_t cache_bytes = 4 << 20;           // of a leader, for followers that are a little behind
  size_t max_undecided_bytes = 64 << 20;  // then appends are refused
  size_t max_load_bytes = 512 << 10;      // read back at once for one follower
  // A leader that knows so many writers seals the loglet when another one comes: the table of its
  // successor starts empty (DESIGN 5.2), and this one fits into one message.
  size_t most_writers = 10'000;
};

struct RaftConfig {
  Replica self;
  std::vector<Replica> voters;  // with self
  size_t commit_quorum = 0;     // at least a majority
};

class RaftCore {
 public:
  using Random = std::function<uint64_t()>;  // uniform over all 64-bit values

  RaftCore(RaftConfig config, RaftOptions options, RaftState recovered, Random random);

  struct Send {
    CallId call;
    Replica to;
    RequestMessage message;
    Duration patience;
  };
  struct Reply {
    ReplyTo to;
    ReplyMessage message;
  };
  struct Output {
    std::vector<ReplicaCore::Persist> persist;
    std::vector<Send> send;
    std::vector<Reply> replies;
    std::vector<Answer> answers;
    std::vector<ReplicaCore::Load> loads;
  };
  Output TakeOutput();

  // --- As replicated::ReplicaCore, which see ---
  void Tick(Instant now);
  Instant next_tick() const;
  void OnRequest(const Replica& from, RequestMessage request, ReplyTo to, Instant now);
  void OnReply(CallId call, const StatusOr<ReplyMessage>& reply, Instant now);
  void Append(Batch batch, Token token, Instant now);
  void CheckTail(Token token, Instant now);
  void Seal(std::string proposal, Token token, Instant now);
  void Trim(Offset to, Token token, Instant now);
  void Campaign(bool at_once, Instant now);
  void Persisted(Ticket ticket, Instant now);
  void Refused(Ticket ticket, Instant now);
  void Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now);

  // --- Views ---
  enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };
  Role role() const { return role_; }
  Term term() const { return log_.hard().term; }
  NodeId leader() const { return leader_; }  // node 0: nobody it knows of
  const RaftLog& log() const { return log_; }
  const AppliedState& applied() const { return log_.state().log().applied(); }
  bool sealed() const { return applied().sealed(); }
  size_t bytes_in_memory() const;
  void CheckInvariants() const;

 private:
  // A request of a peer, answered once what it tells of is durable.
  struct PendingVote {
    ReplyTo to;
    Term term;
    bool granted;
  };
  struct PendingAppend {
    ReplyTo to;
    Term term;
    Index match;
  };

  // Common; in raft_core.cc.
  void Start(Instant now);
  void AdoptTerm(Term term, Instant now);
  void StepDown(Instant now);
  void StandAside(Instant now);
  void ResetElection(Instant now);
  std::optional<Code> Refusal(const Replica& from, DiskId disk) const;
  void SendTo(const Replica& to, RequestMessage message, Duration patience, CallId call);
  void Tell(ReplyTo to, ReplyMessage message);
  void Answered(Token token, StatusOr<Offset> result);
  size_t majority() const { return consensus::Majority(config_.voters.size()); }

  // Elections; in raft_election.cc.
  void BeginPreVote(Instant now);
  void BeginElection(Instant now);
  void AskForVotes(bool pre);
  void CountVotes(Instant now);
  void BecomeLeader(Instant now);
  void OnVote(const Replica& from, const VoteRequest& request, ReplyTo to, Instant now);
  void OnVoteReply(const Replica& from, const VoteReply& reply, bool pre, Instant now);
  bool UpToDate(Index last, Term last_term) const;
  void WakeFor(const Replica& from, Instant now);

  // Followers; in raft_follower.cc.
  bool FollowLeader(const Replica& from, DiskId disk, Term term, ReplyTo to, Instant now);
  void OnAppend(const Replica& from, AppendRequest request, ReplyTo to, Instant now);
  void OnMoveUp(const Replica& from, MoveUpRequest request, ReplyTo to, Instant now);
  std::optional<AppendReply> Conflict(const AppendRequest& request) const;
  bool TakeEntries(AppendRequest& request);
  AppendReply ReplyWith(Code code) const;
  void AnswerPeers();

  // Leaders; in raft_leader.cc.
  void Pump(Instant now);
  FollowerFlow::Leader View(const FollowerFlow& flow) const;
  void CountCopies();
  void ConfirmRounds();
  Instant QuorumHeardAt() const;
  Instant GiveUpAt() const;
  void OnOwnRefusal(Index cut, Instant now);

  // Clients; in raft_clients.cc.
  Status Admit(const BatchHeader& batch);
  void AnswerClients();
  void FailClients();

  RaftConfig config_;
  RaftOptions options_;
  Random random_;
  RaftLog log_;
  Role role_ = Role::kFollower;
  NodeId leader_;
  bool started_ = false;
  bool rests_ = false;                    // SEAL is applied: no election without a reason
  Instant now_;                           // of the last step
  Instant election_at_ = Instant::Max();  // of a follower or candidate
  std::optional<Instant> heard_leader_at_;
  std::vector<PendingVote> pending_votes_;
  std::vector<PendingAppend> pending_appends_;
  std::map<Ticket, Token> trims_;

  // Of a candidate.
  consensus::VoteSet votes_;
  struct AskedVote {
    Replica from;
    Term term;
    bool pre;
  };
  std::map<CallId, AskedVote> asked_;

  // Of a leader.
  std::map<Replica, FollowerFlow> flows_;
  Index first_of_term_;  // its no-op
  Index sent_;           // the highest entry that was ever sent
  Instant leader_since_;
  // Others have decided what this node's own disk has not taken, and it does not get on.
  std::optional<Instant> disk_behind_since_;
  ReadRounds rounds_;
  std::multimap<Offset, Token> appends_;  // by the first offset of their batch
  std::vector<Token> seals_;
  std::vector<Token> behind_seal_;  // appends that came after SEAL

  CallId next_call_ = 1;
  Output output_;
};

}  // namespace vlog::loglets::raft

#endif  // VLOG_LOGLETS_RAFT_RAFT_CORE_H_

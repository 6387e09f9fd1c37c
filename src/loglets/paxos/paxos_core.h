// One replica of one Paxos loglet: acceptor, learner and proposer, as far as its node has these
// roles, and what ties them together (DESIGN 6.3). Pure, with plain messages; paxos_replica.h turns
// them into bytes.
//
// Effects come out of TakeOutput() and are carried out in the order persist, send, deliver. What
// tells of a promise or an accept is put out only after Persisted() for it. Messages of the
// proposer to its own node's acceptor never leave this class.
//
// Safety does not depend on clocks, on who leads, or on messages arriving once or in order. Ballots
// are {round, node, incarnation}, above every ballot that this replica has promised durably, and
// nothing is proposed with one before it is promised here durably: so no ballot is used twice, in
// this life or the next (FAULTS race 46). The incarnation alone sees to that where the journal lost
// entries, the promise among them.
#ifndef VLOG_LOGLETS_PAXOS_PAXOS_CORE_H_
#define VLOG_LOGLETS_PAXOS_PAXOS_CORE_H_

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loglets/paxos/acceptor_core.h"
#include "loglets/paxos/election_core.h"
#include "loglets/paxos/learner_core.h"
#include "loglets/paxos/proposer_core.h"

namespace vlog::loglets::paxos {

class PaxosCore {
 public:
  // `recovered`: a copy of the stream's state, or an empty one. `incarnation`: of this life.
  PaxosCore(Group group, PaxosOptions options, const PaxosState& recovered, Incarnation incarnation,
            RandomSource random);
  PaxosCore(const PaxosCore&) = delete;
  PaxosCore& operator=(const PaxosCore&) = delete;

  struct Send {
    replicated::CallId call;
    size_t to;  // a member, never this one
    Request request;
    Duration patience;
  };
  struct Answered {
    replicated::ReplyTo to;
    Reply reply;
  };
  struct Output {
    std::vector<Persist> persist;
    std::vector<Send> send;
    std::vector<Answered> replies;
    std::vector<replicated::Answer> answers;
    std::vector<replicated::ReplicaCore::Load> loads;
    std::vector<ReplicaLog::Applied> applied;  // in slot order; for tests
  };
  // What one turn brought is sent together: many commands to a message.
  Output TakeOutput();

  // As ReplicaCore; `from` and `to` are members. An answer of an append that says "sealed" means
  // that this call stored nothing: who sent the batch before does not know what became of that.
  void Tick(Instant now);
  Instant next_tick() const;
  void OnRequest(size_t from, Request request, replicated::ReplyTo to, Instant now);
  void OnReply(replicated::CallId call, StatusOr<Reply> reply, Instant now);
  void Append(Batch batch, replicated::Token token, Instant now);
  void CheckTail(replicated::Token token, Instant now);
  void Seal(std::string proposal, replicated::Token token, Instant now);
  void Trim(Offset to, replicated::Token token, Instant now);
  void Campaign(bool at_once, Instant now);
  void Persisted(Ticket ticket, Instant now);
  void Refused(Ticket ticket, Instant now);
  void Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now);

  // --- Views ---
  const Group& group() const { return group_; }
  const ReplicaLog& log() const { return log_; }
  const ProposerCore& proposer() const { return proposer_; }
  bool leading() const { return proposer_.state() == ProposerCore::State::kLeading; }
  NodeId leader() const;
  std::string role() const;
  std::string impaired() const;
  size_t bytes_in_memory() const { return log_.bytes_in_memory(); }

  void CheckInvariants() const;

 private:
  struct Call {
    size_t to;
    uint64_t tag;
    bool probe;
  };
  struct WaitingTrim {
    Offset to;
    replicated::Token token;
    Instant until;
    std::optional<Ticket> ticket;
  };

  void Step(size_t from, Request request, ReplyAddress to, Instant now);
  void OnProbeReply(const Call& call, const StatusOr<Reply>& reply, Instant now);
  void NoteBallot(const Ballot& ballot) { highest_seen_ = std::max(highest_seen_, ballot); }
  void Note(const Reply& reply);
  void NoteChosen(Slot slot) { told_ = std::max(told_, slot); }
  void WatchPrefix(Instant now);
  void FetchMissing(Instant now);
  void CatchUp(size_t member, const Standing& standing);
  void BeginProbe(Instant now);
  void BeginBallot(Instant now);
  void Settle(Instant now);
  bool SettleOnce(Instant now);
  void ResignIfOutbid(Instant now);
  void RouteReply(ReplyAddress to, Reply reply, Instant now);
  void RouteHelp(LearnerCore::Help help, Instant now);
  bool CarryOut(ProposerCore::Output output);
  void SettleTrims(Instant now);
  void Put(size_t to, Request request, Duration patience, Call call);
  bool leader_alive(Instant now) const { return leading() || election_.LeaderAlive(now); }

  Group group_;
  PaxosOptions options_;
  ReplicaLog log_;
  AcceptorCore acceptor_;
  LearnerCore learner_;
  ProposerCore proposer_;
  ElectionCore election_;
  consensus::BallotMaker ballots_;
  Ballot highest_seen_;
  Instant now_;

  replicated::CallId next_call_ = 1;
  std::map<replicated::CallId, Call> calls_;
  struct Own {  // a request of this node's proposer to its own replica
    uint64_t tag;
    Request request;
  };
  std::deque<Own> own_;
  std::vector<WaitingTrim> trims_;
  Instant retry_refused_at_;
  Slot told_;                          // somebody knows all below as chosen
  Slot stuck_at_;                      // the first of them that is not here
  Instant fetch_at_ = Instant::Max();  // for so long
  size_t fetch_from_ = 0;
  Output output_;
};

}  // namespace vlog::loglets::paxos

#endif  // VLOG_LOGLETS_PAXOS_PAXOS_CORE_H_

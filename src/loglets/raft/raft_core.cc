#include "loglets/raft/raft_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::raft {

RaftCore::RaftCore(RaftConfig config, RaftOptions options, RaftState recovered, Random random)
    : config_(std::move(config)),
      options_(options),
      random_(std::move(random)),
      log_(std::move(recovered), 0),
      votes_(config_.voters) {
  VLOG_CHECK(votes_.IsMember(config_.self), "a replica is a voter");
  VLOG_CHECK(config_.commit_quorum >= majority(), "an elected leader knows what is decided");
}

// Here, and not at each step: what came in one turn is answered and sent together.
RaftCore::Output RaftCore::TakeOutput() {
  if (role_ == Role::kCandidate) CountVotes(now_);
  if (role_ == Role::kLeader) CountCopies();
  AnswerPeers();
  AnswerClients();
  if (role_ == Role::kLeader) Pump(now_);
  if (sealed() && !std::exchange(rests_, true)) election_at_ = Instant::Max();
  output_.persist = log_.TakePersists();
  return std::exchange(output_, {});
}

// ---- time ----

// A replica that took part before goes on; one that never heard of anybody stays silent.
void RaftCore::Start(Instant now) {
  now_ = now;
  if (std::exchange(started_, true)) return;
  if (term() > Term()) ResetElection(now);
}

void RaftCore::Tick(Instant now) {
  Start(now);
  if (role_ == Role::kLeader) {
    if (now < GiveUpAt()) return;
    // One whose disk hangs cannot lead before it gets on.
    return disk_behind_since_ ? StandAside(now) : StepDown(now);
  }
  if (now >= election_at_) BeginPreVote(now);
}

Instant RaftCore::next_tick() const {
  if (!started_) return term() > Term() ? Instant() : Instant::Max();
  if (role_ != Role::kLeader) return election_at_;
  Instant due = GiveUpAt();
  for (const auto& [replica, flow] : flows_) due = std::min(due, flow.due(View(flow)));
  return due;
}

// A sealed loglet needs no leader, and an impaired replica must not become one.
void RaftCore::ResetElection(Instant now) {
  election_at_ = Instant::Max();
  if (sealed() || log_.state().impaired()) return;
  auto spread = static_cast<uint64_t>((options_.election_max - options_.election_min).count());
  auto extra = static_cast<int64_t>(random_() % (spread + 1));
  election_at_ = now + options_.election_min + Duration(extra);
}

// ---- terms ----

void RaftCore::AdoptTerm(Term term, Instant now) {
  if (term <= this->term()) return;
  StepDown(now);
  log_.SetHardState({term, Replica()});
}

// Whatever it was, it follows now.
void RaftCore::StepDown(Instant now) {
  if (role_ == Role::kLeader) {
    FailClients();
    flows_.clear();
    disk_behind_since_.reset();
    log_.set_cache_limit(0);
  }
  if (role_ != Role::kFollower) ResetElection(now);
  role_ = Role::kFollower;
  leader_ = NodeId();
  heard_leader_at_.reset();
  asked_.clear();
}

// ---- messages ----

std::optional<Code> RaftCore::Refusal(const Replica& from, DiskId disk) const {
  if (disk != config_.self.disk) return Code::kOtherDisk;
  if (from == config_.self || !votes_.IsMember(from)) return Code::kStranger;
  if (log_.state().impaired()) return Code::kImpaired;
  return std::nullopt;
}

void RaftCore::OnRequest(const Replica& from, RequestMessage request, ReplyTo to, Instant now) {
  Start(now);
  log_.WriteRefusedAgain();
  if (auto* vote = std::get_if<VoteRequest>(&request)) {
    OnVote(from, *vote, to, now);
  } else if (auto* append = std::get_if<AppendRequest>(&request)) {
    OnAppend(from, std::move(*append), to, now);
  } else {
    OnMoveUp(from, std::move(std::get<MoveUpRequest>(request)), to, now);
  }
}

void RaftCore::OnReply(CallId call, const StatusOr<ReplyMessage>& reply, Instant now) {
  Start(now);
  if (auto asked = asked_.find(call); asked != asked_.end()) {
    AskedVote vote = asked->second;
    asked_.erase(asked);
    const auto* answer = reply.ok() ? std::get_if<VoteReply>(&*reply) : nullptr;
    if (answer != nullptr && vote.term == term()) OnVoteReply(vote.from, *answer, vote.pre, now);
  }
  for (auto& [replica, flow] : flows_) {
    if (!flow.Owns(call)) continue;
    const auto* answer = reply.ok() ? std::get_if<AppendReply>(&*reply) : nullptr;
    if (answer == nullptr) {
      flow.OnError(call, absl::IsNotFound(reply.status()), now);
    } else if (answer->term > term()) {
      AdoptTerm(answer->term, now);
    } else {
      flow.OnReply(call, *answer, log_, now);
      ConfirmRounds();
    }
    break;
  }
}

void RaftCore::SendTo(const Replica& to, RequestMessage message, Duration patience, CallId call) {
  std::visit([&](auto& request) { request.disk = to.disk; }, message);
  output_.send.push_back({call, to, std::move(message), patience});
}

void RaftCore::Tell(ReplyTo to, ReplyMessage message) {
  output_.replies.push_back({to, std::move(message)});
}

void RaftCore::Answered(Token token, StatusOr<Offset> result) {
  output_.answers.push_back({token, std::move(result)});
}

// ---- the journal ----

void RaftCore::Persisted(Ticket ticket, Instant now) {
  Start(now);
  log_.Persisted(ticket);
  if (disk_behind_since_) disk_behind_since_ = now;
  if (auto trim = trims_.find(ticket); trim != trims_.end()) {
    Answered(trim->second, log_.durable_trim());
    trims_.erase(trim);
  }
}

void RaftCore::Refused(Ticket ticket, Instant now) {
  Start(now);
  std::optional<Index> cut = log_.Refused(ticket);
  if (auto trim = trims_.find(ticket); trim != trims_.end()) {
    Answered(trim->second, absl::ResourceExhaustedError("the disk is full"));
    trims_.erase(trim);
  }
  if (cut && role_ == Role::kLeader) OnOwnRefusal(*cut, now);
}

void RaftCore::Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now) {
  Start(now);
  for (auto& [replica, flow] : flows_) {
    if (!flow.Owns(id)) continue;
    flow.OnLoaded(id, std::move(entries), log_, now);
    if (flow.unreadable()) StandAside(now);
    break;
  }
}

// A leader that cannot give a follower what it needs lets others try: they are not damaged in the
// same place.
void RaftCore::StandAside(Instant now) {
  StepDown(now);
  if (election_at_ != Instant::Max()) election_at_ = now + options_.election_max * 4;
}

size_t RaftCore::bytes_in_memory() const {
  size_t bytes = log_.bytes_in_memory();
  for (const auto& [replica, flow] : flows_) bytes += flow.bytes_in_memory();
  return bytes;
}

void RaftCore::CheckInvariants() const {
  log_.CheckInvariants();
  for (const auto& [replica, flow] : flows_) {
    flow.CheckInvariants();
    VLOG_CHECK(flow.match() <= log_.last(), "a follower has nothing that its leader lacks");
  }
  bool leads = role_ == Role::kLeader;
  VLOG_CHECK(leads || flows_.empty(), "only a leader replicates");
  VLOG_CHECK(
      leads || (appends_.empty() && seals_.empty() && behind_seal_.empty() && rounds_.idle()),
      "clients wait at leaders only");
  VLOG_CHECK(!leads || log_.last_term() == term(), "a leader's log ends in its term");
  VLOG_CHECK(!log_.state().impaired() || !leads, "who lost its state leads nobody");
}

}  // namespace vlog::loglets::raft

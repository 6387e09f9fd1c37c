#include "loglets/paxos/paxos_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::paxos {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

PaxosCore::PaxosCore(Group group, PaxosOptions options, const PaxosState& recovered,
                     Incarnation incarnation, RandomSource random)
    : group_(std::move(group)),
      options_(options),
      log_(recovered, options_.cache_bytes),
      acceptor_(log_, group_.members[group_.self].votes, options_.window_bytes),
      learner_(log_, options_),
      proposer_(group_, options_, log_),
      election_(group_, options_, std::move(random)),
      ballots_(group_.members[group_.self].replica.node, incarnation),
      highest_seen_(recovered.promised()) {
  VLOG_CHECK(group_.members.size() <= 64 && group_.quorums().valid(), "the group can vote");
}

// ---- replicas ----

void PaxosCore::OnRequest(size_t from, Request request, replicated::ReplyTo to, Instant now) {
  Step(from, std::move(request), {false, to}, now);
  Settle(now);
}

void PaxosCore::Step(size_t from, Request request, ReplyAddress to, Instant now) {
  bool own = from == group_.self;
  auto on_probe = [&](const Probe&) {
    RouteReply(to, ProbeReply{acceptor_.standing(), leader_alive(now)}, now);
  };
  auto on_prepare = [&](const Prepare& prepare) {
    NoteBallot(prepare.ballot);
    if (!own && prepare.ballot >= log_.promised()) election_.Rearm(now);
    acceptor_.Step(prepare, to);
  };
  auto on_accept = [&](const Accept& accept) {
    NoteBallot(accept.ballot);
    for (const BallotRun& run : accept.chosen) NoteChosen(run.to);
    bool admitted = acceptor_.Step(accept, to);
    if (!own && admitted) election_.HeardLeader(accept.ballot, now);
  };
  auto on_fetch = [&](const Fetch& fetch) {
    VLOG_CHECK(!own, "a replica does not lag behind itself");
    learner_.Ask({false, to.id}, fetch.from);
  };
  std::visit(Overloaded{on_probe, on_prepare, on_accept, on_fetch}, request);
}

void PaxosCore::Note(const Reply& reply) {
  auto note = [&](const auto& r) {
    NoteBallot(r.standing.promised);
    NoteChosen(r.standing.chosen.slot);
  };
  std::visit(note, reply);
}

void PaxosCore::OnReply(replicated::CallId id, StatusOr<Reply> reply, Instant now) {
  auto it = calls_.find(id);
  if (it == calls_.end()) return;
  Call call = it->second;
  calls_.erase(it);
  if (reply.ok()) Note(*reply);
  if (call.probe) {
    OnProbeReply(call, reply, now);
  } else {
    const FetchReply* fetched = reply.ok() ? std::get_if<FetchReply>(&*reply) : nullptr;
    Slot before = log_.chosen().slot;
    if (fetched != nullptr) learner_.Learn(*fetched);
    bool learnt = log_.chosen().slot > before;
    if (learnt) CatchUp(call.to, fetched->standing);
    proposer_.OnReply(call.to, call.tag, reply, now);
  }
  Settle(now);
}

void PaxosCore::OnProbeReply(const Call& call, const StatusOr<Reply>& reply, Instant now) {
  const ProbeReply* probed = reply.ok() ? std::get_if<ProbeReply>(&*reply) : nullptr;
  if (probed == nullptr || log_.applied().sealed()) return;
  CatchUp(call.to, probed->standing);
  bool serves = group_.members[group_.self].serves;
  if (serves && election_.OnProbeReply(call.to, call.tag, *probed, now)) BeginBallot(now);
}

// Nobody leads a sealed loglet for long: who missed its end asks for it.
void PaxosCore::CatchUp(size_t member, const Standing& standing) {
  bool lags = standing.sealed && standing.chosen.slot > log_.chosen().slot;
  if (lags) Put(member, Fetch{log_.chosen()}, options_.patience, {member, 0, false});
}

void PaxosCore::WatchPrefix(Instant now) {
  Slot chosen = log_.chosen().slot;
  if (chosen >= told_ || log_.applied().sealed()) {
    fetch_at_ = Instant::Max();
  } else if (fetch_at_ == Instant::Max() || chosen != stuck_at_) {
    stuck_at_ = chosen;
    fetch_at_ = now + options_.patience;
  }
}

// Whoever was to give what is missing here may be unable to read it: asks one after the other.
void PaxosCore::FetchMissing(Instant now) {
  fetch_at_ = now + options_.patience;
  fetch_from_ = (fetch_from_ + 1) % group_.members.size();
  if (fetch_from_ == group_.self) fetch_from_ = (fetch_from_ + 1) % group_.members.size();
  Put(fetch_from_, Fetch{log_.chosen()}, options_.patience, {fetch_from_, 0, false});
}

void PaxosCore::Put(size_t to, Request request, Duration patience, Call call) {
  calls_[next_call_] = call;
  output_.send.push_back({next_call_++, to, std::move(request), patience});
}

// ---- elections ----

void PaxosCore::BeginProbe(Instant now) {
  election_.BeginProbe(acceptor_.votes(), now);
  bool serves = group_.members[group_.self].serves;
  if (serves && election_.MayBegin()) return BeginBallot(now);
  for (size_t member = 0; member < group_.members.size(); ++member) {
    if (member == group_.self || !group_.members[member].votes) continue;
    Put(member, Probe{}, options_.beat_patience, {member, election_.probe(), true});
  }
}

void PaxosCore::BeginBallot(Instant now) {
  election_.Rearm(now);
  if (proposer_.state() != ProposerCore::State::kIdle) return;
  Ballot ballot = ballots_.Next(std::max(highest_seen_, log_.promised()));
  NoteBallot(ballot);
  proposer_.Begin(ballot, now);
}

void PaxosCore::Campaign(bool at_once, Instant now) {
  bool serves = group_.members[group_.self].serves;
  bool busy = proposer_.state() != ProposerCore::State::kIdle || leader_alive(now);
  if (!log_.applied().sealed()) election_.Wake(now);
  if (serves && at_once && !busy && !log_.applied().sealed()) BeginBallot(now);
  Settle(now);
}

void PaxosCore::Tick(Instant now) {
  bool idle = proposer_.state() == ProposerCore::State::kIdle;
  if (election_.due(now)) {
    if (idle) {
      BeginProbe(now);
    } else {
      election_.Rearm(now);
    }
  }
  if (now >= fetch_at_) FetchMissing(now);
  if (log_.has_refused() && now >= retry_refused_at_) {
    retry_refused_at_ = now + options_.heartbeat * 4;
    log_.RetryRefused();
  }
  Settle(now);
}

Instant PaxosCore::next_tick() const {
  Instant at = std::min({election_.deadline(), proposer_.due(now_), fetch_at_});
  if (log_.has_refused()) at = std::min(at, retry_refused_at_);
  for (const WaitingTrim& trim : trims_) {
    if (!trim.ticket) at = std::min(at, trim.until);
  }
  return at;
}

// ---- clients ----

void PaxosCore::Append(Batch batch, replicated::Token token, Instant now) {
  if (log_.applied().sealed()) {
    output_.answers.push_back({token, absl::FailedPreconditionError("sealed")});
  } else {
    proposer_.Append(std::move(batch), token, now);
  }
  Settle(now);
}

void PaxosCore::CheckTail(replicated::Token token, Instant now) {
  if (log_.applied().sealed()) {
    output_.answers.push_back({token, log_.applied().end()});
  } else {
    proposer_.CheckTail(token);
  }
  Settle(now);
}

void PaxosCore::Seal(std::string proposal, replicated::Token token, Instant now) {
  if (log_.applied().sealed()) {
    output_.answers.push_back({token, log_.applied().end()});
  } else {
    proposer_.Seal(std::move(proposal), token);
  }
  Settle(now);
}

void PaxosCore::Trim(Offset to, replicated::Token token, Instant now) {
  if (to > log_.applied().end() && !log_.applied().sealed()) election_.Wake(now);
  // A replica that is about to learn or to write the rest gets the time for it.
  trims_.push_back({to, token, now + options_.heartbeat * 4, std::nullopt});
  Settle(now);
}

void PaxosCore::SettleTrims(Instant now) {
  for (WaitingTrim& trim : trims_) {
    Offset held = log_.mapped().end().offset;
    if (trim.ticket || (held < trim.to && now < trim.until)) continue;
    trim.to = std::min(trim.to, held);
    trim.ticket = log_.Trim(trim.to).value_or(0);
  }
  std::erase_if(trims_, [&](const WaitingTrim& trim) {
    if (!trim.ticket || !log_.Settled(*trim.ticket)) return false;
    bool done = log_.mapped().trim() >= trim.to;
    StatusOr<Offset> result = absl::ResourceExhaustedError("the disk is full");
    if (done) result = log_.mapped().trim();
    output_.answers.push_back({trim.token, std::move(result)});
    return true;
  });
}

// ---- what became of effects ----

void PaxosCore::Persisted(Ticket ticket, Instant now) {
  log_.Persisted(ticket);
  Settle(now);
}

void PaxosCore::Refused(Ticket ticket, Instant now) {
  log_.Refused(ticket);
  if (log_.has_refused()) retry_refused_at_ = std::max(retry_refused_at_, now + options_.heartbeat);
  Settle(now);
}

void PaxosCore::Loaded(uint64_t id, StatusOr<std::vector<storage::Entry>> entries, Instant now) {
  learner_.Loaded(id, std::move(entries));
  Settle(now);
}

// ---- what ties the roles together ----

void PaxosCore::Settle(Instant now) {
  now_ = std::max(now_, now);
  while (SettleOnce(now_)) {
  }
  if (log_.applied().sealed()) election_.Stop();
  WatchPrefix(now_);
}

PaxosCore::Output PaxosCore::TakeOutput() {
  do {
    Settle(now_);
    proposer_.PumpFlows(now_);
  } while (CarryOut(proposer_.TakeOutput()));
  output_.persist = log_.TakePersists();
  output_.loads = learner_.TakeLoads();
  return std::exchange(output_, {});
}

bool PaxosCore::SettleOnce(Instant now) {
  bool moved = false;
  for (Own& own : std::exchange(own_, {})) {
    Step(group_.self, std::move(own.request), {true, own.tag}, now);
    moved = true;
  }
  SettleTrims(now);
  ResignIfOutbid(now);
  for (ReplicaLog::Applied& applied : log_.TakeApplied()) {
    proposer_.OnApplied(applied, now);
    output_.applied.push_back(std::move(applied));
    moved = true;
  }
  for (AcceptorCore::Answered& answered : acceptor_.TakeAnswers()) {
    RouteReply(answered.to, std::move(answered.reply), now);
    moved = true;
  }
  if (acceptor_.wants_bodies()) learner_.WantBodies();
  for (LearnerCore::Help& help : learner_.TakeHelp()) {
    RouteHelp(std::move(help), now);
    moved = true;
  }
  ResignIfOutbid(now);
  proposer_.Pump(now);
  return CarryOut(proposer_.TakeOutput()) || moved;
}

// A higher ballot exists: this one is refused sooner or later (Paxos Made Simple 2.2). What the
// other leader got chosen in this one's slots may be something else: before that is applied here,
// nobody must wait for it.
void PaxosCore::ResignIfOutbid(Instant now) {
  bool outbid = std::max(highest_seen_, log_.promised()) > proposer_.ballot();
  // A checkpoint that was on its way passes over slots that this leader has proposed: they are
  // chosen, but what became of them is not known here.
  outbid = outbid || (log_.TakeMoved() && leading());
  if (!outbid || proposer_.state() == ProposerCore::State::kIdle) return;
  proposer_.Resign();
  election_.Rearm(now);
}

void PaxosCore::RouteReply(ReplyAddress to, Reply reply, Instant now) {
  if (!to.own) {
    output_.replies.push_back({to.id, std::move(reply)});
    return;
  }
  proposer_.OnReply(group_.self, to.id, std::move(reply), now);
}

void PaxosCore::RouteHelp(LearnerCore::Help help, Instant now) {
  if (help.to.flow) return proposer_.OnHelp(help.to.id, std::move(help), now);
  FetchReply reply;
  reply.standing = acceptor_.standing();
  reply.chosen = std::move(help.chosen);
  reply.checkpoint = std::move(help.checkpoint);
  output_.replies.push_back({help.to.id, std::move(reply)});
}

bool PaxosCore::CarryOut(ProposerCore::Output output) {
  Slot before = log_.chosen().slot;
  log_.TakeChosen(output.chosen);
  bool moved = log_.chosen().slot > before || !output.helps.empty();
  for (ProposerCore::Outgoing& send : output.sends) {
    if (send.to == group_.self) {
      own_.push_back({send.tag, std::move(send.request)});
      moved = true;
    } else {
      Put(send.to, std::move(send.request), send.patience, {send.to, send.tag, false});
    }
  }
  for (const ProposerCore::Help& help : output.helps) learner_.Ask({true, help.member}, help.from);
  for (replicated::Answer& answer : output.answers) output_.answers.push_back(std::move(answer));
  return moved;
}

// ---- views ----

NodeId PaxosCore::leader() const {
  if (leading()) return group_.members[group_.self].replica.node;
  bool heard = !election_.leader().none() && now_ < election_.heard_at() + options_.silence_max;
  return heard ? election_.leader().node : NodeId();
}

std::string PaxosCore::role() const {
  const Group::Member& self = group_.members[group_.self];
  if (leading()) return "leader";
  if (proposer_.state() == ProposerCore::State::kPreparing) return "candidate";
  if (!self.serves) return "acceptor";
  return self.votes ? "follower" : "learner";
}

std::string PaxosCore::impaired() const {
  if (!log_.impaired()) return "";
  return "its journal lost entries, perhaps promises: it does not vote";
}

void PaxosCore::CheckInvariants() const {
  log_.CheckInvariants();
  proposer_.CheckInvariants();
  bool active = proposer_.state() != ProposerCore::State::kIdle;
  VLOG_CHECK(!active || log_.promised() <= proposer_.ballot(), "who is outbid has resigned");
  VLOG_CHECK(own_.empty(), "the node's own requests are settled");
}

}  // namespace vlog::loglets::paxos

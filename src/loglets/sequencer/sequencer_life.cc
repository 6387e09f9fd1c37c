#include "loglets/sequencer/sequencer_life.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "loglets/sequencer/reach.h"

namespace vlog::loglets::sequencer {
namespace {

// Nobody waits for it: the sequencer itself wants the loglet sealed.
constexpr HandOverToken kOwnWish = 0;

}  // namespace

SequencerLife::SequencerLife(HostContext context, LogletId id, Params params,
                             SequencerOptions options, SequencerTiming timing,
                             SequencerOwner& owner)
    : context_(context),
      id_(std::move(id)),
      options_(options),
      timing_(timing),
      owner_(owner),
      core_(std::move(params), options),
      links_(core_.params().replica_count()) {
  for (size_t server = 0; server < links_.size(); ++server) {
    links_[server].channel = context_.peers.To(core_.params().replicas[server].node);
  }
}

void SequencerLife::Start() {
  if (std::exchange(started_, true)) return;
  for (size_t server = 0; server < links_.size(); ++server) Connect(server);
}

void SequencerLife::End() {
  ended_ = true;
  for (Link& link : links_) {
    ++link.epoch;
    link.channel.reset();  // whose calls keep this object alive
  }
  TakeHeld();
  appends_.clear();  // each responder says "unknown"
  hand_overs_.clear();
}

// ---- requests ----

void SequencerLife::Append(Batch batch, rpc::Responder respond) {
  Start();
  AppendToken token = next_token_++;
  bool late = core_.state() == SequencerCore::State::kStopped;
  appends_.emplace(token, Waiting{std::move(respond), late});
  if (held_.empty() && !MustHold()) {
    core_.Append(std::move(batch), token, Now());
    return Settle();
  }
  Hold(token, std::move(batch));
}

// It runs, and too few servers are connected, or known to be lost, for anything to be committed.
bool SequencerLife::MustHold() const {
  using State = ServerFlowCore::State;
  size_t unconnected = 0;
  for (size_t server = 0; server < links_.size(); ++server) {
    State state = core_.flow(server).state();
    unconnected += state == State::kDown || state == State::kHello;
  }
  bool enough = links_.size() - unconnected >= core_.params().write_quorum;
  return core_.state() == SequencerCore::State::kRunning && !enough;
}

void SequencerLife::Hold(AppendToken token, Batch batch) {
  size_t bytes = batch.body.size();
  bool full = held_.size() >= options_.max_waiting_batches ||
              (!held_.empty() && core_.bytes() + held_bytes_ + bytes > options_.max_waiting_bytes);
  if (full) {
    Status why = absl::ResourceExhaustedError(
        absl::StrCat(held_.size(), " batches of ", held_bytes_,
                     " bytes wait for a connection to the log servers"));
    return Answer(SequencerCore::Appended{token, why});
  }
  if (!outage_) outage_ = Now();
  held_bytes_ += bytes;
  held_.push_back({token, std::move(batch), Now()});
  Settle();
}

std::vector<SequencerLife::Held> SequencerLife::TakeHeld() {
  held_bytes_ = 0;
  return std::exchange(held_, {});
}

void SequencerLife::ReleaseHeld() {
  bool hold = MustHold();
  bool wait = hold && outage_ && Now() < *outage_ + timing_.outage;
  if (!hold) outage_.reset();
  if (held_.empty()) return;
  if (!wait) {
    for (Held& held : TakeHeld()) core_.Append(std::move(held.batch), held.token, Now());
  } else if (Now() >= held_.front().since + timing_.hold) {
    // All of them: what follows a batch that was refused is of no use.
    for (Held& held : TakeHeld()) {
      Status why = absl::UnavailableError("too few log servers are connected");
      Answer(SequencerCore::Appended{held.token, why});
    }
  }
}

void SequencerLife::HandOver(std::string proposal, rpc::Responder respond) {
  Start();
  HandOverToken token = next_token_++;
  hand_overs_.emplace(token, std::move(respond));
  core_.HandOverTo(std::move(proposal), token, Now());
  Settle();
}

// ---- log servers ----

void SequencerLife::Connect(size_t server) {
  if (ended_ || finished()) return;
  Link& link = links_[server];
  ++link.epoch;
  link.up = true;
  core_.Connected(server, Now());
  Settle();
}

void SequencerLife::Disconnect(size_t server) {
  Link& link = links_[server];
  if (!link.up) return;
  link.up = false;
  ++link.epoch;
  core_.Disconnected(server, Now());
  auto reconnect = [weak = weak_from_this(), server] {
    if (std::shared_ptr<SequencerLife> self = weak.lock()) self->Connect(server);
  };
  context_.env.scheduler().StartTimer(Now() + timing_.reconnect, std::move(reconnect));
  Settle();
}

rpc::Call SequencerLife::CallTo(size_t server, rpc::Method method, rpc::Message message) const {
  rpc::Call call(method, std::move(message.header), std::move(message.payload),
                 Now() + timing_.answer);
  call.disk = core_.params().replicas[server].disk;
  return call;
}

void SequencerLife::Send(SequencerCore::Store store) {
  size_t server = store.server;
  if (!links_[server].up) return;
  auto answered = [self = shared_from_this(), server, id = store.id,
                   epoch = links_[server].epoch](StatusOr<rpc::Reply> reply) {
    std::optional<ServerWord> word = self->WordOf(server, epoch, std::move(reply));
    if (!word) return;
    self->core_.OnStoreReply(server, id, *word, self->Now());
    self->Settle();
  };
  rpc::Call call = CallTo(server, kStoreMethod, Encode(id_, store.request));
  links_[server].channel->Start(std::move(call), std::move(answered));
}

void SequencerLife::Send(SequencerCore::Seal seal) {
  size_t server = seal.server;
  if (!links_[server].up) return;
  auto answered = [self = shared_from_this(), server,
                   epoch = links_[server].epoch](StatusOr<rpc::Reply> reply) {
    std::optional<ServerWord> word = self->WordOf(server, epoch, std::move(reply));
    if (!word) return;
    self->core_.OnSealReply(server, *word, self->Now());
    self->Settle();
  };
  rpc::Call call = CallTo(server, kSealMethod, Encode(id_, seal.request));
  links_[server].channel->Start(std::move(call), std::move(answered));
}

std::optional<ServerWord> SequencerLife::WordOf(size_t server, uint64_t epoch,
                                                StatusOr<rpc::Reply> reply) {
  if (ended_ || links_[server].epoch != epoch) return std::nullopt;
  if (reply.ok()) {
    StatusOr<ServerAnswer> answer = DecodeServerAnswer(reply->header, reply->payload);
    if (answer.ok()) return std::move(answer->word);
  } else if (rpc::RefusalOf(reply.status()) == rpc::Refusal::kOtherDisk) {
    ServerWord lost;
    lost.code = ServerCode::kWrongDisk;
    return lost;
  } else if (context_.env.scheduler().stopping()) {
    return std::nullopt;
  }
  Disconnect(server);
  return std::nullopt;
}

// ---- effects: first send, then deliver ----

void SequencerLife::Settle() {
  if (ended_) return;
  ReleaseHeld();
  if (core_.successor_wanted() && !std::exchange(successor_asked_, true)) {
    core_.HandOverTo(std::string(), kOwnWish, Now());
  }
  SequencerCore::Output output = core_.TakeOutput();
  // One that has stopped and told everybody is silent: servers notice that it is gone.
  bool silent = finished() && output.appended.empty() && output.handed_over.empty();
  if (!silent) {
    for (SequencerCore::Store& store : output.stores) Send(std::move(store));
    for (SequencerCore::Seal& seal : output.seals) Send(std::move(seal));
  }
  bool stopped = core_.state() == SequencerCore::State::kStopped;
  if (stopped && core_.seal_wanted() && !std::exchange(seal_asked_, true)) owner_.SealWanted(id_);
  for (SequencerCore::Appended& appended : output.appended) Answer(std::move(appended));
  for (SequencerCore::HandedOver& handed : output.handed_over) Answer(std::move(handed));
  if (finished()) Rest();
  Arm();
}

// Everybody has been told: the batches are needed no more, and after a while nothing is.
void SequencerLife::Rest() {
  core_.Release();
  if (std::exchange(resting_, true)) return;
  auto over = [weak = weak_from_this()] {
    std::shared_ptr<SequencerLife> self = weak.lock();
    if (self == nullptr || self->ended_) return;
    self->resting_ = false;
    if (self->idle()) return self->owner_.Over(self->id_);
    self->Settle();
  };
  context_.env.scheduler().StartTimer(Now() + timing_.linger, std::move(over));
}

void SequencerLife::Answer(SequencerCore::Appended appended) {
  auto it = appends_.find(appended.token);
  if (it == appends_.end()) return;
  Waiting waiting = std::move(it->second);
  appends_.erase(it);
  if (!appended.result.ok()) return waiting.respond(appended.result.status());
  if (waiting.late) {
    return waiting.respond(
        absl::UnknownError("sealed; whether this batch was stored, a read tells"));
  }
  waiting.respond(Encode(SequencerAnswer{*appended.result, core_.committed(), std::string()}));
}

void SequencerLife::Answer(SequencerCore::HandedOver handed_over) {
  auto it = hand_overs_.find(handed_over.token);
  if (it == hand_overs_.end()) return;
  rpc::Responder respond = std::move(it->second);
  hand_overs_.erase(it);
  if (!handed_over.result.ok()) return respond(handed_over.result.status());
  SequencerAnswer answer{handed_over.result->tail, core_.committed(), handed_over.result->proposal};
  respond(Encode(answer));
}

void SequencerLife::Arm() {
  Instant next = core_.next_tick();
  if (!held_.empty()) {
    next = std::min({next, held_.front().since + timing_.hold, *outage_ + timing_.outage});
  }
  if (finished() || next >= armed_) return;
  armed_ = next;
  auto tick = [weak = weak_from_this(), next] {
    std::shared_ptr<SequencerLife> self = weak.lock();
    // An earlier one may have taken its place.
    if (self == nullptr || self->ended_ || self->armed_ != next) return;
    self->armed_ = Instant::Max();
    self->core_.Tick(self->Now());
    self->Settle();
  };
  context_.env.scheduler().StartTimer(next, std::move(tick));
}

// ---- Prepare ----

Task<Status> SequencerLife::Prepare(std::shared_ptr<SequencerLife> self) {
  if (self->ended_) co_return absl::UnavailableError("this node is stopping");
  if (self->core_.state() != SequencerCore::State::kRunning) {
    co_return absl::AbortedError("the sequencer has stopped: " + self->core_.stop_reason());
  }
  bool is_new = self->core_.assigned() == Offset();
  if (!is_new) co_return absl::OkStatus();
  ReachQuestion question;
  question.ask = [self](size_t server) {
    DiskId disk = self->core_.params().replicas[server].disk;
    return self->CallTo(server, kWelcomeMethod, Encode(self->id_, disk));
  };
  question.judge = [](size_t, const rpc::Reply& reply) -> Status {
    StatusOr<ServerAnswer> answer = DecodeServerAnswer(reply.header, reply.payload);
    VLOG_RETURN_IF_ERROR(answer);
    if (answer->word.code == ServerCode::kOk && !answer->word.sealed) return absl::OkStatus();
    return absl::UnavailableError("it is sealed or gone there");
  };
  Instant deadline = self->Now() + self->timing_.prepare;
  Status reached = co_await AwaitQuorum(self->context_.env, self->context_.peers,
                                        self->core_.params(), std::move(question), deadline);
  co_return reached;
}

}  // namespace vlog::loglets::sequencer

#include "loglets/sequencer/sequencer_life.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace vlog::loglets::sequencer {
namespace {

// Nobody waits for it: the sequencer itself wants the loglet sealed.
constexpr HandOverToken kOwnWish = 0;

}  // namespace

SequencerLife::SequencerLife(HostContext context, LogletId id, Params params,
                             SequencerOptions options, SequencerTiming timing)
    : context_(context),
      id_(std::move(id)),
      timing_(timing),
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
  held_.clear();
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
  if (held_.empty()) hold_until_ = Now() + timing_.hold;
  held_.emplace_back(token, std::move(batch));
  Arm();
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

void SequencerLife::ReleaseHeld() {
  if (held_.empty() || (MustHold() && Now() < hold_until_)) return;
  for (auto& [token, batch] : std::exchange(held_, {})) {
    core_.Append(std::move(batch), token, Now());
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
  for (SequencerCore::Appended& appended : output.appended) Answer(std::move(appended));
  for (SequencerCore::HandedOver& handed : output.handed_over) Answer(std::move(handed));
  Arm();
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
  if (!held_.empty()) next = std::min(next, hold_until_);
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

struct SequencerLife::Welcomes {
  explicit Welcomes(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  size_t welcome = 0;
  size_t waiting = 0;
  std::string refusals;
};

Task<Status> SequencerLife::Prepare(std::shared_ptr<SequencerLife> self) {
  if (self->ended_) co_return absl::UnavailableError("this node is stopping");
  if (self->core_.state() != SequencerCore::State::kRunning) {
    co_return absl::AbortedError("the sequencer has stopped: " + self->core_.stop_reason());
  }
  bool is_new = self->core_.assigned() == Offset();
  if (!is_new) co_return absl::OkStatus();
  auto welcomes = std::make_shared<Welcomes>(self->context_.env.scheduler());
  const Params& params = self->core_.params();
  for (size_t server = 0; server < self->links_.size(); ++server) {
    ++welcomes->waiting;
    DiskId disk = params.replicas[server].disk;
    NodeId node = params.replicas[server].node;
    auto answered = [welcomes, node](StatusOr<rpc::Reply> reply) {
      --welcomes->waiting;
      welcomes->heard.NotifyAll();
      Status fine = reply.status();
      if (reply.ok()) {
        StatusOr<ServerAnswer> answer = DecodeServerAnswer(reply->header, reply->payload);
        bool open = answer.ok() && answer->word.code == ServerCode::kOk && !answer->word.sealed;
        if (!open) fine = absl::UnavailableError("it is sealed or gone there");
      }
      if (fine.ok()) {
        ++welcomes->welcome;
      } else {
        absl::StrAppend(&welcomes->refusals, "; node ", node.value(), ": ", Message(fine));
      }
    };
    rpc::Call call = self->CallTo(server, kWelcomeMethod, Encode(self->id_, disk));
    self->links_[server].channel->Start(std::move(call), std::move(answered));
  }
  Instant deadline = self->Now() + self->timing_.prepare;
  size_t wanted = params.write_quorum;
  while (welcomes->welcome < wanted && welcomes->waiting > 0) {
    Status waited = co_await welcomes->heard.Wait(deadline);
    if (!waited.ok()) break;
  }
  if (welcomes->welcome >= wanted) co_return absl::OkStatus();
  co_return absl::UnavailableError(absl::StrCat("the sequencer reaches ", welcomes->welcome,
                                                " of the ", wanted, " log servers that it needs",
                                                welcomes->refusals));
}

}  // namespace vlog::loglets::sequencer

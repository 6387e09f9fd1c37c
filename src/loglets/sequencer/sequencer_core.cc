#include "loglets/sequencer/sequencer_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::sequencer {
namespace {

Status SealedError() { return absl::FailedPreconditionError("sealed; this batch was not stored"); }

}  // namespace

SequencerCore::SequencerCore(Params params, SequencerOptions options)
    : params_(std::move(params)),
      options_(options),
      flows_(params_.replica_count(), ServerFlowCore(options.flow)),
      sealed_(params_.replica_count()),
      seal_sent_(params_.replica_count()) {
  VLOG_CHECK(Validate(params_).ok(), "a sequencer works with valid parameters");
}

// ---- appends ----

void SequencerCore::Append(Batch batch, AppendToken token, Instant now) {
  if (batch.header.count == 0) {
    return Answer(token, absl::InvalidArgumentError("a batch without records"));
  }
  Verdict verdict = writers_.Judge(batch.header);
  if (verdict.judgement == Judgement::kDuplicate) {
    Repeat(verdict.offset, token);
  } else if (verdict.judgement == Judgement::kTooOld) {
    Answer(token, absl::UnknownError("may be stored: its writer has sent too much since to tell"));
  } else if (state_ != State::kRunning) {
    late_.push_back(token);
  } else if (verdict.judgement == Judgement::kOutOfOrder) {
    Answer(token,
           absl::InvalidArgumentError("out of order: the writer's batch before it is missing"));
  } else if (Status room = Room(batch); !room.ok()) {
    Answer(token, room);
  } else {
    if (!log_.waiting()) waiting_since_ = now;
    writers_.Take(batch.header, log_.next());
    log_.Append(std::move(batch), token);
  }
  Settle(now);
}

Status SequencerCore::Room(const Batch& batch) {
  // What is said of a writer that is new also holds of one that is not: nothing was stored.
  if (batch.header.first_in_loglet && writers_.size() >= options_.max_writers) {
    successor_wanted_ = true;
    return absl::UnavailableError(absl::StrCat("this loglet has its ", options_.max_writers,
                                               " writers; a successor is on its way"));
  }
  bool full =
      log_.waiting_batches() >= options_.max_waiting_batches ||
      (log_.waiting() && log_.waiting_bytes() + batch.body.size() > options_.max_waiting_bytes);
  if (!full) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the sequencer's queue is full: ", log_.waiting_batches(), " batches of ",
                   log_.waiting_bytes(), " bytes wait for the log servers"));
}

// A batch that was taken before, at `offset`.
void SequencerCore::Repeat(Offset offset, AppendToken token) {
  if (offset < log_.committed()) return Answer(token, offset);
  if (offset >= log_.next()) {
    late_.push_back(token);  // taken back
  } else if (state_ == State::kStopped) {
    Answer(token, absl::UnknownError("the loglet was sealed before this batch was committed"));
  } else {
    log_.FindUncommitted(offset)->tokens.push_back(token);
  }
}

void SequencerCore::Answer(AppendToken token, StatusOr<Offset> result) {
  output_.appended.push_back({token, std::move(result)});
}

// ---- servers ----

void SequencerCore::Connected(size_t server, Instant now) {
  flows_[server].Connected(now);
  seal_sent_[server] = false;
  Settle(now);
}

void SequencerCore::Disconnected(size_t server, Instant now) {
  flows_[server].Disconnected();
  seal_sent_[server] = false;
  Settle(now);
}

void SequencerCore::OnStoreReply(size_t server, RequestId id, const ServerWord& word, Instant now) {
  flows_[server].OnReply(id, word, log_.next(), now);
  OnWord(server, word, now);
}

void SequencerCore::OnSealReply(size_t server, const ServerWord& word, Instant now) {
  flows_[server].OnWord(word, log_.next());
  bool again = word.code == ServerCode::kFull;
  if (again) seal_sent_[server] = false;
  OnWord(server, word, now);
}

void SequencerCore::OnWord(size_t server, const ServerWord& word, Instant now) {
  bool speaks = word.code != ServerCode::kGone && word.code != ServerCode::kWrongDisk;
  if (speaks) proven_ = std::max(proven_, word.durable_tail);
  // A store that waits behind a seal on its way is refused as well: that server's seal is only
  // counted once it is durable.
  bool sealed = speaks && word.sealed;
  if (sealed || word.code == ServerCode::kGone) sealed_[server] = true;
  if (sealed && kept_proposal_.empty()) kept_proposal_ = word.proposal;
  bool stranger = speaks && !word.sealed && word.durable_tail > log_.next();
  if (word.code == ServerCode::kFenced || stranger) {
    BeginDrain(absl::StrCat("log server ", server, " holds batches of another sequencer"), now);
  } else if (flows_[server].state() == ServerFlowCore::State::kSealed) {
    BeginDrain(absl::StrCat("log server ", server, " is sealed"), now);
  }
  Commit(now);
  Settle(now);
}

void SequencerCore::Settle(Instant now) {
  bool stuck =
      state_ == State::kRunning && log_.waiting() && now >= waiting_since_ + options_.commit_bound;
  if (stuck) BeginDrain("nothing was committed for too long", now);
  Pump(now);
  SettleDrain(now);
  SettleHandOver(now);
  if (!log_.waiting() || state_ == State::kStopped) AnswerLate();
  log_.DropKept(options_.max_kept_bytes);
}

void SequencerCore::Commit(Instant now) {
  std::vector<Offset> tails;
  for (const ServerFlowCore& flow : flows_) tails.push_back(std::min(flow.acked(), log_.next()));
  Offset tail = NthLargest(std::move(tails), params_.write_quorum);
  if (tail <= log_.committed()) return;
  waiting_since_ = now;
  for (const BatchLogCore::Waiting& done : log_.Commit(tail)) {
    for (AppendToken token : done.tokens) Answer(token, done.first);
  }
}

void SequencerCore::Pump(Instant now) {
  for (size_t server = 0; server < flows_.size(); ++server) {
    while (std::optional<ServerFlowCore::Request> request = flows_[server].Next(log_, now)) {
      request->store.disk = params_.replicas[server].disk;
      request->store.sequencer = params_.sequencer;
      output_.stores.push_back({server, request->id, std::move(request->store)});
    }
  }
  if (!hand_overs_.empty()) PumpSeals();
}

void SequencerCore::PumpSeals() {
  for (size_t server = 0; server < flows_.size(); ++server) {
    // Behind all that was sent; and where somebody else's seal is on its way, to hear of its end.
    bool ready =
        flows_[server].caught_up(log_) || flows_[server].state() == ServerFlowCore::State::kSealed;
    if (seal_sent_[server] || sealed_[server] || !ready) continue;
    seal_sent_[server] = true;
    Seal seal;
    seal.server = server;
    seal.request.disk = params_.replicas[server].disk;
    seal.request.proposal = proposal_;
    seal.request.known_tail = log_.committed();
    output_.seals.push_back(std::move(seal));
  }
}

// ---- the end ----

void SequencerCore::BeginDrain(const std::string& why, Instant now) {
  if (state_ != State::kRunning) return;  // a hand-over expects its servers to be sealed
  state_ = State::kDraining;
  drain_until_ = now + options_.drain_bound;
  seal_wanted_ = true;
  stop_reason_ = why;
  CutUnsent();
}

void SequencerCore::CutUnsent() {
  std::vector<AppendToken> cut;
  for (const BatchLogCore::Waiting& taken : log_.CutUnsent()) {
    cut.insert(cut.end(), taken.tokens.begin(), taken.tokens.end());
  }
  late_.insert(late_.begin(), cut.begin(), cut.end());
}

void SequencerCore::SettleDrain(Instant now) {
  if (state_ != State::kDraining && state_ != State::kHandingOver) return;
  bool over = now >= drain_until_ || (log_.waiting() && !hopeful());
  bool drained = state_ == State::kDraining && !log_.waiting();
  if (over || drained) Stop();
}

void SequencerCore::Stop() {
  if (state_ == State::kHandingOver) {
    seal_wanted_ = true;
    stop_reason_ = "the hand-over did not end in time";
    CutUnsent();
  }
  state_ = State::kStopped;
  for (const BatchLogCore::Waiting& left : log_.TakeUncommitted()) {
    for (AppendToken token : left.tokens) {
      Answer(token, absl::UnknownError("the loglet was sealed before this batch was committed"));
    }
  }
}

void SequencerCore::AnswerLate() {
  for (AppendToken token : std::exchange(late_, {})) Answer(token, SealedError());
}

bool SequencerCore::hopeful() const {
  size_t able = 0;
  for (const ServerFlowCore& flow : flows_) {
    able += flow.may_acknowledge() || flow.acked() > log_.committed();
  }
  return able >= params_.write_quorum;
}

void SequencerCore::HandOverTo(std::string proposal, HandOverToken token, Instant now) {
  if (hand_overs_.empty()) {
    hand_over_until_ = now + options_.drain_bound;
    proposal_ = std::move(proposal);
  }
  hand_overs_.push_back(token);
  if (state_ == State::kRunning) {
    state_ = State::kHandingOver;
    stop_reason_ = "sealed through this sequencer";
    drain_until_ = hand_over_until_;
  }
  Settle(now);
}

size_t SequencerCore::sealed_count() const {
  return static_cast<size_t>(std::count(sealed_.begin(), sealed_.end(), true));
}

void SequencerCore::SettleHandOver(Instant now) {
  if (hand_overs_.empty()) return;
  // Exact: nothing was assigned beyond what is committed, nothing can be, and nobody holds more.
  bool exact = !log_.waiting() && proven_ <= log_.next() && state_ != State::kRunning;
  bool done = exact && sealed_count() >= params_.seal_quorum();
  bool failed = now >= hand_over_until_ || (state_ == State::kStopped && !exact);
  if (!done && !failed) return;
  if (done && state_ == State::kHandingOver) state_ = State::kStopped;
  seal_wanted_ = !done;
  StatusOr<HandOver> result = HandOver{log_.next(), kept_proposal_};
  if (!done) result = absl::UnavailableError("the sequencer could not seal; seal the log servers");
  for (HandOverToken token : std::exchange(hand_overs_, {})) {
    output_.handed_over.push_back({token, result});
  }
}

void SequencerCore::Release() {
  VLOG_CHECK(state_ == State::kStopped, "only what is never sent again is given back");
  log_.DropAll();
}

void SequencerCore::Tick(Instant now) { Settle(now); }

Instant SequencerCore::next_tick() const {
  Instant next = Instant::Max();
  for (const ServerFlowCore& flow : flows_) next = std::min(next, flow.due());
  if (state_ == State::kRunning && log_.waiting()) {
    next = std::min(next, waiting_since_ + options_.commit_bound);
  }
  bool ending = state_ == State::kDraining || state_ == State::kHandingOver;
  if (ending) next = std::min(next, drain_until_);
  if (!hand_overs_.empty()) next = std::min(next, hand_over_until_);
  return next;
}

void SequencerCore::CheckInvariants() const {
  log_.CheckInvariants();
  for (const ServerFlowCore& flow : flows_) flow.CheckInvariants();
  size_t holders = 0;
  for (const ServerFlowCore& flow : flows_) holders += flow.acked() >= log_.committed();
  VLOG_CHECK(holders >= params_.write_quorum, "what is committed is acknowledged by W servers");
  VLOG_CHECK(state_ == State::kRunning || !stop_reason_.empty(), "it says why it ended");
}

}  // namespace vlog::loglets::sequencer

#include "loglets/sequencer/tail_rounds.h"

#include <utility>

namespace vlog::loglets::sequencer {

Task<StatusOr<Tail>> TailRounds::Check(std::shared_ptr<TailRounds> self) {
  RoundJoinCore::Joined joined = self->joins_.Join();
  if (joined.start) self->Begin(joined.round);
  while (self->finished_ < joined.round) {
    Status waited = co_await self->over_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  // A later round's answer is as good.
  VLOG_CO_RETURN_IF_ERROR(self->last_);
  co_return Tail{self->last_->tail, self->last_->sealed};
}

void TailRounds::Begin(uint64_t round) {
  round_ = round;
  core_.emplace(client_->params, client_->timing.tail_check, client_->Now());
  Pump();
}

void TailRounds::Pump() {
  for (const TailCheckCore::Ask& ask : core_->TakeOutput()) {
    TimedTailRequest request{ask.request, client_->timing.tail_check.bound};
    auto answered = [self = shared_from_this(), round = round_,
                     server = ask.server](StatusOr<ServerAnswer> answer) {
      bool old = self->round_ != round || self->finished_ == round;
      if (old || !answer.ok()) return;
      self->core_->OnWord(server, answer->word, self->client_->Now());
      self->Pump();
    };
    Duration patience = request.wait + client_->timing.answer;
    client_->Ask(ask.server, kTailMethod, request, patience, std::move(answered));
  }
  if (core_->result()) return Finish();
  auto tick = [weak = weak_from_this(), round = round_] {
    std::shared_ptr<TailRounds> self = weak.lock();
    if (self == nullptr || self->round_ != round || self->finished_ == round) return;
    if (self->client_->Now() < self->core_->next_tick()) return;  // a later one is set
    self->core_->Tick(self->client_->Now());
    self->Pump();
  };
  client_->env.scheduler().StartTimer(core_->next_tick(), std::move(tick));
}

void TailRounds::Finish() {
  finished_ = round_;
  last_ = *core_->result();
  if (last_.ok() && last_->sealed) client_->LearnSealed();
  if (last_.ok() && !last_->sealed) client_->LearnTail(last_->tail);
  over_.NotifyAll();
  if (std::optional<uint64_t> next = joins_.Finished()) Begin(*next);
}

}  // namespace vlog::loglets::sequencer

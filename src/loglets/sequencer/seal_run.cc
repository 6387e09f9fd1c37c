#include "loglets/sequencer/seal_run.h"

#include <utility>

namespace vlog::loglets::sequencer {

Task<StatusOr<SealResult>> SealRun::Run(std::shared_ptr<SealRun> self) {
  self->Pump();
  while (!self->core_.result()) {
    if (self->stopped_) co_return absl::CancelledError("stopping");
    Status waited = co_await self->moved_.Wait(self->core_.next_tick());
    if (waited.ok()) continue;
    if (!absl::IsDeadlineExceeded(waited)) co_return waited;
    self->core_.Tick(self->client_->Now());
    self->Pump();
  }
  if (self->core_.result()->ok()) self->client_->LearnSealed();
  co_return *self->core_.result();
}

void SealRun::Stop() {
  stopped_ = true;
  moved_.NotifyAll();
}

void SealRun::Moved() {
  Pump();
  moved_.NotifyAll();
}

void SealRun::Pump() {
  SealCore::Output output = core_.TakeOutput();
  if (output.hand_over) AskSequencer();
  for (SealCore::Seal& seal : output.seals) Send(std::move(seal));
  for (RepairCore::Read& read : output.reads) Send(std::move(read), output.attempt);
  for (RepairCore::Write& write : output.writes) Send(std::move(write), output.attempt);
}

void SealRun::AskSequencer() {
  auto answered = [self = shared_from_this()](StatusOr<rpc::Reply> reply) {
    StatusOr<HandOver> hand_over = absl::UnavailableError("the sequencer gave no answer");
    if (reply.ok()) {
      StatusOr<SequencerAnswer> answer = DecodeSequencerAnswer(reply->header);
      if (answer.ok()) hand_over = HandOver{answer->offset, std::move(answer->proposal)};
    }
    self->core_.OnHandOver(hand_over, self->client_->Now());
    self->Moved();
  };
  client_->AskSequencer(kHandOverMethod, Batch(), core_.proposal(), client_->timing.append,
                        std::move(answered));
}

void SealRun::Send(SealCore::Seal seal) {
  auto answered = [self = shared_from_this(), server = seal.server,
                   attempt = seal.attempt](StatusOr<ServerAnswer> answer) {
    if (!answer.ok()) return;  // it is asked again
    self->core_.OnSealReply(server, attempt, answer->word, answer->held, self->client_->Now());
    self->Moved();
  };
  client_->Ask(seal.server, kSealMethod, seal.request, client_->timing.append, std::move(answered));
}

void SealRun::Send(RepairCore::Read read, Attempt attempt) {
  auto answered = [self = shared_from_this(), id = read.id, attempt](StatusOr<ReadReply> answer) {
    if (!answer.ok()) return;  // silence is noticed
    self->core_.OnRead(attempt, id, *answer, self->client_->Now());
    self->Moved();
  };
  client_->AskRead(read.server, read.request, std::move(answered));
}

void SealRun::Send(RepairCore::Write write, Attempt attempt) {
  auto answered = [self = shared_from_this(), id = write.id,
                   attempt](StatusOr<ServerAnswer> answer) {
    if (!answer.ok()) return;  // silence is noticed
    self->core_.OnWritten(attempt, id, answer->word, self->client_->Now());
    self->Moved();
  };
  client_->Ask(write.server, kRepairMethod, write.request, client_->timing.append,
               std::move(answered));
}

}  // namespace vlog::loglets::sequencer

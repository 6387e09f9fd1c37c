#include "loglets/sequencer/tail_check_core.h"

#include <algorithm>

namespace vlog::loglets::sequencer {

TailCheckCore::TailCheckCore(Params params, TailCheckOptions options, Instant now)
    : params_(std::move(params)),
      options_(options),
      tails_(params_.replica_count()),
      lost_(params_.replica_count()),
      deadline_(now + options.bound),
      resend_at_(now + options.resend) {
  AskAll();
}

void TailCheckCore::AskAll() {
  for (size_t server = 0; server < params_.replica_count(); ++server) {
    if (lost_[server]) continue;
    Ask ask;
    ask.server = server;
    ask.request.disk = params_.replicas[server].disk;
    output_.push_back(ask);
  }
}

// It has answered: now it tells when there is more.
void TailCheckCore::AskForNotice(size_t server) {
  Ask ask;
  ask.server = server;
  ask.request.disk = params_.replicas[server].disk;
  ask.request.wait = WaitFor::kDurable;
  ask.request.beyond = *tails_[server];
  output_.push_back(ask);
}

void TailCheckCore::OnWord(size_t server, const ServerWord& word, Instant now) {
  if (done_) return;
  if (word.code == ServerCode::kWrongDisk) {
    lost_[server] = true;
    tails_[server].reset();
    return;
  }
  bool sealed = word.sealed || word.code == ServerCode::kSealed || word.code == ServerCode::kGone;
  if (sealed) {
    done_ = Answer{Offset(), true};
    return;
  }
  if (word.code != ServerCode::kOk) return;
  bool news = !tails_[server] || *tails_[server] < word.durable_tail;
  tails_[server] = std::max(tails_[server].value_or(Offset()), word.durable_tail);
  Judge();
  if (!done_ && news) AskForNotice(server);
  Tick(now);
}

void TailCheckCore::Judge() {
  std::vector<Offset> tails;
  for (const std::optional<Offset>& tail : tails_) {
    if (tail) tails.push_back(*tail);
  }
  size_t needed = std::max<size_t>(params_.write_quorum, params_.seal_quorum());
  if (tails.size() < needed) return;
  CommittedBounds bounds = BoundsOf(tails, params_.replica_count(), params_.write_quorum);
  if (bounds.proven >= bounds.possible) done_ = Answer{bounds.proven, false};
}

void TailCheckCore::Tick(Instant now) {
  if (done_) return;
  if (now >= deadline_) {
    done_ = absl::UnavailableError(
        "the log servers that answer do not agree on the tail; the loglet must be replaced");
    return;
  }
  if (now < resend_at_) return;
  resend_at_ = now + options_.resend;
  AskAll();
}

}  // namespace vlog::loglets::sequencer

#include "loglets/sequencer/server_flow_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::sequencer {

void ServerFlowCore::Connected(Instant now) {
  Disconnected();
  if (state_ == State::kDown) Restart(now);
}

void ServerFlowCore::Disconnected() {
  in_flight_.clear();
  with_batches_ = bytes_ = 0;
  oldest_of_connection_ = next_id_;
  restart_ = false;
  if (may_acknowledge()) state_ = State::kDown;
}

void ServerFlowCore::Restart(Instant at) {
  state_ = State::kHello;
  restart_ = true;
  restart_at_ = at;
  known_sent_ = Offset();
}

ServerFlowCore::Request ServerFlowCore::Make(Offset known, Instant now) {
  Request request;
  request.id = next_id_++;
  request.store.known_tail = known;
  known_sent_ = std::max(known_sent_, known);
  last_sent_ = now;
  in_flight_[request.id] = {0, 0};
  return request;
}

std::optional<ServerFlowCore::Request> ServerFlowCore::Next(BatchLogCore& log, Instant now) {
  if (state_ == State::kHello) {
    bool due = restart_ && in_flight_.empty() && now >= restart_at_;
    if (!due) return std::nullopt;
    restart_ = false;
    return Make(Offset(), now);
  }
  if (state_ != State::kOpen) return std::nullopt;
  if (std::optional<Request> request = NextBatches(log, now)) return request;
  // A known tail is pushed one at a time; what follows it carries the next.
  Offset known = std::min(log.committed(), next_);
  bool push = waiters_ && known > known_sent_ && in_flight_.size() == with_batches_;
  bool beat = in_flight_.empty() && now >= last_sent_ + options_.heartbeat;
  if (push || beat) return Make(known, now);
  return std::nullopt;
}

std::optional<ServerFlowCore::Request> ServerFlowCore::NextBatches(BatchLogCore& log, Instant now) {
  bool room = with_batches_ < options_.window && bytes_ < options_.window_bytes;
  if (!room) return std::nullopt;
  // What is committed and was dropped here need not reach a slow server: it skips to the rest.
  next_ = std::max(next_, log.first_kept());
  if (next_ >= log.next()) return std::nullopt;
  if (!log.BeginsBatch(next_)) {
    state_ = State::kLost;  // its tail is none of ours
    return std::nullopt;
  }
  Offset begin = next_;
  std::vector<PlacedBatch> batches = log.Send(begin, options_.request_bytes);
  Offset end = batches.back().end();
  Request request = Make(std::min(log.committed(), end), now);
  InFlight& sent = in_flight_[request.id];
  sent.batches = batches.size();
  for (const PlacedBatch& placed : batches) sent.bytes += placed.batch.body.size();
  ++with_batches_;
  bytes_ += sent.bytes;
  next_ = end;
  request.store.batches = std::move(batches);
  return request;
}

void ServerFlowCore::OnWord(const ServerWord& word, Offset assigned) {
  switch (word.code) {
    case ServerCode::kSealed:
    case ServerCode::kGone:
      if (state_ != State::kLost) state_ = State::kSealed;
      return;
    case ServerCode::kWrongDisk:
    case ServerCode::kFenced:
    case ServerCode::kMalformed:
      state_ = State::kLost;
      return;
    default:
      break;
  }
  if (!word.sealed && word.durable_tail > assigned) {
    state_ = State::kLost;
    return;
  }
  waiters_ = word.waiters;
  if (word.sealed && state_ != State::kLost) state_ = State::kSealed;
  // Only an unsealed server acknowledges: a sealed one may have been repaired.
  if (!word.sealed) acked_ = std::max(acked_, word.durable_tail);
}

void ServerFlowCore::OnReply(RequestId id, const ServerWord& word, Offset assigned, Instant now) {
  auto it = in_flight_.find(id);
  if (it == in_flight_.end()) return;  // of an older connection
  if (it->second.batches > 0) {
    --with_batches_;
    bytes_ -= it->second.bytes;
  }
  in_flight_.erase(it);
  OnWord(word, assigned);
  if (state_ == State::kHello && !restart_) {
    if (word.code == ServerCode::kOk) {
      state_ = State::kOpen;
      next_ = word.durable_tail;
      known_sent_ = word.known_tail;
      return;
    }
    Restart(now + options_.retry);
  }
  bool refused = word.code == ServerCode::kGap || word.code == ServerCode::kFull;
  if (refused && state_ == State::kOpen) Restart(now + options_.retry);
}

Instant ServerFlowCore::due() const {
  if (state_ == State::kHello) return restart_ && in_flight_.empty() ? restart_at_ : Instant::Max();
  if (state_ != State::kOpen || !in_flight_.empty()) return Instant::Max();
  return last_sent_ + options_.heartbeat;
}

void ServerFlowCore::CheckInvariants() const {
  size_t with_batches = 0;
  size_t bytes = 0;
  for (const auto& [id, sent] : in_flight_) {
    VLOG_CHECK(id >= oldest_of_connection_, "a new connection begins empty");
    with_batches += sent.batches > 0;
    bytes += sent.bytes;
  }
  VLOG_CHECK(with_batches == with_batches_ && bytes == bytes_, "what is in flight is counted");
  VLOG_CHECK(with_batches_ <= options_.window, "the window holds");
  VLOG_CHECK(known_sent_ <= std::max(next_, acked_) || state_ != State::kOpen,
             "a known tail lies below what was sent");
}

}  // namespace vlog::loglets::sequencer

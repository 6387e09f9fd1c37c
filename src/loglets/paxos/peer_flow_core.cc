#include "loglets/paxos/peer_flow_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::paxos {

bool PeerFlow::HasRoom(Instant now) const {
  bool room = requests_ < options_.window && (bytes_ < options_.window_bytes || requests_ == 0);
  return room && !helping_ && now >= retry_at_ && !Stalled();
}

void PeerFlow::OnSent(uint64_t tag, const Sent& sent, Instant now) {
  in_flight_[tag] = sent;
  beat_in_flight_ = beat_in_flight_ || sent.beat;
  requests_ += !sent.beat;
  bytes_ += sent.bytes;
  next_ = std::max(next_, sent.to);
  announced_ = std::max(announced_, sent.announced);
  round_sent_ = std::max(round_sent_, sent.round);
  last_sent_ = now;
}

std::optional<PeerFlow::Sent> PeerFlow::OnReply(uint64_t tag, Instant now) {
  auto it = in_flight_.find(tag);
  if (it == in_flight_.end()) return std::nullopt;
  Sent sent = it->second;
  in_flight_.erase(it);
  if (sent.beat) beat_in_flight_ = false;
  requests_ -= !sent.beat;
  bytes_ -= sent.bytes;
  last_heard_ = std::max(last_heard_, now);
  return sent;
}

void PeerFlow::Rewind(const Sent& sent, Instant now) {
  // What fails together counts once.
  if (now >= retry_at_) {
    failures_ = std::min(failures_ + 1, 4u);
    retry_at_ = now + options_.retry * (1 << (failures_ - 1));
  }
  if (sent.from < sent.to) next_ = std::min(next_, sent.from);
  // It may never have been heard: what was announced with it is told again.
  announced_ = reported_.slot;
  round_sent_ = confirmed_;
}

bool PeerFlow::OnItsWay(Slot slot) const {
  for (const auto& [tag, sent] : in_flight_) {
    if (sent.from <= slot && slot < sent.to) return true;
  }
  return false;
}

void PeerFlow::OnReport(const Sent& sent, const AcceptReply& reply) {
  // A restart may take back what it knew as chosen.
  reported_ = reply.standing.chosen;
  if (reply.granted) failures_ = 0;
  if (reply.granted && reply.standing.votes) confirmed_ = std::max(confirmed_, sent.round);
  // Told that a slot is chosen, it did not take it: it lacks the command, or has one that lost.
  bool lacks = reported_.slot < sent.announced && reported_.slot < next_;
  if (lacks && !OnItsWay(reported_.slot)) next_ = reported_.slot;
}

void PeerFlow::CheckInvariants() const {
  size_t requests = 0;
  size_t bytes = 0;
  for (const auto& [tag, sent] : in_flight_) {
    requests += !sent.beat;
    bytes += sent.bytes;
  }
  VLOG_CHECK(requests == requests_ && bytes == bytes_, "what is unanswered is counted");
}

}  // namespace vlog::loglets::paxos

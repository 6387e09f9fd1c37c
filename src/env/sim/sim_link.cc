#include "env/sim/sim_link.h"

#include <algorithm>
#include <utility>

#include "base/crc32c.h"

namespace vlog::env {
namespace {

// What may be on its way or unread at the receiver before the sender has to wait.
constexpr size_t kWindowBytes = 256 * 1024;
constexpr Duration kRetransmission = std::chrono::milliseconds(200);

}  // namespace

SimLink::SimLink(SimFabric& fabric, uint64_t id, Owner from, Owner to) : fabric_(fabric), id_(id) {
  sides_[0].owner = std::move(from);
  sides_[1].owner = std::move(to);
}

bool SimLink::Connects(const std::string& from, const std::string& to) const {
  return sides_[0].owner.host == from && sides_[1].owner.host == to;
}

// ---- receiving ----

std::optional<StatusOr<Bytes>> SimLink::TryRead(int side, size_t at_least) {
  Side& me = sides_[side];
  if (me.closing) return StatusOr<Bytes>(DisconnectError(Disconnect::kClosedHere, "closed"));
  if (me.buffer.size() >= at_least) return StatusOr<Bytes>(me.buffer);
  if (!me.error.ok()) return StatusOr<Bytes>(me.error);
  return std::nullopt;
}

void SimLink::StartRead(int side, size_t at_least, ReadDone done) {
  sides_[side].wanted = at_least;
  sides_[side].reader = std::move(done);
  Pump(1 - side);  // a large read opens the window
}

void SimLink::Consume(int side, size_t bytes) {
  Bytes& buffer = sides_[side].buffer;
  buffer = buffer.Slice(bytes, buffer.size() - bytes);
  Pump(1 - side);
}

void SimLink::TellReader(int side) {
  std::optional<StatusOr<Bytes>> result = TryRead(side, sides_[side].wanted);
  if (!result.has_value()) return;
  ReadDone reader = std::move(sides_[side].reader);
  reader(*std::move(result));
}

void SimLink::Wake(int side) {
  fabric_.world().Post(sides_[side].owner.life, [self = shared_from_this(), side] {
    self->TellReader(side);
    self->TellSender(side);
  });
}

// ---- sending ----

void SimLink::Write(int side, BytesList pieces) {
  Side& me = sides_[side];
  if (!me.error.ok() || me.closing) return;
  BytesList late = std::exchange(me.late_copy, {});
  bool twice =
      me.writes++ > 0 && fabric_.duplication() > 0 && fabric_.world().Chance(fabric_.duplication());
  BytesList all = pieces;
  if (twice) fabric_.Count("duplicated message");
  if (twice && fabric_.world().Chance(0.5)) {
    all.insert(all.end(), pieces.begin(), pieces.end());
  } else if (twice) {
    me.late_copy = pieces;
  }
  all.insert(all.end(), late.begin(), late.end());
  for (Bytes& piece : all) {
    if (piece.empty()) continue;
    me.unsent += piece.size();
    me.queue.push_back(std::move(piece));
  }
  Pump(side);
}

void SimLink::Pump(int side) {
  Side& me = sides_[side];
  if (me.queue.empty()) return;
  size_t window = std::max(kWindowBytes, other(side).wanted);
  std::string chunk;
  while (!me.queue.empty()) {
    size_t used = me.flight_bytes + other(side).buffer.size() + chunk.size();
    size_t room = window > used ? window - used : 0;
    if (room == 0) break;
    Bytes& front = me.queue.front();
    size_t bytes = std::min(room, front.size());
    chunk.append(front.view().substr(0, bytes));
    me.unsent -= bytes;
    if (bytes == front.size()) {
      me.queue.pop_front();
    } else {
      front = front.Slice(bytes, front.size() - bytes);
    }
  }
  if (chunk.empty()) return;
  // A stream knows no message boundaries: now and then a piece arrives in two.
  Bytes bytes(std::move(chunk));
  if (bytes.size() > 1 && fabric_.world().Chance(0.1)) {
    size_t cut = 1 + fabric_.world().RandomBelow(bytes.size() - 1);
    Fly(side, bytes.Slice(0, cut), End::kNone);
    Fly(side, bytes.Slice(cut, bytes.size() - cut), End::kNone);
  } else {
    Fly(side, std::move(bytes), End::kNone);
  }
  if (me.closing && me.queue.empty()) Fly(side, Bytes(), End::kFin);
  Wake(side);  // whoever waits for unsent() to fall
}

void SimLink::Fly(int side, Bytes bytes, End end) {
  Side& me = sides_[side];
  Instant arrival =
      fabric_.world().now() + fabric_.DrawDelay(me.owner.host, other(side).owner.host);
  if (fabric_.loss() > 0 && fabric_.world().Chance(fabric_.loss())) DrawLoss(side, arrival);
  if (!me.flight.empty()) arrival = std::max(arrival, me.flight.back().arrival);
  me.flight_bytes += bytes.size();
  me.flight.push_back({arrival, std::move(bytes), end});
  fabric_.At(arrival, [self = shared_from_this(), side] { self->Arrive(side); });
}

void SimLink::DrawLoss(int side, Instant& arrival) {
  if (fabric_.world().Chance(0.5)) {
    fabric_.Count("lost piece, sent again");
    arrival = arrival + kRetransmission;
    return;
  }
  fabric_.Count("stalled connection");
  sides_[side].stalled = true;
  Instant end = arrival + fabric_.DrawUpTo(fabric_.longest_stall());
  fabric_.At(end, [self = shared_from_this()] { self->Tear(); });
}

std::optional<Status> SimLink::TryAwaitUnsent(int side, size_t at_most) const {
  const Side& me = sides_[side];
  if (!me.error.ok()) return me.error;
  if (me.unsent <= at_most) return absl::OkStatus();
  return std::nullopt;
}

void SimLink::StartAwaitUnsent(int side, size_t at_most, SentDone done) {
  sides_[side].awaited = at_most;
  sides_[side].sender = std::move(done);
}

void SimLink::TellSender(int side) {
  std::optional<Status> result = TryAwaitUnsent(side, sides_[side].awaited);
  if (!result.has_value()) return;
  SentDone sender = std::move(sides_[side].sender);
  sender(*std::move(result));
}

// ---- arriving ----

void SimLink::Arrive(int side) {
  Side& me = sides_[side];
  while (!me.flight.empty() && me.flight.front().arrival <= fabric_.world().now()) {
    if (me.stalled || MeetsCut(side)) return;
    Segment segment = std::move(me.flight.front());
    me.flight.pop_front();
    me.flight_bytes -= segment.bytes.size();
    Deliver(side, std::move(segment));
  }
}

bool SimLink::MeetsCut(int side) {
  Side& me = sides_[side];
  if (!fabric_.IsCut(me.owner.host, other(side).owner.host)) return false;
  if (!me.lost_in_cut.has_value()) {
    me.lost_in_cut = fabric_.world().Chance(0.5);
    fabric_.Count(*me.lost_in_cut ? "bytes lost in a cut" : "bytes held by a cut");
    me.stalled = *me.lost_in_cut;
  }
  return true;
}

void SimLink::Resume(int side) {
  Side& me = sides_[side];
  if (me.stalled || me.flight.empty()) return;
  me.lost_in_cut.reset();
  Instant arrival =
      fabric_.world().now() + fabric_.DrawDelay(me.owner.host, other(side).owner.host);
  for (Segment& segment : me.flight) segment.arrival = std::max(segment.arrival, arrival);
  fabric_.At(arrival, [self = shared_from_this(), side] { self->Arrive(side); });
}

void SimLink::Deliver(int side, Segment segment) {
  uint64_t what = (id_ << 33) ^ (static_cast<uint64_t>(side) << 32);
  fabric_.world().Trace("deliver", what ^ Crc32c(segment.bytes.view()));
  if (segment.end == End::kReset) {
    Fail(1 - side, Disconnect::kReset);
  } else if (segment.end == End::kFin) {
    Fail(1 - side, Disconnect::kClosed);
  } else {
    DeliverBytes(side, std::move(segment.bytes));
  }
}

void SimLink::DeliverBytes(int from, Bytes bytes) {
  Side& to = other(from);
  if (!to.process && !to.closing) {
    // Nobody has this connection any more. A host that is up says so.
    if (!fabric_.HasLife(to.owner.host)) return;
    to.stalled = false;
    to.flight.clear();
    to.flight_bytes = 0;
    Fly(1 - from, Bytes(), End::kReset);
    return;
  }
  if (to.closing || !to.error.ok()) return;
  to.received += bytes.size();
  std::string joined(to.buffer.view());
  joined.append(bytes.view());
  to.buffer = to.buffer.empty() ? std::move(bytes) : Bytes(std::move(joined));
  Wake(1 - from);
  if (to.buffer.size() < to.wanted) Pump(from);
}

// ---- the end ----

void SimLink::Fail(int side, Disconnect reason) {
  Side& me = sides_[side];
  if (!me.error.ok()) return;
  me.error = DisconnectError(
      reason, other(side).owner.host + ": connection " + std::string(ToString(reason)));
  me.queue.clear();
  me.unsent = 0;
  Wake(side);
}

void SimLink::Close(int side) {
  Side& me = sides_[side];
  if (!me.process || std::exchange(me.closing, true)) return;
  if (me.error.ok()) Straggle(side);
  if (me.error.ok() && me.queue.empty()) Fly(side, Bytes(), End::kFin);
  Wake(side);
  Instant patience = fabric_.world().now() + kCloseLinger;
  fabric_.At(patience, [self = shared_from_this(), side] {
    if (self->sides_[side].queue.empty()) return;
    self->Fail(side, Disconnect::kClosedHere);
    self->Fly(side, Bytes(), End::kReset);
  });
}

void SimLink::Abandon(int side) {
  Side& me = sides_[side];
  me.process = false;
  if (me.closing || !me.error.ok()) return;
  Fail(side, Disconnect::kClosedHere);
  Straggle(side);
  Fly(side, Bytes(), End::kReset);
}

void SimLink::Straggle(int side) {
  Side& me = sides_[side];
  if (me.flight.empty() || fabric_.stragglers() <= 0) return;
  if (!fabric_.world().Chance(fabric_.stragglers())) return;
  fabric_.Count("late bytes of a dropped connection");
  Duration late = fabric_.DrawUpTo(fabric_.straggler_delay());
  for (Segment& segment : me.flight) {
    segment.arrival = segment.arrival + late;
    fabric_.At(segment.arrival, [self = shared_from_this(), side] { self->Arrive(side); });
  }
}

void SimLink::Crash(int side, bool silent) {
  Side& me = sides_[side];
  bool over = !me.error.ok();
  me.process = false;
  me.closing = false;
  me.error = DisconnectError(Disconnect::kClosedHere, "the process crashed");
  me.queue.clear();
  me.unsent = 0;
  if (silent) {
    me.stalled = true;
  } else if (!over) {
    Fly(side, Bytes(), End::kReset);
  }
}

void SimLink::Tear() {
  for (int side : {0, 1}) {
    Instant when =
        fabric_.world().now() + fabric_.DrawDelay(other(side).owner.host, sides_[side].owner.host);
    fabric_.At(when, [self = shared_from_this(), side] { self->Fail(side, Disconnect::kReset); });
  }
}

}  // namespace vlog::env

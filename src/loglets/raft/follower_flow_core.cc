#include "loglets/raft/follower_flow_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vlog::loglets::raft {

FollowerFlow::FollowerFlow(FlowOptions options, Index last, Instant now)
    : options_(options), next_(last + 1), last_sent_(now), heard_at_(now) {}

// ---- sending ----

FollowerFlow::Next FollowerFlow::TakeNext(const Leader& leader, CallId call, Instant now) {
  if (leader.quiet) return Next();
  if (now >= not_before_ && !waiting_for_) {
    if (state_ == State::kLost) state_ = State::kProbe;
    Next next;
    if (state_ == State::kStream) next = Stream(leader, call, now);
    if (state_ == State::kProbe) next = Probe(leader, call, now);
    // Either may find that what comes next was given up.
    if (state_ == State::kMoveUp) next = MoveUp(leader, call, now);
    if (next.index() != 0) return next;
  }
  return Heartbeat(leader, call, now);
}

FollowerFlow::Next FollowerFlow::Probe(const Leader& leader, CallId call, Instant now) {
  Index prev(next_.value() - 1);
  if (!leader.log.state().TermAt(prev)) {
    state_ = State::kMoveUp;
    return Next();
  }
  AppendRequest request = Begin(leader, prev);
  Fill(leader, &request);
  waiting_for_ = call;
  Note(call, What::kProbe, leader, request, now);
  return request;
}

FollowerFlow::Next FollowerFlow::Stream(const Leader& leader, CallId call, Instant now) {
  if (next_ > leader.last_sendable || !HasRoom()) return Next();
  if (!leader.log.state().TermAt(Index(next_.value() - 1))) {
    DropLoaded();
    state_ = State::kMoveUp;
    return Next();
  }
  if (leader.log.Find(next_) == nullptr && loaded_.empty()) {
    std::optional<RaftState::Place> place;
    if (next_begin_) place = leader.log.state().FindEntry(next_, *next_begin_);
    if (!place) {
      // Its answer says where its log ends.
      state_ = State::kProbe;
      return Next();
    }
    load_ = call;
    return Load{place->from, place->to};
  }
  AppendRequest request = Begin(leader, Index(next_.value() - 1));
  Fill(leader, &request);
  Note(call, What::kEntries, leader, request, now);
  return request;
}

FollowerFlow::Next FollowerFlow::MoveUp(const Leader& leader, CallId call, Instant now) {
  const RaftState& state = leader.log.state();
  MoveUpRequest request;
  request.term = leader.term;
  // No further: what it holds above may be the copies that a quorum counts on.
  request.index = state.start().index;
  request.index_term = state.start().term;
  std::string encoded;
  state.start_state().EncodeTo(&encoded);
  request.state = Bytes(std::move(encoded));
  waiting_for_ = call;
  Note(call, What::kMove, leader, AppendRequest(), now);
  return request;
}

FollowerFlow::Next FollowerFlow::Heartbeat(const Leader& leader, CallId call, Instant now) {
  bool due = round_sent_ < leader.round || now >= HeartbeatDue(leader);
  if (!due || heartbeats_ >= options_.most_heartbeats || state_ == State::kLost) return Next();
  // At what it surely has, so that the commit point can go with it.
  bool known = leader.log.state().TermAt(match_).has_value();
  AppendRequest request = Begin(leader, known ? match_ : Index());
  Note(call, What::kHeartbeat, leader, request, now);
  return request;
}

Instant FollowerFlow::HeartbeatDue(const Leader& leader) const {
  bool known = leader.log.state().TermAt(match_).has_value();
  bool untold = known && commit_sent_ < std::min(leader.log.commit(), match_);
  Duration pause = untold && with_entries_ == 0 ? options_.commit_delay : options_.heartbeat;
  return last_sent_ + pause;
}

Instant FollowerFlow::due(const Leader& leader) const {
  if (leader.quiet) return Instant::Max();
  Instant due = Instant::Max();
  if (heartbeats_ < options_.most_heartbeats && state_ != State::kLost) due = HeartbeatDue(leader);
  bool work = state_ != State::kStream || (next_ <= leader.last_sendable && HasRoom());
  if (work && !waiting_for_) due = std::min(due, not_before_);
  return due;
}

AppendRequest FollowerFlow::Begin(const Leader& leader, Index prev) {
  AppendRequest request;
  request.term = leader.term;
  request.prev = prev;
  if (prev > Index()) {
    std::optional<Term> term = leader.log.state().TermAt(prev);
    VLOG_CHECK(term.has_value(), "the leader knows the term before what it sends");
    request.prev_term = *term;
  }
  request.commit = leader.log.commit();
  request.urgent = leader.urgent;
  return request;
}

void FollowerFlow::Fill(const Leader& leader, AppendRequest* request) {
  size_t bytes = 0;
  while (next_ <= leader.last_sendable && request->entries.size() < kMaxEntries) {
    // What was read back comes first even if the cache has it too: it must not outlive its place.
    bool read = !loaded_.empty();
    const RaftLog::Cached* cached = read ? nullptr : leader.log.Find(next_);
    if (!read && cached == nullptr) break;
    const LogEntry& entry = read ? loaded_.front().entry : cached->entry;
    bytes += entry.batch.body.size() + entry.proposal.size() + kBatchHeaderBytes;
    if (!request->entries.empty() && bytes > options_.request_bytes) break;
    if (read) {
      uint32_t records = entry.type == EntryType::kBatch ? entry.batch.header.count : 0;
      next_begin_ = loaded_.front().begin + records;
      loaded_bytes_ -= entry.batch.body.size();
      request->entries.push_back(std::move(loaded_.front().entry));
      loaded_.pop_front();
    } else {
      next_begin_ = cached->end;
      request->entries.push_back(entry);
    }
    next_ += 1;
  }
}

void FollowerFlow::Note(CallId call, What what, const Leader& leader, const AppendRequest& request,
                        Instant now) {
  InFlight sent;
  sent.what = what;
  sent.prev = request.prev;
  sent.round = leader.round;
  for (const LogEntry& entry : request.entries) {
    sent.bytes += entry.batch.body.size() + kBatchHeaderBytes;
  }
  sent.entries = !request.entries.empty();
  with_entries_ += sent.entries;
  heartbeats_ += what == What::kHeartbeat;
  bytes_ += sent.bytes;
  in_flight_[call] = sent;
  round_sent_ = leader.round;
  last_sent_ = now;
  Index told = std::min(request.commit, request.prev + request.entries.size());
  commit_sent_ = std::max(commit_sent_, told);
}

void FollowerFlow::CheckInvariants() const {
  VLOG_CHECK(next_ > match_, "what the follower has is not sent again");
  size_t with_entries = 0;
  size_t heartbeats = 0;
  size_t bytes = 0;
  for (const auto& [call, sent] : in_flight_) {
    with_entries += sent.entries;
    heartbeats += sent.what == What::kHeartbeat;
    bytes += sent.bytes;
  }
  bool counted = with_entries == with_entries_ && heartbeats == heartbeats_ && bytes == bytes_;
  VLOG_CHECK(counted, "what is unanswered is counted right");
  VLOG_CHECK(!waiting_for_ || in_flight_.contains(*waiting_for_), "who waits, waits for an answer");
  VLOG_CHECK(loaded_.empty() || loaded_.front().index == next_, "what was read back comes next");
}

}  // namespace vlog::loglets::raft

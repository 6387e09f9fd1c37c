#include "loglets/sequencer/repair_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::sequencer {

RepairCore::RepairCore(Params params, RepairOptions options, Offset known, Offset tail,
                       std::string proposal, Instant now, std::optional<Rehoming> rehoming)
    : params_(std::move(params)),
      options_(options),
      known_(known),
      tail_(tail),
      proposal_(std::move(proposal)),
      rehoming_(rehoming),
      servers_(params_.replica_count()),
      at_(known),
      gather_until_(now + options.gather) {
  VLOG_CHECK(known <= tail, "a sealed tail covers what is committed");
}

void RepairCore::AddServer(size_t server, const ServerWord& word,
                           const std::vector<PlacedBatch>& held, bool leaves) {
  VLOG_CHECK(word.sealed, "only sealed servers are repaired");
  Server& added = servers_[server];
  if (added.role != Role::kAbsent) return;
  added.tail = word.durable_tail;
  added.begin = word.holds_from;
  added.role = Role::kSource;
  added.leaves = leaves;
  // What a late one knows to be committed need not be repaired either.
  Learn(word.known_tail);
  Keep(held);
}

void RepairCore::Judge(size_t server) {
  Server& judged = servers_[server];
  if (judged.role == Role::kAbsent) return;
  Offset from = rehoming_ ? std::max(known_, rehoming_->trim) : known_;
  bool whole = judged.begin <= from && !judged.leaves;
  if (whole) judged.role = judged.tail >= tail_ ? Role::kHolder : Role::kTarget;
}

// False if they are not what was asked for.
bool RepairCore::Keep(const std::vector<PlacedBatch>& batches) {
  for (const PlacedBatch& placed : batches) {
    if (!ValidateBatch(placed.batch).ok()) return false;
    if (placed.end() > tail_ && placed.first < tail_) return false;
    if (placed.first >= known_ && placed.end() <= tail_) batches_[placed.first] = placed.batch;
  }
  return true;
}

void RepairCore::Learn(Offset known) {
  if (!rehoming_) known_ = std::min(std::max(known_, known), tail_);
  for (size_t server = 0; server < servers_.size(); ++server) Judge(server);
}

size_t RepairCore::holders() const {
  return static_cast<size_t>(
      std::count_if(servers_.begin(), servers_.end(),
                    [](const Server& server) { return server.role == Role::kHolder; }));
}

bool RepairCore::writing() const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [](const Server& server) { return server.asked.has_value(); });
}

bool RepairCore::OneMayJoin() const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [](const Server& server) { return server.role == Role::kAbsent; });
}

void RepairCore::Advance(Instant now) {
  if (state_ != State::kWorking) return;
  bool enough = !rehoming_ && holders() >= params_.write_quorum;
  if (known_ >= tail_ || enough) {
    state_ = State::kDone;
    return;
  }
  if (reading_ || writing()) return;
  if (!FindNext()) {
    // Fewer than W can hold it. Somebody may still come; else those who answered must do.
    if (OneMayJoin() && now < gather_until_) return;
    if (rehoming_ || holders() > 0 || FindUnread()) {
      state_ = State::kDone;
    } else {
      AskForBatch(now);
    }
    return;
  }
  batches_.erase(batches_.begin(), batches_.lower_bound(at_));
  if (batches_.contains(at_)) {
    WriteBatches(now);
  } else {
    AskForBatch(now);
  }
}

// The lowest offset that a target needs; false if there is no target left.
bool RepairCore::FindNext() {
  Offset lowest = kMaxOffset;
  for (const Server& server : servers_) {
    if (server.role != Role::kTarget || server.lost) continue;
    lowest = std::min(lowest, std::max(server.tail, known_));
  }
  if (lowest == kMaxOffset) return false;
  at_ = lowest;
  return true;
}

// Nobody has all of [K, T) and nobody can take what it lacks, for damage left holes in the middle.
// It will do if the servers have it together: true once all was read, else at_ is what to read
// next.
bool RepairCore::FindUnread() {
  readable_ = std::max(readable_, known_);
  auto it = batches_.find(readable_);
  while (it != batches_.end()) {
    readable_ += it->second.header.count;
    batches_.erase(it);
    it = batches_.find(readable_);
  }
  at_ = readable_;
  return readable_ >= tail_;
}

void RepairCore::AskForBatch(Instant now) {
  std::optional<size_t> source;
  for (size_t i = 0; i < servers_.size(); ++i) {
    const Server& server = servers_[i];
    bool may_hold =
        server.role != Role::kAbsent && !server.lost && server.tail > at_ && server.lacks != at_;
    if (!may_hold) continue;
    bool better = !source || (server.begin <= at_ && servers_[*source].begin > at_);
    if (better) source = i;
  }
  if (!source) {
    state_ = State::kFailed;
    return;
  }
  Read read;
  read.id = next_id_++;
  read.server = *source;
  read.request.disk = params_.replicas[*source].disk;
  read.request.from = rehoming_ ? std::max(at_, rehoming_->trim) : at_;
  read.request.to = tail_;
  read.request.max_bytes = options_.chunk_bytes;
  reading_ = Question{read.id, *source};
  patience_ = now + options_.answer;
  output_.reads.push_back(std::move(read));
}

void RepairCore::OnRead(QuestionId id, const ReadReply& reply, Instant now) {
  if (!reading_ || reading_->id != id) return;
  Server& source = servers_[reading_->server];
  reading_.reset();
  switch (reply.code) {
    case ReadCode::kBatches: {
      bool fits = !reply.batches.empty() && reply.batches[0].first == at_ && Keep(reply.batches);
      if (!fits) source.lacks = at_;
      break;
    }
    case ReadCode::kTrimmed:
      Learn(reply.word.known_tail);
      if (known_ <= at_) source.lacks = at_;
      break;
    case ReadCode::kLacks:
      source.lacks = at_;
      break;
    case ReadCode::kGone:
    case ReadCode::kWrongDisk:
      source.lost = true;
      break;
  }
  Advance(now);
}

void RepairCore::WriteBatches(Instant now) {
  std::vector<PlacedBatch> chunk;
  size_t bytes = 0;
  Offset end = at_;
  for (auto it = batches_.find(at_); it != batches_.end() && it->first == end; ++it) {
    bytes += it->second.body.size();
    bool full = bytes > options_.chunk_bytes || chunk.size() == kMaxBatches;
    if (!chunk.empty() && full) break;
    chunk.push_back({it->first, it->second});
    end = chunk.back().end();
  }
  for (size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_[i];
    Offset from = std::max(server.tail, known_);
    if (server.role != Role::kTarget || server.lost || from >= end) continue;
    Write write;
    write.id = next_id_++;
    write.server = i;
    write.request.disk = params_.replicas[i].disk;
    write.request.proposal = proposal_;
    write.request.known_tail = known_;
    for (const PlacedBatch& placed : chunk) {
      if (placed.first >= from) write.request.batches.push_back(placed);
    }
    bool fits = !write.request.batches.empty() && write.request.batches[0].first == from;
    if (!fits) {
      server.lost = true;  // its tail is none of ours
      continue;
    }
    server.asked = write.id;
    output_.writes.push_back(std::move(write));
  }
  patience_ = now + options_.answer;
}

void RepairCore::OnWritten(QuestionId id, const ServerWord& word, Instant now) {
  for (size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_[i];
    if (server.asked != id) continue;
    server.asked.reset();
    bool taken = word.code == ServerCode::kOk && word.sealed && word.durable_tail > server.tail;
    server.lost = !taken;
    if (taken) {
      server.tail = word.durable_tail;
      server.begin = word.holds_from;
      server.role = Role::kSource;
      Learn(word.known_tail);
    }
  }
  Advance(now);
}

void RepairCore::Tick(Instant now) {
  if (state_ != State::kWorking) return;
  if (now >= patience_) {
    if (reading_) servers_[reading_->server].lost = true;
    reading_.reset();
    for (Server& server : servers_) {
      if (server.asked) server.lost = true;
      server.asked.reset();
    }
  }
  Advance(now);
}

Instant RepairCore::next_tick() const {
  if (state_ != State::kWorking) return Instant::Max();
  return reading_ || writing() ? patience_ : gather_until_;
}

bool RepairCore::nobody_silent() const {
  return std::none_of(servers_.begin(), servers_.end(), [](const Server& server) {
    return server.role == Role::kAbsent || server.lost;
  });
}

std::vector<size_t> RepairCore::failed_sources() const {
  std::vector<size_t> failed;
  for (size_t i = 0; i < servers_.size(); ++i) {
    const Server& server = servers_[i];
    bool source = server.role != Role::kAbsent && server.tail > at_;
    if (source && (server.lost || server.lacks == at_)) failed.push_back(i);
  }
  return failed;
}

}  // namespace vlog::loglets::sequencer

#include "unit/raft_cluster.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::raft {

Batch MakeBatch(char writer, uint64_t first, uint32_t count, std::optional<uint64_t> prev) {
  BatchBuilder builder(WriterId(static_cast<uint64_t>(writer)), SeqNo(first));
  for (uint32_t i = 0; i < count; ++i) builder.Add(writer + std::to_string(first + i));
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = !prev.has_value();
  batch.header.prev = SeqNo(prev.value_or(0));
  return batch;
}

RaftCluster::RaftCluster(size_t replicas, uint64_t seed, RaftOptions options)
    : options_(options), random_(seed) {
  for (size_t i = 0; i < replicas; ++i) ids_.push_back({NodeId(i + 1), DiskId(100 + i)});
  for (size_t i = 0; i < replicas; ++i) {
    nodes_.emplace_back();
    nodes_[i].id = ids_[i];
    nodes_[i].up = false;
    Restart(i);
  }
}

size_t RaftCluster::NumberOf(const Replica& replica) const {
  auto it = std::find(ids_.begin(), ids_.end(), replica);
  VLOG_CHECK(it != ids_.end(), "messages go to members");
  return static_cast<size_t>(it - ids_.begin());
}

// ---- carrying out effects ----

void RaftCluster::Flush(size_t number) {
  Node& node = nodes_[number];
  if (lazy > 0 && random_() % 8 < lazy) return;
  RaftCore::Output output = node.core->TakeOutput();
  for (ReplicaCore::Persist& persist : output.persist) {
    Note(number, persist.entry);
    node.unsynced.push_back(std::move(persist));
  }
  for (RaftCore::Send& send : output.send) {
    Wire wire{next_wire_++, number,    NumberOf(send.to),
              node.life,    send.call, std::move(send.message),
              std::nullopt};
    counts.moves += std::holds_alternative<MoveUpRequest>(*wire.request);
    wires_.push_back(std::move(wire));
  }
  for (RaftCore::Reply& reply : output.replies) {
    auto asked = node.asked.find(reply.to);
    if (asked == node.asked.end()) {
      Violate("a request was answered twice");
      continue;
    }
    Wire wire = std::move(asked->second);
    node.asked.erase(asked);
    wire.id = next_wire_++;
    std::swap(wire.from, wire.to);
    wire.request.reset();
    wire.reply = std::move(reply.message);
    wires_.push_back(std::move(wire));
  }
  for (Answer& answer : output.answers) Judge(answer.token, answer.result);
  for (ReplicaCore::Load& load : output.loads) node.loads.push_back(load);
  Check(number);
}

// ---- messages ----

std::optional<Wire> RaftCluster::Take(uint64_t id) {
  auto it = std::find_if(wires_.begin(), wires_.end(), [&](const Wire& w) { return w.id == id; });
  if (it == wires_.end()) return std::nullopt;
  Wire wire = std::move(*it);
  wires_.erase(it);
  return wire;
}

void RaftCluster::Deliver(uint64_t id) {
  std::optional<Wire> wire = Take(id);
  if (!wire) return;
  Node& node = nodes_[wire->to];
  if (wire->reply) {
    if (!node.up || node.life != wire->life) return;
    Event(ToString(*wire));
    node.core->OnReply(wire->call, *wire->reply, now_);
    return Flush(wire->to);
  }
  if (!node.up) {
    Node& caller = nodes_[wire->from];
    if (!caller.up || caller.life != wire->life) return;
    caller.core->OnReply(wire->call, absl::UnavailableError("down"), now_);
    return Flush(wire->from);
  }
  Event(ToString(*wire));
  ReplyTo to = next_reply_++;
  RequestMessage request = *wire->request;
  size_t receiver = wire->to;
  Replica from = ids_[wire->from];
  node.asked[to] = *std::move(wire);
  node.core->OnRequest(from, std::move(request), to, now_);
  Flush(receiver);
}

void RaftCluster::Lose(uint64_t id, absl::StatusCode code) {
  std::optional<Wire> wire = Take(id);
  if (!wire) return;
  Event("lost: " + ToString(*wire));
  size_t caller = wire->request ? wire->from : wire->to;
  Node& node = nodes_[caller];
  if (!node.up || node.life != wire->life) return;
  node.core->OnReply(wire->call, Status(code, "lost"), now_);
  Flush(caller);
}

void RaftCluster::Duplicate(uint64_t id) {
  auto it = std::find_if(wires_.begin(), wires_.end(), [&](const Wire& w) { return w.id == id; });
  if (it == wires_.end()) return;
  Wire copy = *it;
  copy.id = next_wire_++;
  wires_.push_back(std::move(copy));
}

// ---- disks ----

void RaftCluster::Sync(size_t number) {
  Node& node = nodes_[number];
  if (!node.up || node.unsynced.empty()) return;
  ReplicaCore::Persist done = std::move(node.unsynced.front());
  node.unsynced.pop_front();
  node.durable.Apply(done.entry);
  node.synced.push_back(std::move(done.entry));
  node.core->Persisted(done.ticket, now_);
  Flush(number);
}

void RaftCluster::FillDisk(size_t number) {
  Node& node = nodes_[number];
  if (!node.up) return;
  std::vector<Ticket> refused;
  std::deque<ReplicaCore::Persist> kept;
  for (ReplicaCore::Persist& persist : node.unsynced) {
    if (persist.control) {
      kept.push_back(std::move(persist));
      continue;
    }
    refused.push_back(persist.ticket);
    // What nobody else has seen was never done: its index may be used again in the same term.
    StatusOr<StoredEntry> stored = RaftState::ToStored(persist.entry);
    auto it = entries_.find({stored->index.value(), stored->entry.term.value()});
    it->second.written_by.erase(it->second.written_by.find(number));
    if (it->second.written_by.empty()) entries_.erase(it);
  }
  node.unsynced = std::move(kept);
  for (Ticket ticket : refused) {
    ++counts.refusals;
    node.core->Refused(ticket, now_);
    Flush(number);
  }
}

void RaftCluster::Crash(size_t number, size_t kept) {
  Node& node = nodes_[number];
  if (!node.up) return;
  node.up = false;
  for (size_t i = 0; i < std::min(kept, node.unsynced.size()); ++i) {
    node.synced.push_back(node.unsynced[i].entry);
  }
  node.unsynced.clear();
  node.durable = Recover(node, false);
  node.loads.clear();
  node.led = false;
  ++node.life;
  Event(std::to_string(number + 1) + " crashes");
  // Whoever waits for its answers gets none.
  for (auto& [to, wire] : std::exchange(node.asked, {})) {
    Node& caller = nodes_[wire.from];
    if (!caller.up || caller.life != wire.life) continue;
    caller.core->OnReply(wire.call, absl::UnknownError("it crashed"), now_);
    Flush(wire.from);
  }
}

RaftState RaftCluster::Recover(const Node& node, bool through_checkpoint) {
  RaftState state;
  size_t checkpoint = node.synced.empty() ? 0 : random_() % node.synced.size();
  for (size_t i = 0; i < node.synced.size(); ++i) {
    const storage::Entry& entry = node.synced[i];
    if (entry.count > 0 && entry.first > state.end()) state.SkipTo(entry.first);
    state.Apply(entry);
    if (!through_checkpoint || i != checkpoint) continue;
    RaftState decoded;
    if (!decoded.Decode(state.Encode()).ok()) Violate("a state does not decode");
    state = std::move(decoded);
  }
  if (node.damaged) state.Damaged(0);
  return state;
}

void RaftCluster::Restart(size_t number, bool through_checkpoint) {
  Node& node = nodes_[number];
  if (node.up) return;
  node.up = true;
  RaftConfig config{ids_[number], ids_, ids_.size() / 2 + 1};
  RaftState state = Recover(node, through_checkpoint);
  // Writes go on where the journal says.
  node.core =
      std::make_unique<RaftCore>(config, options_, std::move(state), [this] { return random_(); });
  node.commit_seen = Index();
  Event(std::to_string(number + 1) + " starts");
  Check(number);
}

void RaftCluster::Load(size_t number) {
  Node& node = nodes_[number];
  if (!node.up || node.loads.empty()) return;
  ReplicaCore::Load load = node.loads.front();
  node.loads.pop_front();
  ++counts.loads;
  std::vector<storage::Entry> entries;
  size_t bytes = 0;
  for (const storage::Entry& entry : node.synced) {
    if (entry.count == 0 || entry.first + entry.count <= load.from) continue;
    if (entry.first >= load.to || (bytes > load.max_bytes && !entries.empty())) break;
    bytes += entry.payload.size();
    entries.push_back(entry);
  }
  if (load.from < node.durable.trim()) {
    node.core->Loaded(load.id, absl::OutOfRangeError("trimmed"), now_);
  } else {
    node.core->Loaded(load.id, std::move(entries), now_);
  }
  Flush(number);
}

// ---- time and clients ----

void RaftCluster::Tick(size_t number) {
  if (!nodes_[number].up) return;
  nodes_[number].core->Tick(now_);
  Flush(number);
}

void RaftCluster::Advance(Duration time) { now_ = now_ + time; }

void RaftCluster::Timeout(size_t number) {
  Tick(number);  // the first one sets the clock
  Instant due = core(number).next_tick();
  if (due != Instant::Max()) now_ = std::max(now_, due);
  Tick(number);
}

Token RaftCluster::Append(size_t number, const Batch& batch) {
  Token token = next_token_++;
  appends_[token] = batch.header;
  core(number).Append(batch, token, now_);
  Flush(number);
  return token;
}

Token RaftCluster::CheckTail(size_t number) {
  Token token = next_token_++;
  at_least_[token] = floor_;
  core(number).CheckTail(token, now_);
  Flush(number);
  return token;
}

Token RaftCluster::Seal(size_t number, const std::string& proposal) {
  Token token = next_token_++;
  seals_.insert(token);
  core(number).Seal(proposal, token, now_);
  Flush(number);
  return token;
}

Token RaftCluster::Trim(size_t number, Offset to) {
  Token token = next_token_++;
  trimmed_ = std::max(trimmed_, to);
  core(number).Trim(to, token, now_);
  Flush(number);
  return token;
}

void RaftCluster::Campaign(size_t number, bool at_once) {
  core(number).Campaign(at_once, now_);
  Flush(number);
}

void RaftCluster::Settle() {
  for (int rounds = 0; rounds < 10'000; ++rounds) {
    bool moved = false;
    for (size_t i = 0; i < size(); ++i) {
      bool syncs = !slow_disks.contains(i) && nodes_[i].up && !nodes_[i].unsynced.empty();
      if (syncs) Sync(i);
      if (!nodes_[i].loads.empty()) Load(i);
      moved = moved || syncs;
    }
    if (!wires_.empty()) {
      uint64_t id = wires_.front().id;
      bool lost = connected && !connected(wires_.front());
      if (lost) {
        Lose(id, absl::StatusCode::kUnavailable);
      } else {
        Deliver(id);
      }
      moved = true;
    }
    if (!moved) return;
  }
  Violate("the replicas never come to rest");
}

void RaftCluster::Run(Duration time) {
  Instant until = now_ + time;
  Settle();
  while (now_ < until) {
    Instant next = until;
    for (size_t i = 0; i < size(); ++i) {
      if (nodes_[i].up) next = std::min(next, std::max(core(i).next_tick(), now_ + Duration(1)));
    }
    now_ = next;
    for (size_t i = 0; i < size(); ++i) {
      if (nodes_[i].up && core(i).next_tick() <= now_) Tick(i);
    }
    Settle();
  }
}

std::optional<StatusOr<Offset>> RaftCluster::Result(Token token) const {
  auto it = results_.find(token);
  if (it == results_.end()) return std::nullopt;
  return it->second;
}

std::optional<size_t> RaftCluster::Leader() const {
  std::optional<size_t> leader;
  for (size_t i = 0; i < size(); ++i) {
    const Node& node = nodes_[i];
    if (!node.up || node.core->role() != RaftCore::Role::kLeader) continue;
    if (!leader || node.core->term() > nodes_[*leader].core->term()) leader = i;
  }
  return leader;
}

}  // namespace vlog::loglets::raft

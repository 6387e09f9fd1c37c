#include "unit/raft_cluster.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::loglets::raft {
namespace {

std::string Short(const LogEntry& entry) {
  if (entry.type == EntryType::kNoOp) return "no-op";
  if (entry.type == EntryType::kSeal) return "SEAL";
  const BatchHeader& header = entry.batch.header;
  std::string text(1, static_cast<char>(header.writer.value()));
  text += std::to_string(header.first.value());
  if (header.count > 1) text += ".." + std::to_string(header.last().value());
  return text;
}

std::string Pair(Index index, Term term) {
  return std::to_string(index.value()) + "/" + std::to_string(term.value());
}

}  // namespace

Batch MakeBatch(char writer, uint64_t first, uint32_t count, std::optional<uint64_t> prev) {
  BatchBuilder builder(WriterId(static_cast<uint64_t>(writer)), SeqNo(first));
  for (uint32_t i = 0; i < count; ++i) builder.Add(writer + std::to_string(first + i));
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = !prev.has_value();
  batch.header.prev = SeqNo(prev.value_or(0));
  return batch;
}

std::string ToString(const Wire& wire) {
  std::string out = std::to_string(wire.from + 1) + " -> " + std::to_string(wire.to + 1) + "  ";
  if (wire.request) {
    if (auto* vote = std::get_if<VoteRequest>(&*wire.request)) {
      out += vote->pre ? "pre-vote in term " : "vote in term ";
      out += std::to_string(vote->term.value()) + "? last " + Pair(vote->last, vote->last_term);
    } else if (auto* append = std::get_if<AppendRequest>(&*wire.request)) {
      out += "term " + std::to_string(append->term.value()) + " ";
      out += append->entries.empty() ? "heartbeat" : "append";
      out += " after " + Pair(append->prev, append->prev_term);
      for (const LogEntry& entry : append->entries) {
        out += " [" + std::to_string(entry.term.value()) + " " + Short(entry) + "]";
      }
      out += " commit " + std::to_string(append->commit.value());
    } else {
      const auto& move = std::get<MoveUpRequest>(*wire.request);
      out += "term " + std::to_string(move.term.value()) + " move up to " +
             Pair(move.index, move.index_term);
    }
    return out;
  }
  static const char* const kCodes[] = {"yes",           "no",       "the disk is full",
                                       "not this disk", "stranger", "impaired"};
  if (auto* vote = std::get_if<VoteReply>(&*wire.reply)) {
    return out + kCodes[static_cast<int>(vote->code)] + ", term " +
           std::to_string(vote->term.value());
  }
  const auto& append = std::get<AppendReply>(*wire.reply);
  out += kCodes[static_cast<int>(append.code)];
  out += ", term " + std::to_string(append.term.value());
  if (append.code == Code::kOk) out += ", match " + std::to_string(append.match.value());
  if (append.hint > Index()) out += ", begin at " + Pair(append.hint, append.hint_term);
  return out;
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

void RaftCluster::Judge(Token token, const StatusOr<Offset>& result) {
  if (!results_.emplace(token, result).second) Violate("a client was answered twice");
  std::string text = result.ok() ? std::to_string(result->value())
                                 : std::string(absl::StatusCodeToString(result.status().code()));
  Event("request " + std::to_string(token) + " is answered: " + text);
  if (!result.ok()) return;
  if (auto append = appends_.find(token); append != appends_.end()) {
    const BatchHeader& header = append->second;
    for (uint32_t i = 0; i < header.count; ++i) {
      Claim(*result + i, {header.writer, header.first + i}, "an acknowledgement");
    }
    Offset end = *result + header.count;
    if (sealed_at_ && end > *sealed_at_) Violate("acknowledged behind SEAL");
    floor_ = std::max(floor_, end);
    ++counts.acks;
  }
  if (auto check = at_least_.find(token); check != at_least_.end()) {
    if (*result < check->second) Violate("a tail check missed what was acknowledged before it");
    floor_ = std::max(floor_, *result);
    ++counts.tails;
  }
  if (seals_.contains(token)) {
    if (sealed_at_ && *sealed_at_ != *result) Violate("two sealed tails");
    sealed_at_ = *result;
    if (floor_ > *result) Violate("acknowledged above the sealed tail");
  }
}

void RaftCluster::Claim(Offset at, RecordId id, const char* who) {
  auto [value, fresh_value] = records_.emplace(at, id);
  auto [place, fresh_place] = places_.emplace(id, at);
  if (value->second != id) Violate(std::string("two records at one offset: ") + who);
  if (place->second != at) Violate(std::string("one record at two offsets: ") + who);
}

// Log matching (5.3), by induction: what has the same index and term is the same entry, behind an
// entry of the same term, and so all before it is the same as well.
void RaftCluster::Note(size_t number, const storage::Entry& entry) {
  StatusOr<StoredEntry> stored = RaftState::ToStored(entry);
  if (!stored.ok()) return;
  Known known;
  known.text = Short(stored->entry);
  known.begin = stored->begin;
  Index before(stored->index.value() - 1);
  std::optional<Term> term = nodes_[number].core->log().state().TermAt(before);
  known.before = term.value_or(Term());
  auto [it, fresh] =
      entries_.emplace(std::pair(stored->index.value(), stored->entry.term.value()), known);
  it->second.written_by.insert(number);
  if (it->second.text != known.text) Violate("two entries with one index and term (5.3)");
  // It may be gone again, when one step took it in and moved on.
  if (term && it->second.before != known.before) Violate("two logs before one entry (5.3)");
  if (it->second.begin != known.begin) Violate("an entry with two offsets");
  Index& last = nodes_[number].written;
  counts.cuts += stored->index <= last;
  last = stored->index;
}

void RaftCluster::Check(size_t number) {
  Node& node = nodes_[number];
  const RaftCore& core = *node.core;
  core.CheckInvariants();
  const RaftState& state = core.log().state();
  bool leads = core.role() == RaftCore::Role::kLeader;
  if (leads && !(node.led && node.led_term == core.term())) {
    ++counts.elections;
    Event(std::to_string(number + 1) + " leads term " + std::to_string(core.term().value()));
    auto [leader, fresh] = leaders_.emplace(core.term().value(), number);
    if (!fresh) Violate("two leaders in one term (5.2)");
    if (committed() > core.log().last()) Violate("a leader lacks what is decided (5.4)");
    for (const auto& [index, term] : committed_) {
      std::optional<Term> held = state.TermAt(Index(index));
      if (held && *held != term) Violate("a leader has another entry than was decided (5.4)");
    }
  }
  node.led = leads;
  node.led_term = core.term();
  for (Index i = node.commit_seen + 1; i <= core.log().commit(); i += 1) {
    std::optional<Term> term = state.TermAt(i);
    if (!term) continue;
    auto [decided, fresh] = committed_.emplace(i.value(), *term);
    counts.commits += fresh;
    if (decided->second != *term) Violate("two entries decided for one index (5.4.3)");
  }
  node.commit_seen = std::max(node.commit_seen, core.log().commit());
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
  if (load.from < node.core->log().state().trim()) {
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

// "2 follower, term 3, log 0..7 of term 3, commit 6, applied 6 (9 records), sealed".
std::string RaftCluster::Describe(size_t number) const {
  const Node& node = nodes_[number];
  std::string out = std::to_string(number + 1) + " ";
  if (!node.up) return out + "is down";
  static const char* const kRoles[] = {"follower", "pre-candidate", "candidate", "leader"};
  const RaftCore& core = *node.core;
  const RaftLog& log = core.log();
  out += kRoles[static_cast<int>(core.role())];
  out += ", term " + std::to_string(core.term().value());
  out += ", log " + std::to_string(log.state().start().index.value()) + ".." +
         std::to_string(log.last().value()) + " of term " + std::to_string(log.last_term().value());
  out += ", commit " + std::to_string(log.commit().value());
  out += ", applied " + std::to_string(log.applied().value()) + " (" +
         std::to_string(core.applied().end().value()) + " records)";
  if (core.sealed()) out += ", sealed";
  if (log.state().impaired()) out += ", impaired";
  return out;
}

std::string RaftCluster::DescribeLog(size_t number) const {
  const RaftLog& log = nodes_[number].core->log();
  std::string out;
  for (Index i = log.state().start().index + 1; i <= log.last(); i += 1) {
    Term term = *log.state().TermAt(i);
    auto it = entries_.find({i.value(), term.value()});
    out += (out.empty() ? "" : "  ") + Pair(i, term) + " ";
    out += it == entries_.end() ? "?" : it->second.text;
    if (i == log.commit() && i < log.last()) out += " |";
  }
  return out.empty() ? "(empty)" : out;
}

std::vector<RecordId> RaftCluster::Read(size_t number) const {
  const Node& node = nodes_[number];
  const RaftState& state = node.core->log().state();
  std::vector<RecordId> records;
  Offset at = state.trim_point();
  Offset end = state.log().applied().end();
  while (at < end) {
    std::optional<RaftState::Place> place = state.FindRecords(at, end);
    if (!place) {
      at = std::min(state.NextHeld(at), end);
      continue;
    }
    Offset before = at;
    for (const storage::Entry& entry : node.synced) {
      bool inside =
          entry.count > 0 && entry.first + entry.count > place->from && entry.first < place->to;
      if (!inside) continue;
      StatusOr<StoredEntry> stored = RaftState::ToStored(entry);
      if (!stored.ok() || stored->entry.type != EntryType::kBatch) continue;
      const BatchHeader& header = stored->entry.batch.header;
      for (uint32_t i = 0; i < header.count; ++i) {
        Offset offset = stored->begin + i;
        if (offset != at || at >= end) continue;
        records.push_back({header.writer, header.first + i});
        const_cast<RaftCluster*>(this)->Claim(at, records.back(), "a read");
        at += 1;
      }
    }
    if (at == before) {
      const_cast<RaftCluster*>(this)->Violate("a replica does not have what it says it has");
      return records;
    }
  }
  return records;
}

}  // namespace vlog::loglets::raft

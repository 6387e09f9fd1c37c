#include "unit/paxos_loglet_model.h"

#include <algorithm>

namespace vlog::loglets::paxos {

using std::chrono::milliseconds;

ModelWorld::ModelWorld(uint64_t seed, ModelCounts& counts)
    : random_(seed * 0x9e3779b97f4a7c15), counts_(counts) {
  size_t voters = Below(4) == 0 ? 5 : 3;
  bool apart = Below(3) == 0;  // roles on different nodes
  size_t members = apart ? voters + 1 + Below(2) : voters;
  for (size_t i = 0; i < members; ++i) {
    Group::Member member;
    member.replica = {NodeId(i + 1), DiskId(100 + i)};
    member.votes = i < voters;
    member.serves = !apart || i + 1 >= voters;
    group_.members.push_back(member);
  }
  group_.write_quorum = static_cast<uint32_t>(voters / 2 + 1);
  if (Below(4) == 0) group_.write_quorum = static_cast<uint32_t>(1 + Below(voters));
  options_.window = 1 + Below(3);
  options_.request_bytes = 1 + Below(60);
  options_.window_bytes = 20 + Below(100);  // pages of phase 1, too
  options_.cache_bytes = Below(2) * 600;
  options_.forget_silent = milliseconds(400);
  loss_ = Chance(0.5) ? 0 : 0.05 + 0.001 * static_cast<double>(Below(200));
  cut_ = Chance(0.5) ? 0 : 0.02;
  crash_ = Chance(0.4) ? 0 : 0.012;
  full_ = Chance(0.6) ? 0 : 0.01;
  seal_ = Chance(0.5) ? 0.0005 : 0.003;
  trim_ = Chance(0.5) ? 0 : 0.01;
  damage_ = Chance(0.7) ? 0 : 0.2;
  twins_ = Chance(0.5);
  now_ = Instant() + std::chrono::seconds(1);
  nodes_.resize(members);
  for (size_t i = 0; i < members; ++i) Restart(i);
  for (size_t i = 0; i < 3; ++i) {
    writers_.emplace_back();
    writers_.back().id = WriterId(50 + i);
  }
  size_t first = apart ? voters : 0;
  nodes_[first].core->Campaign(true, now_);
  Flush(first);
}

std::string ModelWorld::Run(size_t steps) {
  for (size_t i = 0; i < steps && violation_.empty(); ++i) Step();
  if (violation_.empty()) HealAndFinish();
  counts_.voids += truth_.voids();
  counts_.no_ops += truth_.no_ops();
  return violation_;
}

void ModelWorld::Step() {
  ++counts_.steps;
  size_t node = Below(nodes_.size());
  uint64_t what = Below(100);
  if (what < 45) {
    Deliver();
  } else if (what < 65) {
    Sync(node);
  } else if (what < 70) {
    AnswerLoad(node);
  } else if (what < 82) {
    AppendOne();
  } else if (what < 85) {
    Retry(Below(writers_.size()));
  } else if (what < 88) {
    StartCheck(node);
  } else if (what < 96) {
    Advance();
  } else if (what < 98 && nodes_[node].up) {
    nodes_[node].core->Campaign(Chance(0.3), now_);
    Flush(node);
  }
  if (Chance(seal_)) StartSeal(PickServer());
  if (Chance(trim_)) StartTrim(node);
  if (Chance(crash_)) Crash(node);
  if (Chance(crash_ * 2) && !nodes_[node].up) Restart(node);
  if (Chance(cut_)) {
    ++counts_.cuts;
    cuts_.clear();
    // One node is cut off, in one direction or both; or all links work again.
    for (size_t other = 0; other < nodes_.size() && Chance(0.8); ++other) {
      if (Chance(0.9)) cuts_.insert({node, other});
      if (Chance(0.7)) cuts_.insert({other, node});
    }
  }
  if (Chance(full_)) nodes_[node].disk_full = !nodes_[node].disk_full;
  if (nodes_[node].disk_full) RefuseData(node);
  if (counts_.steps % 40 == 0) CheckCopies();
}

// ---- the network ----

void ModelWorld::Send(size_t node, PaxosCore::Send send) {
  if (const Accept* accept = std::get_if<Accept>(&send.request)) {
    counts_.checkpoints += accept->checkpoint.has_value();
    for (const SlotEntry& entry : accept->entries) {
      if (std::string bad = truth_.Proposed(entry); !bad.empty()) Violate(bad);
    }
  }
  counts_.fetches += std::holds_alternative<Fetch>(send.request);
  bag_.push_back({node, send.to, nodes_[node].life, send.call, std::move(send.request), {}});
}

void ModelWorld::Deliver() {
  if (bag_.empty()) return;
  size_t pick = Chance(0.6) ? 0 : Below(bag_.size());
  Message message = std::move(bag_[pick]);
  bag_.erase(bag_.begin() + static_cast<std::ptrdiff_t>(pick));
  auto link =
      message.request ? std::pair(message.from, message.to) : std::pair(message.to, message.from);
  if (faults_ && (Chance(loss_) || cuts_.contains(link))) {
    ++counts_.losses;
    Status lost = Chance(0.5) ? absl::UnavailableError("lost") : absl::UnknownError("lost");
    bag_.push_back(
        {message.from, message.to, message.life, message.call, {}, StatusOr<Reply>(lost)});
    bool arrives = message.request && !cuts_.contains(link) && Chance(0.5);
    if (!arrives) return;
  }
  if (faults_ && message.request && Chance(loss_ / 2)) {
    ++counts_.doubles;
    bag_.push_back(message);
  }
  if (message.request) {
    DeliverRequest(std::move(message));
  } else {
    DeliverReply(std::move(message));
  }
}

void ModelWorld::DeliverRequest(Message message) {
  Node& node = nodes_[message.to];
  if (!node.up) {
    Status down = absl::UnavailableError("down");
    bag_.push_back(
        {message.from, message.to, message.life, message.call, {}, StatusOr<Reply>(down)});
    return;
  }
  replicated::ReplyTo to = next_id_++;
  Asked& asked = asked_[{message.to, to}];
  asked = {message.from, message.life, message.call, std::nullopt};
  if (const Accept* accept = std::get_if<Accept>(&*message.request)) asked.accept = *accept;
  node.core->OnRequest(message.from, *std::move(message.request), to, now_);
  Flush(message.to);
}

void ModelWorld::DeliverReply(Message message) {
  Node& node = nodes_[message.from];
  if (!node.up || node.life != message.life) return;
  node.core->OnReply(message.call, *std::move(message.reply), now_);
  Flush(message.from);
}

void ModelWorld::Answer(size_t number, PaxosCore::Answered answered) {
  auto it = asked_.find({number, answered.to});
  if (it == asked_.end()) return Violate("a request was answered twice");
  Asked asked = std::move(it->second);
  asked_.erase(it);
  Node& node = nodes_[number];
  const PrepareReply* promise = std::get_if<PrepareReply>(&answered.reply);
  if (promise != nullptr && promise->granted && promise->standing.votes) {
    node.told_promise = std::max(node.told_promise, promise->ballot);
  }
  const AcceptReply* accepted = std::get_if<AcceptReply>(&answered.reply);
  if (accepted != nullptr && accepted->granted && accepted->standing.votes && asked.accept) {
    for (const SlotEntry& entry : asked.accept->entries) {
      Ballot& told = node.told_accepts[entry.slot];
      told = std::max(told, entry.ballot);
    }
  }
  bool vote = accepted != nullptr && accepted->granted && accepted->standing.votes;
  if (vote && accepted->ballot < node.told_promise) {
    Violate("an acceptor accepted below its promise");
  }
  const FetchReply* fetched = std::get_if<FetchReply>(&answered.reply);
  if (fetched != nullptr) counts_.checkpoints += fetched->checkpoint.has_value();
  bag_.push_back({asked.caller,
                  number,
                  asked.caller_life,
                  asked.call,
                  {},
                  StatusOr<Reply>(std::move(answered.reply))});
}

// ---- disks ----

void ModelWorld::Sync(size_t number) {
  Node& node = nodes_[number];
  if (!node.up || node.unsynced.empty()) return;
  size_t count = 1 + Below(node.unsynced.size());
  for (size_t i = 0; i < count; ++i) {
    if (node.disk_full && !node.unsynced.front().control) return;
    Persist done = std::move(node.unsynced.front());
    node.unsynced.pop_front();
    node.synced.push_back(done.entry);
    if (done.entry.count > 0 && done.entry.first > node.state.end()) Violate("a hole in a stream");
    node.state.Apply(done.entry);
    node.core->Persisted(done.ticket, now_);
    Flush(number);
  }
}

// As the journal does it: every piece of data that waits is refused at once.
void ModelWorld::RefuseData(size_t number) {
  Node& node = nodes_[number];
  if (!node.up) return;
  std::vector<Ticket> refused;
  for (const Persist& persist : node.unsynced) {
    if (!persist.control) refused.push_back(persist.ticket);
  }
  std::erase_if(node.unsynced, [](const Persist& persist) { return !persist.control; });
  counts_.refusals += refused.size();
  for (Ticket ticket : refused) node.core->Refused(ticket, now_);
  Flush(number);
}

void ModelWorld::AnswerLoad(size_t number) {
  Node& node = nodes_[number];
  if (!node.up || node.loads.empty()) return;
  replicated::ReplicaCore::Load load = node.loads.front();
  node.loads.pop_front();
  ++counts_.loads;
  StatusOr<std::vector<storage::Entry>> found = std::vector<storage::Entry>();
  size_t bytes = 0;
  for (const storage::Entry& entry : node.synced) {
    bool inside = entry.count > 0 && entry.first + entry.count > load.from && entry.first < load.to;
    bool reclaimed = entry.first + entry.count <= node.state.trim();
    if (!inside || reclaimed || (bytes > load.max_bytes && Chance(0.5))) continue;
    bytes += entry.payload.size();
    found->push_back(entry);
  }
  if (faults_ && Chance(0.1)) found = absl::UnavailableError("not now");
  node.core->Loaded(load.id, std::move(found), now_);
  Flush(number);
}

void ModelWorld::Crash(size_t number) {
  Node& node = nodes_[number];
  if (!node.up) return;
  ++counts_.crashes;
  node.up = false;
  ++node.life;
  // What was on its way may have reached the disk although nobody heard of it.
  size_t kept = Below(node.unsynced.size() + 1);
  for (size_t i = 0; i < kept; ++i) {
    // Behind a piece of data that did not fit nothing of the stream's positions follows.
    if (node.disk_full && !node.unsynced[i].control) break;
    node.synced.push_back(node.unsynced[i].entry);
    if (node.damaged) node.state.Apply(node.synced.back());
  }
  node.unsynced.clear();
  node.loads.clear();
  node.core.reset();
  std::erase_if(asked_, [&](const auto& item) {
    if (item.first.first != number) return false;
    const Asked& asked = item.second;
    Status broken = absl::UnknownError("the connection broke");
    bag_.push_back(
        {asked.caller, number, asked.caller_life, asked.call, {}, StatusOr<Reply>(broken)});
    return true;
  });
  LoseCalls(number);
}

void ModelWorld::Restart(size_t number) {
  Node& node = nodes_[number];
  counts_.restarts += node.core == nullptr && node.life > 1;
  node.up = true;
  if (faults_ && node.life > 1 && Chance(damage_)) DamageJournal(node);
  if (!node.damaged) {
    node.state = PaxosState();
    for (size_t i = 0; i < node.synced.size(); ++i) {
      node.state.Apply(node.synced[i]);
      if (!Chance(0.05)) continue;
      // A checkpoint was taken here.
      PaxosState decoded;
      if (!decoded.Decode(node.state.Encode()).ok()) Violate("a checkpoint cannot be read back");
      node.state = std::move(decoded);
    }
  }
  node.state.CheckInvariants();
  CheckRecovered(number);
  Group group = group_;
  group.self = number;
  // Ballots are used once even if two lives believe that they are the same; but who lost entries
  // may have lost its own promise, and relies on the boot number.
  Incarnation incarnation(twins_ && !node.damaged ? 1 : node.life);
  node.core = std::make_unique<PaxosCore>(group, options_, node.state, incarnation,
                                          [this] { return random_(); });
  Flush(number);
}

// One voter at most loses entries, and only where others can still come together.
void ModelWorld::DamageJournal(Node& node) {
  for (const Node& other : nodes_) {
    if (other.damaged) return;
  }
  consensus::Quorums quorums = group_.quorums();
  if (std::max(quorums.read, quorums.write) >= quorums.n || node.synced.empty()) return;
  ++counts_.damages;
  node.damaged = true;
  size_t at = Below(node.synced.size());
  size_t lost = std::min(node.synced.size() - at, size_t{1} + Below(6));
  uint64_t positions = 0;
  for (size_t i = at; i < at + lost; ++i) positions += node.synced[i].count;
  node.synced.erase(node.synced.begin() + static_cast<std::ptrdiff_t>(at),
                    node.synced.begin() + static_cast<std::ptrdiff_t>(at + lost));
  node.state = PaxosState();
  for (const storage::Entry& entry : node.synced) {
    // As storage::StreamTable does it.
    if (entry.count > 0 && entry.first > node.state.end()) node.state.SkipTo(entry.first);
    node.state.Apply(entry);
  }
  node.state.Damaged(positions);
}

// ---- time and effects ----

void ModelWorld::Advance() {
  now_ = now_ + milliseconds(Chance(0.1) ? Below(200) : Below(12));
  TickDue();
}

void ModelWorld::TickDue() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].up || nodes_[i].core->next_tick() > now_) continue;
    nodes_[i].core->Tick(now_);
    Flush(i);
  }
}

void ModelWorld::Flush(size_t number) {
  Node& node = nodes_[number];
  PaxosCore::Output output = node.core->TakeOutput();
  for (Persist& persist : output.persist) node.unsynced.push_back(std::move(persist));
  for (const ReplicaLog::Applied& applied : output.applied) {
    if (std::string bad = truth_.Applied(applied); !bad.empty()) Violate(bad);
  }
  for (PaxosCore::Send& send : output.send) Send(number, std::move(send));
  for (PaxosCore::Answered& answered : output.replies) Answer(number, std::move(answered));
  for (auto& load : output.loads) node.loads.push_back(load);
  for (const replicated::Answer& answer : output.answers) OnAnswer(answer);
  if (std::string bad = truth_.State(node.core->log().chosen().slot, node.core->log().applied());
      !bad.empty()) {
    Violate(bad);
  }
  node.core->CheckInvariants();
  // What the core counts on the journal still gives.
  bool ahead = node.state.log().begin().slot > node.core->log().mapped().begin().slot;
  if (node.unsynced.empty() && ahead) Violate("the journal gave up what the core may ask for");
}

}  // namespace vlog::loglets::paxos

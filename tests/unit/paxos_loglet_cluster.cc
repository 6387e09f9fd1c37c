#include "unit/paxos_loglet_cluster.h"

#include <algorithm>

#include "base/crc32c.h"

namespace vlog::loglets::paxos {
namespace {

using consensus::ToString;

std::string Number(Slot slot) { return std::to_string(slot.value()); }

std::string Entries(const std::vector<SlotEntry>& entries, const Ballot& ballot) {
  std::string text;
  for (const SlotEntry& entry : entries) {
    text += " [" + Number(entry.slot) + " " + ToString(entry.command);
    if (entry.ballot != ballot) text += " of " + ToString(entry.ballot);
    text += "]";
  }
  return text;
}

std::string Describe(const Checkpoint& checkpoint) {
  return " checkpoint at " + Number(checkpoint.slot) + " with " +
         std::to_string(checkpoint.applied.end().value()) + " records";
}

struct Texts {
  std::string operator()(const Probe&) { return "do you hear of a leader?"; }
  std::string operator()(const Prepare& m) {
    return "phase 1 with " + ToString(m.ballot) + " from " + Number(m.from);
  }
  std::string operator()(const Accept& m) {
    std::string text = "phase 2 with " + ToString(m.ballot) + Entries(m.entries, m.ballot);
    if (m.checkpoint) text += Describe(*m.checkpoint);
    for (const BallotRun& run : m.chosen) {
      text += " chosen " + Number(run.from) + ".." + Number(run.to);
      if (run.ballot != m.ballot) text += " by " + ToString(run.ballot);
    }
    return text;
  }
  std::string operator()(const Fetch& m) {
    return "what is chosen from " + Number(m.from.slot) + " on?";
  }
  std::string operator()(const ProbeReply& m) { return m.leader_alive ? "yes" : "no"; }
  std::string operator()(const PrepareReply& m) {
    if (!m.granted) return "refused, promised " + ToString(m.standing.promised);
    return "promise " + ToString(m.ballot) + Votes(m.standing) + Entries(m.accepted, Ballot()) +
           " chosen below " + Number(m.standing.chosen.slot);
  }
  std::string operator()(const AcceptReply& m) {
    std::string why =
        m.full ? "refused, full" : "refused, promised " + ToString(m.standing.promised);
    std::string text = m.granted ? "accepted " + ToString(m.ballot) + Votes(m.standing) : why;
    return text + ", chosen below " + Number(m.standing.chosen.slot);
  }
  std::string operator()(const FetchReply& m) {
    std::string text = "it is" + Entries(m.chosen, Ballot());
    return m.checkpoint ? text + Describe(*m.checkpoint) : text;
  }
  static std::string Votes(const Standing& standing) { return standing.votes ? "" : " (no vote)"; }
};

}  // namespace

std::string ToString(const Command& command) {
  const BatchHeader& header = command.header;
  if (command.kind == Command::Kind::kNoOp) return "no-op";
  if (command.kind == Command::Kind::kSeal) return "SEAL " + std::string(command.body.view());
  std::string text(1, static_cast<char>(header.writer.value()));
  text += std::to_string(header.first.value());
  if (header.count > 1) text += "x" + std::to_string(header.count);
  return text;
}

std::string ToString(const Wire& wire) {
  std::string text = std::to_string(wire.from + 1) + " -> " + std::to_string(wire.to + 1) + "  ";
  if (wire.request) return text + std::visit(Texts(), *wire.request);
  return text + std::visit(Texts(), *wire.reply);
}

Batch MakeBatch(char writer, uint64_t first, uint32_t count, std::optional<uint64_t> prev) {
  BatchBuilder builder{WriterId(static_cast<uint64_t>(writer)), SeqNo(first)};
  for (uint32_t i = 0; i < count; ++i) builder.Add(writer + std::to_string(first + i));
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = !prev.has_value();
  batch.header.prev = SeqNo(prev.value_or(0));
  return batch;
}

PaxosCluster::PaxosCluster(const std::string& roles, uint32_t write_quorum) {
  now_ = Instant() + std::chrono::seconds(1);
  uint32_t voters = 0;
  for (char role : roles) {
    Group::Member member;
    member.replica = {NodeId(group_.members.size() + 1), DiskId(100 + group_.members.size())};
    member.votes = role != 'l';
    member.serves = role != 'a';
    voters += member.votes;
    group_.members.push_back(member);
  }
  group_.write_quorum = write_quorum > 0 ? write_quorum : voters / 2 + 1;
  options_.cache_bytes = 0;
  nodes_.resize(roles.size());
  for (size_t i = 0; i < nodes_.size(); ++i) Start(i);
}

// ---- what a scenario does ----

void PaxosCluster::Lead(size_t i) {
  now_ = now_ + options_.silence_min;
  core(i).Campaign(true, now_);
  Flush(i);
}

void PaxosCluster::SyncIfQuick(size_t i) {
  Node& node = nodes_[i];
  if (!node.slow && !(node.unsynced.empty() && node.loads.empty())) Sync(i);
}

void PaxosCluster::Run() {
  while (!wires_.empty()) Deliver(wires_.front().id);
}

void PaxosCluster::Wait(Duration time) {
  Instant end = now_ + time;
  Run();
  while (now_ < end) {
    now_ = now_ + std::chrono::milliseconds(1);
    for (size_t i = 0; i < size(); ++i) {
      if (nodes_[i].up && core(i).next_tick() <= now_) Tick(i);
    }
    Run();
  }
}

void PaxosCluster::Tick(size_t i) {
  core(i).Tick(now_);
  Flush(i);
}

void PaxosCluster::Deliver(uint64_t id) {
  auto it = std::find_if(wires_.begin(), wires_.end(), [&](const Wire& w) { return w.id == id; });
  if (it == wires_.end()) return;
  Wire wire = std::move(*it);
  if (!nodes_[wire.to].up || cut.contains({wire.from, wire.to})) return Lose(id);
  wires_.erase(it);
  Say(ToString(wire));
  if (wire.request) {
    replicated::ReplyTo to = next_id_++;
    asked_[{wire.to, to}] = wire;
    core(wire.to).OnRequest(wire.from, *std::move(wire.request), to, now_);
  } else if (nodes_[wire.to].life == wire.life) {
    core(wire.to).OnReply(wire.call, *std::move(wire.reply), now_);
  }
  Flush(wire.to);
}

void PaxosCluster::Lose(uint64_t id) {
  auto it = std::find_if(wires_.begin(), wires_.end(), [&](const Wire& w) { return w.id == id; });
  if (it == wires_.end()) return;
  Wire wire = std::move(*it);
  wires_.erase(it);
  Say("lost: " + ToString(wire));
  size_t caller = wire.request ? wire.from : wire.to;
  if (!nodes_[caller].up || nodes_[caller].life != wire.life) return;
  core(caller).OnReply(wire.call, absl::UnknownError("lost"), now_);
  Flush(caller);
}

size_t PaxosCluster::DeliverLink(size_t from, size_t to, bool first_only) {
  std::vector<uint64_t> ids;
  for (const Wire& wire : wires_) {
    if (wire.from == from && wire.to == to) ids.push_back(wire.id);
  }
  if (first_only && ids.size() > 1) ids.resize(1);
  for (uint64_t id : ids) Deliver(id);
  return ids.size();
}

size_t PaxosCluster::LoseLink(size_t from, size_t to, bool first_only) {
  std::vector<uint64_t> ids;
  for (const Wire& wire : wires_) {
    if (wire.from == from && wire.to == to) ids.push_back(wire.id);
  }
  if (first_only && ids.size() > 1) ids.resize(1);
  for (uint64_t id : ids) Lose(id);
  return ids.size();
}

// ---- disks ----

void PaxosCluster::Sync(size_t i) {
  Node& node = nodes_[i];
  while (!node.unsynced.empty()) {
    Persist done = std::move(node.unsynced.front());
    node.unsynced.pop_front();
    node.synced.push_back(done.entry);
    node.core->Persisted(done.ticket, now_);
    Flush(i);
  }
  while (!node.loads.empty()) {
    replicated::ReplicaCore::Load load = node.loads.front();
    node.loads.pop_front();
    std::vector<storage::Entry> found;
    for (const storage::Entry& entry : node.synced) {
      bool inside =
          entry.count > 0 && entry.first < load.to && entry.first + entry.count > load.from;
      if (inside) found.push_back(entry);
    }
    node.core->Loaded(load.id, std::move(found), now_);
    Flush(i);
  }
}

void PaxosCluster::Refuse(size_t i) {
  Node& node = nodes_[i];
  std::deque<Persist> kept;
  std::vector<Ticket> refused;
  for (Persist& persist : node.unsynced) {
    if (persist.control) {
      kept.push_back(std::move(persist));
    } else {
      refused.push_back(persist.ticket);
    }
  }
  node.unsynced = std::move(kept);
  for (Ticket ticket : refused) node.core->Refused(ticket, now_);
  Flush(i);
}

void PaxosCluster::Crash(size_t i) {
  Node& node = nodes_[i];
  node.up = false;
  ++node.life;
  node.unsynced.clear();
  node.loads.clear();
  node.core.reset();
  std::vector<Wire> broken;
  std::erase_if(asked_, [&](const auto& item) {
    if (item.first.first != i) return false;
    broken.push_back(item.second);
    return true;
  });
  for (const Wire& wire : broken) {
    if (!nodes_[wire.from].up || nodes_[wire.from].life != wire.life) continue;
    core(wire.from).OnReply(wire.call, absl::UnknownError("the connection broke"), now_);
    Flush(wire.from);
  }
}

void PaxosCluster::Start(size_t i) {
  Node& node = nodes_[i];
  PaxosState state;
  for (const storage::Entry& entry : node.synced) state.Apply(entry);
  if (node.damaged > 0) state.Damaged(node.damaged);
  node.up = true;
  Group group = group_;
  group.self = i;
  node.core = std::make_unique<PaxosCore>(group, options_, state, Incarnation(node.life),
                                          [i] { return i * 1'000'000; });
  Flush(i);
}

// ---- clients ----

replicated::Token PaxosCluster::Append(size_t i, Batch batch) {
  replicated::Token token = next_token_++;
  core(i).Append(std::move(batch), token, now_);
  Flush(i);
  return token;
}

replicated::Token PaxosCluster::CheckTail(size_t i) {
  replicated::Token token = next_token_++;
  core(i).CheckTail(token, now_);
  Flush(i);
  return token;
}

replicated::Token PaxosCluster::Seal(size_t i, const std::string& proposal) {
  replicated::Token token = next_token_++;
  core(i).Seal(proposal, token, now_);
  Flush(i);
  return token;
}

replicated::Token PaxosCluster::Trim(size_t i, Offset to) {
  replicated::Token token = next_token_++;
  core(i).Trim(to, token, now_);
  Flush(i);
  return token;
}

std::optional<StatusOr<Offset>> PaxosCluster::Result(replicated::Token token) const {
  auto it = results_.find(token);
  if (it == results_.end()) return std::nullopt;
  return it->second;
}

// ---- effects ----

void PaxosCluster::Flush(size_t i) {
  Node& node = nodes_[i];
  PaxosCore::Output output = node.core->TakeOutput();
  for (Persist& persist : output.persist) node.unsynced.push_back(std::move(persist));
  for (auto& load : output.loads) node.loads.push_back(load);
  for (const ReplicaLog::Applied& applied : output.applied) Check(truth_.Applied(applied));
  for (PaxosCore::Send& send : output.send) {
    if (const Accept* accept = std::get_if<Accept>(&send.request)) {
      for (const SlotEntry& entry : accept->entries) Check(truth_.Proposed(entry));
    }
    wires_.push_back({next_id_++, i, send.to, send.call, node.life, std::move(send.request), {}});
  }
  for (PaxosCore::Answered& answered : output.replies) {
    auto it = asked_.find({i, answered.to});
    if (it == asked_.end()) return Check("a request was answered twice");
    const Wire& asked = it->second;
    wires_.push_back(
        {next_id_++, i, asked.from, asked.call, asked.life, {}, std::move(answered.reply)});
    asked_.erase(it);
  }
  for (const replicated::Answer& answer : output.answers) {
    results_.emplace(answer.token, answer.result);
    const StatusOr<Offset>& result = answer.result;
    Say("request " + std::to_string(answer.token) + " is answered: " +
        (result.ok() ? std::to_string(result->value())
                     : absl::StatusCodeToString(result.status().code())));
  }
  Check(truth_.State(node.core->log().chosen().slot, node.core->log().applied()));
  node.core->CheckInvariants();
  SyncIfQuick(i);
}

std::string PaxosCluster::Describe(size_t i) const {
  const Node& node = nodes_[i];
  std::string text = std::to_string(i + 1);
  if (!node.up) return text + " is down";
  const ReplicaLog& log = node.core->log();
  text += " " + node.core->role() + (node.core->impaired().empty() ? "" : " that lost entries");
  text += ", promised " + ToString(log.promised()) + ", chosen below " + Number(log.chosen().slot);
  text += ", " + std::to_string(log.applied().end().value()) + " records";
  if (log.mapped().trim() > Offset())
    text += ", trimmed below " + std::to_string(log.mapped().trim().value());
  return text + (log.applied().sealed() ? ", sealed" : "");
}

std::string PaxosCluster::DescribeLog(size_t i) const {
  const ReplicaLog& log = nodes_[i].core->log();
  std::optional<ReplicaLog::Accepted> accepted = log.AcceptedFrom(Slot(), SIZE_MAX);
  std::string text = "accepted above:";
  if (!accepted) return text + " (not in memory)";
  return text + (accepted->entries.empty() ? " nothing" : Entries(accepted->entries, Ballot()));
}

}  // namespace vlog::loglets::paxos

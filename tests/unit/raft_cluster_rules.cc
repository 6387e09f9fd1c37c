// What must hold whatever happens to a cluster, and how it is told.
#include <algorithm>

#include "unit/raft_cluster.h"

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
    // Leader completeness (5.4): all that was decided in earlier terms. A vote that comes late can
    // make a leader of a term that is over.
    for (const auto& [index, decided] : committed_) {
      if (decided.in >= core.term()) continue;
      if (Index(index) > core.log().last()) Violate("a leader lacks what is decided (5.4)");
      std::optional<Term> held = state.TermAt(Index(index));
      if (held && *held != decided.term) {
        Violate("a leader has another entry than was decided (5.4)");
      }
    }
  }
  node.led = leads;
  node.led_term = core.term();
  for (Index i = node.commit_seen + 1; i <= core.log().commit(); i += 1) {
    std::optional<Term> term = state.TermAt(i);
    if (!term) continue;
    auto [decided, fresh] = committed_.emplace(i.value(), Decided{*term, core.term()});
    counts.commits += fresh;
    if (decided->second.term != *term) Violate("two entries decided for one index (5.4.3)");
  }
  node.commit_seen = std::max(node.commit_seen, core.log().commit());
}

void RaftCluster::CheckCopies() {
  for (const auto& [index, decided] : committed_) {
    auto known = entries_.find({index, decided.term.value()});
    if (known == entries_.end() || known->second.begin <= trimmed_) continue;
    size_t copies = 0;
    for (const Node& node : nodes_) {
      const RaftState& state = node.durable;
      bool held = Index(index) > state.start().index && state.TermAt(Index(index)) == decided.term;
      copies += held || node.damaged;
    }
    if (copies <= nodes_.size() / 2) {
      return Violate("only " + std::to_string(copies) + " replicas hold entry " +
                     std::to_string(index));
    }
  }
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

// Phase 2 of the proposer: the flows to the members.
#include <algorithm>
#include <functional>

#include "base/check.h"
#include "loglets/paxos/proposer_core.h"

namespace vlog::loglets::paxos {
namespace {

// Ballot runs in one announcement; each is one leadership that the member slept through.
constexpr size_t kMaxRuns = 64;

}  // namespace

// Phase 2b arrives (Paxos Made Simple 2.2).
void ProposerCore::OnAccepted(size_t member, uint64_t tag, const StatusOr<Reply>& reply,
                              Instant now) {
  PeerFlow& flow = flows_[member];
  std::optional<PeerFlow::Sent> sent = flow.OnReply(tag, reply.ok() ? now : Instant());
  if (!sent) return;  // of an earlier leadership, or of phase 1
  const AcceptReply* accepted = reply.ok() ? std::get_if<AcceptReply>(&*reply) : nullptr;
  if (accepted == nullptr || accepted->ballot != ballot_) return flow.Rewind(*sent, now);
  flow.OnReport(*sent, *accepted);
  if (!accepted->granted) {
    if (accepted->full && member == group_.self) full_until_ = now + options_.heartbeat * 4;
    return flow.Rewind(*sent, now);
  }
  bool votes = group_.members[member].votes && accepted->standing.votes;
  if (votes && proposals_.Vote(sent->from, sent->to, member, group_.quorums().write)) {
    chosen_at_ = now;
  }
  AnswerChecks();
}

void ProposerCore::OnHelp(size_t member, LearnerCore::Help help, Instant now) {
  if (state_ != State::kLeading) return;
  PeerFlow& flow = flows_[member];
  if (!flow.helping()) return;  // of an earlier leadership
  flow.Helped();
  if (help.chosen.empty() && !help.checkpoint) return flow.Rewind({}, now);
  SendAccept(member, std::move(help.chosen), std::move(help.checkpoint), false, now);
}

void ProposerCore::PumpFlow(size_t member, Instant now) {
  while (SendEntries(member, now)) {
  }
  if (BeatDue(member, now)) SendAccept(member, {}, std::nullopt, true, now);
}

// True if it sent some and there may be more.
bool ProposerCore::SendEntries(size_t member, Instant now) {
  PeerFlow& flow = flows_[member];
  bool own = member == group_.self;
  if (flow.next() >= proposals_.next()) return false;
  // This node's own replica holds the same bytes anyway: no window.
  if (own ? now < flow.retry_at() : !flow.HasRoom(now)) return false;
  std::vector<SlotEntry> entries;
  size_t bytes = 0;
  for (Slot slot = flow.next(); slot < proposals_.next(); slot += 1) {
    std::optional<SlotEntry> entry = EntryInMemory(slot);
    if (!entry) break;
    bytes += entry->command.body.size() + kBatchHeaderBytes;
    bool full = bytes > options_.request_bytes || entries.size() >= options_.request_entries;
    if (!entries.empty() && full) break;
    entries.push_back(*std::move(entry));
  }
  if (entries.empty()) {
    // A laggard: it is helped from the point that it reported, not from a guess.
    if (!flow.idle()) return false;
    flow.Help();
    output_.helps.push_back({member, flow.reported()});
    return false;
  }
  SendAccept(member, std::move(entries), std::nullopt, false, now);
  return true;
}

std::optional<SlotEntry> ProposerCore::EntryInMemory(Slot slot) const {
  if (const Command* command = proposals_.Find(slot)) return SlotEntry{slot, ballot_, *command};
  if (const SlotEntry* entry = log_.FindChosen(slot)) return *entry;
  return std::nullopt;
}

void ProposerCore::SendAccept(size_t member, std::vector<SlotEntry> entries,
                              std::optional<Checkpoint> checkpoint, bool beat, Instant now) {
  PeerFlow& flow = flows_[member];
  PeerFlow::Sent sent;
  if (!entries.empty()) {
    sent.from = entries.front().slot;
    sent.to = entries.back().slot + 1;
  } else if (checkpoint) {
    sent.to = sent.from = checkpoint->slot;
  }
  for (const SlotEntry& entry : entries) sent.bytes += entry.command.body.size();
  sent.round = round_;
  sent.announced = log_.chosen().slot;
  sent.beat = beat;
  Accept accept{ballot_, Announcement(member), std::move(entries), std::move(checkpoint)};
  uint64_t tag = next_tag_++;
  flow.OnSent(tag, sent, now);
  Duration patience = beat ? options_.beat_patience : options_.patience;
  output_.sends.push_back({member, tag, std::move(accept), patience});
}

// What is chosen from the member's own chosen point on: by earlier leaders, then by this one.
std::vector<BallotRun> ProposerCore::Announcement(size_t member) const {
  Slot from = flows_[member].reported().slot;
  std::vector<BallotRun> runs;
  if (from < first_slot_) runs = log_.mapped().Ballots(from, first_slot_, kMaxRuns);
  if (log_.chosen().slot > first_slot_) {
    runs.push_back({first_slot_, log_.chosen().slot, ballot_});
  }
  return runs;
}

bool ProposerCore::BeatDue(size_t member, Instant now) const {
  if (member == group_.self || Retired(member, now)) return false;
  return flows_[member].MayBeat() && now >= BeatAt(member);
}

// When something will be due to a member although nothing else happens.
Instant ProposerCore::FlowDue(size_t member, Instant now) const {
  const PeerFlow& flow = flows_[member];
  Instant at = Instant::Max();
  bool beats = member != group_.self && !Retired(member, now) && flow.MayBeat();
  if (beats) at = BeatAt(member);
  if (flow.next() < proposals_.next() && now < flow.retry_at()) at = std::min(at, flow.retry_at());
  return at;
}

// When a message without entries is due, if nothing else is sent before.
Instant ProposerCore::BeatAt(size_t member) const {
  const PeerFlow& flow = flows_[member];
  Instant at = flow.last_sent() + options_.heartbeat;
  bool asks = !checks_.empty() && flow.round_sent() < checks_.back().round;
  if (asks) at = Instant();
  if (flow.idle() && flow.announced() < log_.chosen().slot) {
    at = std::min(at, chosen_at_ + options_.announce);
  }
  return std::max(at, flow.retry_at());
}

// A sealed loglet costs nothing: who has applied SEAL, or is silent, is left alone.
bool ProposerCore::Retired(size_t member, Instant now) const {
  if (!log_.applied().sealed() || proposals_.size() > 0) return false;
  const PeerFlow& flow = flows_[member];
  bool silent = now >= flow.last_heard() + options_.forget_silent;
  return silent || flow.reported().slot >= log_.chosen().slot;
}

// When too few voters will have been heard of to get anything chosen or confirmed.
Instant ProposerCore::QuorumLostAt(Instant now) const {
  std::vector<Instant> heard;
  for (size_t member = 0; member < flows_.size(); ++member) {
    if (!group_.members[member].votes) continue;
    heard.push_back(member == group_.self ? now : flows_[member].last_heard());
  }
  consensus::Quorums quorums = group_.quorums();
  size_t needed = std::max(quorums.read, quorums.write);
  std::sort(heard.begin(), heard.end(), std::greater<>());
  return heard[needed - 1] + options_.silence_max;
}

}  // namespace vlog::loglets::paxos

// One Raft replica of three, whose messages, disk and clock are in the test's hand.
#ifndef VLOG_TESTS_UNIT_RAFT_ONE_H_
#define VLOG_TESTS_UNIT_RAFT_ONE_H_

#include <catch2/catch.hpp>
#include <deque>
#include <optional>
#include <vector>

#include "loglets/raft/raft_core.h"
#include "unit/raft_cluster.h"

namespace vlog::loglets::raft {

inline constexpr Replica kSelf{NodeId(1), DiskId(100)};
inline constexpr Replica kB{NodeId(2), DiskId(101)};
inline constexpr Replica kC{NodeId(3), DiskId(102)};

// Replica 1 of three.
struct One {
  explicit One(RaftState state = RaftState())
      : core({kSelf, {kSelf, kB, kC}, 2}, RaftOptions(), std::move(state), [] { return 7; }) {}

  void Take() {
    RaftCore::Output output = core.TakeOutput();
    for (auto& persist : output.persist) unsynced.push_back(std::move(persist));
    for (auto& send : output.send) sent.push_back(std::move(send));
    for (auto& reply : output.replies) replies.push_back(std::move(reply));
    for (auto& answer : output.answers) answers.push_back(answer);
    core.CheckInvariants();
  }
  void Sync() {
    while (!unsynced.empty()) {
      ReplicaCore::Persist done = std::move(unsynced.front());
      unsynced.pop_front();
      synced.push_back(done.entry);
      core.Persisted(done.ticket, now);
      Take();
    }
  }
  // What a restart finds.
  RaftState Recovered() const {
    RaftState state;
    for (const storage::Entry& entry : synced) state.Apply(entry);
    return state;
  }
  void Ask(const Replica& from, RequestMessage request) {
    std::visit([](auto& r) { r.disk = kSelf.disk; }, request);
    core.OnRequest(from, std::move(request), next_reply++, now);
    Take();
  }
  void Vote(const Replica& from, uint64_t term, uint64_t last = 0, uint64_t last_term = 0,
            bool pre = false) {
    Ask(from, VoteRequest{DiskId(), Term(term), pre, Index(last), Term(last_term)});
  }
  // Entries of `term` after {prev, prev_term}: records of writer w from `first` on, one each.
  void Append(uint64_t term, uint64_t prev, uint64_t prev_term, std::vector<LogEntry> entries,
              uint64_t commit = 0) {
    AppendRequest request;
    request.term = Term(term);
    request.prev = Index(prev);
    request.prev_term = Term(prev_term);
    request.entries = std::move(entries);
    request.commit = Index(commit);
    Ask(kB, std::move(request));
  }
  // Answers the newest request to `from`.
  void Answer(const Replica& from, ReplyMessage reply) {
    for (size_t i = sent.size(); i > 0; --i) {
      if (sent[i - 1].to != from) continue;
      CallId call = sent[i - 1].call;
      sent.erase(sent.begin() + static_cast<ptrdiff_t>(i - 1));
      core.OnReply(call, std::move(reply), now);
      return Take();
    }
    FAIL("nothing was asked");
  }
  void Agree(const Replica& from, uint64_t match) {
    AppendReply reply;
    reply.code = Code::kOk;
    reply.term = core.term();
    reply.match = Index(match);
    reply.match_end = core.log().state().log().EndAt(Index(match));
    Answer(from, reply);
  }
  // Leads the next term with the vote of 2; its no-op is written.
  void Lead() {
    core.Campaign(true, now);
    Take();
    if (core.role() == RaftCore::Role::kPreCandidate) {
      Answer(kB, VoteReply{Code::kOk, core.term()});
    }
    Sync();
    Answer(kB, VoteReply{Code::kOk, core.term()});
    REQUIRE(core.role() == RaftCore::Role::kLeader);
    Sync();
  }
  const VoteReply& vote() const { return std::get<VoteReply>(replies.back().message); }
  const AppendReply& appended() const { return std::get<AppendReply>(replies.back().message); }

  RaftCore core;
  Instant now = Instant() + std::chrono::seconds(10);
  std::deque<ReplicaCore::Persist> unsynced;
  std::vector<storage::Entry> synced;
  std::vector<RaftCore::Send> sent;
  std::vector<RaftCore::Reply> replies;
  std::vector<replicated::Answer> answers;
  ReplyTo next_reply = 1;
};

inline LogEntry NoOp(uint64_t term) {
  LogEntry entry;
  entry.term = Term(term);
  return entry;
}
inline LogEntry Record(uint64_t term, char writer, uint64_t number) {
  LogEntry entry;
  entry.term = Term(term);
  entry.type = EntryType::kBatch;
  std::optional<uint64_t> prev;
  if (number > 0) prev = number - 1;
  entry.batch = MakeBatch(writer, number, 1, prev);
  return entry;
}

}  // namespace vlog::loglets::raft

#endif  // VLOG_TESTS_UNIT_RAFT_ONE_H_

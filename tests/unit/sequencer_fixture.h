// What the unit tests of the sequencer loglet share: batches, parameters, and a log server whose
// journal the test controls.
#ifndef VLOG_TESTS_UNIT_SEQUENCER_FIXTURE_H_
#define VLOG_TESTS_UNIT_SEQUENCER_FIXTURE_H_

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loglets/sequencer/log_server_core.h"

namespace vlog::loglets::sequencer {

inline constexpr SequencerId kSequencer{NodeId(1), Incarnation(7), DiskId(1)};

inline Params ThreeServers(uint32_t write_quorum = 2) {
  std::vector<Replica> replicas;
  for (uint64_t i = 1; i <= 3; ++i) replicas.push_back({NodeId(i), DiskId(100 + i)});
  return *MakeParams(replicas, write_quorum, kSequencer);
}

inline Instant At(int millis) { return Instant() + std::chrono::milliseconds(millis); }

// The writer's records first, first + 1, ...; `first` 0 is its first batch in the loglet.
inline Batch MakeBatch(uint64_t first, uint32_t count = 1, WriterId writer = WriterId(5)) {
  BatchBuilder builder(writer, SeqNo(first));
  for (uint32_t i = 0; i < count; ++i) builder.Add("r" + std::to_string(first + i));
  Batch batch = std::move(builder).Finish();
  batch.header.first_in_loglet = first == 0;
  batch.header.prev = SeqNo(first == 0 ? 0 : first - 1);
  return batch;
}
inline PlacedBatch Placed(uint64_t offset, uint32_t count = 1) {
  return {Offset(offset), MakeBatch(offset, count)};
}

// A log server core and its journal.
struct TestServer {
  explicit TestServer(uint64_t number = 1) : disk(100 + number), core(disk, LogServerState()) {}

  // Sends a request; returns its number. Answers are in `answers`.
  ReplyTo Store(uint64_t known, std::vector<PlacedBatch> batches,
                SequencerId sequencer = kSequencer) {
    core.Step(StoreRequest{disk, sequencer, Offset(known), std::move(batches)}, ++last, At(1));
    return Flush();
  }
  ReplyTo Seal(const std::string& proposal = "", uint64_t known = 0) {
    core.Step(SealRequest{disk, proposal, Offset(known)}, ++last);
    return Flush();
  }
  ReplyTo Repair(uint64_t known, std::vector<PlacedBatch> batches) {
    core.Step(RepairRequest{disk, "repair", Offset(known), std::move(batches)}, ++last);
    return Flush();
  }
  ReplyTo Trim(uint64_t to, uint64_t known) {
    core.Step(TrimRequest{disk, Offset(to), Offset(known)}, ++last);
    return Flush();
  }
  ReplyTo Ask(WaitFor wait = WaitFor::kNothing, uint64_t beyond = 0) {
    core.Step(TailRequest{disk, wait, Offset(beyond)}, ++last);
    return Flush();
  }
  ReadReply Plan(uint64_t from, uint64_t to) {
    return core.Plan({disk, Offset(from), Offset(to), 1000});
  }

  ReplyTo Flush() {
    LogServerCore::Output output = core.TakeOutput();
    for (auto& persist : output.persist) unsynced.push_back(std::move(persist));
    for (auto& reply : output.send) {
      REQUIRE(answers.emplace(reply.to, reply.word).second);
    }
    core.CheckInvariants();
    return last;
  }
  void SyncOne() {
    REQUIRE_FALSE(unsynced.empty());
    auto done = std::move(unsynced.front());
    unsynced.pop_front();
    synced.push_back(done.entry);
    core.Persisted(done.ticket);
    Flush();
  }
  void Sync() {
    while (!unsynced.empty()) SyncOne();
  }
  // All data on its way is refused, control entries stay.
  void FillDisk() {
    std::deque<LogServerCore::Persist> all = std::move(unsynced);
    unsynced.clear();
    for (auto& persist : all) {
      if (persist.control) unsynced.push_back(persist);
    }
    for (auto& persist : all) {
      if (!persist.control) core.Refused(persist.ticket);
      Flush();
    }
  }
  LogServerState Replayed() const {
    LogServerState state;
    for (const storage::Entry& entry : synced) state.Apply(entry);
    return state;
  }
  // Loses what was not synced.
  void Crash() {
    unsynced.clear();
    core = LogServerCore(disk, Replayed());
  }

  bool answered(ReplyTo to) const { return answers.contains(to); }
  const ServerWord& answer(ReplyTo to) const {
    REQUIRE(answered(to));
    return answers.at(to);
  }
  ServerCode code(ReplyTo to) const { return answer(to).code; }
  Offset durable() const { return core.durable().durable_tail(); }

  DiskId disk;
  LogServerCore core;
  std::deque<LogServerCore::Persist> unsynced;
  std::vector<storage::Entry> synced;
  std::map<ReplyTo, ServerWord> answers;
  ReplyTo last = 0;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_TESTS_UNIT_SEQUENCER_FIXTURE_H_

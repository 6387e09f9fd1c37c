// What the demo measures while it runs: acknowledgements over time, and what each event cost the
// writers. Pure: the time comes in as an argument.
#ifndef VLOG_TOOLS_VLOG_DEMO_MEASURE_H_
#define VLOG_TOOLS_VLOG_DEMO_MEASURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace vlog::cli {

enum class DemoEventKind {
  kSwap,    // planned: another segment, on a cluster another node's sequencer
  kKill,    // SIGKILL of the node that is the sequencer
  kReturn,  // of that node
};
const char* ToString(DemoEventKind kind);  // "swap", ...

// The events of a run in their order. With a crash, the kill stands in the middle; about a fifth of
// the swaps happen while the node is away.
std::vector<DemoEventKind> PlanEvents(uint64_t swaps, bool crash);

struct DemoEvent {
  DemoEventKind kind = DemoEventKind::kSwap;
  std::string what;        // for people
  Duration at{0};          // since the start
  Duration call{0};        // until it was done: swapped, failed over, serving again
  uint64_t in_flight = 0;  // records without acknowledgement when it began
  // Records were in flight when it began, or were sent while it ran.
  bool under_load = false;
  // The longest time between two acknowledgements that follow each other, of those that overlap the
  // call or end with the first acknowledgement after it.
  Duration gap{0};
};

// One event at a time.
class DemoMeasure {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(10);

  void Start(Instant now) { started_ = last_ack_ = now; }
  void NoteAck(Instant now);
  // REQUIRES: no event runs.
  void BeginEvent(DemoEventKind kind, uint64_t in_flight, Instant now);
  // REQUIRES: one runs.
  void EndEvent(std::string what, bool under_load, Instant now);
  // No event runs, and the first acknowledgement after the last one has come: one that began
  // earlier would be charged for the same pause.
  bool settled() const { return state_ == State::kSettled; }

  const std::vector<DemoEvent>& events() const { return events_; }
  // Acknowledgements in each tick since the start, as far as there were any.
  const std::vector<uint64_t>& acks() const { return acks_; }
  // From the start to the last acknowledgement.
  Duration took() const { return last_ack_ - started_; }

 private:
  enum class State { kSettled, kRuns, kEnded };  // of the last event

  Instant started_;
  Instant last_ack_;
  State state_ = State::kSettled;
  std::vector<DemoEvent> events_;
  std::vector<uint64_t> acks_;
};

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_MEASURE_H_

#include "demo_measure.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::cli {

const char* ToString(DemoEventKind kind) {
  switch (kind) {
    case DemoEventKind::kSwap:
      return "swap";
    case DemoEventKind::kKill:
      return "kill";
    case DemoEventKind::kReturn:
      return "return";
  }
  return "unknown";
}

std::vector<DemoEventKind> PlanEvents(uint64_t swaps, bool crash) {
  std::vector<DemoEventKind> plan(swaps, DemoEventKind::kSwap);
  if (!crash) return plan;
  auto away = static_cast<ptrdiff_t>((swaps + 4) / 5);
  ptrdiff_t before = (static_cast<ptrdiff_t>(swaps) - away) / 2;
  plan.insert(plan.begin() + before + away, DemoEventKind::kReturn);
  plan.insert(plan.begin() + before, DemoEventKind::kKill);
  return plan;
}

void DemoMeasure::NoteAck(Instant now) {
  Duration since = now - last_ack_;
  last_ack_ = now;
  auto tick = static_cast<size_t>((now - started_) / kTick);
  if (acks_.size() <= tick) acks_.resize(tick + 1);
  ++acks_[tick];
  if (state_ == State::kSettled) return;
  events_.back().gap = std::max(events_.back().gap, since);
  if (state_ == State::kEnded) state_ = State::kSettled;
}

void DemoMeasure::BeginEvent(DemoEventKind kind, uint64_t in_flight, Instant now) {
  VLOG_CHECK(state_ != State::kRuns, "one event at a time");
  DemoEvent event;
  event.kind = kind;
  event.at = now - started_;
  event.in_flight = in_flight;
  events_.push_back(std::move(event));
  state_ = State::kRuns;
}

void DemoMeasure::EndEvent(std::string what, bool under_load, Instant now) {
  VLOG_CHECK(state_ == State::kRuns, "an event runs");
  DemoEvent& event = events_.back();
  event.what = std::move(what);
  event.under_load = under_load;
  event.call = now - started_ - event.at;
  state_ = State::kEnded;
}

}  // namespace vlog::cli

#include "testing/fake_quorum.h"

#include <algorithm>

namespace vlog::testing {

FakeCluster::FakeCluster(env::SimWorld& world)
    : world_(world),
      image_(world),
      env_(world, image_, "cluster"),
      metastore_(env_.scheduler()),
      watched_(env_, metastore_) {}

Duration FakeCluster::Delay() {
  // Mostly quick, now and then late enough to be overtaken by a whole reconfiguration.
  int64_t micros = world_.Chance(0.05) ? 20'000 : 400;
  return std::chrono::microseconds(
      20 + static_cast<int64_t>(world_.RandomBelow(static_cast<uint64_t>(micros))));
}

bool FakeCluster::Loses() {
  bool lost = world_.Chance(loss_);
  lost_ += lost;
  return lost;
}

void FakeCluster::Drop(const std::string& log, SegmentIndex from, SegmentIndex to) {
  dead_.Add(log, from, to);
  std::erase_if(loglets_, [&](const auto& entry) { return dead_.Contains(entry.first); });
}

void FakeCluster::Replicate(LogletId id, Offset offset, Batch batch) {
  for (int number = 0; number < kStores; ++number) {
    auto arrive = [this, id, number, offset, batch] { StoreAt(id, number, offset, batch); };
    SendAfter(life(), Delay(), arrive);
  }
}

void FakeCluster::StoreAt(LogletId id, int number, Offset offset, Batch batch) {
  if (dead_.Contains(id)) return;
  FakeStore& store = loglets_[id].stores[static_cast<size_t>(number)];
  bool retry = store_down(number) || store_deaf(number) || (!store.sealed && offset > store.tail);
  if (retry) {
    // Unreachable, or the batch before is still on its way.
    auto again = [this, id, number, offset, batch] { StoreAt(id, number, offset, batch); };
    SendAfter(life(), Delay() + std::chrono::milliseconds(1), again);
    return;
  }
  bool stored = !store.sealed;
  if (stored && offset == store.tail) {
    store.tail += batch.header.count;
    store.batches[offset] = std::move(batch);
  }
  auto back = [this, id, offset, stored] { Answered(id, offset, stored); };
  SendAfter(life(), Delay(), back);
}

void FakeCluster::Answered(LogletId id, Offset offset, bool stored) {
  if (dead_.Contains(id)) return;
  FakeSequencer& sequencer = loglets_[id].sequencer;
  auto it = sequencer.waiting.find(offset);
  if (it == sequencer.waiting.end()) return;
  it->second.stored += stored;
  ++it->second.answered;
  if (!stored) sequencer.stopped = true;
  // Acknowledged in order, when a quorum has it and all before it.
  while (!sequencer.waiting.empty() && sequencer.waiting.begin()->second.stored >= kQuorum) {
    auto node = sequencer.waiting.extract(sequencer.waiting.begin());
    sequencer.committed = node.mapped().end;
    if (node.mapped().done) node.mapped().done(node.key());
  }
  if (!sequencer.stopped) return;
  // Some store is sealed: whoever cannot reach a quorum any more hears that it is unknown.
  for (auto& [at, waiting] : sequencer.waiting) {
    bool hopeless = waiting.answered - waiting.stored > kStores - kQuorum;
    if (!hopeless || !waiting.done) continue;
    std::exchange(waiting.done, nullptr)(absl::UnknownError("a store is sealed"));
  }
}

}  // namespace vlog::testing

#include "storage/recovery_core.h"

#include <algorithm>

#include "base/check.h"

namespace vlog::storage {
namespace {

struct Found {
  Frame frame;
  FrameState state;
};

// Every frame of the segment, resynchronizing byte row by byte row after what is invalid.
std::vector<Found> FindFrames(JournalId journal, const SegmentBytes& segment) {
  std::vector<Found> found;
  size_t offset = 0;
  while (offset + kFrameHeaderBytes <= segment.data.size()) {
    if (!MayBeFrame(segment.data.view().substr(offset))) {
      offset += 8;
      continue;
    }
    JournalPosition at{segment.start.segment, segment.start.offset + offset};
    Found next;
    next.state = DecodeFrame(journal, at, segment.data.Slice(offset, segment.data.size() - offset),
                             &next.frame);
    if (next.state == FrameState::kInvalid) {
      offset += 8;
      continue;
    }
    offset += next.frame.bytes;
    found.push_back(std::move(next));
  }
  return found;
}

class Planner {
 public:
  Planner(const std::vector<SegmentBytes>& segments, uint64_t ordinal) {
    plan_.synced = plan_.end = plan_.dropped_end = segments.front().start;
    plan_.ordinal = ordinal;
  }

  RecoveryPlan Run(std::vector<std::vector<Found>> segments, bool durable_only) {
    DropBeyondSegmentEnds(segments);
    for (auto& segment : segments) {
      for (Found& found : segment) {
        if (!found.frame.group) continue;
        plan_.synced = std::max(plan_.synced, found.frame.group->synced_up_to);
      }
    }
    std::vector<Found> all;
    for (auto& segment : segments)
      std::move(segment.begin(), segment.end(), std::back_inserter(all));
    size_t next = TakeDurable(all);
    if (!durable_only) next = TakeWholeGroups(all, next);
    plan_.dropped_end = plan_.end;
    if (next < all.size()) plan_.dropped_end = all.back().frame.end();
    return std::move(plan_);
  }

 private:
  // The first group of a segment tells where the segment before it ended; what looks valid behind
  // that is a group whose write failed.
  static void DropBeyondSegmentEnds(std::vector<std::vector<Found>>& segments) {
    for (size_t i = 0; i + 1 < segments.size(); ++i) {
      if (segments[i + 1].empty() || segments[i].empty()) continue;
      const Frame& first = segments[i + 1].front().frame;
      if (!first.group ||
          first.group->previous_end.segment != segments[i].front().frame.at.segment) {
        continue;
      }
      auto beyond = [&](const Found& f) { return f.frame.at >= first.group->previous_end; };
      std::erase_if(segments[i], beyond);
    }
  }

  bool Continues(const Frame& frame) const {
    if (frame.at == plan_.end) return true;
    return frame.group && frame.at.offset == 0 && frame.at.segment > plan_.end.segment &&
           frame.group->previous_end == plan_.end;
  }

  void Take(const Frame& frame) {
    plan_.frames.push_back(frame);
    plan_.end = frame.end();
    if (!frame.group) plan_.ordinal += frame.entry.count;
  }

  void NoteDamage(JournalPosition end) {
    plan_.damage.push_back({plan_.end, end, 0});
    plan_.damage_before.push_back(plan_.frames.size());
  }

  // A group knows how many records lie before it.
  void CountLost(const Frame& frame) {
    if (!frame.group || frame.group->ordinal <= plan_.ordinal) return;
    VLOG_CHECK(!plan_.damage.empty(), "records are only missing where there is damage");
    plan_.damage.back().lost_records += frame.group->ordinal - plan_.ordinal;
    plan_.ordinal = frame.group->ordinal;
  }

  size_t TakeDurable(const std::vector<Found>& all) {
    size_t i = 0;
    for (; i < all.size() && all[i].frame.at < plan_.synced; ++i) {
      const Found& found = all[i];
      if (!Continues(found.frame)) NoteDamage(found.frame.at);
      if (found.state == FrameState::kBadPayload) {
        // The header still tells which positions are lost; the next group's ordinal confirms it.
        plan_.end = found.frame.at;
        NoteDamage(found.frame.end());
        plan_.end = found.frame.end();
        continue;
      }
      CountLost(found.frame);
      Take(found.frame);
    }
    if (plan_.end < plan_.synced) {
      NoteDamage(plan_.synced);
      plan_.end = plan_.synced;
    }
    // Only the group at D can tell how many records damage just below D took.
    if (!plan_.damage.empty() && i < all.size() && Continues(all[i].frame)) {
      CountLost(all[i].frame);
    }
    return i;
  }

  size_t TakeWholeGroups(const std::vector<Found>& all, size_t i) {
    while (i < all.size()) {
      const Frame& group = all[i].frame;
      if (!group.group || !Continues(group) || group.group->ordinal != plan_.ordinal) break;
      JournalPosition end{group.at.segment, group.end().offset + group.group->body_bytes};
      size_t last = i + 1;
      JournalPosition reached = group.end();
      while (last < all.size() && reached < end && all[last].frame.at == reached &&
             all[last].state == FrameState::kValid && !all[last].frame.group) {
        reached = all[last++].frame.end();
      }
      if (reached != end) break;
      for (; i < last; ++i) Take(all[i].frame);
    }
    return i;
  }

  RecoveryPlan plan_;
};

}  // namespace

std::vector<Frame> ValidFrames(JournalId journal, const SegmentBytes& segment) {
  std::vector<Frame> frames;
  for (Found& found : FindFrames(journal, segment)) {
    if (found.state == FrameState::kValid) frames.push_back(std::move(found.frame));
  }
  return frames;
}

RecoveryPlan PlanRecovery(JournalId journal, const std::vector<SegmentBytes>& segments,
                          uint64_t ordinal, bool durable_only) {
  VLOG_CHECK(!segments.empty(), "recovery starts at a checkpoint");
  std::vector<std::vector<Found>> found;
  for (const SegmentBytes& segment : segments) found.push_back(FindFrames(journal, segment));
  return Planner(segments, ordinal).Run(std::move(found), durable_only);
}

}  // namespace vlog::storage

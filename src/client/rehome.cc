#include "client/rehome.h"

#include <algorithm>

namespace vlog::client {
namespace {

// Somebody else, or a swap, may come in between.
constexpr int kAttempts = 3;

std::string WhyMisplaced(const ClusterView& view, const SegmentView& segment) {
  if (segment.under_replicated()) return "too few copies were made when it was sealed";
  std::vector<NodeId> in_service = view.InService();
  for (const loglets::NodeLife& life : segment.needs.some_of) {
    std::string node = absl::StrCat("node ", life.node.value());
    bool drained = std::find(in_service.begin(), in_service.end(), life.node) == in_service.end();
    if (drained) return node + " is not in service";
    if (view.Lives(life)) continue;
    bool other = view.DiskOf(life.node) != DiskId() && view.DiskOf(life.node) != life.disk;
    return node + (other ? " has another disk" : " does not answer");
  }
  return "";
}

std::string NameOf(const Misplaced& each) {
  return absl::StrCat("log ", each.log, "  segment ", each.index.value(), "  [", each.base.value(),
                      ", ", each.end.value(), ")  ");
}

// What came of it, for people.
std::string Told(const virtuallog::RehomeReport& report, const Misplaced& each, bool dry_run) {
  if (!report.changed && report.bytes == 0) {
    return "stays: " + (each.why.empty() ? "all copies are where they should be"
                                         : each.why + ", and no other node can take a copy");
  }
  std::string text = dry_run ? "would move: " : "moved: ";
  absl::StrAppend(&text, report.what.empty() ? "missing records were copied" : report.what);
  if (!dry_run) absl::StrAppend(&text, ", ", report.bytes, " bytes copied");
  if (report.least_copies > 0 && !dry_run) {
    absl::StrAppend(&text, "; still on ", report.least_copies, " nodes only");
  }
  return text;
}

Task<StatusOr<virtuallog::RehomeReport>> Move(Cluster& cluster, Misplaced each, bool dry_run) {
  StatusOr<virtuallog::SharedLog*> log = co_await cluster.OpenLog(each.log);
  VLOG_CO_RETURN_IF_ERROR(log);
  virtuallog::RehomeOrder order;
  order.segment = each.index;
  order.reason = "vlog rehome";
  order.only_plan = dry_run;
  StatusOr<virtuallog::RehomeReport> report = co_await (*log)->Rehome(order);
  for (int i = 1; i < kAttempts && absl::IsAborted(report.status()); ++i) {
    report = co_await (*log)->Rehome(order);
  }
  co_return report;
}

}  // namespace

std::vector<Misplaced> FindMisplaced(const ClusterView& view, const RehomeOptions& options) {
  std::vector<Misplaced> found;
  for (const LogView& log : view.logs) {
    if (!options.only.empty() && log.name != options.only) continue;
    for (const SegmentView& segment : log.segments) {
      if (!segment.end || (options.segment && *options.segment != segment.index)) continue;
      std::string why = WhyMisplaced(view, segment);
      if (why.empty() && !options.segment) continue;
      found.push_back({log.name, segment.index, segment.base, *segment.end, why});
    }
  }
  return found;
}

Task<StatusOr<RehomeResult>> Rehome(Cluster& cluster, RehomeOptions options, Progress tell) {
  LookOptions look;
  look.only = options.only;
  ClusterView view = co_await Look(cluster, look);
  if (!view.metastore.ok()) co_return view.metastore;
  for (const UnreadableLog& log : view.unreadable) {
    co_return Annotate(log.why, "log " + log.name + " cannot be read");
  }
  bool exists = options.only.empty() || !view.logs.empty();
  if (!exists) co_return absl::InvalidArgumentError("there is no log '" + options.only + "'");
  std::vector<Misplaced> misplaced = FindMisplaced(view, options);
  if (options.segment && misplaced.empty()) {
    co_return absl::InvalidArgumentError(
        absl::StrCat("log ", options.only, " has no sealed segment ", options.segment->value()));
  }
  RehomeResult result;
  for (const Misplaced& each : misplaced) {
    StatusOr<virtuallog::RehomeReport> report = co_await Move(cluster, each, options.dry_run);
    bool idle = report.ok() && !report->changed && report->bytes == 0;
    if (!report.ok()) {
      tell(NameOf(each) + "stays: " + (each.why.empty() ? "" : each.why + "; ") +
           Message(report.status()));
    } else {
      tell(NameOf(each) + Told(*report, each, options.dry_run));
    }
    bool stays = !report.ok() || (idle && !each.why.empty()) ||
                 (report->least_copies > 0 && !options.dry_run);
    if (stays) ++result.stayed;
    if (report.ok() && !idle) ++result.moved;
  }
  co_return result;
}

}  // namespace vlog::client

#include "server/segment_sweep.h"

#include <algorithm>
#include <utility>

namespace vlog::server {
namespace {

// Between two sweeps; about, so that nodes do not ask together.
constexpr Duration kPause = std::chrono::seconds(1);

}  // namespace

SegmentSweep::SegmentSweep(env::Env& env, metastore::Metastore& metastore,
                           std::vector<loglets::KindHost*> hosts, Logger log)
    : env_(env),
      metastore_(metastore),
      hosts_(std::move(hosts)),
      log_(std::move(log)),
      stop_(env.scheduler()),
      tasks_(env.scheduler()) {}

Task<void> SegmentSweep::Stop() {
  stopping_ = true;
  stop_.NotifyAll();
  co_await tasks_.Join();
}

Task<void> SegmentSweep::Run() {
  while (!stopping_) {
    Duration jitter(static_cast<int64_t>(env_.RandomBelow(static_cast<uint64_t>(kPause.count()))));
    Instant until = env_.scheduler().Now() + kPause + jitter;
    Status waited = co_await stop_.Wait(until);
    if (!absl::IsDeadlineExceeded(waited)) break;
    std::set<std::string> logs = HostedLogs();
    for (const std::string& log : logs) {
      if (stopping_) break;
      // Whatever failed is tried again by the next sweep.
      Status swept = co_await Sweep(log);
      bool odd = !swept.ok() && !absl::IsUnavailable(swept) && !absl::IsCancelled(swept);
      if (odd) log_.Warning("cannot delete old segments", {{"log", log}, {"reason", swept}});
    }
  }
}

std::set<std::string> SegmentSweep::HostedLogs() const {
  std::set<std::string> logs;
  for (const loglets::KindHost* host : hosts_) {
    for (const loglets::HostedLoglet& hosted : host->Loglets()) logs.insert(hosted.id.log);
  }
  return logs;
}

Task<Status> SegmentSweep::Sweep(std::string log) {
  StatusOr<metastore::Versioned> read = co_await metastore_.Read(log);
  // A loglet may be prepared before its log is there.
  if (absl::IsNotFound(read.status())) co_return absl::OkStatus();
  VLOG_CO_RETURN_IF_ERROR(read);
  if (read->value.empty()) co_return absl::OkStatus();
  if (read->version <= swept_[log]) co_return absl::OkStatus();
  StatusOr<virtuallog::Chain> chain = virtuallog::Chain::Decode(read->value);
  VLOG_CO_RETURN_IF_ERROR(chain);
  auto dead = virtuallog::DeadRanges(*chain);
  for (const auto& [from, to] : dead) {
    Status dropped = co_await Drop(log, from, to);
    VLOG_CO_RETURN_IF_ERROR(dropped);
  }
  swept_[log] = std::max(swept_[log], read->version);
  co_return absl::OkStatus();
}

Task<Status> SegmentSweep::Drop(std::string log, SegmentIndex from, SegmentIndex to) {
  for (loglets::KindHost* host : hosts_) {
    Status dropped = co_await host->Drop(log, from, to);
    VLOG_CO_RETURN_IF_ERROR(dropped);
  }
  co_return absl::OkStatus();
}

}  // namespace vlog::server

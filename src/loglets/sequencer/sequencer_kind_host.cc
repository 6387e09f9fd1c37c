#include "loglets/sequencer/sequencer_kind_host.h"

#include <utility>

#include "loglets/sequencer/log_server_host.h"
#include "loglets/sequencer/sequencer_host.h"
#include "loglets/sequencer/sequencer_kind.h"

namespace vlog::loglets {
namespace {

using sequencer::LogServerHost;
using sequencer::SequencerHost;

class SequencerKindHost final : public KindHost {
 public:
  SequencerKindHost(HostContext context, sequencer::SequencerOptions options)
      : log_servers_(context),
        sequencers_(
            context, [this]() -> const DeadSegments& { return log_servers_.dead(); }, options) {}

  Task<Status> Start() override {
    log_servers_.Start();
    sequencers_.Start();
    co_return absl::OkStatus();
  }

  Task<void> Stop() override {
    // The sequencers' last batches still need the log server of this node.
    co_await sequencers_.Stop();
    co_await log_servers_.Stop();
  }

  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    Status dropped = co_await log_servers_.Drop(log, from, to);
    VLOG_CO_RETURN_IF_ERROR(dropped);
    sequencers_.Forget(log, from, to);
    co_return absl::OkStatus();
  }

  std::vector<HostedLoglet> Loglets() const override {
    std::vector<HostedLoglet> all = log_servers_.Loglets();
    for (HostedLoglet& hosted : sequencers_.Loglets()) all.push_back(std::move(hosted));
    return all;
  }

 private:
  LogServerHost log_servers_;
  SequencerHost sequencers_;
};

class SequencerHostable final : public HostableKind {
 public:
  explicit SequencerHostable(sequencer::SequencerOptions options) : options_(options) {}
  std::string name() const override { return kSequencerKind; }
  std::unique_ptr<storage::StreamState> NewStreamState(const std::string& kind) const override {
    if (kind == sequencer::kTombstones) return std::make_unique<TombstoneState>();
    return sequencer::NewSequencerStreamState(kind);
  }
  std::unique_ptr<KindHost> Host(HostContext context) override {
    return std::make_unique<SequencerKindHost>(context, options_);
  }

 private:
  const sequencer::SequencerOptions options_;
};

}  // namespace

std::unique_ptr<HostableKind> NewSequencerHostable(sequencer::SequencerOptions options) {
  return std::make_unique<SequencerHostable>(options);
}

}  // namespace vlog::loglets

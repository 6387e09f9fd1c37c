#include "demo_stage.h"

#include <algorithm>

#include "local_cluster/local_cluster.h"
#include "loglets/sequencer/params.h"

namespace vlog::cli {
namespace {

constexpr char kSequencer[] = "sequencer";
constexpr Duration kPatience = std::chrono::seconds(60);  // for a fail-over, for a return
constexpr Duration kAnswer = std::chrono::milliseconds(200);
constexpr Duration kLookEvery = std::chrono::milliseconds(10);
constexpr int kSwapAttempts = 5;
// Swaps go round these.
constexpr const char* kKinds[] = {kSequencer, "paxos", "raft"};

class PlainStage final : public DemoStage {
 public:
  explicit PlainStage(Shell& shell) : shell_(shell) {}

  Task<StatusOr<virtuallog::SharedLog*>> Open() override {
    StatusOr<virtuallog::SharedLog*> opened = co_await shell_.OpenLog(Shell::Access::kAppend);
    if (opened.ok()) log_ = *opened;
    co_return opened;
  }

  Task<StatusOr<std::string>> Perform(DemoEventKind) override {
    std::string what = absl::StrCat("swap ", ++swaps_);
    virtuallog::ReconfigureRequest request;
    request.reason = "demo " + what;
    Status done = co_await log_->Reconfigure(std::move(request));
    if (!done.ok()) co_return Annotate(done, what);
    co_return what;
  }

 private:
  Shell& shell_;
  virtuallog::SharedLog* log_ = nullptr;
  uint64_t swaps_ = 0;
};

class ClusterStage final : public DemoStage {
 public:
  ClusterStage(Shell& shell, std::string directory, std::string logs) : shell_(shell) {
    options_.directory = std::move(directory);
    options_.logs = std::move(logs);
  }

  bool can_crash() const override { return true; }

  Task<StatusOr<virtuallog::SharedLog*>> Open() override {
    auto started = local_cluster::LocalCluster::Start(options_);
    VLOG_CO_RETURN_IF_ERROR(started);
    processes_ = *std::move(started);
    std::string addresses;
    for (const env::Address& address : processes_->addresses()) {
      absl::StrAppend(&addresses, addresses.empty() ? "" : ",", address.ToString());
    }
    shell_.UseCluster(std::move(addresses));
    StatusOr<client::Cluster*> opened = co_await shell_.OpenCluster();
    VLOG_CO_RETURN_IF_ERROR(opened);
    cluster_ = *opened;
    client::NewLog made;
    StatusOr<virtuallog::SharedLog*> log =
        co_await cluster_->OpenOrCreateLog(shell_.arguments().log, std::move(made));
    VLOG_CO_RETURN_IF_ERROR(log);
    log_ = *log;
    StatusOr<NodeId> sequencer = Sequencer();
    VLOG_CO_RETURN_IF_ERROR(sequencer);
    leader_ = *sequencer;
    co_return log;
  }

  Task<StatusOr<std::string>> Perform(DemoEventKind kind) override {
    if (kind == DemoEventKind::kKill) co_return co_await KillSequencer();
    if (kind == DemoEventKind::kReturn) co_return co_await Return();
    co_return co_await SwapOn();
  }

  std::vector<DemoNode> nodes() const override {
    std::vector<DemoNode> nodes;
    for (NodeId node : processes_->nodes()) {
      env::Address address = processes_->addresses()[nodes.size()];
      nodes.push_back({node, processes_->pid(node), address.ToString()});
    }
    return nodes;
  }

 private:
  StatusOr<NodeId> Sequencer() const {
    auto params = loglets::sequencer::DecodeParams(log_->known_chain()->last().made.params);
    if (!params.ok()) return Annotate(params.status(), "the last segment");
    return params->sequencer.node;
  }

  // The living node that follows `node`, in a circle.
  NodeId NextLiving(NodeId node) const {
    std::vector<NodeId> nodes = processes_->nodes();
    size_t at = static_cast<size_t>(std::find(nodes.begin(), nodes.end(), node) - nodes.begin());
    do {
      at = (at + 1) % nodes.size();
    } while (nodes[at] == away_);
    return nodes[at];
  }

  const virtuallog::Proposal& Last() const { return log_->known_chain()->last().made; }

  // To the next kind, led by the next node.
  Task<StatusOr<std::string>> SwapOn() {
    Status done;
    for (int attempt = 0; attempt < kSwapAttempts; ++attempt) {
      std::string from = Last().kind;
      size_t at = static_cast<size_t>(std::find(std::begin(kKinds), std::end(kKinds), from) -
                                      std::begin(kKinds));
      NodeId to = NextLiving(leader_);
      virtuallog::ReconfigureRequest request;
      request.kind = kKinds[(at + 1) % std::size(kKinds)];
      request.placement.sequencer = to;
      request.reason = absl::StrCat("demo: ", request.kind, " led by node ", to.value());
      std::string what =
          absl::StrCat(from, " ", leader_.value(), " -> ", request.kind, " ", to.value());
      done = co_await log_->Reconfigure(std::move(request));
      if (done.ok()) {
        leader_ = to;
        co_return what;
      }
      // A monitor was first: its choice stands, and the swap starts from there.
      if (!absl::IsAborted(done)) break;
    }
    co_return Annotate(done, "swapping to the next kind");
  }

  // Done when the log has another sequencer, by the monitors' doing.
  Task<StatusOr<std::string>> KillSequencer() {
    while (Last().kind != kSequencer) {
      StatusOr<std::string> swapped = co_await SwapOn();
      VLOG_CO_RETURN_IF_ERROR(swapped);
    }
    StatusOr<NodeId> node = Sequencer();
    VLOG_CO_RETURN_IF_ERROR(node);
    SegmentIndex broken = log_->known_chain()->last().index;
    processes_->Kill(*node);
    away_ = *node;
    Instant deadline = shell_.scheduler().Now() + kPatience;
    while (log_->known_chain()->last().index == broken) {
      Version known = log_->chain_version();
      Status changed = co_await log_->AwaitChainChange(known, deadline);
      if (!changed.ok()) co_return Annotate(changed, "waiting for another sequencer");
    }
    StatusOr<NodeId> next = Sequencer();
    VLOG_CO_RETURN_IF_ERROR(next);
    leader_ = *next;
    co_return absl::StrCat("SIGKILL of node ", node->value(), ", then sequencer ", next->value());
  }

  // Done when it serves again and this process, which tried in vain before, has a connection to it.
  Task<StatusOr<std::string>> Return() {
    NodeId node = away_;
    Instant begin = shell_.scheduler().Now();
    Status started = processes_->Restart(node);
    VLOG_CO_RETURN_IF_ERROR(started);
    while (!processes_->Serves(node)) {
      bool late = shell_.scheduler().Now() > begin + kPatience;
      if (late || !processes_->Running(node)) co_return processes_->NotServing(node);
      Status slept = co_await shell_.scheduler().Sleep(kLookEvery);
      VLOG_CO_RETURN_IF_ERROR(slept);
    }
    auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(shell_.scheduler().Now() - begin);
    Status reached = co_await Reach(node);
    VLOG_CO_RETURN_IF_ERROR(reached);
    away_ = NodeId();
    co_return absl::StrCat("node ", node.value(), " returns as pid ", processes_->pid(node),
                           ", serves after ", took.count(), " ms");
  }

  Task<Status> Reach(NodeId node) {
    Instant end = shell_.scheduler().Now() + kPatience;
    while (true) {
      Instant deadline = shell_.scheduler().Now() + kAnswer;
      StatusOr<server::NodeStatus> status = co_await cluster_->nodes().StatusOf(node, deadline);
      if (status.ok() || shell_.scheduler().Now() > end) co_return status.status();
      Status slept = co_await shell_.scheduler().Sleep(kLookEvery);
      VLOG_CO_RETURN_IF_ERROR(slept);
    }
  }

  Shell& shell_;
  local_cluster::LocalClusterOptions options_;
  std::unique_ptr<local_cluster::LocalCluster> processes_;
  client::Cluster* cluster_ = nullptr;  // the shell's
  virtuallog::SharedLog* log_ = nullptr;
  NodeId leader_;  // the sequencer, or who led first
  NodeId away_;    // killed and not back; 0: none
};

}  // namespace

std::unique_ptr<DemoStage> NewPlainStage(Shell& shell) {
  return std::make_unique<PlainStage>(shell);
}

std::unique_ptr<DemoStage> NewClusterStage(Shell& shell, std::string directory, std::string logs) {
  return std::make_unique<ClusterStage>(shell, std::move(directory), std::move(logs));
}

}  // namespace vlog::cli

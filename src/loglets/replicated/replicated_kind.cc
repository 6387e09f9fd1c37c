#include "loglets/replicated/replicated_kind.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "loglets/replicated/copy_poll.h"
#include "loglets/replicated/placement_core.h"
#include "loglets/replicated/replica_host.h"
#include "loglets/replicated/replicated_loglet.h"

namespace vlog::loglets {
namespace {

using replicated::Census;
using replicated::Member;
using replicated::NodeAnswer;
using replicated::Params;
using replicated::ReplicaClient;
using replicated::ReplicaKind;
using replicated::ReplicatedLoglet;
using replicated::Wanted;

// What was heard of the nodes that were asked which disk and life they are.
struct Asked {
  explicit Asked(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  Census census;
  size_t waiting = 0;
  std::string refusals;
};

class ReplicatedKind final : public LogletKind {
 public:
  ReplicatedKind(ReplicaKind kind, env::Env& env, rpc::Peers& peers, ReplicatedKindOptions options)
      : kind_(std::move(kind)), env_(env), peers_(peers), options_(std::move(options)) {}

  std::string name() const override { return kind_.name; }

  Task<StatusOr<std::string>> ProposeParams(ProposeRequest request) override {
    StatusOr<Wanted> wanted = WantedOf(std::move(request));
    VLOG_CO_RETURN_IF_ERROR(wanted);
    std::vector<NodeId> spares = co_await InService();
    std::vector<NodeId> candidates = replicated::Candidates(*wanted, spares);
    if (candidates.empty() && options_.in_service) {
      co_return absl::UnavailableError("nobody tells which nodes are in service");
    }
    if (candidates.empty()) {
      co_return absl::InvalidArgumentError("a " + kind_.name + " loglet needs nodes to live on");
    }
    auto asked = std::make_shared<Asked>(env_.scheduler());
    AskNodes(candidates, asked);
    Instant deadline = env_.scheduler().Now() + options_.census;
    while (asked->waiting > 0) {
      if (replicated::IsEnough(*wanted, asked->census)) {
        deadline = std::min(deadline, env_.scheduler().Now() + options_.stragglers);
      }
      Status waited = co_await asked->heard.Wait(deadline);
      if (absl::IsDeadlineExceeded(waited)) break;
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    StatusOr<Params> params = replicated::ChooseParams(*wanted, candidates, asked->census);
    if (!params.ok()) {
      co_return Status(params.status().code(), Message(params.status()) + asked->refusals);
    }
    if (kind_.check) {
      Status fits = kind_.check(*params);
      VLOG_CO_RETURN_IF_ERROR(fits);
    }
    co_return replicated::EncodeParams(*params);
  }

  Needs NeedsOf(const std::string& params) const override {
    Needs needs;
    StatusOr<Params> decoded = replicated::DecodeParams(params);
    if (!decoded.ok()) return needs;  // a later version's: its nodes watch over it
    for (const Member& member : decoded->members) {
      std::vector<NodeLife>& lives = member.votes ? needs.some_of : needs.beside;
      lives.push_back({member.replica.node, Incarnation(), member.replica.disk});
    }
    needs.least = std::max<size_t>(decoded->write_quorum, decoded->election_quorum());
    // The seal is an entry like any other.
    needs.to_seal = needs.write_quorum = decoded->write_quorum;
    return needs;
  }

  Task<std::vector<CopyWord>> AskCopies(LogletId id, std::string params, Offset offset) override {
    StatusOr<Params> decoded = replicated::DecodeParams(params);
    if (!decoded.ok()) co_return std::vector<CopyWord>();
    std::shared_ptr<ReplicaClient> client = NewClient(std::move(id), *decoded);
    co_return co_await replicated::CopyPoll::Ask(std::move(client), offset);
  }

  Task<Status> Prepare(LogletId id, std::string params) override {
    StatusOr<Params> decoded = replicated::DecodeParams(params);
    VLOG_CO_RETURN_IF_ERROR(decoded);
    std::shared_ptr<ReplicaClient> client = NewClient(std::move(id), *decoded);
    Status prepared = co_await ReplicatedLoglet::Prepare(std::move(client), options_.prepare);
    co_return prepared;
  }

  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string params,
                                               std::optional<Offset> known_tail) override {
    StatusOr<Params> decoded = replicated::DecodeParams(params);
    VLOG_CO_RETURN_IF_ERROR(decoded);
    std::shared_ptr<ReplicaClient> client = NewClient(std::move(id), *decoded);
    if (!known_tail) co_await ReplicatedLoglet::WarmUp(client);
    std::shared_ptr<Loglet> loglet = std::make_shared<ReplicatedLoglet>(client, known_tail);
    co_return loglet;
  }

  Task<Status> Drop(std::string, SegmentIndex, SegmentIndex) override {
    co_return absl::OkStatus();
  }

 private:
  std::shared_ptr<ReplicaClient> NewClient(LogletId id, Params params) {
    return std::make_shared<ReplicaClient>(env_, peers_, kind_.base, std::move(id),
                                           std::move(params), options_.timing);
  }

  StatusOr<Wanted> WantedOf(ProposeRequest request) const {
    const std::string& named = request.wish.options;
    bool of_policy = request.policy.kind.empty() || request.policy.kind == kind_.name;
    std::string text = options_.roles;
    if (of_policy && !request.policy.options.empty()) text = request.policy.options;
    if (!named.empty()) text = named;
    StatusOr<replicated::Roles> roles = replicated::ParseRoles(text);
    VLOG_RETURN_IF_ERROR(roles);
    Wanted wanted;
    wanted.roles = *std::move(roles);
    wanted.majority = kind_.majority;
    if (request.previous_kind == kind_.name) {
      StatusOr<Params> previous = replicated::DecodeParams(request.previous_params);
      if (previous.ok()) wanted.previous = *std::move(previous);
    }
    wanted.wish = std::move(request.wish);
    wanted.policy = std::move(request.policy);
    return wanted;
  }

  Task<std::vector<NodeId>> InService() const {
    if (!options_.in_service) co_return options_.nodes;
    StatusOr<std::vector<NodeId>> told = co_await options_.in_service();
    if (!told.ok()) co_return std::vector<NodeId>();
    co_return *std::move(told);
  }

  void AskNodes(const std::vector<NodeId>& nodes, const std::shared_ptr<Asked>& asked) {
    Instant deadline = env_.scheduler().Now() + options_.census;
    for (NodeId node : nodes) {
      ++asked->waiting;
      auto answered = [asked, node](StatusOr<rpc::Reply> reply) {
        --asked->waiting;
        asked->heard.NotifyAll();
        StatusOr<NodeAnswer> answer = absl::UnavailableError(Message(reply.status()));
        if (reply.ok()) answer = replicated::DecodeNodeAnswer(reply->header);
        if (answer.ok()) {
          asked->census[node] = *answer;
        } else {
          absl::StrAppend(&asked->refusals, "; node ", node.value(), ": ",
                          Message(answer.status()));
        }
      };
      rpc::Call call(kind_.base + replicated::kNodeVerb, std::string(), rpc::Payload(), deadline);
      peers_.To(node)->Start(std::move(call), std::move(answered));
    }
  }

  const ReplicaKind kind_;
  env::Env& env_;
  rpc::Peers& peers_;
  const ReplicatedKindOptions options_;
};

class ReplicatedHostable final : public HostableKind {
 public:
  explicit ReplicatedHostable(ReplicaKind kind) : kind_(std::move(kind)) {}
  std::string name() const override { return kind_.name; }
  std::unique_ptr<storage::StreamState> NewStreamState(const std::string& kind) const override {
    if (kind == kind_.tombstones) return std::make_unique<TombstoneState>();
    if (kind == kind_.stream_kind) return kind_.new_state();
    return nullptr;
  }
  std::unique_ptr<KindHost> Host(HostContext context) override {
    return std::make_unique<replicated::ReplicaHost>(context, kind_);
  }

 private:
  const ReplicaKind kind_;
};

}  // namespace

std::unique_ptr<LogletKind> NewReplicatedKind(ReplicaKind kind, env::Env& env, rpc::Peers& peers,
                                              ReplicatedKindOptions options) {
  return std::make_unique<ReplicatedKind>(std::move(kind), env, peers, std::move(options));
}

std::unique_ptr<HostableKind> NewReplicatedHostable(ReplicaKind kind) {
  return std::make_unique<ReplicatedHostable>(std::move(kind));
}

}  // namespace vlog::loglets

#include "single_kind.h"

#include <algorithm>
#include <string>
#include <utility>

#include "single_core.h"
#include "single_loglet.h"

namespace single {
namespace {

using vlog::NodeId;
using vlog::Status;
using vlog::StatusOr;
using vlog::Task;

constexpr vlog::Duration kProposePatience = std::chrono::milliseconds(500);  // for one node
constexpr vlog::Duration kPreparePatience = std::chrono::seconds(2);
// To learn the hints when a loglet is opened; it opens all the same if its home is silent.
constexpr vlog::Duration kOpenPatience = std::chrono::milliseconds(200);

class SingleKind final : public vlog::loglets::LogletKind {
 public:
  SingleKind(vlog::env::Env& env, vlog::rpc::Peers& peers, std::vector<NodeId> nodes,
             vlog::loglets::NodesInService in_service)
      : env_(env), peers_(peers), nodes_(std::move(nodes)), in_service_(std::move(in_service)) {}

  std::string name() const override { return kKindName; }

  // The first candidate that answers is the home; its connection tells which disk it has now.
  Task<StatusOr<std::string>> ProposeParams(vlog::loglets::ProposeRequest request) override {
    if (request.wish.write_quorum > 1) {
      co_return absl::InvalidArgumentError("a single loglet has one copy, not a write quorum");
    }
    StatusOr<std::vector<NodeId>> candidates = co_await CandidatesOf(std::move(request));
    VLOG_CO_RETURN_IF_ERROR(candidates);
    std::string refusals;
    for (NodeId node : *candidates) {
      // A question about no loglet, with no answer but who gives it.
      vlog::rpc::Call call(kHelloMethod, std::string(), vlog::rpc::Payload(),
                           env_.scheduler().Now() + kProposePatience);
      StatusOr<vlog::rpc::Reply> reply = co_await peers_.To(node)->Run(std::move(call));
      if (reply.ok()) co_return EncodeParams(vlog::Replica{node, reply->peer->disk});
      absl::StrAppend(&refusals, "; node ", node.value(), ": ", vlog::Message(reply.status()));
    }
    co_return absl::UnavailableError("no node can be the home" + refusals);
  }

  // Needs() stays empty: a monitor replaces a loglet that cannot take appends any more, and for
  // that it must seal it. This one is sealed by nobody but its home.

  Task<Status> Prepare(vlog::LogletId id, std::string params) override {
    StatusOr<vlog::Replica> home = DecodeParams(params);
    VLOG_CO_RETURN_IF_ERROR(home);
    auto link = std::make_shared<Link>(env_, peers_, std::move(id), *home);
    co_return co_await SingleLoglet::Greet(link, kPrepareMethod, kPreparePatience);
  }

  Task<StatusOr<std::shared_ptr<vlog::loglets::Loglet>>> Open(
      vlog::LogletId id, std::string params, std::optional<vlog::Offset> known_tail) override {
    StatusOr<vlog::Replica> home = DecodeParams(params);
    VLOG_CO_RETURN_IF_ERROR(home);
    auto link = std::make_shared<Link>(env_, peers_, std::move(id), *home);
    Status greeted = co_await SingleLoglet::Greet(link, kTailMethod, kOpenPatience);
    if (absl::IsCancelled(greeted)) co_return greeted;
    std::shared_ptr<vlog::loglets::Loglet> loglet =
        std::make_shared<SingleLoglet>(std::move(link), known_tail);
    co_return std::move(loglet);
  }

  // Clients store nothing. Nodes delete by what the chain says: KindHost::Drop().
  Task<Status> Drop(std::string, vlog::SegmentIndex, vlog::SegmentIndex) override {
    co_return absl::OkStatus();
  }

 private:
  // The wish, else the predecessor's home before all nodes in service.
  Task<StatusOr<std::vector<NodeId>>> CandidatesOf(vlog::loglets::ProposeRequest request) {
    std::vector<NodeId> candidates;
    if (request.wish.sequencer != NodeId()) {
      candidates.push_back(request.wish.sequencer);
      co_return std::move(candidates);
    }
    candidates = request.wish.nodes;
    if (candidates.empty()) {
      StatusOr<std::vector<NodeId>> in_service = nodes_;
      if (in_service_ != nullptr) in_service = co_await in_service_();
      VLOG_CO_RETURN_IF_ERROR(in_service);
      candidates = *std::move(in_service);
    }
    if (request.previous_kind == kKindName) {
      StatusOr<vlog::Replica> previous = DecodeParams(request.previous_params);
      VLOG_CO_RETURN_IF_ERROR(previous);
      auto stays = std::find(candidates.begin(), candidates.end(), previous->node);
      if (stays != candidates.end()) std::rotate(candidates.begin(), stays, stays + 1);
    }
    co_return std::move(candidates);
  }

  vlog::env::Env& env_;
  vlog::rpc::Peers& peers_;
  const std::vector<NodeId> nodes_;
  const vlog::loglets::NodesInService in_service_;
};

}  // namespace

std::unique_ptr<vlog::loglets::LogletKind> NewLogletKind(vlog::env::Env& env,
                                                         vlog::rpc::Peers& peers,
                                                         std::vector<NodeId> nodes,
                                                         vlog::loglets::NodesInService in_service) {
  return std::make_unique<SingleKind>(env, peers, std::move(nodes), std::move(in_service));
}

}  // namespace single

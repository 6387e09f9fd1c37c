#include "loglets/sequencer/sequencer_kind.h"

#include <algorithm>
#include <map>
#include <utility>

#include "loglets/sequencer/sequencer_loglet.h"

namespace vlog::loglets {
namespace {

using sequencer::LogletClient;
using sequencer::NodeAnswer;
using sequencer::Params;
using sequencer::SequencerId;
using sequencer::SequencerLoglet;

// Which disk and which life the nodes are that answered.
struct Census {
  explicit Census(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  std::map<NodeId, NodeAnswer> nodes;
  size_t waiting = 0;
  std::string refusals;
};

class SequencerKind final : public LogletKind {
 public:
  SequencerKind(env::Env& env, rpc::Peers& peers, SequencerKindOptions options)
      : env_(env), peers_(peers), options_(std::move(options)) {}

  std::string name() const override { return kSequencerKind; }

  Task<StatusOr<std::string>> ProposeParams(ProposeRequest request) override {
    std::optional<Params> previous = PreviousOf(request);
    std::vector<NodeId> nodes = NodesOf(request.wish, previous);
    if (nodes.empty()) {
      co_return absl::InvalidArgumentError("a sequencer loglet needs nodes to live on");
    }
    auto census = std::make_shared<Census>(env_.scheduler());
    AskNodes(nodes, request.wish.sequencer, census);
    Instant deadline = env_.scheduler().Now() + options_.census;
    while (census->waiting > 0) {
      Status waited = co_await census->heard.Wait(deadline);
      if (absl::IsDeadlineExceeded(waited)) break;
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    co_return Choose(request.wish, nodes, previous, *census);
  }

  Needs NeedsOf(const std::string& params) const override {
    Needs needs;
    StatusOr<Params> decoded = sequencer::DecodeParams(params);
    if (!decoded.ok()) return needs;  // a later version's: its nodes watch over it
    const SequencerId& life = decoded->sequencer;
    needs.all_of.push_back({life.node, life.incarnation, life.disk});
    for (const Replica& replica : decoded->replicas) {
      needs.some_of.push_back({replica.node, Incarnation(), replica.disk});
    }
    needs.least = decoded->write_quorum;
    return needs;
  }

  Task<Status> Prepare(LogletId id, std::string params) override {
    StatusOr<Params> decoded = sequencer::DecodeParams(params);
    VLOG_CO_RETURN_IF_ERROR(decoded);
    auto client = NewClient(std::move(id), *decoded);
    using Completer = async::Completer<StatusOr<rpc::Reply>>;
    auto start = [client, patience = options_.prepare](Completer completer) {
      client->AskSequencer(sequencer::kPrepareMethod, Batch(), std::string(), patience,
                           std::move(completer));
    };
    StatusOr<rpc::Reply> reply = co_await Completer::Await(env_.scheduler(), std::move(start));
    if (reply.ok()) co_return absl::OkStatus();
    std::string context = absl::StrCat("sequencer on node ", decoded->sequencer.node.value());
    Status why = Annotate(reply.status(), context);
    // Nothing was sealed or stored, whatever became of the call.
    if (absl::IsUnknown(why)) why = absl::UnavailableError(Message(why));
    co_return why;
  }

  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string params,
                                               std::optional<Offset> known_tail) override {
    StatusOr<Params> decoded = sequencer::DecodeParams(params);
    VLOG_CO_RETURN_IF_ERROR(decoded);
    std::shared_ptr<LogletClient> client = NewClient(std::move(id), *decoded);
    if (!known_tail) co_await SequencerLoglet::WarmUp(client);
    std::shared_ptr<Loglet> loglet = std::make_shared<SequencerLoglet>(client, known_tail);
    co_return loglet;
  }

  Task<Status> Drop(std::string, SegmentIndex, SegmentIndex) override {
    co_return absl::OkStatus();
  }

 private:
  std::shared_ptr<LogletClient> NewClient(LogletId id, Params params) {
    return std::make_shared<LogletClient>(env_, peers_, std::move(id), std::move(params),
                                          options_.timing);
  }

  static std::optional<Params> PreviousOf(const ProposeRequest& request) {
    if (request.previous_kind != kSequencerKind) return std::nullopt;
    StatusOr<Params> params = sequencer::DecodeParams(request.previous_params);
    if (!params.ok()) return std::nullopt;
    return *params;
  }

  std::vector<NodeId> NodesOf(const Placement& wish, const std::optional<Params>& previous) const {
    if (!wish.nodes.empty()) return wish.nodes;
    if (!previous) return options_.nodes;
    std::vector<NodeId> nodes;
    for (const Replica& replica : previous->replicas) nodes.push_back(replica.node);
    return nodes;
  }

  void AskNodes(std::vector<NodeId> nodes, NodeId sequencer, std::shared_ptr<Census> census) {
    bool apart =
        sequencer != NodeId() && std::find(nodes.begin(), nodes.end(), sequencer) == nodes.end();
    if (apart) nodes.push_back(sequencer);
    Instant deadline = env_.scheduler().Now() + options_.census;
    for (NodeId node : nodes) {
      ++census->waiting;
      auto answered = [census, node](StatusOr<rpc::Reply> reply) {
        --census->waiting;
        census->heard.NotifyAll();
        if (!reply.ok()) {
          absl::StrAppend(&census->refusals, "; node ", node.value(), ": ",
                          Message(reply.status()));
          return;
        }
        StatusOr<NodeAnswer> answer = sequencer::DecodeNodeAnswer(reply->header);
        if (answer.ok()) census->nodes[node] = *answer;
      };
      rpc::Call call(sequencer::kNodeMethod, std::string(), rpc::Payload(), deadline);
      peers_.To(node)->Start(std::move(call), std::move(answered));
    }
  }

  static StatusOr<std::string> Choose(const Placement& wish, const std::vector<NodeId>& nodes,
                                      const std::optional<Params>& previous, const Census& census) {
    std::vector<Replica> replicas;
    size_t alive = 0;
    for (NodeId node : nodes) {
      auto known = census.nodes.find(node);
      if (known != census.nodes.end()) {
        replicas.push_back({node, known->second.disk});
        ++alive;
      } else if (std::optional<DiskId> disk = DiskOf(node, previous)) {
        replicas.push_back({node, *disk});
      }
    }
    auto quorum = static_cast<uint32_t>(nodes.size() / 2 + 1);
    if (previous) quorum = previous->write_quorum;
    if (wish.write_quorum > 0) quorum = wish.write_quorum;
    if (quorum > nodes.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a write quorum of ", quorum, " is impossible on ", nodes.size(), " nodes"));
    }
    std::optional<SequencerId> chosen = ChooseSequencer(wish, nodes, previous, census);
    if (alive < quorum || !chosen) {
      return absl::UnavailableError(absl::StrCat(alive, " nodes answer; a sequencer loglet needs ",
                                                 quorum, " and its sequencer", census.refusals));
    }
    StatusOr<Params> params = sequencer::MakeParams(std::move(replicas), quorum, *chosen);
    VLOG_RETURN_IF_ERROR(params);
    return sequencer::EncodeParams(*params);
  }

  static std::optional<DiskId> DiskOf(NodeId node, const std::optional<Params>& previous) {
    if (!previous) return std::nullopt;
    for (const Replica& replica : previous->replicas) {
      if (replica.node == node) return replica.disk;
    }
    return std::nullopt;
  }

  static std::optional<SequencerId> ChooseSequencer(const Placement& wish,
                                                    std::vector<NodeId> candidates,
                                                    const std::optional<Params>& previous,
                                                    const Census& census) {
    if (wish.sequencer != NodeId()) {
      candidates = {wish.sequencer};
    } else if (previous) {
      candidates.insert(candidates.begin(), previous->sequencer.node);
    }
    for (NodeId node : candidates) {
      auto known = census.nodes.find(node);
      if (known == census.nodes.end()) continue;
      return SequencerId{node, known->second.incarnation, known->second.disk};
    }
    return std::nullopt;
  }

  env::Env& env_;
  rpc::Peers& peers_;
  const SequencerKindOptions options_;
};

}  // namespace

std::unique_ptr<LogletKind> NewSequencerKind(env::Env& env, rpc::Peers& peers,
                                             SequencerKindOptions options) {
  return std::make_unique<SequencerKind>(env, peers, std::move(options));
}

}  // namespace vlog::loglets

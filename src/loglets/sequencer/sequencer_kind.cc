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

// Copies of a log that nobody said anything about.
constexpr size_t kUsualCopies = 3;

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
    std::vector<NodeId> candidates = co_await CandidatesOf(request.wish, previous);
    if (candidates.empty()) {
      co_return absl::InvalidArgumentError("a sequencer loglet needs nodes to live on");
    }
    auto census = std::make_shared<Census>(env_.scheduler());
    AskNodes(candidates, request.wish.sequencer, census);
    Instant deadline = env_.scheduler().Now() + options_.census;
    while (census->waiting > 0) {
      if (IsEnough(*census, request.wish, previous)) {
        deadline = std::min(deadline, env_.scheduler().Now() + options_.stragglers);
      }
      Status waited = co_await census->heard.Wait(deadline);
      if (absl::IsDeadlineExceeded(waited)) break;
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    StatusOr<Copies> copies = ChooseCopies(request.wish, candidates, previous, *census);
    VLOG_CO_RETURN_IF_ERROR(copies);
    std::vector<SequencerId> sequencers =
        SequencersOf(request.wish, copies->replicas, previous, *census);
    Task<StatusOr<std::string>> chosen = ChooseSequencer(*std::move(copies), std::move(sequencers));
    co_return co_await std::move(chosen);
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
    bool other_life = absl::IsNotFound(why);  // it has started again since it was proposed
    if (absl::IsUnknown(why) || other_life) why = absl::UnavailableError(Message(why));
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

  // Who may hold copies, the preferred ones first: nobody else than was wished; else who held those
  // of the predecessor, then the rest of the cluster.
  Task<std::vector<NodeId>> CandidatesOf(Placement wish, std::optional<Params> previous) const {
    if (!wish.nodes.empty()) co_return wish.nodes;
    std::vector<NodeId> nodes;
    if (previous) {
      for (const Replica& replica : previous->replicas) nodes.push_back(replica.node);
    }
    auto holds = [&nodes](NodeId node) {
      return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    };
    std::vector<NodeId> spares = options_.nodes;
    std::erase_if(spares, holds);
    if (!spares.empty() && options_.in_service) {
      StatusOr<std::vector<NodeId>> told = co_await options_.in_service();
      spares = told.ok() ? *std::move(told) : std::vector<NodeId>();
      std::erase_if(spares, holds);
    }
    nodes.insert(nodes.end(), spares.begin(), spares.end());
    co_return std::move(nodes);
  }

  // How many copies there are to be. A log that began while nodes were away gets the rest later.
  static size_t CopiesWanted(const Placement& wish, size_t candidates,
                             const std::optional<Params>& previous) {
    if (!wish.nodes.empty() || !previous) return candidates;
    return std::max(previous->replica_count(), std::min(candidates, kUsualCopies));
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

  // Whether those who have answered can carry a successor. Of a new log nobody knows the copies
  // yet: it waits for all.
  static bool IsEnough(const Census& census, const Placement& wish,
                       const std::optional<Params>& previous) {
    if (!previous) return false;
    if (wish.sequencer != NodeId() && !census.nodes.contains(wish.sequencer)) return false;
    for (NodeId node : wish.nodes) {
      if (!census.nodes.contains(node)) return false;
    }
    return census.nodes.size() >= std::max(wish.write_quorum, previous->write_quorum);
  }

  struct Copies {
    std::vector<Replica> replicas;
    uint32_t write_quorum = 0;
  };
  // A node that is silent is replaced by one that answers; without one it stays, if its disk is
  // known: W of N still work, and it catches up. W never shrinks, however few answer.
  StatusOr<Copies> ChooseCopies(const Placement& wish, const std::vector<NodeId>& candidates,
                                const std::optional<Params>& previous, const Census& census) const {
    size_t wanted = CopiesWanted(wish, candidates.size(), previous);
    // A larger write quorum is no reason to wait for nodes that are away.
    bool grows = previous && QuorumOf(wish, wanted, previous) > previous->write_quorum;
    if (grows && wish.nodes.empty() && census.nodes.size() < QuorumOf(wish, wanted, previous)) {
      wanted = previous->replica_count();
    }
    Copies copies;
    for (NodeId node : candidates) {
      auto known = census.nodes.find(node);
      bool take = known != census.nodes.end() && copies.replicas.size() < wanted;
      if (take) copies.replicas.push_back({node, known->second.disk});
    }
    size_t alive = copies.replicas.size();
    for (NodeId node : candidates) {
      std::optional<DiskId> disk = DiskOf(node, previous);
      bool silent = !census.nodes.contains(node);
      if (silent && disk && copies.replicas.size() < wanted) {
        copies.replicas.push_back({node, *disk});
      }
    }
    copies.write_quorum = QuorumOf(wish, wanted, previous);
    if (copies.write_quorum > wanted) {
      return absl::InvalidArgumentError(absl::StrCat("a write quorum of ", copies.write_quorum,
                                                     " is impossible on ", wanted, " nodes"));
    }
    if (alive < copies.write_quorum) {
      return absl::UnavailableError(absl::StrCat(alive, " nodes answer; a sequencer loglet needs ",
                                                 copies.write_quorum, census.refusals));
    }
    return copies;
  }

  static uint32_t QuorumOf(const Placement& wish, size_t copies,
                           const std::optional<Params>& previous) {
    if (wish.write_quorum > 0) return wish.write_quorum;
    auto majority = static_cast<uint32_t>(copies / 2 + 1);
    if (!previous) return majority;
    bool grows = copies > previous->replica_count();
    return grows ? std::max(previous->write_quorum, majority) : previous->write_quorum;
  }

  static std::optional<DiskId> DiskOf(NodeId node, const std::optional<Params>& previous) {
    if (!previous) return std::nullopt;
    for (const Replica& replica : previous->replicas) {
      if (replica.node == node) return replica.disk;
    }
    return std::nullopt;
  }

  // Who may be the sequencer, the preferred one first.
  static std::vector<SequencerId> SequencersOf(const Placement& wish,
                                               const std::vector<Replica>& replicas,
                                               const std::optional<Params>& previous,
                                               const Census& census) {
    std::vector<NodeId> nodes;
    if (wish.sequencer != NodeId()) {
      nodes = {wish.sequencer};
    } else {
      if (previous) nodes.push_back(previous->sequencer.node);
      for (const Replica& replica : replicas) nodes.push_back(replica.node);
    }
    std::vector<SequencerId> sequencers;
    for (NodeId node : nodes) {
      auto known = census.nodes.find(node);
      if (known == census.nodes.end()) continue;
      SequencerId id{node, known->second.incarnation, known->second.disk};
      bool twice = std::find(sequencers.begin(), sequencers.end(), id) != sequencers.end();
      if (!twice) sequencers.push_back(id);
    }
    return sequencers;
  }

  // The first that itself reaches a write quorum of the copies: that a client reaches it is not
  // enough (FAULTS race 24). All are asked at once.
  Task<StatusOr<std::string>> ChooseSequencer(Copies copies, std::vector<SequencerId> sequencers) {
    using Answer = std::optional<Status>;
    auto answers = std::make_shared<std::vector<Answer>>(sequencers.size());
    auto heard = std::make_shared<async::Event>(env_.scheduler());
    Instant deadline = env_.scheduler().Now() + options_.prepare;
    std::string refusals = sequencers.empty() ? "; nobody who may be the sequencer answers" : "";
    for (size_t i = 0; i < sequencers.size(); ++i) {
      StatusOr<Params> params =
          sequencer::MakeParams(copies.replicas, copies.write_quorum, sequencers[i]);
      VLOG_CO_RETURN_IF_ERROR(params);
      auto answered = [answers, heard, i](StatusOr<rpc::Reply> reply) {
        (*answers)[i] = reply.status();
        heard->NotifyAll();
      };
      rpc::Call call(sequencer::kReachMethod, sequencer::EncodeParams(*params), rpc::Payload(),
                     deadline);
      peers_.To(sequencers[i].node)->Start(std::move(call), std::move(answered));
    }
    for (size_t i = 0; i < sequencers.size(); ++i) {
      while (!(*answers)[i]) {
        Status waited = co_await heard->Wait();
        VLOG_CO_RETURN_IF_ERROR(waited);
      }
      const Status& reached = *(*answers)[i];
      if (reached.ok()) {
        StatusOr<Params> params =
            sequencer::MakeParams(std::move(copies.replicas), copies.write_quorum, sequencers[i]);
        VLOG_CO_RETURN_IF_ERROR(params);
        co_return sequencer::EncodeParams(*params);
      }
      absl::StrAppend(&refusals, "; node ", sequencers[i].node.value(), ": ", Message(reached));
    }
    co_return absl::UnavailableError("no node can be the sequencer" + refusals);
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

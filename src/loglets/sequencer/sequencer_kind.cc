#include "loglets/sequencer/sequencer_kind.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "loglets/sequencer/copy_poll.h"
#include "loglets/sequencer/placement_core.h"
#include "loglets/sequencer/sequencer_loglet.h"

namespace vlog::loglets {
namespace {

using sequencer::Copies;
using sequencer::Home;
using sequencer::HomeWanted;
using sequencer::LogletClient;
using sequencer::NodeAnswer;
using sequencer::Params;
using sequencer::RehomeRun;
using sequencer::SequencerId;
using sequencer::SequencerLoglet;
using sequencer::Wanted;

// Which disk and which life the nodes are that answered.
struct Census {
  explicit Census(async::Scheduler& scheduler) : heard(scheduler) {}
  async::Event heard;
  sequencer::Answers nodes;
  size_t waiting = 0;
  std::string refusals;
};

class SequencerKind final : public LogletKind {
 public:
  SequencerKind(env::Env& env, rpc::Peers& peers, SequencerKindOptions options)
      : env_(env), peers_(peers), options_(std::move(options)) {}

  std::string name() const override { return kSequencerKind; }

  Task<StatusOr<std::string>> ProposeParams(ProposeRequest request) override {
    Status refused = RefuseOptions(kSequencerKind, request);
    VLOG_CO_RETURN_IF_ERROR(refused);
    Wanted wanted{request.wish, request.policy, PreviousOf(request)};
    std::vector<NodeId> candidates = co_await FindCandidates(wanted);
    if (candidates.empty() && options_.in_service) {
      co_return absl::UnavailableError("nobody tells which nodes are in service");
    }
    if (candidates.empty()) {
      co_return absl::InvalidArgumentError("a sequencer loglet needs nodes to live on");
    }
    auto census = std::make_shared<Census>(env_.scheduler());
    AskNodes(candidates, request.wish.sequencer, census);
    Instant deadline = env_.scheduler().Now() + options_.census;
    while (census->waiting > 0) {
      if (IsEnough(wanted, census->nodes)) {
        deadline = std::min(deadline, env_.scheduler().Now() + options_.stragglers);
      }
      Status waited = co_await census->heard.Wait(deadline);
      if (absl::IsDeadlineExceeded(waited)) break;
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    StatusOr<Copies> copies = ChooseCopies(wanted, candidates, census->nodes);
    if (absl::IsUnavailable(copies.status())) {
      co_return absl::UnavailableError(Message(copies.status()) + census->refusals);
    }
    VLOG_CO_RETURN_IF_ERROR(copies);
    std::vector<SequencerId> sequencers = SequencersOf(wanted, copies->replicas, census->nodes);
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
    needs.to_seal = needs.some_of.size() + 1 - needs.least;
    return needs;
  }

  Task<std::vector<CopyWord>> AskCopies(LogletId id, std::string params, Offset offset) override {
    StatusOr<Params> decoded = sequencer::DecodeParams(params);
    if (!decoded.ok()) co_return std::vector<CopyWord>();
    auto client = NewClient(std::move(id), *std::move(decoded));
    auto poll = std::make_shared<sequencer::CopyPoll>(env_.scheduler(), client->params);
    for (size_t server = 0; server < client->params.replica_count(); ++server) {
      sequencer::ReadRequest request;
      request.from = offset;
      request.to = offset + 1;
      request.max_bytes = 1;
      client->AskRead(server, request,
                      [poll, server, offset](StatusOr<sequencer::ReadReply> reply) {
                        poll->Take(server, offset, reply);
                      });
    }
    while (poll->waiting > 0) {
      Status waited = co_await poll->heard.Wait();  // each answer has its deadline
      if (!waited.ok()) break;
    }
    co_return poll->words;
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

  Task<StatusOr<Rehomed>> Rehome(RehomeRequest request) override {
    StatusOr<Params> from = sequencer::DecodeParams(request.params);
    VLOG_CO_RETURN_IF_ERROR(from);
    HomeWanted wanted{*from, options_.nodes, request.policy.candidates, request.replace_silent};
    if (options_.in_service) {
      StatusOr<std::vector<NodeId>> told = co_await options_.in_service();
      VLOG_CO_RETURN_IF_ERROR(told);
      wanted.in_service = *std::move(told);
    }
    auto census = std::make_shared<Census>(env_.scheduler());
    AskNodes(HomeCandidates(wanted), NodeId(), census);
    Status heard = co_await AwaitCensus(census);
    VLOG_CO_RETURN_IF_ERROR(heard);
    StatusOr<Home> home = ChooseHome(wanted, census->nodes);
    VLOG_CO_RETURN_IF_ERROR(home);
    StatusOr<Moved> moved = co_await Move(request, *home);
    VLOG_CO_RETURN_IF_ERROR(moved);
    wanted.unfit = moved->unfit;
    StatusOr<Home> better = ChooseHome(wanted, census->nodes);
    bool again = better.ok() && better->params != home->params;
    if (again) moved = co_await Move(request, *std::move(better));
    VLOG_CO_RETURN_IF_ERROR(moved);
    co_return std::move(moved->rehomed);
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

  // Waits until all have answered, no longer than a census lasts.
  Task<Status> AwaitCensus(std::shared_ptr<Census> census) {
    Instant deadline = env_.scheduler().Now() + options_.census;
    while (census->waiting > 0) {
      Status waited = co_await census->heard.Wait(deadline);
      if (absl::IsDeadlineExceeded(waited)) break;
      VLOG_CO_RETURN_IF_ERROR(waited);
    }
    co_return absl::OkStatus();
  }

  struct Moved {
    Rehomed rehomed;
    // Servers of a segment that stays flagged which serve, and cannot be given all of it.
    std::set<NodeId> unfit;
  };
  Task<StatusOr<Moved>> Move(RehomeRequest request, Home home) {
    Moved moved;
    Rehomed& rehomed = moved.rehomed;
    rehomed.params = sequencer::EncodeParams(home.params);
    rehomed.least_copies = request.least_copies;
    rehomed.what = home.what;
    if (request.only_plan) co_return std::move(moved);
    auto client = NewClient(request.id, RehomeRun::Union(home));
    auto run =
        std::make_shared<RehomeRun>(client, home, request.end, options_.rehome, request.give_up);
    StatusOr<sequencer::RehomeResult> result = co_await RehomeRun::Run(std::move(run));
    VLOG_CO_RETURN_IF_ERROR(result);
    rehomed.bytes = result->bytes;
    // Who left was replaced by one that holds all: no record has fewer copies than before.
    if (request.least_copies == 0) co_return std::move(moved);
    auto whole =
        static_cast<uint32_t>(std::count(result->holds.begin(), result->holds.end(), true));
    bool enough = whole >= home.params.write_quorum;
    rehomed.least_copies = enough ? 0 : std::max(request.least_copies, whole);
    for (size_t server = 0; !enough && server < home.lives.size(); ++server) {
      bool unfit = home.lives[server] && !result->holds[server];
      if (unfit) moved.unfit.insert(home.params.replicas[server].node);
    }
    co_return std::move(moved);
  }

  static std::optional<Params> PreviousOf(const ProposeRequest& request) {
    if (request.previous_kind != kSequencerKind) return std::nullopt;
    StatusOr<Params> params = sequencer::DecodeParams(request.previous_params);
    if (!params.ok()) return std::nullopt;
    return *params;
  }

  Task<std::vector<NodeId>> FindCandidates(Wanted wanted) const {
    std::vector<NodeId> spares = options_.nodes;
    if (wanted.HoldsAll(spares)) spares.clear();
    if (!spares.empty() && wanted.wish.nodes.empty() && options_.in_service) {
      StatusOr<std::vector<NodeId>> told = co_await options_.in_service();
      spares = told.ok() ? *std::move(told) : std::vector<NodeId>();
    }
    co_return CandidatesOf(wanted, spares);
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
        if (answer.ok()) census->nodes[node] = {node, answer->incarnation, answer->disk};
      };
      rpc::Call call(sequencer::kNodeMethod, std::string(), rpc::Payload(), deadline);
      peers_.To(node)->Start(std::move(call), std::move(answered));
    }
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

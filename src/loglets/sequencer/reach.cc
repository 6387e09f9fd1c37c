#include "loglets/sequencer/reach.h"

#include <memory>
#include <string>
#include <utility>

#include "async/event.h"
#include "loglets/sequencer/wire.h"

namespace vlog::loglets::sequencer {
namespace {

struct Tally {
  Tally(async::Scheduler& scheduler, ReachQuestion question)
      : question(std::move(question)), heard(scheduler) {}
  const ReachQuestion question;
  async::Event heard;
  size_t reached = 0;
  size_t waiting = 0;
  std::string refusals;
};

void Ask(rpc::Peers& peers, const Params& params, const std::shared_ptr<Tally>& tally) {
  for (size_t server = 0; server < params.replica_count(); ++server) {
    ++tally->waiting;
    NodeId node = params.replicas[server].node;
    auto answered = [tally, server, node](StatusOr<rpc::Reply> reply) {
      --tally->waiting;
      Status fine = reply.status();
      if (reply.ok()) fine = tally->question.judge(server, *reply);
      if (fine.ok()) {
        ++tally->reached;
      } else {
        absl::StrAppend(&tally->refusals, "; node ", node.value(), ": ", Message(fine));
      }
      tally->heard.NotifyAll();
    };
    peers.To(node)->Start(tally->question.ask(server), std::move(answered));
  }
}

}  // namespace

Task<Status> AwaitQuorum(env::Env& env, rpc::Peers& peers, Params params, ReachQuestion question,
                         Instant deadline) {
  auto tally = std::make_shared<Tally>(env.scheduler(), std::move(question));
  Ask(peers, params, tally);
  size_t wanted = params.write_quorum;
  while (tally->reached < wanted && tally->waiting > 0) {
    Status waited = co_await tally->heard.Wait(deadline);
    if (absl::IsDeadlineExceeded(waited)) break;
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  if (tally->reached >= wanted) co_return absl::OkStatus();
  co_return absl::UnavailableError(absl::StrCat("the sequencer reaches ", tally->reached,
                                                " of the ", wanted, " log servers that it needs",
                                                tally->refusals));
}

Task<Status> AwaitReach(env::Env& env, rpc::Peers& peers, Params params, Instant deadline) {
  ReachQuestion question;
  question.ask = [deadline](size_t) {
    return rpc::Call(kNodeMethod, std::string(), rpc::Payload(), deadline);
  };
  question.judge = [replicas = params.replicas](size_t server, const rpc::Reply& reply) -> Status {
    StatusOr<NodeAnswer> answer = DecodeNodeAnswer(reply.header);
    VLOG_RETURN_IF_ERROR(answer);
    if (answer->disk == replicas[server].disk) return absl::OkStatus();
    return absl::UnavailableError("it has another disk");
  };
  Status reached =
      co_await AwaitQuorum(env, peers, std::move(params), std::move(question), deadline);
  co_return reached;
}

}  // namespace vlog::loglets::sequencer

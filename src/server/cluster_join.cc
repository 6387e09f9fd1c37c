#include "server/cluster_join.h"

#include <algorithm>
#include <set>
#include <utility>

#include "async/task_group.h"
#include "consensus/quorum.h"
#include "server/known_directory.h"
#include "server/node_identity_core.h"

namespace vlog::server {
namespace {

// A peer that does not answer so soon is asked again in the next round.
constexpr Duration kAnswerTimeout = std::chrono::seconds(1);
// The same while the node waits to serve: a silent peer holds it up for so long.
constexpr Duration kShowTimeout = std::chrono::milliseconds(200);
// Between rounds.
constexpr Duration kJoinPause = std::chrono::milliseconds(50);
constexpr Duration kWatchPause = std::chrono::seconds(1);

// Whether a peer refused this node as an old copy. The refusal itself does not tell which of the
// two sides it is about; its text names the node.
bool RefusedAsOldCopy(const Status& status, NodeId self) {
  std::string named = absl::StrCat("node ", self.value(), " says ");
  return rpc::RefusalOf(status) == rpc::Refusal::kOldCopy &&
         Message(status).find(named) != std::string::npos;
}

bool HasMajority(const std::set<NodeId>& witnesses, const std::set<NodeId>& of) {
  auto seen = [&witnesses](NodeId node) { return witnesses.contains(node); };
  return static_cast<size_t>(std::count_if(of.begin(), of.end(), seen)) >=
         consensus::Majority(of.size());
}

}  // namespace

// A disk that came back after it was replaced: what it promised and stored, others have now.
Status RefuseRetired(const std::string& who, const NodeIdentity& self) {
  return absl::DataLossError(absl::StrFormat(
      "%s says that this disk, %016x, was replaced by 'vlog replace-disk %d': it must not serve "
      "again. Give the node its new disk back; or empty this directory, format it with 'vlogd "
      "--init', start the node and run 'vlog replace-disk %d'",
      who, self.disk.value(), self.node.value(), self.node.value()));
}

// What came back of one round. Shared with tasks that may end after it.
struct ClusterJoin::Round {
  NodeIdentity self;
  std::map<NodeId, OriginAnswer> answers;
  Status refused;  // some node has seen a newer life of this disk, or knows it as retired
};

ClusterJoin::ClusterJoin(env::Env& env, NodeIdentity self, std::vector<NodeId> configured,
                         rpc::Dispatcher& dispatcher, rpc::Peers& peers,
                         metastore::AcceptorServer& acceptor, Logger log)
    : env_(env),
      self_(std::move(self)),
      configured_(std::move(configured)),
      peers_(peers),
      acceptor_(acceptor),
      log_(std::move(log)),
      stop_(env.scheduler()) {
  dispatcher.Register(kOriginMethod, [this](const rpc::Request&, rpc::Responder respond) {
    Origin origin;
    origin.configured = configured_;
    origin.first_acceptors = acceptor_.record().acceptors;
    origin.retired = DirectoryKnownTo(acceptor_.core()).directory.retired;
    respond(EncodeOrigin(origin));
  });
}

Status ClusterJoin::CheckRecord() const {
  const metastore::ClusterRecord& record = acceptor_.record();
  if (record.cluster == self_.cluster && record.self == self_.replica()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the journal in the data directory is that of node ", record.self.node.value(),
                   ", and the identity beside it is of ", DescribeIdentity(self_),
                   ": files of two directories were mixed; restore them as they were"));
}

Task<Status> ClusterJoin::Join() {
  Status found = has_record() ? CheckRecord() : absl::OkStatus();
  VLOG_CO_RETURN_IF_ERROR(found);
  if (!has_record()) found = co_await FindOrigin();
  VLOG_CO_RETURN_IF_ERROR(found);
  Status shown = co_await Show();
  co_return shown;
}

Task<Status> ClusterJoin::FindOrigin() {
  while (!stopped_) {
    std::shared_ptr<Round> round = co_await AskAll(kAnswerTimeout);
    if (stopped_) break;
    VLOG_CO_RETURN_IF_ERROR(round->refused);
    OriginVerdict verdict = SettleOrigin(self_.replica(), configured_, round->answers);
    if (!verdict.first_acceptors.empty()) co_return co_await Settle(std::move(verdict));
    Tell(verdict.waiting, verdict.conflict);
    Status paused = co_await Pause(kJoinPause);
    VLOG_CO_RETURN_IF_ERROR(paused);
  }
  co_return absl::CancelledError("the node stops");
}

std::set<NodeId> ClusterJoin::KnownVoters() const {
  std::set<NodeId> voters;
  for (const Replica& voter : DirectoryKnownTo(acceptor_.core()).voters) voters.insert(voter.node);
  return voters;
}

std::set<NodeId> ClusterJoin::Everybody() const {
  std::set<NodeId> nodes = KnownVoters();
  nodes.insert(configured_.begin(), configured_.end());
  nodes.insert(self_.node);
  return nodes;
}

Task<Status> ClusterJoin::Show() {
  std::set<NodeId> voters = KnownVoters();
  std::set<NodeId> everybody = Everybody();
  std::set<NodeId> witnesses{self_.node};
  while (!stopped_) {
    // Once in any case: whoever is there may know better, also where nobody's word is needed.
    std::shared_ptr<Round> round = co_await AskAll(kShowTimeout);
    VLOG_CO_RETURN_IF_ERROR(round->refused);
    for (const auto& [node, answer] : round->answers) witnesses.insert(node);
    if (HasMajority(witnesses, voters) || HasMajority(witnesses, everybody)) {
      shown_ = true;
      waiting_for_.clear();
      co_return absl::OkStatus();
    }
    Tell(absl::StrFormat("only %d of %d nodes answer; it serves once most of them, or of its "
                         "cluster's %d voters, do",
                         witnesses.size(), everybody.size(), voters.size()),
         /*conflict=*/false);
    Status paused = co_await Pause(kJoinPause);
    VLOG_CO_RETURN_IF_ERROR(paused);
  }
  co_return absl::CancelledError("the node stops");
}

Task<Status> ClusterJoin::Watch() {
  while (!stopped_) {
    std::shared_ptr<Round> round = co_await AskAll(kAnswerTimeout);
    VLOG_CO_RETURN_IF_ERROR(round->refused);
    Status paused = co_await Pause(kWatchPause);
    VLOG_CO_RETURN_IF_ERROR(paused);
  }
  co_return absl::CancelledError("the node stops");
}

// Up to twice as long, at random, so that nodes that start together do not stay in step.
Task<Status> ClusterJoin::Pause(Duration duration) {
  Duration more(env_.RandomBelow(static_cast<uint64_t>(duration.count())));
  Status waited = co_await stop_.Wait(env_.scheduler().Now() + duration + more);
  if (absl::IsCancelled(waited)) co_return waited;
  co_return absl::OkStatus();
}

void ClusterJoin::Stop() {
  stopped_ = true;
  stop_.NotifyAll();
}

void ClusterJoin::FindAddresses(const metastore::Directory& directory) {
  for (const auto& [node, text] : directory.addresses) {
    StatusOr<env::Address> address = env::Address::Parse(text);
    if (address.ok() && !peers_.AddressOf(node)) peers_.SetAddress(node, *std::move(address));
  }
}

Task<std::shared_ptr<ClusterJoin::Round>> ClusterJoin::AskAll(Duration timeout) {
  Instant deadline = env_.scheduler().Now() + timeout;
  auto round = std::make_shared<Round>();
  round->self = self_;
  KnownDirectory known = DirectoryKnownTo(acceptor_.core());
  if (known.IsRetired(self_.replica())) {
    round->refused = RefuseRetired("the cluster's register", self_);
  }
  FindAddresses(known.directory);
  async::TaskGroup asking(env_.scheduler());
  for (NodeId node : Everybody()) {
    if (node != self_.node) asking.Spawn(AskOne(peers_.To(node), node, deadline, round));
  }
  co_await asking.Join();
  co_return round;
}

Task<void> ClusterJoin::AskOne(std::shared_ptr<rpc::Channel> channel, NodeId node, Instant deadline,
                               std::shared_ptr<Round> round) {
  rpc::Call call(kOriginMethod, std::string(), rpc::Payload(), deadline);
  StatusOr<rpc::Reply> reply = co_await channel->Run(std::move(call));
  if (RefusedAsOldCopy(reply.status(), round->self.node)) {
    round->refused = absl::DataLossError(
        absl::StrCat("node ", node.value(), " refuses this one: ", reply.status().message()));
  }
  if (!reply.ok() || reply->peer == nullptr) co_return;
  StatusOr<Origin> origin = DecodeOrigin(*reply);
  if (!origin.ok()) co_return;
  const std::vector<Replica>& retired = origin->retired;
  if (std::find(retired.begin(), retired.end(), round->self.replica()) != retired.end()) {
    round->refused = RefuseRetired(absl::StrCat("node ", node.value()), round->self);
  }
  OriginAnswer& answer = round->answers[node];
  answer.disk = reply->peer->disk;
  answer.origin = *std::move(origin);
}

Task<Status> ClusterJoin::Settle(OriginVerdict verdict) {
  metastore::ClusterRecord record;
  record.cluster = self_.cluster;
  record.self = self_.replica();
  record.acceptors = verdict.first_acceptors;
  Status durable = co_await acceptor_.Format(std::move(record));
  VLOG_CO_RETURN_IF_ERROR(durable);
  waiting_for_.clear();
  const std::vector<Replica>& first = verdict.first_acceptors;
  bool votes = std::find(first.begin(), first.end(), self_.replica()) != first.end();
  log_.Info(verdict.settled_here ? "settled who votes first" : "learnt who votes first",
            {{"acceptors", first.size()}, {"votes", votes}});
  co_return absl::OkStatus();
}

void ClusterJoin::Tell(const std::string& waiting, bool conflict) {
  if (waiting == waiting_for_) return;
  waiting_for_ = waiting;
  log_.Log(conflict ? LogLevel::kError : LogLevel::kInfo, "has not joined its cluster yet",
           {{"reason", waiting_for_}});
}

}  // namespace vlog::server

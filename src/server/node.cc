#include "server/node.h"

#include <utility>

#include "server/health_wire.h"
#include "server/node_limits.h"
#include "server/node_wire.h"

namespace vlog::server {
namespace {

// How often a node looks whether its journal still works.
constexpr Duration kJournalWatch = std::chrono::milliseconds(50);

}  // namespace

Node::Node(env::Env& env, NodeOptions options, Logger log)
    : env_(env),
      config_(std::move(options.config)),
      kinds_(std::move(options.kinds)),
      client_kinds_(std::move(options.client_kinds)),
      version_(std::move(options.version)),
      log_(std::move(log)),
      started_(env.scheduler().Now()),
      dispatcher_(env),
      changed_(env.scheduler()),
      tasks_(env.scheduler()) {}

Task<StatusOr<std::unique_ptr<Node>>> Node::Start(env::Env& env, NodeOptions options, Logger log) {
  std::unique_ptr<Node> node(new Node(env, std::move(options), std::move(log)));
  Status started = co_await node->OpenDirectory();
  VLOG_CO_RETURN_IF_ERROR(started);
  started = co_await node->OpenJournal();
  VLOG_CO_RETURN_IF_ERROR(started);
  node->OpenPeers();
  started = co_await node->StartHosts();
  if (started.ok()) started = co_await node->Listen();
  if (!started.ok()) {
    // Nobody was served: whatever goes wrong now changes nothing.
    Status stopped = co_await node->Stop(env.scheduler().Now());
    co_return started;
  }
  node->tasks_.Spawn(node->WatchJournal());
  node->tasks_.Spawn(node->Join());
  co_return std::move(node);
}

Task<Status> Node::OpenDirectory() {
  ExpectedIdentity expected;
  expected.node = config_.node.id;
  expected.cluster = ConfiguredCluster(config_);
  StatusOr<std::unique_ptr<DataDirectory>> directory =
      co_await DataDirectory::Open(env_, std::move(expected));
  VLOG_CO_RETURN_IF_ERROR(directory);
  directory_ = *std::move(directory);
  log_.Info("opened the data directory",
            {{"directory", env_.disk().RootName()},
             {"node", identity().node},
             {"cluster", absl::StrFormat("%016x", identity().cluster.value())},
             {"disk", absl::StrFormat("%016x", identity().disk.value())},
             {"boot", identity().incarnation}});
  co_return absl::OkStatus();
}

std::unique_ptr<storage::StreamState> Node::NewStreamState(const std::string& kind) const {
  std::unique_ptr<storage::StreamState> state = metastore::NewAcceptorStreamState(kind);
  for (const auto& hostable : kinds_) {
    if (state == nullptr) state = hostable->NewStreamState(kind);
  }
  return state;
}

Task<Status> Node::OpenJournal() {
  Status there = co_await directory_->CheckJournal(kJournalDirectory);
  VLOG_CO_RETURN_IF_ERROR(there);
  storage::JournalOptions options;
  options.segment_bytes = config_.storage.segment_size;
  auto factory = [this](const std::string& kind) { return NewStreamState(kind); };
  StatusOr<std::unique_ptr<storage::Journal>> journal =
      co_await storage::Journal::Open(env_, kJournalDirectory, options, factory);
  VLOG_CO_RETURN_IF_ERROR(journal);
  journal_ = *std::move(journal);
  for (const storage::Damage& damage : journal_->damage()) {
    log_.Error("found damage in the journal", {{"from", storage::ToString(damage.begin)},
                                               {"to", storage::ToString(damage.end)},
                                               {"lost_records", damage.lost_records}});
  }
  Status noted = co_await directory_->NoteJournal();
  if (!noted.ok()) {
    Status closed = co_await journal_->Close();
    co_return noted;
  }
  co_return absl::OkStatus();
}

void Node::OpenPeers() {
  rpc::Identity self;
  self.cluster = identity().cluster;
  self.node = identity().node;
  self.incarnation = identity().incarnation;
  self.disk = identity().disk;
  self.instance = env_.RandomId();
  self.process = env_.ProcessName();
  peers_ =
      std::make_unique<rpc::Peers>(env_, std::move(self), &dispatcher_, PeersOptionsOf(config_));
  for (const PeerConfig& peer : config_.peers) {
    StatusOr<env::Address> address = env::Address::Parse(peer.address);
    VLOG_CHECK(address.ok(), "the configuration has only addresses");
    peers_->SetAddress(peer.id, *std::move(address));
  }
}

Task<Status> Node::StartHosts() {
  acceptor_ = std::make_unique<metastore::AcceptorServer>(env_, *journal_, dispatcher_);
  join_ = std::make_unique<ClusterJoin>(env_, identity(), ConfiguredNodes(config_), dispatcher_,
                                        *peers_, *acceptor_, log_.Component("join"));
  RegisterMethods();
  // What it says before it knows that its disk is not an old copy may contradict what it said.
  dispatcher_.SetGate([this](rpc::Method method) {
    bool open = join_->joined() || (method >= rpc::kNodeBase && method < rpc::kNodeEnd);
    if (open) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("node ", identity().node.value(),
                                               " does not serve yet: ", join_->waiting_for()));
  });
  for (const auto& kind : kinds_) {
    loglets::HostContext context{env_, *journal_, dispatcher_, *peers_};
    HostedKind hosted;
    hosted.name = kind->name();
    hosted.host = kind->Host(context);
    hosts_.push_back(std::move(hosted));
  }
  for (HostedKind& hosted : hosts_) {
    Status started = co_await hosted.host->Start();
    if (!started.ok()) co_return Annotate(started, "loglets of kind " + hosted.name);
    hosted.started = true;
  }
  co_return absl::OkStatus();
}

void Node::RegisterMethods() {
  dispatcher_.Register(kStatusMethod, [this](const rpc::Request&, rpc::Responder respond) {
    respond(EncodeStatus(status()));
  });
  dispatcher_.Register(kMembersMethod, [this](const rpc::Request&, rpc::Responder respond) {
    respond(EncodeMembers(members()));
  });
  dispatcher_.Register(
      kTestimonyMethod, [this](const rpc::Request& request, rpc::Responder respond) {
        StatusOr<rpc::Message> reply = absl::UnavailableError("this node watches over nobody yet");
        if (watch_ != nullptr) reply = watch_->health().Testify(request);
        respond(std::move(reply));
      });
}

Task<Status> Node::Listen() {
  StatusOr<env::Address> at = env::Address::Parse(config_.network.listen);
  VLOG_CO_RETURN_IF_ERROR(at);
  server_ = rpc::NewServer(env_, peers_->identity(), dispatcher_, ServerOptionsOf(config_),
                           &peers_->health());
  Status listening = co_await server_->Listen(*std::move(at));
  if (!listening.ok()) {
    server_ = nullptr;
    co_return Annotate(listening, "network.listen = " + config_.network.listen);
  }
  log_.Info("listens", {{"listen", server_->address().ToString()}, {"advertise", Advertised()}});
  co_return absl::OkStatus();
}

Task<void> Node::Join() {
  Status joined = co_await join_->Join();
  if (joined.ok()) {
    if (client_kinds_ && !stopping_) StartWatch();
    TellJoined();
    joined = co_await join_->Watch();
  }
  if (!absl::IsCancelled(joined)) Fail(joined);
}

void Node::TellJoined() {
  changed_.NotifyAll();
  log_.Info("serves", {{"listen", server_->address().ToString()}});
  if (!acceptor_->core().votes()) {
    log_.Error("the journal lost entries, so this node does not vote any more",
               {{"advice",
                 absl::StrCat("stop it, empty its directory, format it with 'vlogd --init', start "
                              "it and run 'vlog replace-disk ",
                              identity().node.value(), "'")}});
  }
}

void Node::StartWatch() {
  std::vector<NodeId> nodes = ConfiguredNodes(config_);
  auto in_service = [this] { return watch_->NodesInService(); };
  client_kinds_(env_, *peers_, nodes, in_service, &client_factory_);
  WatchOptions options;
  options.bounds = {config_.timeouts.suspect_min, config_.timeouts.suspect_max};
  options.replace_after = config_.monitor.replace_after;
  options.rehome_after = config_.monitor.rehome_after;
  std::vector<loglets::KindHost*> hosts;
  for (const HostedKind& hosted : hosts_) hosts.push_back(hosted.host.get());
  watch_ = std::make_unique<ClusterWatch>(env_, *peers_, client_factory_, std::move(hosts),
                                          std::move(nodes), options, log_.Component("monitor"));
  watch_->Start();
}

Task<void> Node::WatchJournal() {
  while (!stopping_ && failure_.ok()) {
    if (!journal_->status().ok()) Fail(Annotate(journal_->status(), "the journal has stopped"));
    Status waited = co_await changed_.Wait(env_.scheduler().Now() + kJournalWatch);
    if (absl::IsCancelled(waited)) co_return;
  }
}

void Node::Fail(Status why) {
  if (!failure_.ok() || stopping_) return;
  failure_ = std::move(why);
  log_.Error("cannot go on", {{"reason", failure_}});
  changed_.NotifyAll();
}

Task<Status> Node::AwaitJoined() {
  while (failure_.ok() && !joined()) {
    if (stopping_) co_return absl::CancelledError("the node was stopped");
    Status waited = co_await changed_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return failure_;
}

Task<Status> Node::AwaitFailure() {
  while (failure_.ok()) {
    if (stopping_) co_return absl::CancelledError("the node was stopped");
    Status waited = co_await changed_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
  co_return failure_;
}

Task<void> Node::StopServer(std::shared_ptr<rpc::Server> server, Instant deadline) {
  co_await server->Stop(deadline);
}

// The server reads nothing more before the hosts go, so that nobody is told of a missing method;
// the hosts end what still waits in them, or the server would wait for that until the deadline.
Task<Status> Node::Stop(Instant deadline) {
  VLOG_CHECK(!stopping_, "a node is stopped once");
  stopping_ = true;
  changed_.NotifyAll();
  // First whoever would act: what stops now must not look like something to be mended.
  if (watch_ != nullptr) co_await watch_->Stop();
  join_->Stop();
  co_await tasks_.Join();
  if (server_ != nullptr) tasks_.Spawn(StopServer(server_, deadline));
  Status turned = co_await env_.scheduler().Sleep(Duration(0));
  co_await acceptor_->Close();
  for (auto hosted = hosts_.rbegin(); hosted != hosts_.rend(); ++hosted) {
    if (hosted->started) co_await hosted->host->Stop();
  }
  co_await tasks_.Join();
  for (rpc::Method method : {kStatusMethod, kMembersMethod, kOriginMethod, kTestimonyMethod}) {
    dispatcher_.Unregister(method);
  }
  co_await dispatcher_.Drain();
  Status closed = co_await journal_->Close();
  log_.Info("stopped", {{"journal", closed}});
  co_return closed;
}

}  // namespace vlog::server

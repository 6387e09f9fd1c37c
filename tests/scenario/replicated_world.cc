#include "scenario/replicated_world.h"

#include "base/check.h"

namespace vlog::testing {
namespace {

constexpr uint16_t kPort = 7000;

}  // namespace

// ---- one node ----

Task<StatusOr<std::unique_ptr<ReplicatedNode>>> ReplicatedNode::Open(
    env::Env& env, loglets::replicated::ReplicaKind kind, rpc::Identity identity, env::Address at) {
  storage::JournalOptions journal_options;
  journal_options.segment_bytes = 4 << 20;
  journal_options.checkpoint_bytes = 64 << 10;
  auto node = std::make_unique<ReplicatedNode>(env, identity);
  node->hostable = loglets::NewReplicatedHostable(std::move(kind));
  auto states = [hostable = node->hostable.get()](const std::string& stream) {
    return hostable->NewStreamState(stream);
  };
  StatusOr<std::unique_ptr<storage::Journal>> journal =
      co_await storage::Journal::Open(env, "journal", journal_options, states);
  VLOG_CO_RETURN_IF_ERROR(journal);
  node->journal = *std::move(journal);
  loglets::HostContext context{env, *node->journal, node->dispatcher, node->peers};
  node->host = node->hostable->Host(context);
  Status started = co_await node->host->Start();
  VLOG_CO_RETURN_IF_ERROR(started);
  node->server = rpc::NewServer(env, identity, node->dispatcher, rpc::ServerOptions(), nullptr);
  Status listening = co_await node->server->Listen(at);
  VLOG_CO_RETURN_IF_ERROR(listening);
  co_return node;
}

Task<Status> ReplicatedNode::Stop(ReplicatedNode& node) {
  co_await node.host->Stop();
  co_await node.server->Stop(Instant::Max());
  co_return co_await node.journal->Close();
}

void ReplicatedNode::SetAddresses(const AddressBook& book) {
  for (const auto& [node, address] : book) peers.SetAddress(node, address);
}

ReplicatedClient::ReplicatedClient(env::SimWorld& world, env::SimFabric& fabric, std::string host,
                                   loglets::replicated::ReplicaKind replicas,
                                   loglets::ReplicatedKindOptions options, const AddressBook& book)
    : image(world),
      env(world, image, std::move(host), &fabric),
      peers(env, ClientIdentity(env), nullptr, rpc::PeersOptions()) {
  for (const auto& [node, address] : book) peers.SetAddress(node, address);
  kind = loglets::NewReplicatedKind(std::move(replicas), env, peers, std::move(options));
}

// ---- the cluster ----

ReplicatedWorld::ReplicatedWorld(uint64_t seed, uint64_t nodes,
                                 loglets::replicated::ReplicaKind kind)
    : world(seed), fabric(world), kind_(std::move(kind)) {
  for (uint64_t number = 1; number <= nodes; ++number) {
    Machine& machine = nodes_[number];
    machine.replica = {NodeId(number), DiskId(100 + number)};
    machine.image = std::make_unique<env::SimDiskImage>(world);
    book_[NodeId(number)] = {Host(number), kPort};
    options_.nodes.push_back(NodeId(number));
  }
  for (uint64_t number = 1; number <= nodes; ++number) StartNode(number);
  VLOG_CHECK(AwaitNodes(), "a new cluster starts");
}

ReplicatedWorld::~ReplicatedWorld() {
  for (auto& [number, machine] : nodes_) CrashNode(number);
}

void ReplicatedWorld::StartNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  VLOG_CHECK(machine.env == nullptr, "a node runs once");
  machine.env = std::make_unique<env::SimEnv>(world, *machine.image, Host(node), &fabric);
  rpc::Identity identity =
      NodeIdentity(*machine.env, machine.replica, Incarnation(++machine.boots));
  machine.addressed = false;
  machine.opened = StartTask(
      *machine.env, ReplicatedNode::Open(*machine.env, kind_, identity, book_[NodeId(node)]));
}

void ReplicatedWorld::CrashNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  if (machine.env == nullptr) return;
  machine.env->Crash();
  machine.opened.reset();
  machine.env.reset();
  machine.image->Crash();
}

void ReplicatedWorld::RestartNode(uint64_t node) {
  CrashNode(node);
  StartNode(node);
  VLOG_CHECK(AwaitNodes(), "a node starts again");
}

void ReplicatedWorld::WipeNode(uint64_t node) {
  Machine& machine = nodes_.at(node);
  VLOG_CHECK(machine.env == nullptr, "only a node that is down loses its disk");
  machine.image = std::make_unique<env::SimDiskImage>(world);
  machine.replica.disk = DiskId(machine.replica.disk.value() + 1000);
  machine.boots = 0;
  StartNode(node);
  VLOG_CHECK(AwaitNodes(), "a wiped node starts");
}

void ReplicatedWorld::PauseNode(uint64_t node, Duration time) {
  world.Pause(env(node).life(), world.now() + time);
}

ReplicatedNode* ReplicatedWorld::node(uint64_t node) {
  Machine& machine = nodes_.at(node);
  bool serves = machine.opened != nullptr && machine.opened->has_value() && (*machine.opened)->ok();
  if (!serves) return nullptr;
  ReplicatedNode* found = (*machine.opened)->value().get();
  if (!machine.addressed) found->SetAddresses(book_);
  machine.addressed = true;
  return found;
}

bool ReplicatedWorld::AwaitNodes() {
  return Until([this] {
    for (auto& [number, machine] : nodes_) {
      if (machine.env != nullptr && node(number) == nullptr) return false;
    }
    return true;
  });
}

void ReplicatedWorld::CheckInvariants() {
  for (auto& [number, machine] : nodes_) {
    if (ReplicatedNode* found = node(number)) found->replicas().CheckInvariants();
  }
}

bool ReplicatedWorld::Until(const std::function<bool()>& done) {
  constexpr uint64_t kEvery = 20;  // steps
  auto checked = [&] {
    if (++steps_ % kEvery == 0) CheckInvariants();
    return done();
  };
  return world.RunUntil(checked, world.now() + std::chrono::minutes(1));
}

std::optional<loglets::HostedLoglet> ReplicatedWorld::RowOf(uint64_t number) {
  ReplicatedNode* found = node(number);
  if (found == nullptr) return std::nullopt;
  for (loglets::HostedLoglet& row : found->host->Loglets()) {
    if (row.id == id) return std::move(row);
  }
  return std::nullopt;
}

uint64_t ReplicatedWorld::Leader() {
  uint64_t leader = 0;
  for (auto& [number, machine] : nodes_) {
    std::optional<loglets::HostedLoglet> row = RowOf(number);
    if (!row || row->role != "leader") continue;
    if (leader != 0) return 0;
    leader = number;
  }
  return leader;
}

std::unique_ptr<ReplicatedClient> ReplicatedWorld::NewClient(const std::string& host) {
  return std::make_unique<ReplicatedClient>(world, fabric, host, kind_, options_, book_);
}

std::string ReplicatedWorld::Propose(ReplicatedClient& client, uint64_t node) {
  loglets::ProposeRequest request;
  request.wish.sequencer = NodeId(node);
  StatusOr<std::string> params = Run(client, client.kind->ProposeParams(request));
  VLOG_CHECK(params.ok(), "a cluster that is up takes a proposal");
  return *params;
}

std::shared_ptr<loglets::Loglet> ReplicatedWorld::Open(ReplicatedClient& client,
                                                       const std::string& params,
                                                       std::optional<Offset> end) {
  StatusOr<std::shared_ptr<loglets::Loglet>> loglet =
      Run(client, client.kind->Open(id, params, end));
  VLOG_CHECK(loglet.ok(), "what was proposed opens");
  return *loglet;
}

StatusOr<Offset> ReplicatedWorld::Append(loglets::Loglet& loglet, uint64_t writer, uint64_t first,
                                         uint32_t count) {
  return Wait(StartAppend(loglet, MakeBatch(writer, first, count)));
}

StatusOr<Offset> ReplicatedWorld::Wait(Appended appended) {
  bool answered = Until([&] { return appended->has_value(); });
  if (!answered) return absl::DeadlineExceededError("no answer");
  return **appended;
}

StatusOr<std::vector<std::string>> ReplicatedWorld::ReadAll(ReplicatedClient& client,
                                                            loglets::Loglet& loglet, uint64_t from,
                                                            uint64_t to) {
  std::vector<std::string> payloads;
  while (from < to) {
    StatusOr<loglets::ReadResult> read =
        Run(client, loglet.Read(Offset(from), Offset(to), 1 << 20));
    VLOG_RETURN_IF_ERROR(read);
    if (read->batches.empty()) {
      return absl::DataLossError(absl::StrCat("lost up to ", read->lost_end.value()));
    }
    for (const loglets::StoredBatch& stored : read->batches) {
      RecordCursor cursor(stored.batch.body.view());
      cursor.Skip(from - stored.first.value());
      while (from < to && cursor.Next()) {
        payloads.emplace_back(cursor.payload());
        ++from;
      }
    }
  }
  return payloads;
}

}  // namespace vlog::testing

#include "metastore/paxos/acceptor_server.h"

#include <algorithm>

#include "base/crc32c.h"
#include "metastore/paxos/register_wire.h"

namespace vlog::metastore {
namespace {

constexpr uint16_t kChangesEntry = 1;

// The acceptor's stream: no positions, each entry is a list of changes.
class AcceptorStream final : public storage::StreamState {
 public:
  void Apply(const storage::Entry& entry) override {
    StatusOr<std::vector<AcceptorChange>> changes = DecodeChanges(entry.payload.view());
    VLOG_CHECK(changes.ok(), "an acceptor writes only what it knows");
    for (const AcceptorChange& change : *changes) core_.Apply(change);
  }
  void Damaged(uint64_t) override { core_.LoseMemory(); }
  void SkipTo(uint64_t) override {}
  uint64_t trim() const override { return 0; }
  uint64_t end() const override { return 0; }
  std::string Encode() const override { return core_.Encode(); }
  Status Decode(std::string_view data) override { return core_.Decode(data); }

  const AcceptorCore& core() const { return core_; }

 private:
  AcceptorCore core_;
};

}  // namespace

std::unique_ptr<storage::StreamState> NewAcceptorStreamState(const std::string& kind) {
  if (kind != kAcceptorStreamKind) return nullptr;
  return std::make_unique<AcceptorStream>();
}

AcceptorServer::AcceptorServer(env::Env& env, storage::Journal& journal,
                               rpc::Dispatcher& dispatcher, AcceptorServerOptions options)
    : env_(env),
      journal_(journal),
      dispatcher_(dispatcher),
      options_(options),
      changed_(env.scheduler()) {
  storage::Stream* stream = journal.streams().Find(std::string(kAcceptorStreamKind));
  if (stream != nullptr) stream_ = stream->id;
  dispatcher.RegisterTask(kVoteMethod, [this](rpc::Request r) { return Vote(std::move(r)); });
  dispatcher.RegisterTask(kWatchMethod, [this](rpc::Request r) { return Watch(std::move(r)); });
  dispatcher.RegisterTask(kInfoMethod, [this](rpc::Request r) { return Info(std::move(r)); });
}

AcceptorServer::~AcceptorServer() {
  for (rpc::Method method : {kVoteMethod, kWatchMethod, kInfoMethod}) {
    if (!closing_) dispatcher_.Unregister(method);
  }
}

Task<void> AcceptorServer::Close() {
  closing_ = true;
  for (rpc::Method method : {kVoteMethod, kWatchMethod, kInfoMethod}) {
    dispatcher_.Unregister(method);
  }
  changed_.NotifyAll();
  while (running_ > 0) {
    Status waited = co_await changed_.Wait();
    if (!waited.ok()) co_return;
  }
}

const AcceptorCore& AcceptorServer::core() const {
  static const AcceptorCore kNotFormatted;
  storage::Stream* stream = journal_.streams().Find(std::string(kAcceptorStreamKind));
  if (stream == nullptr) return kNotFormatted;
  return static_cast<const AcceptorStream&>(*stream->state).core();
}

Task<Status> AcceptorServer::Format(ClusterRecord record) {
  Status fine = NormalizeAcceptors(&record.acceptors);
  VLOG_CO_RETURN_IF_ERROR(fine);
  if (record.cluster == ClusterId() || record.self.disk == DiskId()) {
    co_return absl::InvalidArgumentError("a cluster and a disk have ids");
  }
  if (core().formatted()) {
    if (core().record() == record) co_return absl::OkStatus();
    co_return absl::AlreadyExistsError(
        absl::StrCat("this disk belongs to node ", core().record().self.node.value(),
                     " of cluster ", core().record().cluster.value()));
  }
  if (stream_ != storage::StreamId(0) || journal_.streams().lost_bound()) {
    co_return absl::DataLossError("this disk may have voted before its journal lost entries");
  }
  stream_ = journal_.CreateStream(kAcceptorStreamKind, kAcceptorStreamKind, [](const Status&) {});
  AcceptorChange change;
  change.record = std::move(record);
  std::vector<AcceptorChange> changes;
  changes.push_back(std::move(change));
  Status written = co_await Persist(std::move(changes));
  if (!written.ok()) stream_ = storage::StreamId(0);
  co_return written;
}

Task<Status> AcceptorServer::Persist(std::vector<AcceptorChange> changes) {
  storage::Entry entry;
  entry.stream = stream_;
  entry.type = kChangesEntry;
  entry.payload = EncodeChanges(changes);
  entry.payload_crc = Crc32c(entry.payload.view());
  co_return co_await journal_.AppendControl(std::move(entry));
}

Status AcceptorServer::CheckCluster(ClusterId cluster) const {
  if (!core().formatted()) return absl::UnavailableError("this node belongs to no cluster yet");
  if (cluster == record().cluster) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("this is cluster ", record().cluster.value(), ", not ", cluster.value()));
}

Task<StatusOr<rpc::Message>> AcceptorServer::Vote(rpc::Request request) {
  StatusOr<VoteCall> call = DecodeVoteCall(request.header, request.payload);
  VLOG_CO_RETURN_IF_ERROR(call);
  Status fine = CheckCluster(call->cluster);
  VLOG_CO_RETURN_IF_ERROR(fine);
  ++running_;
  StatusOr<RegisterReply> reply = co_await Decide(std::move(call->request));
  --running_;
  if (closing_) changed_.NotifyAll();
  VLOG_CO_RETURN_IF_ERROR(reply);
  co_return EncodeVoteReply(*reply);
}

Task<StatusOr<RegisterReply>> AcceptorServer::Decide(RegisterRequest request) {
  for (;;) {
    AcceptorCore::Output output = core().Step(request);
    // An answer that changes nothing tells of what is durable, whatever is being written now.
    if (output.persist.empty()) co_return std::move(output.send);
    if (closing_) co_return absl::UnavailableError("stopping");
    if (busy_.insert(request.log).second) {
      Status written = co_await Persist(std::move(output.persist));
      busy_.erase(request.log);
      changed_.NotifyAll();
      VLOG_CO_RETURN_IF_ERROR(written);
      co_return std::move(output.send);
    }
    // Its state is being written: decide again on what comes of that.
    Status waited = co_await changed_.Wait();
    VLOG_CO_RETURN_IF_ERROR(waited);
  }
}

Task<StatusOr<rpc::Message>> AcceptorServer::Watch(rpc::Request request) {
  StatusOr<WatchCall> call = DecodeWatchCall(request.header);
  VLOG_CO_RETURN_IF_ERROR(call);
  Status fine = CheckCluster(call->cluster);
  VLOG_CO_RETURN_IF_ERROR(fine);
  ++running_;
  Instant now = env_.scheduler().Now();
  Instant deadline = now + call->wait;
  Instant accepted_since = now;
  auto accepted = [&] { return !core().open_slot(call->log).accepted.none(); };
  while (!closing_ && core().version(call->log) <= call->known && now < deadline) {
    if (!accepted()) accepted_since = now;
    Instant stalled_at = accepted_since + options_.stalled_after;
    if (accepted() && now >= stalled_at) break;
    Instant until = accepted() ? std::min(deadline, stalled_at) : deadline;
    Status waited = co_await changed_.Wait(until);
    if (!waited.ok() && !absl::IsDeadlineExceeded(waited)) break;
    now = env_.scheduler().Now();
  }
  --running_;
  if (closing_) changed_.NotifyAll();
  WatchResult result;
  result.version = core().version(call->log);
  result.stalled = accepted() && now >= accepted_since + options_.stalled_after;
  if (result.version > call->known) result.chosen = core().chosen(call->log);
  co_return EncodeWatchResult(result);
}

Task<StatusOr<rpc::Message>> AcceptorServer::Info(rpc::Request) {
  if (!core().formatted()) co_return absl::UnavailableError("this node belongs to no cluster yet");
  NodeInfo info;
  info.record = record();
  info.directory_version = core().version(kDirectoryLog);
  info.directory = core().chosen(kDirectoryLog);
  info.lost_votes = !core().votes();
  co_return EncodeNodeInfo(info);
}

}  // namespace vlog::metastore

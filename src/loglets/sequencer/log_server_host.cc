#include "loglets/sequencer/log_server_host.h"

#include <utility>

namespace vlog::loglets::sequencer {
namespace {

rpc::Message Gone() {
  ServerAnswer answer;
  answer.word.code = ServerCode::kGone;
  return Encode(answer);
}

rpc::Message GoneRead() {
  ReadReply reply;
  reply.code = ReadCode::kGone;
  return Encode(reply);
}

}  // namespace

LogServerHost::LogServerHost(HostContext context)
    : context_(context),
      serving_(std::make_shared<ServingContext>(context)),
      tombstones_(context.journal, kTombstones) {
  serving_->forget = [this](const LogletId& id) { ForgetIfEmpty(id); };
}

LogServerHost::~LogServerHost() {
  serving_->forget = nullptr;
  for (rpc::Method method : methods_) context_.dispatcher.Unregister(method);
}

void LogServerHost::Register(rpc::Method method, rpc::Handler handler) {
  methods_.push_back(method);
  context_.dispatcher.Register(method, std::move(handler));
}

void LogServerHost::Start() {
  DropDead();  // what a crash left of what was dropped
  Register(kStoreMethod, [this](rpc::Request in, rpc::Responder respond) {
    Serve(DecodeStore(in.header, in.payload), &ServedLoglet::Store, std::move(respond));
  });
  Register(kSealMethod, [this](rpc::Request in, rpc::Responder respond) {
    Serve(DecodeSeal(in.header), &ServedLoglet::Seal, std::move(respond));
  });
  Register(kRepairMethod, [this](rpc::Request in, rpc::Responder respond) {
    Serve(DecodeRepair(in.header, in.payload), &ServedLoglet::Repair, std::move(respond));
  });
  Register(kTrimMethod, [this](rpc::Request in, rpc::Responder respond) {
    Serve(DecodeTrim(in.header), &ServedLoglet::Trim, std::move(respond));
  });
  Register(kTailMethod, [this](rpc::Request in, rpc::Responder respond) {
    Serve(DecodeTail(in.header), &ServedLoglet::Tail, std::move(respond));
  });
  Register(kReadMethod, [this](rpc::Request in, rpc::Responder respond) {
    ServeRead(DecodeRead(in.header), std::move(respond));
  });
  Register(kWelcomeMethod, [this](rpc::Request in, rpc::Responder respond) {
    ServeWelcome(DecodeWelcome(in.header), std::move(respond));
  });
  Register(kNodeMethod, [this](rpc::Request, rpc::Responder respond) {
    const rpc::Identity& self = context_.peers.identity();
    respond(Encode(NodeAnswer{self.disk, self.incarnation}));
  });
}

Task<void> LogServerHost::Stop() {
  serving_->closing = true;
  std::map<LogletId, std::shared_ptr<ServedLoglet>> loglets = loglets_;
  for (auto& [id, loglet] : loglets) loglet->Release();
  co_await serving_->tasks.Join();
}

Status LogServerHost::Ready() const {
  if (serving_->closing) return absl::UnavailableError("this node is stopping");
  return context_.journal.status();
}

template <typename Request>
void LogServerHost::Serve(StatusOr<Addressed<Request>> request, Verb<Request> verb,
                          rpc::Responder respond) {
  if (!request.ok()) return respond(request.status());
  if (Status ready = Ready(); !ready.ok()) return respond(ready);
  if (dead().Contains(request->loglet)) return respond(Gone());
  std::shared_ptr<ServedLoglet> loglet = Find(request->loglet, false);
  ((*loglet).*verb)(std::move(request->request), std::move(respond));
  ForgetIfEmpty(request->loglet);
}

void LogServerHost::ServeRead(StatusOr<Addressed<ReadRequest>> request, rpc::Responder respond) {
  if (!request.ok()) return respond(request.status());
  if (Status ready = Ready(); !ready.ok()) return respond(ready);
  if (dead().Contains(request->loglet)) return respond(GoneRead());
  Find(request->loglet, false)->Read(request->request, std::move(respond));
  ForgetIfEmpty(request->loglet);
}

void LogServerHost::ServeWelcome(StatusOr<Addressed<DiskId>> request, rpc::Responder respond) {
  if (!request.ok()) return respond(request.status());
  if (Status ready = Ready(); !ready.ok()) return respond(ready);
  if (dead().Contains(request->loglet)) return respond(Gone());
  std::shared_ptr<ServedLoglet> loglet = Find(request->loglet, true);
  bool other_disk = request->request != serving_->disk;
  // After damage only what was seen to be new counts as new, also in the next life.
  if (!other_disk && context_.journal.streams().lost_bound()) loglet->Create();
  ServerAnswer answer;
  answer.word = loglet->core().Word(other_disk ? ServerCode::kWrongDisk : ServerCode::kOk);
  respond(Encode(answer));
  ForgetIfEmpty(request->loglet);
}

std::shared_ptr<ServedLoglet> LogServerHost::Find(const LogletId& id, bool new_for_sure) {
  std::shared_ptr<ServedLoglet>& loglet = loglets_[id];
  if (loglet == nullptr) {
    loglet = std::make_shared<ServedLoglet>(serving_, id);
    loglet->Recover(new_for_sure);
  }
  return loglet;
}

// Whoever asks for loglets that do not exist must not fill the memory.
void LogServerHost::ForgetIfEmpty(const LogletId& id) {
  auto it = loglets_.find(id);
  if (it != loglets_.end() && it->second->forgettable()) loglets_.erase(it);
}

Task<Status> LogServerHost::Drop(std::string log, SegmentIndex from, SegmentIndex to) {
  Status written = co_await tombstones_.Add(std::move(log), from, to);
  VLOG_CO_RETURN_IF_ERROR(written);
  DropDead();
  co_return absl::OkStatus();
}

void LogServerHost::DropDead() {
  std::vector<storage::StreamId> dropped;
  for (const auto& [id, stream] : context_.journal.streams().streams()) {
    bool ours = stream->kind == kLogServerStreamKind;
    if (ours && dead().Contains(ParseLogServerStreamKey(stream->key))) dropped.push_back(id);
  }
  for (auto it = loglets_.begin(); it != loglets_.end();) {
    if (dead().Contains(it->first)) {
      it->second->MarkGone();
      it = loglets_.erase(it);
    } else {
      ++it;
    }
  }
  for (storage::StreamId id : dropped) {
    // Only when it is durable does its space come back.
    context_.journal.DropStream(
        id, [journal = &context_.journal](const Status&) { journal->ReclaimSoon(); });
  }
}

std::vector<HostedLoglet> LogServerHost::Loglets() const {
  std::vector<HostedLoglet> hosted;
  for (const auto& [id, stream] : context_.journal.streams().streams()) {
    if (stream->kind != kLogServerStreamKind) continue;
    LogletId loglet = ParseLogServerStreamKey(stream->key);
    if (dead().Contains(loglet)) continue;
    auto served = loglets_.find(loglet);
    const LogServerState& state = served != loglets_.end()
                                      ? served->second->core().durable()
                                      : static_cast<const LogServerState&>(*stream->state);
    HostedLoglet row{loglet,
                     "log server",
                     state.trim_point(),
                     state.durable_tail(),
                     state.known_tail(),
                     state.sealed(),
                     served != loglets_.end() ? served->second->core().bytes_in_flight() : 0};
    hosted.push_back(std::move(row));
  }
  return hosted;
}

}  // namespace vlog::loglets::sequencer

#include "single_host.h"

#include <map>
#include <utility>
#include <vector>

#include "loglets/tombstones.h"
#include "single_copy.h"
#include "single_core.h"
#include "single_wire.h"

namespace single {
namespace {

using vlog::LogletId;
using vlog::Status;
using vlog::StatusOr;
using vlog::Task;
using vlog::loglets::DeadSegments;
using vlog::loglets::HostedLoglet;

// All single loglets of one node.
class Host final : public vlog::loglets::KindHost {
 public:
  explicit Host(vlog::loglets::HostContext context)
      : context_(context), tombstones_(context.journal, kTombstones) {}
  ~Host() override {
    for (vlog::rpc::Method method : methods_) context_.dispatcher.Unregister(method);
  }

  Task<Status> Start() override {
    DropDead();  // what a crash left of what was dropped
    // Appends are the hot path: no coroutine.
    methods_.push_back(kAppendMethod);
    context_.dispatcher.Register(kAppendMethod,
                                 [this](vlog::rpc::Request request, vlog::rpc::Responder respond) {
                                   Append(std::move(request), std::move(respond));
                                 });
    Register(kTailMethod, &Copy::AwaitTail);
    Register(kReadMethod, &Copy::Read);
    Register(kTrimMethod, &Copy::Trim);
    Register(kSealMethod, &Copy::Seal);
    methods_.push_back(kHelloMethod);
    context_.dispatcher.Register(kHelloMethod,
                                 [](const vlog::rpc::Request&, vlog::rpc::Responder respond) {
                                   respond(vlog::rpc::Message());
                                 });
    methods_.push_back(kPrepareMethod);
    context_.dispatcher.RegisterTask(
        kPrepareMethod, [this](vlog::rpc::Request request) { return Prepare(std::move(request)); });
    co_return absl::OkStatus();
  }

  Task<void> Stop() override {
    // Nothing waits on; what is on its way to the journal is still answered.
    stopping_ = true;
    for (auto& [id, copy] : copies_) copy->EndWaits();
    co_return;
  }

  // The loglets of segments that the chain has passed over, for good: the tombstone is durable
  // before anything is deleted, and nothing ever makes such a loglet again.
  Task<Status> Drop(std::string log, vlog::SegmentIndex from, vlog::SegmentIndex to) override {
    Status written = co_await tombstones_.Add(std::move(log), from, to);
    VLOG_CO_RETURN_IF_ERROR(written);
    DropDead();
    co_return absl::OkStatus();
  }

  std::vector<HostedLoglet> Loglets() const override {
    std::vector<HostedLoglet> all;
    for (const auto& [number, stream] : context_.journal.streams().streams()) {
      if (stream->kind != kStreamKind) continue;
      const State& state = static_cast<const State&>(*stream->state);
      vlog::Offset tail(state.end());
      all.push_back({ParseStreamKey(stream->key), "home", vlog::Offset(state.trim()), tail, tail,
                     state.sealed()});
    }
    return all;
  }

 private:
  using Verb = Task<StatusOr<Answer>> (Copy::*)(Question);

  void Register(vlog::rpc::Method method, Verb verb) {
    methods_.push_back(method);
    context_.dispatcher.RegisterTask(method, [this, verb](vlog::rpc::Request request) {
      return Serve(std::move(request), verb);
    });
  }

  Status Ready(const LogletId& id) const {
    if (stopping_) return absl::UnavailableError("this node is stopping");
    if (!context_.journal.status().ok()) return context_.journal.status();
    if (dead().Contains(id)) return absl::FailedPreconditionError("this loglet is gone");
    return absl::OkStatus();
  }

  void Append(vlog::rpc::Request request, vlog::rpc::Responder respond) {
    StatusOr<Question> question = DecodeQuestion(request.header);
    if (!question.ok()) return respond(question.status());
    StatusOr<vlog::BatchHeader> header = vlog::DecodeBatchHeader(question->text);
    if (!header.ok()) return respond(header.status());
    if (!request.payload_crc) return respond(absl::InvalidArgumentError("a batch has a checksum"));
    if (Status ready = Ready(question->loglet); !ready.ok()) return respond(ready);
    vlog::Batch batch;
    batch.header = *header;
    batch.body = std::move(request.payload);
    batch.body_crc = *request.payload_crc;
    std::shared_ptr<Copy> copy = Find(question->loglet);
    copy->SealIfLost();
    copy->Append(std::move(batch), std::move(respond));
    Forget(question->loglet);
  }

  // Parameters are values: a coroutine's references would dangle after its first suspension.
  Task<StatusOr<vlog::rpc::Message>> Serve(vlog::rpc::Request request, Verb verb) {
    StatusOr<Question> question = DecodeQuestion(request.header);
    VLOG_CO_RETURN_IF_ERROR(question);
    LogletId id = question->loglet;
    Status ready = Ready(id);
    VLOG_CO_RETURN_IF_ERROR(ready);
    std::shared_ptr<Copy> copy = Find(id);  // keeps it, whatever happens during the wait
    copy->SealIfLost();
    StatusOr<Answer> answer = co_await ((*copy).*verb)(*std::move(question));
    Forget(id);
    VLOG_CO_RETURN_IF_ERROR(answer);
    co_return Encode(*answer);
  }

  // Asked for a loglet that is new for sure. Nothing need be made for it, unless the journal lost
  // entries: then only what is there counts as new.
  Task<StatusOr<vlog::rpc::Message>> Prepare(vlog::rpc::Request request) {
    StatusOr<Question> question = DecodeQuestion(request.header);
    VLOG_CO_RETURN_IF_ERROR(question);
    Status ready = Ready(question->loglet);
    VLOG_CO_RETURN_IF_ERROR(ready);
    if (context_.journal.streams().lost_bound()) Find(question->loglet)->Create();
    co_return Encode(Answer());
  }

  std::shared_ptr<Copy> Find(const LogletId& id) {
    std::shared_ptr<Copy>& copy = copies_[id];
    if (copy == nullptr) copy = std::make_shared<Copy>(context_, id);
    return copy;
  }

  // Whoever asks for loglets that do not exist must not fill the memory. Two references: the map's
  // and the caller's, so that nobody else is being served.
  void Forget(const LogletId& id) {
    auto it = copies_.find(id);
    if (it != copies_.end() && it->second->IsNothing() && it->second.use_count() <= 2) {
      copies_.erase(it);
    }
  }

  void DropDead() {
    std::vector<vlog::storage::StreamId> dropped;
    for (const auto& [number, stream] : context_.journal.streams().streams()) {
      bool ours = stream->kind == kStreamKind;
      if (ours && dead().Contains(ParseStreamKey(stream->key))) dropped.push_back(number);
    }
    for (auto it = copies_.begin(); it != copies_.end();) {
      bool is_dead = dead().Contains(it->first);
      if (is_dead) it->second->MarkGone();
      it = is_dead ? copies_.erase(it) : std::next(it);
    }
    for (vlog::storage::StreamId number : dropped) {
      context_.journal.DropStream(
          number, [journal = &context_.journal](const Status&) { journal->ReclaimSoon(); });
    }
  }

  const DeadSegments& dead() const { return tombstones_.dead(); }

  const vlog::loglets::HostContext context_;
  vlog::loglets::Tombstones tombstones_;
  std::vector<vlog::rpc::Method> methods_;
  std::map<LogletId, std::shared_ptr<Copy>> copies_;
  bool stopping_ = false;
};

class Hostable final : public vlog::loglets::HostableKind {
 public:
  std::string name() const override { return kKindName; }
  std::unique_ptr<vlog::storage::StreamState> NewStreamState(
      const std::string& kind) const override {
    if (kind == kStreamKind) return std::make_unique<State>();
    if (kind == kTombstones) return std::make_unique<vlog::loglets::TombstoneState>();
    return nullptr;  // another kind's
  }
  std::unique_ptr<vlog::loglets::KindHost> Host(vlog::loglets::HostContext context) override {
    return std::make_unique<single::Host>(context);
  }
};

}  // namespace

std::unique_ptr<vlog::loglets::HostableKind> NewHostableKind() {
  return std::make_unique<Hostable>();
}

}  // namespace single

#include "cluster/etcd_client.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <optional>
#include <thread>

#include <etcd_kv.pb.h>  // generated

namespace vlog::bench {
namespace {

constexpr size_t kConnections = 4;
constexpr size_t kKeys = 10'000;
constexpr char kPut[] = "/etcdserverpb.KV/Put";
constexpr char kStatus[] = "/etcdserverpb.Maintenance/Status";
constexpr std::chrono::milliseconds kWarmUp(100);
constexpr std::chrono::milliseconds kStatusTimeout(500);
constexpr double kPatienceMillis = 20'000;

using PutStub = grpc::TemplatedGenericStub<etcdserverpb::PutRequest, etcdserverpb::PutResponse>;
using StatusStub =
    grpc::TemplatedGenericStub<etcdserverpb::StatusRequest, etcdserverpb::StatusResponse>;

Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("etcd: ", status.error_message()));
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

StatusOr<bool> Leads(const std::string& endpoint) {
  StatusStub stub(NewChannel(endpoint));
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kStatusTimeout);
  etcdserverpb::StatusRequest request;
  etcdserverpb::StatusResponse response;
  grpc::Status status;
  auto call = stub.PrepareUnaryCall(&context, kStatus, request, &queue);
  call->StartCall();
  call->Finish(&response, &status, &context);
  void* tag = nullptr;
  bool fine = false;
  queue.Next(&tag, &fine);
  VLOG_RETURN_IF_ERROR(ToStatus(status));
  return response.leader() != 0 && response.leader() == response.header().member_id();
}

// One Put under way after the other.
struct Slot {
  PutStub* stub = nullptr;
  etcdserverpb::PutRequest request;
  etcdserverpb::PutResponse response;
  grpc::Status status;
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::PutResponse>> call;
  SteadyTime started;

  void Start(uint64_t number, grpc::CompletionQueue* queue) {
    request.set_key(absl::StrFormat("key%05d", number % kKeys));
    context.emplace();
    response.Clear();
    started = SteadyNow();
    call = stub->PrepareUnaryCall(&*context, kPut, request, queue);
    call->StartCall();
    call->Finish(&response, &status, this);
  }
};

class GrpcEtcdClient final : public EtcdClient {
 public:
  explicit GrpcEtcdClient(const std::string& leader) {
    for (size_t i = 0; i < kConnections; ++i) {
      stubs_.push_back(std::make_unique<PutStub>(NewChannel(leader)));
    }
  }

  StatusOr<AckFigures> RunFor(size_t value_bytes, size_t outstanding, Duration duration) override {
    grpc::CompletionQueue queue;
    std::vector<Slot> slots(outstanding);
    for (size_t i = 0; i < outstanding; ++i) {
      slots[i].stub = stubs_[i % stubs_.size()].get();
      slots[i].request.set_value(std::string(value_bytes, 'r'));
      slots[i].Start(next_++, &queue);
    }
    AckTally tally;
    SteadyTime mark = SteadyNow() + kWarmUp;
    SteadyTime end = mark + std::chrono::duration_cast<SteadyTime::duration>(duration);
    bool marked = false;
    std::optional<AckFigures> figures;
    for (size_t under_way = outstanding; under_way > 0;) {
      void* tag = nullptr;
      bool fine = false;
      queue.Next(&tag, &fine);
      auto* slot = static_cast<Slot*>(tag);
      SteadyTime now = SteadyNow();
      if (!marked && now >= mark) {
        marked = true;
        tally.Mark();
      }
      if (!figures && now >= end) figures = tally.Read();
      if (slot->status.ok()) {
        tally.Acknowledged(slot->started, now);
      } else {
        tally.Failed(ToStatus(slot->status));
      }
      if (figures || !slot->status.ok()) {
        --under_way;
      } else {
        slot->Start(next_++, &queue);
      }
    }
    if (!figures) figures = tally.Read();
    VLOG_RETURN_IF_ERROR(figures->first_failure);
    if (figures->acknowledged == 0) return absl::UnavailableError("etcd acknowledged nothing");
    return *std::move(figures);
  }

 private:
  std::vector<std::unique_ptr<PutStub>> stubs_;
  uint64_t next_ = 0;
};

}  // namespace

StatusOr<std::unique_ptr<EtcdClient>> EtcdClient::Connect(
    const std::vector<std::string>& endpoints) {
  SteadyTime begin = SteadyNow();
  Status last = absl::UnavailableError("no endpoint was given");
  while (MillisBetween(begin, SteadyNow()) < kPatienceMillis) {
    for (const std::string& endpoint : endpoints) {
      StatusOr<bool> leads = Leads(endpoint);
      if (!leads.ok()) last = leads.status();
      if (leads.ok() && *leads) {
        return std::unique_ptr<EtcdClient>(std::make_unique<GrpcEtcdClient>(endpoint));
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return absl::UnavailableError("etcd has no leader; last: " + Message(last));
}

}  // namespace vlog::bench

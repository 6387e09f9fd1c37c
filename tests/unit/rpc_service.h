// A small service and its server, for tests of rpc.
#ifndef TESTS_UNIT_RPC_SERVICE_H_
#define TESTS_UNIT_RPC_SERVICE_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "rpc/methods.h"
#include "rpc/peers.h"
#include "rpc/server.h"

namespace vlog::testing {

inline constexpr rpc::Method kEcho = rpc::kTestBase + 1;   // the request comes back
inline constexpr rpc::Method kFail = rpc::kTestBase + 2;   // an error with a detail
inline constexpr rpc::Method kHold = rpc::kTestBase + 3;   // answered when the test says so
inline constexpr rpc::Method kSleep = rpc::kTestBase + 4;  // a task: sleeps header milliseconds
inline constexpr rpc::Method kDrop = rpc::kTestBase + 5;   // never answered
inline constexpr rpc::Method kNobody = rpc::kTestBase + 99;

struct TestService {
  explicit TestService(env::Env& env) : env(env), dispatcher(env) {
    dispatcher.Register(kEcho, [this](rpc::Request request, rpc::Responder responder) {
      started.push_back(request.header);
      payload_crc = request.payload_crc;
      rpc::Payload payload(request.payload);
      payload.crc = request.payload_crc;
      responder(rpc::Message(request.header, payload));
    });
    dispatcher.Register(kFail, [](rpc::Request request, rpc::Responder responder) {
      responder(rpc::WithDetail(absl::OutOfRangeError("trimmed: " + request.header), "at 7"));
    });
    dispatcher.Register(kHold, [this](rpc::Request request, rpc::Responder responder) {
      started.push_back(request.header);
      held.push_back(std::move(responder));
    });
    dispatcher.Register(kDrop, [](rpc::Request, rpc::Responder) {});
    dispatcher.RegisterTask(
        kSleep, [this](rpc::Request request) { return Sleep(*this, std::move(request)); });
  }

  static Task<StatusOr<rpc::Message>> Sleep(TestService& self, rpc::Request request) {
    self.started.push_back(request.header);
    Status slept =
        co_await self.env.scheduler().Sleep(std::chrono::milliseconds(std::stoi(request.header)));
    VLOG_CO_RETURN_IF_ERROR(slept);
    co_return rpc::Message(request.header);
  }

  env::Env& env;
  rpc::Dispatcher dispatcher;
  std::vector<std::string> started;  // headers, in the order in which handlers started
  std::deque<rpc::Responder> held;
  std::optional<uint32_t> payload_crc;
};

inline rpc::Identity NodeIdentity(env::Env& env, uint64_t node, uint64_t incarnation = 1) {
  rpc::Identity identity;
  identity.cluster = ClusterId(77);
  identity.node = NodeId(node);
  identity.incarnation = Incarnation(incarnation);
  identity.disk = DiskId(1000 + node);
  identity.instance = env.RandomId();
  identity.process = env.ProcessName();
  return identity;
}

inline rpc::Identity ClientIdentity(env::Env& env) {
  rpc::Identity identity;
  identity.cluster = ClusterId(77);
  identity.instance = env.RandomId();
  identity.process = env.ProcessName();
  return identity;
}

inline rpc::Call MakeCall(env::Env& env, rpc::Method method, std::string header,
                          std::string payload = "", Duration timeout = std::chrono::seconds(20)) {
  rpc::Payload raw;
  if (!payload.empty()) raw = rpc::Payload(Bytes(std::move(payload)));
  return rpc::Call(method, std::move(header), std::move(raw), env.scheduler().Now() + timeout);
}

// Results of callback calls, in the order in which they came.
struct Results {
  std::vector<std::pair<int, StatusOr<rpc::Reply>>> all;
  rpc::CallDone Done(int number) {
    return
        [this, number](StatusOr<rpc::Reply> reply) { all.emplace_back(number, std::move(reply)); };
  }
};

}  // namespace vlog::testing

#endif  // TESTS_UNIT_RPC_SERVICE_H_

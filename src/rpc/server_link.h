// One connection of a server: reads requests while there is room for them, sends the answers.
#ifndef VLOG_RPC_SERVER_LINK_H_
#define VLOG_RPC_SERVER_LINK_H_

#include <map>
#include <memory>

#include "async/event.h"
#include "async/task.h"
#include "env/env.h"
#include "rpc/dispatcher.h"
#include "rpc/server.h"
#include "rpc/session.h"

namespace vlog::rpc {

class ServerLink;

// What all connections of one server share.
struct ServerBudget {
  ServerBudget(async::Scheduler& scheduler, size_t max_bytes)
      : max_bytes(max_bytes), changed(scheduler) {}
  const size_t max_bytes;
  size_t bytes = 0;     // of requests without an answer and of answers that wait to be sent
  size_t requests = 0;  // without an answer
  ServerStats stats;
  std::map<uint64_t, ServerLink*> links;  // by their number, which only grows
  uint64_t next_link = 1;
  async::Event changed;  // `bytes` or `requests` fell

  // Brings `bytes` up to date with what the system has taken meanwhile.
  void Recount();
};

// Thread rule: the scheduler's executor. Responders hold it weakly.
class ServerLink : public std::enable_shared_from_this<ServerLink> {
 public:
  ServerLink(env::Env& env, std::shared_ptr<Session> session, Dispatcher& dispatcher,
             std::shared_ptr<ServerBudget> budget, ServerLimits limits);
  ~ServerLink();

  // Shakes hands and takes requests until the connection ends or StopReading() is called.
  Task<void> Serve();
  // Waits until every request that was taken is answered, then closes; or the connection has ended.
  Task<void> Drain();
  void StopReading();
  void End(const Status& why);
  void CountUnsent();

 private:
  Task<Status> TakeOne();
  Task<Status> AwaitRoom(size_t bytes);
  bool HasRoom(size_t bytes);
  void Charge(size_t bytes);
  void Answer(uint64_t request_id, size_t bytes, StatusOr<Message> reply);
  Status CheckReply(const Message& reply) const;

  env::Env& env_;
  const std::shared_ptr<Session> session_;
  const std::shared_ptr<ServerBudget> budget_;
  const ServerLimits limits_;
  const uint64_t number_;
  std::shared_ptr<Intake> intake_;
  size_t requests_ = 0;       // taken, not answered
  size_t request_bytes_ = 0;  // the same, in bytes
  size_t unsent_ = 0;         // as last counted in the budget
  bool stop_reading_ = false;
};

}  // namespace vlog::rpc

#endif  // VLOG_RPC_SERVER_LINK_H_

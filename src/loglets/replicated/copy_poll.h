// What the members of a loglet say about one record.
#ifndef VLOG_LOGLETS_REPLICATED_COPY_POLL_H_
#define VLOG_LOGLETS_REPLICATED_COPY_POLL_H_

#include <memory>
#include <vector>

#include "async/event.h"
#include "loglets/factory.h"
#include "loglets/replicated/replica_client.h"

namespace vlog::loglets::replicated {

// Each member is asked once and answers once, or says nothing until its time is over. Thread rule:
// the client's.
class CopyPoll {
 public:
  // By member. A member that has not applied the record says "no", also if it stores it already:
  // only what is applied is certain to be what was decided.
  static Task<std::vector<CopyWord>> Ask(std::shared_ptr<ReplicaClient> client, Offset offset);

 private:
  explicit CopyPoll(const ReplicaClient& client);
  void Take(size_t member, Offset offset, const StatusOr<ReplicaReply>& reply);

  const Params params_;
  async::Event heard_;
  std::vector<CopyWord> words_;  // silent until they answer
  size_t waiting_;
};

}  // namespace vlog::loglets::replicated

#endif  // VLOG_LOGLETS_REPLICATED_COPY_POLL_H_

// A client of etcd over gRPC that keeps a fixed number of Puts under way.
#ifndef VLOG_BENCH_CLUSTER_ETCD_CLIENT_H_
#define VLOG_BENCH_CLUSTER_ETCD_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "cluster/ack_tally.h"

namespace vlog::bench {

// Thread rule: one call at a time, on any thread. Calls block.
class EtcdClient {
 public:
  // Finds the leader among `endpoints` ("127.0.0.1:2379") and talks to it only, over a few
  // connections: a follower would forward each Put. kUnavailable: no leader within 20 s.
  // kNotFound: this program was built without gRPC.
  static StatusOr<std::unique_ptr<EtcdClient>> Connect(const std::vector<std::string>& endpoints);
  virtual ~EtcdClient() = default;

  // As AckLoad::RunFor(): the figures leave the start and the end out. The keys are few and of
  // eight bytes; each Put is a revision of its own in any case. Errors: the first Put that failed.
  virtual StatusOr<AckFigures> RunFor(size_t value_bytes, size_t outstanding,
                                      Duration duration) = 0;
};

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_ETCD_CLIENT_H_

#include "cluster/etcd_client.h"

namespace vlog::bench {

StatusOr<std::unique_ptr<EtcdClient>> EtcdClient::Connect(const std::vector<std::string>&) {
  return absl::NotFoundError("built without gRPC; run tools/setup bench and configure again");
}

}  // namespace vlog::bench

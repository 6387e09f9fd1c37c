#include "rpc/handshake.h"

#include "rpc/frame.h"
#include "rpc/message.h"
#include "rpc/rpc.pb.h"

namespace vlog::rpc {

std::string EncodeHello(const Identity& self, NodeId expected_node) {
  pb::Hello hello;
  hello.set_protocol(kProtocolVersion);
  hello.set_cluster(self.cluster.value());
  hello.set_node(self.node.value());
  hello.set_incarnation(self.incarnation.value());
  hello.set_disk(self.disk.value());
  hello.set_instance(self.instance);
  hello.set_process(self.process.substr(0, 256));
  hello.set_expected_node(expected_node.value());
  return hello.SerializeAsString();
}

StatusOr<Hello> DecodeHello(std::string_view header) {
  pb::Hello parsed;
  if (!parsed.ParseFromArray(header.data(), static_cast<int>(header.size())) ||
      parsed.protocol() == 0) {
    return absl::DataLossError("the first frame is no hello");
  }
  Hello hello;
  hello.protocol = parsed.protocol();
  hello.identity.cluster = ClusterId(parsed.cluster());
  hello.identity.node = NodeId(parsed.node());
  hello.identity.incarnation = Incarnation(parsed.incarnation());
  hello.identity.disk = DiskId(parsed.disk());
  hello.identity.instance = parsed.instance();
  hello.identity.process = parsed.process();
  hello.expected_node = NodeId(parsed.expected_node());
  return hello;
}

Status CheckHello(const Hello& hello, const Identity& self, NodeId expected) {
  const Identity& peer = hello.identity;
  if (hello.protocol != kProtocolVersion) {
    return WithRefusal(
        absl::AbortedError(absl::StrCat("protocol version ", hello.protocol, " of ", peer.process,
                                        " meets version ", kProtocolVersion, " of ", self.process,
                                        "; upgrade the older of the two")),
        Refusal::kOtherVersion);
  }
  bool both_know = peer.cluster != ClusterId() && self.cluster != ClusterId();
  if (both_know && peer.cluster != self.cluster) {
    return WithRefusal(
        absl::AbortedError(absl::StrFormat(
            "%s belongs to cluster %016x, %s to cluster %016x; check the address, or wipe the "
            "node's directory if it shall change clusters",
            peer.process, peer.cluster.value(), self.process, self.cluster.value())),
        Refusal::kOtherCluster);
  }
  if (expected != NodeId() && peer.node != expected) {
    return WithRefusal(absl::NotFoundError(absl::StrCat(
                           "node ", expected.value(), " was expected, node ", peer.node.value(),
                           " (", peer.process, ") answered; check the addresses of the members")),
                       Refusal::kOtherNode);
  }
  if (hello.expected_node != NodeId() && hello.expected_node != self.node) {
    return WithRefusal(absl::NotFoundError(absl::StrCat("this is node ", self.node.value(),
                                                        ", not node ", hello.expected_node.value(),
                                                        "; check the addresses of the members")),
                       Refusal::kOtherNode);
  }
  return absl::OkStatus();
}

}  // namespace vlog::rpc

#include "server/health_wire.h"

#include "server/health.pb.h"

namespace vlog::server {
namespace {

using Lives = std::vector<loglets::NodeLife>;
using PbLives = google::protobuf::RepeatedPtrField<pb::Life>;

void Put(const Lives& lives, PbLives* out) {
  for (const loglets::NodeLife& life : lives) {
    pb::Life* added = out->Add();
    added->set_node(life.node.value());
    added->set_incarnation(life.incarnation.value());
    added->set_disk(life.disk.value());
  }
}

StatusOr<Lives> Get(const PbLives& in) {
  if (static_cast<size_t>(in.size()) > kMostLivesAsked) {
    return absl::InvalidArgumentError("a question about too many lives");
  }
  Lives lives;
  for (const pb::Life& life : in) {
    lives.push_back({NodeId(life.node()), Incarnation(life.incarnation()), DiskId(life.disk())});
  }
  return lives;
}

Status Malformed() { return absl::InvalidArgumentError("malformed: a question about lives"); }

}  // namespace

rpc::Message EncodeTestimonyCall(const Lives& lives) {
  pb::TestimonyRequest request;
  Put(lives, request.mutable_lives());
  rpc::Message message;
  message.header = request.SerializeAsString();
  return message;
}

rpc::Message EncodeTestimonyReply(const Lives& silent) {
  pb::TestimonyReply reply;
  Put(silent, reply.mutable_silent());
  rpc::Message message;
  message.header = reply.SerializeAsString();
  return message;
}

StatusOr<Lives> DecodeTestimonyCall(const std::string& header) {
  pb::TestimonyRequest request;
  if (!request.ParseFromString(header)) return Malformed();
  return Get(request.lives());
}

StatusOr<Lives> DecodeTestimonyReply(const std::string& header) {
  pb::TestimonyReply reply;
  if (!reply.ParseFromString(header)) return Malformed();
  return Get(reply.silent());
}

}  // namespace vlog::server

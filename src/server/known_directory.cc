#include "server/known_directory.h"

#include <algorithm>

#include "metastore/paxos/register_value.h"

namespace vlog::server {
namespace {

bool Contains(const std::vector<Replica>& list, const Replica& replica) {
  return std::find(list.begin(), list.end(), replica) != list.end();
}

}  // namespace

bool KnownDirectory::Votes(const Replica& replica) const { return Contains(voters, replica); }

bool KnownDirectory::IsRetired(const Replica& replica) const {
  return Contains(directory.retired, replica);
}

KnownDirectory DirectoryKnownTo(const metastore::AcceptorCore& acceptor) {
  KnownDirectory known;
  const std::vector<Replica>& first = acceptor.record().acceptors;
  known.voters = first;
  known.directory.default_acceptors = first;
  Bytes chosen = acceptor.chosen(metastore::kDirectoryLog);
  StatusOr<metastore::RegisterValue> value = metastore::DecodeRegisterValue(chosen.view());
  if (!value.ok()) return known;
  StatusOr<metastore::Directory> directory = metastore::DecodeDirectory(value->user, first);
  if (!directory.ok()) return known;
  known.version = acceptor.version(metastore::kDirectoryLog);
  known.voters = value->acceptors;
  known.directory = *std::move(directory);
  return known;
}

}  // namespace vlog::server

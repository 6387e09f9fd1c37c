#include "server/node_life.h"

#include "base/check.h"

namespace vlog::server {

std::string Describe(const NodeLife& life) {
  return absl::StrFormat("node %d (disk %016x, boot %d)", life.replica.node.value(),
                         life.replica.disk.value(), life.incarnation.value());
}

StatusOr<LifeChange> CompareLives(const NodeLife& known, const NodeLife& seen) {
  VLOG_CHECK(known.replica.node == seen.replica.node, "only lives of one node are compared");
  if (known.replica.disk != seen.replica.disk) {
    return absl::AbortedError(absl::StrFormat(
        "%s is known as %s: its disk was replaced, wiped or swapped. If that was meant, run 'vlog "
        "replace-disk %d'; else stop it and give it its own disk back",
        Describe(seen), Describe(known), known.replica.node.value()));
  }
  if (known.process == seen.process) {
    if (known.incarnation == seen.incarnation) return LifeChange::kSame;
    return absl::AbortedError(absl::StrFormat("%s was %s in the same process: malformed",
                                              Describe(seen), Describe(known)));
  }
  if (seen.incarnation > known.incarnation) return LifeChange::kNewer;
  return absl::AbortedError(absl::StrFormat(
      "%s is not newer than the life that is known, boot %d, and is another process: it runs on an "
      "old copy of the disk (a snapshot or a copied folder), or two processes run as one node. "
      "Stop it. If the disk was really put back to an older state, empty it, run 'vlogd --init' "
      "and then 'vlog replace-disk %d'",
      Describe(seen), known.incarnation.value(), known.replica.node.value()));
}

}  // namespace vlog::server

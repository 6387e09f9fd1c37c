#include "base/ids.h"

#include "absl/strings/str_format.h"

namespace vlog {

std::string ToString(const LogletId& id) {
  return absl::StrFormat("%s/%d@%016x", id.log, id.segment.value(), id.proposal.value());
}

}  // namespace vlog

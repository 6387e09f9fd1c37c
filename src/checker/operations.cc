#include "checker/operations.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vlog::checker {

const char* OpName(Op op) {
  switch (op) {
    case Op::kAppend:
      return "append";
    case Op::kTail:
      return "tail";
    case Op::kRead:
      return "read";
    case Op::kTrim:
      return "trim";
    case Op::kChain:
      return "chain";
    case Op::kReconfigure:
      return "reconfigure";
    case Op::kSeal:
      return "seal";
    case Op::kNote:
      return "note";
  }
  return "?";
}

std::string Operations::Describe(OpIndex op) const {
  const Operation& o = all_[op];
  if (o.returned == Operation::kOpen) {
    return absl::StrCat(OpName(o.op), " id ", o.id, " (line ", o.invoked, ", never completed)");
  }
  return absl::StrCat(OpName(o.op), " id ", o.id, " (lines ", o.invoked, " and ", o.returned, ")");
}

std::vector<uint64_t> Operations::Lines(std::initializer_list<OpIndex> ops) const {
  std::vector<uint64_t> lines;
  for (OpIndex op : ops) {
    if (op == kNoOp) continue;
    lines.push_back(all_[op].invoked);
    if (all_[op].returned != Operation::kOpen) lines.push_back(all_[op].returned);
  }
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

}  // namespace vlog::checker

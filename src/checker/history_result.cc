#include <boost/json.hpp>
#include <string>

#include "checker/event.h"
#include "checker/history_json.h"

namespace vlog::checker {

namespace json = boost::json;

bool JsonReader::Items(const Json& res, Event& event) {
  const json::array* items = res.if_array();
  if (items == nullptr) return Fail("the result of a read is an array");
  event.items.resize(items->size());
  for (size_t i = 0; i < items->size(); ++i) {
    if (!Item((*items)[i], event.items[i])) return false;
  }
  return true;
}

bool JsonReader::Item(const Json& item, ReadItem& out) {
  if (const json::object* object = item.if_object()) return Gap(*object, out);
  const json::array* pair = item.if_array();
  if (pair == nullptr || pair->size() != 2) return Fail("not [position, value]");
  out.kind = ReadItem::Kind::kRecord;
  if (!Number(&(*pair)[0], out.from)) return false;
  out.to = out.from + 1;
  return Record((*pair)[1], out.value);
}

bool JsonReader::Gap(const json::object& item, ReadItem& out) {
  if (const Json* unwritten = Find(item, "unwritten")) {
    out.kind = ReadItem::Kind::kUnwritten;
    if (!Number(unwritten, out.from)) return false;
    out.to = out.from;
    return true;
  }
  const Json* gap = Find(item, "gap");
  std::string reason;
  if (gap == nullptr) return Fail("neither a gap nor unwritten");
  if (!Text(Find(item, "reason"), reason)) return Fail("a gap needs a reason");
  if (reason != "trimmed" && reason != "data_loss") {
    return Fail("the reason of a gap is \"trimmed\" or \"data_loss\"");
  }
  out.kind = reason == "trimmed" ? ReadItem::Kind::kTrimmed : ReadItem::Kind::kDataLoss;
  return Pair(gap, out.from, out.to);
}

bool JsonReader::Chain(const Json& res, Event& event) {
  const json::object* chain = res.if_object();
  if (chain == nullptr) return Fail("a chain is an object");
  const Json* segments = Find(*chain, "segments");
  if (segments == nullptr || !segments->is_array() || segments->get_array().empty()) {
    return Fail("a chain needs \"segments\"");
  }
  if (!Number(Need(*chain, "version"), event.chain.version)) return false;
  if (const Json* trim_point = Find(*chain, "trim_point")) {
    if (!Number(trim_point, event.chain.trim_point.emplace())) return false;
  }
  if (!Bool(Find(*chain, "ended"), event.chain.ended)) return false;
  for (const Json& segment : segments->get_array()) {
    if (!Segment(segment, event.chain.segments.emplace_back())) return false;
  }
  return true;
}

bool JsonReader::Segment(const Json& value, ChainSegment& out) {
  const json::object* segment = value.if_object();
  if (segment == nullptr) return Fail("a segment is an object");
  const Json* end = Find(*segment, "end");
  if (end != nullptr && !end->is_null() && !Number(end, out.end.emplace())) return false;
  return Text(Need(*segment, "kind"), out.kind) && Number(Need(*segment, "index"), out.index) &&
         Number(Need(*segment, "base"), out.base);
}

// Informational: only a version together with a proposal says who won it.
bool JsonReader::Won(const Json& res, Event& event) {
  const json::object* object = res.if_object();
  if (object == nullptr) return true;
  const Json* version = Find(*object, "version");
  const Json* proposal = Find(*object, "proposal");
  if (version == nullptr || proposal == nullptr) return true;
  return Number(version, event.chain.version) && Text(proposal, event.proposal);
}

}  // namespace vlog::checker

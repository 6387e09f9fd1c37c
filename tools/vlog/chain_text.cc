#include "chain_text.h"

#include <ctime>

#include "base/json_text.h"
#include "client/cluster_view.h"
#include "json_text.h"
#include "table.h"

namespace vlog::cli {
namespace {

using virtuallog::Segment;

Row SegmentRow(const virtuallog::Chain& chain, const Segment& segment) {
  std::optional<Lsn> end = chain.EndOf(segment.index);
  std::string until = end ? std::to_string(end->value()) : segment.is_marker() ? "-" : "open";
  return {std::to_string(segment.index.value()),
          std::to_string(segment.base.value()),
          until,
          segment.made.kind,
          IsoTime(segment.made_at),
          Printable(segment.made.who),
          Printable(segment.made.reason)};
}

std::string SegmentJson(const virtuallog::Chain& chain, const Segment& segment) {
  std::optional<Lsn> end = chain.EndOf(segment.index);
  return absl::StrCat("{\"index\":", segment.index.value(), ",\"base\":", segment.base.value(),
                      ",\"end\":", end ? std::to_string(end->value()) : "null",
                      ",\"kind\":", JsonString(segment.made.kind),
                      ",\"made_at\":", JsonString(IsoTime(segment.made_at)),
                      ",\"who\":", JsonString(segment.made.who),
                      ",\"reason\":", JsonString(segment.made.reason), ",\"least_copies\":",
                      segment.least_copies == 0 ? "null" : std::to_string(segment.least_copies),
                      ",\"rehomed\":", RehomedJson(segment), "}");
}

std::string FlagText(const Segment& segment) {
  if (segment.least_copies == 0) return "";
  return absl::StrCat("segment ", segment.index.value(), ": records may be on ",
                      segment.least_copies, segment.least_copies == 1 ? " node" : " nodes",
                      " only, for too few lived when it was sealed\n");
}

std::string MovedText(const Segment& segment) {
  std::string moved = RehomedText(segment);
  return moved.empty() ? "" : absl::StrCat("segment ", segment.index.value(), ": ", moved, "\n");
}

}  // namespace

std::string IsoTime(WallTime time) {
  std::time_t seconds = time.unix_millis / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return absl::StrFormat("%s.%03dZ", text, time.unix_millis % 1000);
}

std::string RehomedJson(const Segment& segment) {
  if (!segment.rehomed) return "null";
  JsonObject json;
  json.Text("at", IsoTime(segment.rehomed->at)).Text("who", segment.rehomed->who);
  json.Text("reason", segment.rehomed->reason);
  return json.Finish();
}

std::string RehomedText(const Segment& segment) {
  if (!segment.rehomed) return "";
  return absl::StrCat("moved ", IsoTime(segment.rehomed->at), " by ",
                      Printable(segment.rehomed->who), ": ", Printable(segment.rehomed->reason));
}

std::string PolicyText(const loglets::Policy& policy) {
  std::string text = policy.kind;
  if (policy.copies > 0) absl::StrAppend(&text, ", ", policy.copies, " copies");
  if (policy.write_quorum > 0) {
    absl::StrAppend(&text, ", ", policy.write_quorum, " before an acknowledgement");
  }
  if (policy.least_copies > 0) absl::StrAppend(&text, ", never fewer than ", policy.least_copies);
  if (!policy.candidates.empty()) {
    absl::StrAppend(&text, ", preferably on nodes ", client::Listed(policy.candidates));
  }
  if (!policy.options.empty()) absl::StrAppend(&text, ", roles ", Printable(policy.options));
  return text;
}

std::string PolicyJson(const loglets::Policy& policy) {
  JsonArray candidates;
  for (NodeId node : policy.candidates) candidates.Raw(std::to_string(node.value()));
  JsonObject json;
  json.Text("kind", policy.kind).Number("copies", policy.copies);
  json.Number("write_quorum", policy.write_quorum).Number("least_copies", policy.least_copies);
  json.Raw("candidates", candidates.Finish()).Text("roles", policy.options);
  return json.Finish();
}

Task<StatusOr<ChainState>> ReadChainState(virtuallog::SharedLog& log) {
  ChainState state;
  state.log = log.name();
  StatusOr<Lsn> trim_point = co_await log.TrimPoint();
  VLOG_CO_RETURN_IF_ERROR(trim_point);
  state.trim_point = *trim_point;
  StatusOr<std::shared_ptr<const virtuallog::Chain>> chain = co_await log.ReadChain();
  VLOG_CO_RETURN_IF_ERROR(chain);
  state.chain = *chain;
  state.version = log.chain_version();
  co_return std::move(state);
}

std::string ChainTable(const ChainState& state, size_t max_rows) {
  const std::vector<Segment>& segments = state.chain->segments();
  std::vector<Row> rows = {{"INDEX", "BASE", "END", "KIND", "MADE", "BY", "WHY"}};
  size_t left_out = segments.size() > max_rows ? segments.size() - max_rows + 1 : 0;
  size_t first_out = left_out > 0 ? (max_rows - 1) / 2 : segments.size();
  for (size_t i = 0; i < segments.size(); ++i) {
    if (i == first_out) {
      rows.push_back({"...", "...", "...", absl::StrCat(left_out, " more"), "", "", ""});
      i += left_out;
    }
    rows.push_back(SegmentRow(*state.chain, segments[i]));
  }
  std::string flags;
  for (const Segment& segment : segments) flags += FlagText(segment) + MovedText(segment);
  const loglets::Policy& policy = state.chain->policy();
  loglets::Policy kind_only;
  kind_only.kind = policy.kind;
  if (policy != kind_only) flags += "policy: " + PolicyText(policy) + "\n";
  return Table(rows, {"INDEX", "BASE", "END"}) + flags +
         absl::StrCat("trim point ", state.trim_point.value(), ", version ", state.version.value(),
                      "\n");
}

std::string ChainJson(const ChainState& state) {
  std::string segments;
  for (const Segment& segment : state.chain->segments()) {
    segments += (segments.empty() ? "" : ",") + SegmentJson(*state.chain, segment);
  }
  return absl::StrCat("{\"log\":", JsonString(state.log), ",\"version\":", state.version.value(),
                      ",\"policy\":", PolicyJson(state.chain->policy()), ",\"segments\":[",
                      segments, "],\"trim_point\":", state.trim_point.value(),
                      ",\"ended\":", state.chain->ended() ? "true" : "false", "}");
}

}  // namespace vlog::cli

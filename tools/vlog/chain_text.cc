#include "chain_text.h"

#include <ctime>

#include "json_text.h"
#include "table.h"

namespace vlog::cli {
namespace {

using virtuallog::Segment;

std::string IsoTime(WallTime time) {
  std::time_t seconds = time.unix_millis / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return absl::StrFormat("%s.%03dZ", text, time.unix_millis % 1000);
}

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
                      ",\"reason\":", JsonString(segment.made.reason), "}");
}

}  // namespace

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
  return Table(rows, {"INDEX", "BASE", "END"}) +
         absl::StrCat("trim point ", state.trim_point.value(), ", version ", state.version.value(),
                      "\n");
}

std::string ChainJson(const ChainState& state) {
  std::string segments;
  for (const Segment& segment : state.chain->segments()) {
    segments += (segments.empty() ? "" : ",") + SegmentJson(*state.chain, segment);
  }
  return absl::StrCat("{\"log\":", JsonString(state.log), ",\"version\":", state.version.value(),
                      ",\"segments\":[", segments, "],\"trim_point\":", state.trim_point.value(),
                      ",\"ended\":", state.chain->ended() ? "true" : "false", "}");
}

}  // namespace vlog::cli

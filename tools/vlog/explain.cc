// vlog explain: where one record is, whether its copies are there, and who made that segment.
#include <algorithm>
#include <optional>

#include "base/json_text.h"
#include "chain_text.h"
#include "client/cluster_view.h"
#include "commands.h"
#include "exit_code.h"
#include "server/config_values.h"
#include "table.h"
#include "virtuallog/explain.h"

namespace vlog::cli {
namespace {

using loglets::CopyWord;
using virtuallog::Explanation;
using virtuallog::Fate;
using virtuallog::Segment;

std::string FateText(const Explanation& e) {
  std::string until = std::to_string(e.until.value());
  switch (e.fate) {
    case Fate::kStored:
      return absl::StrCat("stored, ", e.bytes, " bytes");
    case Fate::kTrimmed:
      return "trimmed; the log begins at " + until + " or above";
    case Fate::kLost:
      return "lost: no copy is left of what is below " + until;
    case Fate::kNotWritten:
      return "not written; the log ends at " + until;
    case Fate::kEnded:
      return "not written, and never will be; the log has ended at " + until;
    case Fate::kUnknown:
      return "unknown: " + Printable(e.problem);
  }
  return "";
}

std::string MadeText(const Segment& segment) {
  std::string text = absl::StrCat(IsoTime(segment.made_at), " by ", Printable(segment.made.who),
                                  ": ", Printable(segment.made.reason));
  if (segment.made.fail_overs > 1) {
    absl::StrAppend(&text, " (fail-over ", segment.made.fail_overs, " in a row)");
  }
  return text;
}

std::string RangeText(const Explanation& e) {
  const Segment& segment = *e.segment;
  return absl::StrCat(segment.index.value(), ", [", segment.base.value(), ", ",
                      e.end ? absl::StrCat(e.end->value(), "), sealed") : "...), open", ", offset ",
                      e.lsn - segment.base);
}

// Two say so while one of them has not heard of the other.
std::optional<NodeId> LeaderOf(const Explanation& e) {
  std::optional<NodeId> leader;
  for (const CopyWord& copy : e.copies) {
    if (!copy.leads) continue;
    if (leader) return std::nullopt;
    leader = copy.life.node;
  }
  return leader;
}

std::string QuorumText(const Explanation& e) {
  std::string text = e.segment->made.kind;
  if (e.needs.some_of.empty()) return text;
  absl::StrAppend(&text, ", ", e.needs.acknowledging(), " of ", e.needs.some_of.size(),
                  " nodes before an acknowledgement");
  for (const loglets::NodeLife& life : e.needs.all_of) {
    absl::StrAppend(&text, ", sequencer on node ", life.node.value(), " (boot ",
                    life.incarnation.value(), ")");
  }
  if (std::optional<NodeId> leader = LeaderOf(e)) {
    absl::StrAppend(&text, ", led by node ", leader->value());
  }
  uint32_t least = e.segment->least_copies;
  if (least > 0) {
    absl::StrAppend(&text, "; for too few lived when it was sealed, on ", least, " at least");
  }
  return text;
}

std::string CopyTable(const std::vector<CopyWord>& copies) {
  std::vector<Row> rows = {{"NODE", "DISK", "HAS IT", "DETAIL"}};
  for (const CopyWord& copy : copies) {
    rows.push_back({std::to_string(copy.life.node.value()),
                    server::HexIdText(copy.life.disk.value()), loglets::ToString(copy.state),
                    Printable(copy.detail)});
  }
  return Table(rows, {"NODE"});
}

std::string ExplanationText(const std::string& log, const Explanation& e) {
  std::string text = absl::StrCat("LSN ", e.lsn.value(), " of log ", log, ": ", FateText(e), "\n");
  if (!e.segment || e.segment->is_marker()) {
    if (e.segment) text += "ended    " + MadeText(*e.segment) + "\n";
    return text;
  }
  text += "segment  " + RangeText(e) + "\n";
  text += "kind     " + QuorumText(e) + "\n";
  text += "made     " + MadeText(*e.segment) + "\n";
  if (e.segment->rehomed) text += "home     " + RehomedText(*e.segment) + "\n";
  if (e.followed) text += "ended    " + MadeText(*e.followed) + "\n";
  text += "policy   " + PolicyText(e.policy) + "\n";
  if (!e.copies.empty()) text += "\n" + CopyTable(e.copies);
  return text;
}

std::string MadeJson(const Segment& segment) {
  JsonObject json;
  json.Number("segment", segment.index.value()).Text("at", IsoTime(segment.made_at));
  json.Text("who", segment.made.who).Text("reason", segment.made.reason);
  json.Number("fail_overs", segment.made.fail_overs);
  return json.Finish();
}

std::string CopyJson(const CopyWord& copy) {
  JsonObject json;
  json.Number("node", copy.life.node.value());
  json.Text("disk", server::HexIdText(copy.life.disk.value()));
  json.Text("has_it", loglets::ToString(copy.state)).Text("detail", copy.detail);
  return json.Finish();
}

std::string SegmentJson(const Explanation& e) {
  const Segment& segment = *e.segment;
  JsonObject json;
  json.Number("index", segment.index.value()).Number("base", segment.base.value());
  json.Raw("end", e.end ? std::to_string(e.end->value()) : "null");
  json.Number("offset", e.lsn - segment.base).Text("kind", segment.made.kind);
  json.Number("write_quorum", e.needs.acknowledging());
  json.Number("copies", e.needs.some_of.size());
  json.Raw("least_copies",
           segment.least_copies == 0 ? "null" : std::to_string(segment.least_copies));
  json.Raw("sequencer",
           e.needs.all_of.empty() ? "null" : std::to_string(e.needs.all_of.front().node.value()));
  std::optional<NodeId> leader = LeaderOf(e);
  json.Raw("leader", leader ? std::to_string(leader->value()) : "null");
  json.Raw("rehomed", RehomedJson(segment));
  json.Raw("made", MadeJson(segment)).Raw("ended", e.followed ? MadeJson(*e.followed) : "null");
  return json.Finish();
}

std::string ExplanationJson(const std::string& log, const Explanation& e) {
  bool bounded = e.fate != Fate::kStored && e.fate != Fate::kUnknown;
  JsonObject json;
  json.Text("log", log).Number("lsn", e.lsn.value()).Text("state", virtuallog::ToString(e.fate));
  json.Raw("until", bounded ? std::to_string(e.until.value()) : "null");
  json.Raw("bytes", e.fate == Fate::kStored ? std::to_string(e.bytes) : "null");
  json.Text("problem", e.problem).Number("version", e.version.value());
  json.Raw("policy", PolicyJson(e.policy));
  json.Raw("segment", e.segment ? SegmentJson(e) : "null");
  JsonArray copies;
  for (const CopyWord& copy : e.copies) copies.Raw(CopyJson(copy));
  json.Raw("nodes", copies.Finish());
  return json.Finish();
}

}  // namespace

Task<int> Explain(Shell& shell, Lsn lsn, bool json) {
  StatusOr<virtuallog::SharedLog*> log = co_await shell.OpenLog(Shell::Access::kRead);
  if (!log.ok()) co_return Fail(log.status());
  StatusOr<Explanation> explanation = co_await (*log)->Explain(lsn);
  if (!explanation.ok()) co_return Fail(explanation.status());
  const std::string& name = shell.arguments().log;
  if (json) {
    shell.out().Line(ExplanationJson(name, *explanation));
  } else {
    shell.out().Write(ExplanationText(name, *explanation));
  }
  if (explanation->fate == Fate::kLost) co_return kDamage;
  co_return explanation->fate == Fate::kUnknown ? kNotDone : kDone;
}

}  // namespace vlog::cli

#ifndef VLOG_TESTS_UNIT_CHECKER_HISTORY_H_
#define VLOG_TESTS_UNIT_CHECKER_HISTORY_H_

#include <string>

#include "checker/history.h"

namespace vlog::checker {

// Writes small histories line by line. Arguments and results are JSON; `keys` are more keys of the
// line, as in R"("sess":"w","seq":1)".
class HistoryText {
 public:
  HistoryText& Invoke(int id, const std::string& op, const std::string& arg = "",
                      const std::string& keys = "") {
    return Line("invoke", id, op, arg.empty() ? "" : "\"arg\":" + arg, keys);
  }
  HistoryText& Ok(int id, const std::string& op, const std::string& res,
                  const std::string& keys = "") {
    return Line("ok", id, op, "\"res\":" + res, keys);
  }
  HistoryText& Fail(int id, const std::string& op) { return Line("fail", id, op, "", ""); }
  HistoryText& Info(int id, const std::string& op) { return Line("info", id, op, "", ""); }

  // Operations that nothing overlaps.
  HistoryText& Append(int id, const std::string& value, int lsn, const std::string& ok_keys = "",
                      const std::string& invoke_keys = "") {
    return Invoke(id, "append", value, invoke_keys).Ok(id, "append", std::to_string(lsn), ok_keys);
  }
  HistoryText& Tail(int id, int tail, const std::string& keys = "") {
    return Invoke(id, "tail").Ok(id, "tail", std::to_string(tail), keys);
  }
  HistoryText& Read(int id, const std::string& range, const std::string& items,
                    const std::string& keys = "") {
    return Invoke(id, "read", range, keys).Ok(id, "read", items);
  }
  HistoryText& Trim(int id, int to, int reached, const std::string& keys = "") {
    return Invoke(id, "trim", std::to_string(to), keys).Ok(id, "trim", std::to_string(reached));
  }
  HistoryText& Chain(int id, int version, const std::string& segments, const std::string& more = "",
                     const std::string& keys = "") {
    return Invoke(id, "chain", "", keys)
        .Ok(id, "chain",
            "{\"version\":" + std::to_string(version) + ",\"segments\":[" + segments + "]" +
                (more.empty() ? "" : "," + more) + "}");
  }

  const std::string& text() const { return text_; }

 private:
  HistoryText& Line(const std::string& type, int id, const std::string& op,
                    const std::string& payload, const std::string& keys) {
    text_ += "{\"t\":" + std::to_string(++t_) + ",\"type\":\"" + type +
             "\",\"id\":" + std::to_string(id) + ",\"op\":\"" + op + "\"";
    if (!payload.empty()) text_ += "," + payload;
    if (!keys.empty()) text_ += "," + keys;
    text_ += "}\n";
    return *this;
  }

  std::string text_;
  int t_ = 0;
};

inline std::string Segment(int index, int base, const std::string& kind = "raft") {
  return "{\"index\":" + std::to_string(index) + ",\"base\":" + std::to_string(base) +
         ",\"kind\":\"" + kind + "\"}";
}

// The name of the violation, "" if there is none, or why a line is malformed.
inline std::string Judge(const HistoryText& history, Options options = {}) {
  absl::StatusOr<Report> report = CheckHistory(history.text(), options);
  if (!report.ok()) return report.status().ToString();
  return report->violation;
}

}  // namespace vlog::checker

#endif  // VLOG_TESTS_UNIT_CHECKER_HISTORY_H_

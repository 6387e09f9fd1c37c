// vlog check: judges a history file (docs/history.md).
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>

#include "checker/checker.h"
#include "checker/history_format.h"
#include "commands.h"
#include "exit_code.h"

namespace vlog::cli {
namespace {

using Visit = std::function<Status(const std::string& line, uint64_t number, bool whole)>;

// Visits each line; `whole` is false for a last one without newline.
Status ForEachLine(const std::string& path, const Visit& visit) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!file || file.peek() == std::ifstream::traits_type::eof()) {
    if (file.eof())
      return absl::InvalidArgumentError(path + " is empty: there is nothing to check");
    return absl::InvalidArgumentError("cannot read " + path + ": " + std::strerror(errno));
  }
  for (uint64_t number = 1; std::getline(file, line); ++number) {
    Status visited = visit(line, number, !file.eof());
    VLOG_RETURN_IF_ERROR(visited);
  }
  return absl::OkStatus();
}

Status Feed(const std::string& path, checker::Checker* checker) {
  checker::EventParser parser;
  checker::Event event;
  return ForEachLine(path, [&](const std::string& line, uint64_t number, bool whole) -> Status {
    if (line.empty()) return absl::OkStatus();
    Status parsed = parser.Parse(line, number, event);
    if (!parsed.ok() && !whole) {
      // Its writer died: an operation that never completes has an unknown outcome.
      Say(absl::StrCat("line ", number, " is cut off and ignored"));
      return absl::OkStatus();
    }
    VLOG_RETURN_IF_ERROR(parsed);
    checker->Add(event);
    return absl::OkStatus();
  });
}

void PrintViolation(const std::string& path, const checker::Report& report, Output& out) {
  out.Line("violation: " + report.violation);
  if (!report.log.empty()) out.Line("log: " + report.log);
  out.Line(report.explanation);
  Status shown = ForEachLine(path, [&](const std::string& line, uint64_t number, bool) -> Status {
    if (std::binary_search(report.lines.begin(), report.lines.end(), number)) {
      out.Line(absl::StrCat("line ", number, ": ", line));
    }
    return absl::OkStatus();
  });
  if (!shown.ok()) Say(Message(shown));
}

std::string CountsLine(const checker::Counts& counts) {
  return absl::StrCat("ok: ", counts.events, " events of ", counts.logs, " logs, ",
                      counts.acked_appends, " appends acknowledged (", counts.acked_records,
                      " records), ", counts.failed_appends, " failed, ", counts.unknown_appends,
                      " unknown, ", counts.reads, " reads (", counts.records_read, " records, ",
                      counts.gaps, " gaps), ", counts.tails, " tail checks, ", counts.trims,
                      " trims, ", counts.chain_changes, " chain changes");
}

}  // namespace

int Check(const CheckArguments& arguments) {
  checker::Options options;
  options.allow_data_loss = arguments.allow_data_loss;
  checker::Checker checker(options);
  Status fed = Feed(arguments.history, &checker);
  if (!fed.ok()) return Fail(fed);
  const checker::Report& report = checker.Finish();
  Output out(STDOUT_FILENO);
  ExitCode code = kDone;
  if (report.ok) {
    out.Line(CountsLine(report.counts));
  } else {
    PrintViolation(arguments.history, report, out);
    code = report.violation == checker::violation::kMalformed ? kUsage : kDamage;
  }
  out.Flush();
  return code;
}

}  // namespace vlog::cli

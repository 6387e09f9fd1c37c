#include "cluster/fault_row.h"

namespace vlog::bench {
namespace {

void CountFailed(const AckFigures& figures, FaultGaps* gaps) {
  gaps->failed += figures.failed;
  if (gaps->first_failure.ok()) gaps->first_failure = figures.first_failure;
}

std::string NameOf(double quantile) {
  if (quantile >= 1) return "worst";
  if (quantile == 0.5) return "median";
  return absl::StrFormat("p%.0f", quantile * 100);
}

}  // namespace

void FaultGaps::AddCalm(const AckFigures& figures) {
  CountFailed(figures, this);
  calm.push_back(figures.longest_gap_millis);
}

void FaultGaps::AddFault(const AckFigures& figures) {
  CountFailed(figures, this);
  fault.push_back(figures.longest_gap_millis);
}

void PrintGapRow(const std::string& name, const FaultGaps& gaps, GapAim aim,
                 const std::string& note) {
  Row row;
  row.name = name + ", " + NameOf(aim.quantile);
  row.unit = "ms";
  row.ours = Quantile(gaps.fault, aim.quantile);
  row.reference_name = "no fault";
  row.reference = Quantile(gaps.calm, aim.quantile);
  row.ratio = row.ours / row.reference;
  if (aim.millis > 0) {
    row.aim = absl::StrFormat("< %.0f ms", aim.millis);
    row.verdict = MetIf(row.ours < aim.millis);
  }
  row.note = note;
  Print(row);
}

void PrintChainRow(const std::string& name, const FaultGaps& gaps) {
  Row row;
  row.name = name + ", changes of the chain";
  row.ours = static_cast<double>(gaps.chains);
  row.aim = "0";
  row.verdict = MetIf(gaps.chains == 0);
  Print(row);
}

void PrintFailedRow(const std::string& name, const FaultGaps& gaps) {
  Row row;
  row.name = name + ", failed appends";
  row.ours = static_cast<double>(gaps.failed);
  row.aim = "0";
  row.verdict = MetIf(gaps.failed == 0);
  if (gaps.failed > 0) row.note = "FAILED: " + Message(gaps.first_failure);
  Print(row);
}

}  // namespace vlog::bench

// Rows about the longest time without an acknowledgement around a fault.
#ifndef VLOG_BENCH_CLUSTER_FAULT_ROW_H_
#define VLOG_BENCH_CLUSTER_FAULT_ROW_H_

#include <string>
#include <vector>

#include "cluster/ack_tally.h"
#include "report.h"

namespace vlog::bench {

// Of many faults of one sort; times in milliseconds.
struct FaultGaps {
  std::vector<double> calm;   // the longest gap in as long a time without a fault
  std::vector<double> fault;  // the longest gap from the fault on
  uint64_t failed = 0;        // appends
  uint64_t chains = 0;        // that changed, where the loglet itself was to recover
  Status first_failure;

  void AddCalm(const AckFigures& figures);
  void AddFault(const AckFigures& figures);
};

struct GapAim {
  double quantile = 0.5;
  double millis = 0;
};

// "NAME, QUANTILE" against the same quantile without a fault. REQUIRES: something was added.
void PrintGapRow(const std::string& name, const FaultGaps& gaps, GapAim aim,
                 const std::string& note);
// How often the virtual log replaced the loglet, where it should have left that alone.
void PrintChainRow(const std::string& name, const FaultGaps& gaps);
// The appends that failed meanwhile; more than none is a failure in capitals.
void PrintFailedRow(const std::string& name, const FaultGaps& gaps);

}  // namespace vlog::bench

#endif  // VLOG_BENCH_CLUSTER_FAULT_ROW_H_

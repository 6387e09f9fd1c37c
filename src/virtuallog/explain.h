// Where one record of a log is, and why it is there: for people who ask, over all kinds.
#ifndef VLOG_VIRTUALLOG_EXPLAIN_H_
#define VLOG_VIRTUALLOG_EXPLAIN_H_

#include <optional>
#include <string>
#include <vector>

#include "loglets/factory.h"
#include "virtuallog/chain.h"
#include "virtuallog/log_context.h"
#include "virtuallog/reconfigurer.h"

namespace vlog::virtuallog {

enum class Fate {
  kStored,      // a reader gets it
  kTrimmed,     // given up by a trim, which goes up to `until` at least
  kLost,        // every copy is damaged or gone, up to `until`
  kNotWritten,  // the log ends at `until`
  kEnded,       // the log has ended for good at `until`
  kUnknown,     // nobody who could tell answers; `problem` says more
};
const char* ToString(Fate fate);  // "stored", ...

struct Explanation {
  Lsn lsn;
  Fate fate = Fate::kUnknown;
  Lsn until;
  std::string problem;
  size_t bytes = 0;  // of the payload, if it is stored
  // Which segment has it, or will; none below the first one of the chain.
  std::optional<Segment> segment;
  std::optional<Lsn> end;           // of the segment; none: it may still grow
  std::optional<Segment> followed;  // by this one, whose proposal sealed it
  loglets::Needs needs;             // of the segment's loglet
  // What each node that has a copy says; empty for kinds that cannot ask.
  std::vector<loglets::CopyWord> copies;
  loglets::Policy policy;  // of the log, now
  Version version;         // of the chain
};

// Reads the chain and then asks whoever may know, for a few seconds at most. Changes nothing but
// that a sealed segment without a successor gets one, as by every tail check. Errors are those of
// reading the chain.
Task<StatusOr<Explanation>> Explain(LogContext& context, Reconfigurer& reconfigurer, Lsn lsn);

}  // namespace vlog::virtuallog

#endif  // VLOG_VIRTUALLOG_EXPLAIN_H_

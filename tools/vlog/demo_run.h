// The work of the demo: writers, swaps under them, and a reader that follows, all at once.
#ifndef VLOG_TOOLS_VLOG_DEMO_RUN_H_
#define VLOG_TOOLS_VLOG_DEMO_RUN_H_

#include <memory>
#include <string_view>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "output.h"
#include "virtuallog/shared_log.h"

namespace vlog::cli {

// A swap and what the writers felt of it.
struct SwapResult {
  Duration took{0};  // the call
  // The longest time between two acknowledgements that follow each other, of those that overlap the
  // call or end with the first acknowledgement after it.
  Duration gap{0};
  // Appends were outstanding when it began, or were sent while it ran.
  bool under_load = false;
};

struct DemoResult {
  Status status;  // the first thing that went wrong
  std::vector<SwapResult> swaps;
  uint64_t acked = 0;
  uint64_t read = 0;
  uint64_t bytes = 0;  // of the records
  Lsn first;           // acknowledged
  Lsn last;
  Duration took{0};  // from the first submission to the last acknowledgement
};

// Thread rule: the loop's. The log is empty; log, text and `read_out` outlive it.
class DemoRun {
 public:
  struct Options {
    uint64_t writers;
    uint64_t swaps;
    uint64_t lines;  // of the text
  };
  DemoRun(virtuallog::SharedLog& log, async::Scheduler& scheduler, std::string_view text,
          Output& read_out, Options options);

  // Line i goes to writer i mod writers as "i<TAB>line"; what the reader sees goes to `read_out`.
  Task<DemoResult> Run();
  // Nothing more is submitted; what is in flight ends.
  void Stop(Status why);

 private:
  struct Writer {
    std::unique_ptr<virtuallog::Appender> appender;
    uint64_t outstanding = 0;
  };
  struct OpenSwap {
    size_t index;
    bool returned;
  };

  Task<void> Feed();
  Task<void> SwapAll();
  Task<void> SwapOnce(uint64_t k);
  Task<void> Follow();

  uint64_t SwapPoint(uint64_t k) const { return k * options_.lines / (options_.swaps + 1); }
  bool IsAheadOfSwaps(uint64_t line) const;
  bool ReadyToSwap(uint64_t k) const;
  void Submit(uint64_t number, std::string_view line);
  void OnAck(Writer& writer, StatusOr<Lsn> result, size_t bytes);
  void NoteAckTime(Instant now);
  void WakeSoon();
  Status Print(const virtuallog::ReadItem& item);
  bool stopped() const { return !result_.status.ok(); }

  virtuallog::SharedLog& log_;
  async::Scheduler& scheduler_;
  std::string_view text_;
  Output& read_out_;
  Options options_;
  uint64_t max_outstanding_;  // a writer
  std::vector<Writer> writers_;
  std::string record_;
  uint64_t submitted_ = 0;
  uint64_t swaps_called_ = 0;
  Instant started_;
  Instant last_ack_;
  std::vector<OpenSwap> open_swaps_;
  DemoResult result_;
  bool wake_posted_ = false;
  Progress progress_;
  async::Event changed_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_RUN_H_

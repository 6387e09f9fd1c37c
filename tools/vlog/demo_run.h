// The work of the demo: writers, events under them, and a reader that follows, all at once.
#ifndef VLOG_TOOLS_VLOG_DEMO_RUN_H_
#define VLOG_TOOLS_VLOG_DEMO_RUN_H_

#include <memory>
#include <string_view>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "demo_measure.h"
#include "demo_stage.h"
#include "output.h"
#include "virtuallog/shared_log.h"

namespace vlog::cli {

// Thread rule: the loop's. The log is empty; stage, log, text and `read_out` outlive it.
class DemoRun {
 public:
  struct Options {
    uint64_t writers;
    uint64_t swaps;
    uint64_t lines;  // of the text
  };
  DemoRun(DemoStage& stage, virtuallog::SharedLog& log, async::Scheduler& scheduler,
          std::string_view text, Output& read_out, Options options);

  // Line i goes to writer i mod writers as "i<TAB>line"; what the reader sees goes to `read_out`.
  // The events are spread evenly over the text.
  Task<DemoResult> Run();
  // Nothing more is submitted; what is in flight ends.
  void Stop(Status why);

 private:
  struct Writer {
    std::unique_ptr<virtuallog::Appender> appender;
    uint64_t outstanding = 0;
  };

  Task<void> Feed();
  Task<void> DoEvents();
  Task<void> DoEvent(DemoEventKind kind);
  Task<void> AwaitAcked(uint64_t due);
  // Until there is as much in flight as may be.
  Task<void> FillUp();
  Task<void> WaitForChange();
  Task<void> Follow();

  void SetShare(uint64_t share);
  bool MustWait(const Writer& writer, uint64_t line) const;
  uint64_t in_flight() const { return submitted_ - result_.acked; }
  void Submit(uint64_t number, std::string_view line);
  void OnAck(Writer& writer, StatusOr<Lsn> result, size_t bytes);
  void WakeSoon();
  void ShowProgress();
  Status Print(const virtuallog::ReadItem& item);
  bool stopped() const { return !result_.status.ok(); }

  DemoStage& stage_;
  virtuallog::SharedLog& log_;
  async::Scheduler& scheduler_;
  std::string_view text_;
  Output& read_out_;
  Options options_;
  const std::vector<DemoEventKind> plan_;
  uint64_t share_ = 0;        // lines from the last event to the next
  uint64_t max_outstanding_;  // a writer
  std::vector<Writer> writers_;
  std::string record_;
  uint64_t submitted_ = 0;
  bool fed_ = false;              // the whole text is submitted
  bool filling_ = false;          // Feed() may still submit; for FillUp()
  uint64_t least_in_flight_ = 0;  // that the next event needs
  uint64_t hold_from_;            // while an event runs: lines from here on wait
  DemoResult result_;
  bool wake_posted_ = false;
  Progress progress_;
  async::Event changed_;
  async::TaskGroup tasks_;
};

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_RUN_H_

#include "testing/log_workload.h"

#include <algorithm>

namespace vlog::testing {

using checker::Op;

LogWorkload::LogWorkload(env::Env& env, env::SimWorld& world, virtuallog::SharedLog& log,
                         HistoryRecorder& history, std::string life, WorkloadOptions options,
                         WorkloadCounts& counts)
    : env_(env),
      world_(world),
      log_(log),
      history_(history),
      life_(std::move(life)),
      options_(std::move(options)),
      counts_(counts),
      progress_(env.scheduler()),
      tasks_(env.scheduler()) {}

void LogWorkload::Start() {
  for (int i = 0; i < options_.writers; ++i) tasks_.Spawn(Write(i));
  for (int i = 0; i < options_.readers; ++i) tasks_.Spawn(Read(i));
  tasks_.Spawn(CheckTails());
  if (options_.swaps) tasks_.Spawn(Swaps());
  if (options_.trims) tasks_.Spawn(Trims());
}

Task<void> LogWorkload::Stop() {
  stopping_ = true;
  co_await tasks_.Join();
}

Task<void> LogWorkload::Pause() {
  auto longest = static_cast<uint64_t>(options_.pause.count());
  Duration pause(static_cast<int64_t>(world_.RandomBelow(longest + 1)));
  Status slept = co_await env_.scheduler().Sleep(pause);
  if (!slept.ok()) stopping_ = true;
}

void LogWorkload::AppendOne(virtuallog::Appender& appender, const std::string& handle) {
  SeqNo seq = appender.next_seq();
  std::string value = handle + "." + std::to_string(seq.value());
  // Some records are large, so that batches, groups and segments fill up at different places.
  if (options_.record_bytes > 0) {
    value.resize(options_.record_bytes, '~');
  } else if (world_.Chance(0.05)) {
    value.resize(value.size() + world_.RandomBelow(2000), '~');
  }
  uint64_t id = history_.InvokeAppend(log_.name(), handle, seq, value);
  ++open_appends_;
  ++appends_begun_;
  appender.Append(std::string_view(value), [this, id](StatusOr<Lsn> result) {
    --open_appends_;
    if (result.ok()) {
      ++counts_.acked;
      highest_ = std::max(highest_, *result + 1);
      history_.Ok(log_.name(), Op::kAppend, id, *result);
    } else {
      history_.Failed(log_.name(), Op::kAppend, id, result.status());
    }
    progress_.NotifyAll();
  });
}

Task<void> LogWorkload::Write(int number) {
  std::string handle = life_ + ".w" + std::to_string(number);
  virtuallog::AppenderOptions appender_options;
  appender_options.max_batch_bytes = 1000;
  std::unique_ptr<virtuallog::Appender> appender = log_.NewAppender(appender_options);
  while (!stopping_) {
    uint64_t burst = 1 + world_.RandomBelow(options_.max_burst);
    for (uint64_t i = 0; i < burst; ++i) AppendOne(*appender, handle);
    co_await Pause();
    while (open_appends_ > options_.max_outstanding && !stopping_) {
      Status waited = co_await progress_.Wait();
      if (!waited.ok()) stopping_ = true;
    }
  }
  co_await appender->Close();
}

Task<void> LogWorkload::Read(int number) {
  uint64_t generation = 0;
  while (!stopping_) {
    std::string handle = life_ + ".r" + std::to_string(number) + "." + std::to_string(generation++);
    Lsn from(world_.RandomBelow(highest_.value() + 1));
    std::unique_ptr<virtuallog::Reader> reader = log_.NewReader(from);
    reader->set_read_bytes(200 + world_.RandomBelow(3000));
    uint64_t reads = 1 + world_.RandomBelow(40);
    for (uint64_t i = 0; i < reads && !stopping_; ++i) {
      uint64_t id = history_.InvokeRead(log_.name(), handle, reader->position());
      Instant deadline = env_.scheduler().Now() + std::chrono::milliseconds(20);
      StatusOr<virtuallog::ReadItem> item = co_await reader->Next(deadline);
      if (item.ok()) {
        history_.OkRead(log_.name(), id, *item);
      } else {
        history_.Failed(log_.name(), Op::kRead, id, item.status());
        co_await Pause();
      }
    }
    co_await Pause();
  }
}

Task<void> LogWorkload::CheckTails() {
  while (!stopping_) {
    co_await Pause();
    uint64_t id = history_.Invoke(log_.name(), Op::kTail, life_ + ".t");
    StatusOr<Lsn> tail = co_await log_.CheckTail();
    if (tail.ok()) {
      history_.Ok(log_.name(), Op::kTail, id, *tail);
    } else {
      history_.Failed(log_.name(), Op::kTail, id, tail.status());
    }
    id = history_.Invoke(log_.name(), Op::kChain, life_ + ".c");
    StatusOr<std::shared_ptr<const virtuallog::Chain>> chain = co_await log_.ReadChain();
    if (chain.ok()) {
      history_.OkChain(log_.name(), id, log_.chain_version(), **chain);
    } else {
      history_.Failed(log_.name(), Op::kChain, id, chain.status());
    }
  }
}

Task<void> LogWorkload::Trims() {
  while (!stopping_) {
    for (int i = 0; i < 6; ++i) co_await Pause();
    // Mostly a bit behind the tail, sometimes past it.
    Lsn to(world_.RandomBelow(highest_.value() + 1));
    if (world_.Chance(0.05)) to = highest_ + 10;
    uint64_t id = history_.InvokeTrim(log_.name(), options_.trim_handle, to);
    StatusOr<Lsn> point = co_await log_.Trim(to);
    if (point.ok()) {
      history_.Ok(log_.name(), Op::kTrim, id, *point);
    } else {
      Status unknown = absl::UnknownError(Message(point.status()));
      history_.Failed(log_.name(), Op::kTrim, id, unknown);
    }
  }
}

Task<void> LogWorkload::Swaps() {
  while (!stopping_) {
    for (int i = 0; i < options_.pauses_between_swaps; ++i) co_await Pause();
    co_await SwapOnce();
  }
}

void LogWorkload::SwapAtOnce(int swaps) {
  for (int i = 0; i < swaps; ++i) tasks_.Spawn(SwapOnce());
}

Task<void> LogWorkload::SwapOnce() {
  virtuallog::ReconfigureRequest request;
  request.kind = options_.kinds[world_.RandomBelow(options_.kinds.size())];
  std::string reason = life_ + " swap " + std::to_string(swaps_begun_++);
  request.reason = reason;
  request.placement = Wish();
  bool loaded = open_appends_ > 0;
  uint64_t begun = appends_begun_;
  Status swapped = co_await log_.Reconfigure(std::move(request));
  loaded |= appends_begun_ > begun;
  if (!swapped.ok() || !loaded) co_return;
  ++counts_.swaps_under_load;
  CountSwap(reason);
}

// A swap that replaced an empty segment, or was truncated or replaced by now, is not counted.
void LogWorkload::CountSwap(const std::string& reason) {
  std::shared_ptr<const virtuallog::Chain> chain = log_.known_chain();
  const std::vector<virtuallog::Segment>& segments = chain->segments();
  for (size_t i = 1; i < segments.size(); ++i) {
    const virtuallog::Segment& before = segments[i - 1];
    const virtuallog::Segment& made = segments[i];
    bool ours = made.made.reason == reason && made.index.value() == before.index.value() + 1;
    if (ours) ++counts_.swaps_by_kinds[{before.made.kind, made.made.kind}];
  }
}

// Mostly all nodes and a majority, for with anything else one node alone may stop the log.
loglets::Placement LogWorkload::Wish() {
  loglets::Placement wish;
  if (options_.nodes == 0) return wish;
  uint64_t left_out = 0;
  if (options_.any_nodes && world_.Chance(0.1)) left_out = 1 + world_.RandomBelow(options_.nodes);
  for (uint64_t node = 1; node <= options_.nodes; ++node) {
    if (node != left_out) wish.nodes.push_back(NodeId(node));
  }
  auto all = static_cast<uint32_t>(wish.nodes.size());
  wish.write_quorum = world_.Chance(0.05) ? all : all / 2 + 1;
  wish.sequencer = NodeId(1 + world_.RandomBelow(options_.nodes));
  return wish;
}

Task<Status> LogWorkload::FinalCheck() {
  uint64_t id = history_.Invoke(log_.name(), Op::kTail, life_ + ".final");
  StatusOr<Lsn> tail = co_await log_.CheckTail();
  VLOG_CO_RETURN_IF_ERROR(tail);
  history_.Ok(log_.name(), Op::kTail, id, *tail);
  Status read = co_await ReadAll(*tail);
  VLOG_CO_RETURN_IF_ERROR(read);
  virtuallog::ReconfigureRequest request;
  request.reason = "final";
  Status swapped = co_await log_.Reconfigure(std::move(request));
  if (!swapped.ok()) co_return Annotate(swapped, "final swap");
  std::unique_ptr<virtuallog::Appender> appender = log_.NewAppender();
  uint64_t acked = counts_.acked;
  AppendOne(*appender, life_ + ".last");
  co_await appender->Close();
  if (counts_.acked != acked + 1) co_return absl::InternalError("the final append failed");
  id = history_.Invoke(log_.name(), Op::kChain, life_ + ".final");
  StatusOr<std::shared_ptr<const virtuallog::Chain>> chain = co_await log_.ReadChain();
  VLOG_CO_RETURN_IF_ERROR(chain);
  history_.OkChain(log_.name(), id, log_.chain_version(), **chain);
  tail = co_await log_.CheckTail();
  VLOG_CO_RETURN_IF_ERROR(tail);
  co_return co_await ReadAll(*tail);
}

Task<Status> LogWorkload::ReadAll(Lsn tail) {
  std::unique_ptr<virtuallog::Reader> reader = log_.NewReader(Lsn(0));
  uint64_t id =
      history_.InvokeRead(log_.name(), life_ + ".all." + std::to_string(tail.value()), Lsn(0));
  std::vector<checker::ReadItem> items;
  while (reader->position() < tail) {
    Instant deadline = env_.scheduler().Now() + std::chrono::seconds(60);
    StatusOr<virtuallog::ReadItem> item = co_await reader->Next(deadline);
    if (!item.ok()) co_return Annotate(item.status(), "final read");
    for (checker::ReadItem& each : HistoryRecorder::Items(*item)) items.push_back(std::move(each));
  }
  items.push_back(checker::ReadItem::Unwritten(tail.value()));
  history_.OkReadToEnd(log_.name(), id, std::move(items));
  co_return absl::OkStatus();
}

}  // namespace vlog::testing

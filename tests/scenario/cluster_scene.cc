#include "scenario/cluster_scene.h"

#include <utility>

#include "base/check.h"

namespace vlog::testing {
namespace {

constexpr char kLog[] = "races";
constexpr uint64_t kSegmentBytes = 64 << 10;
constexpr Duration kSettle = std::chrono::seconds(5);

WorkloadOptions LoadOptions() {
  WorkloadOptions options;
  options.writers = 2;
  options.readers = 1;
  options.max_outstanding = 15;
  options.pause = std::chrono::milliseconds(10);
  options.trims = false;
  options.swaps = false;
  return options;
}

}  // namespace

ClusterScene::ClusterScene(uint64_t seed)
    : nodes(seed, kSceneNodes), history_(nodes.world, checker::Options()) {
  nodes.SetSegmentBytes(kSegmentBytes);
  nodes.StartAll();
  VLOG_CHECK(nodes.AwaitJoined(), "a new cluster finds together");
}

ClusterScene::~ClusterScene() = default;

std::unique_ptr<SceneClient> ClusterScene::NewClient(const std::string& host) {
  for (int life = 0; life < 10; ++life) {
    auto client = std::make_unique<SceneClient>(nodes, host, kSceneNodes, kLog);
    Until([&] { return client->opened->has_value(); });
    if (!client->opened->has_value() || !(*client->opened)->ok()) continue;
    client->appender = client->log->NewAppender();
    return client;
  }
  VLOG_CHECK(false, "a client finds the cluster");
  return nullptr;
}

void ClusterScene::Load(SceneClient& client) {
  client.workload =
      std::make_unique<LogWorkload>(*client.env, world(), *client.log, history_,
                                    client.env->ProcessName() + ".load", LoadOptions(), counts_);
  client.workload->Start();
}

AppendedAt ClusterScene::Append(SceneClient& client) {
  auto result = std::make_shared<std::optional<StatusOr<Lsn>>>();
  const std::string& handle = client.env->ProcessName();
  SeqNo seq = client.appender->next_seq();
  std::string value = handle + "." + std::to_string(seq.value());
  const std::string& log = client.log->name();
  uint64_t id = history_.InvokeAppend(log, handle, seq, value);
  client.appender->Append(std::string_view(value), [this, log, id, result](StatusOr<Lsn> at) {
    if (at.ok()) {
      ++counts_.acked;
      history_.Ok(log, checker::Op::kAppend, id, *at);
    } else {
      history_.Failed(log, checker::Op::kAppend, id, at.status());
    }
    result->emplace(std::move(at));
  });
  return result;
}

StatusOr<Lsn> ClusterScene::AppendNow(SceneClient& client) {
  AppendedAt appended = Append(client);
  if (!Until([&] { return appended->has_value(); })) {
    return absl::DeadlineExceededError("no answer to an append");
  }
  return **appended;
}

Task<Status> ClusterScene::Swap(virtuallog::SharedLog* log,
                                virtuallog::ReconfigureRequest request) {
  co_return co_await log->Reconfigure(std::move(request));
}

Task<Status> ClusterScene::FailOver(virtuallog::SharedLog* log, std::string reason) {
  virtuallog::ReconfigureRequest request;
  request.reason = std::move(reason);
  SegmentIndex broken = log->known_chain()->last().index;
  auto done = co_await log->FailOver(broken, std::move(request), true);
  co_return done.status();
}

Outcome<Status> ClusterScene::StartSwap(SceneClient& client, loglets::Placement wish,
                                        std::string kind) {
  virtuallog::ReconfigureRequest request;
  request.kind = std::move(kind);
  request.reason = client.env->ProcessName();
  request.placement = std::move(wish);
  return StartTask(*client.env, Swap(client.log, std::move(request)));
}

Outcome<Status> ClusterScene::StartFailOver(SceneClient& client) {
  return StartTask(*client.env, FailOver(client.log, client.env->ProcessName()));
}

StatusOr<Lsn> ClusterScene::CheckTail(SceneClient& client) {
  const std::string& log = client.log->name();
  uint64_t id = history_.Invoke(log, checker::Op::kTail, client.env->ProcessName() + ".tail");
  StatusOr<Lsn> tail = Run(client, client.log->CheckTail());
  if (tail.ok()) {
    history_.Ok(log, checker::Op::kTail, id, *tail);
  } else {
    history_.Failed(log, checker::Op::kTail, id, tail.status());
  }
  return tail;
}

void ClusterScene::Step(uint64_t steps) {
  for (uint64_t step = 0; step < steps; ++step) world().Step();
}

void ClusterScene::Cut(const std::string& a, const std::string& b) {
  fabric().Cut(a, b);
  fabric().Cut(b, a);
}

std::string ClusterScene::Verdict() {
  fabric().HealAll();
  for (uint64_t node = 1; node <= kSceneNodes; ++node) {
    if (!nodes.IsUp(node)) nodes.Start(node);
  }
  if (!nodes.AwaitJoined()) return "the nodes do not find together";
  RunFor(kSettle);
  std::unique_ptr<SceneClient> last = NewClient("last");
  LogWorkload workload(*last->env, world(), *last->log, history_, "last", LoadOptions(), counts_);
  std::optional<Status> checked =
      RunTask(world(), *last->env, workload.FinalCheck(), std::chrono::minutes(2));
  last->Crash();
  const checker::Report& report = history_.Finish();
  if (!report.ok) return report.violation + ": " + report.explanation;
  if (!checked) return "the final check does not end";
  return checked->ok() ? "" : Message(*checked);
}

Task<Status> ClusterScene::ReadTo(virtuallog::SharedLog* log, Lsn tail,
                                  std::vector<std::string>* records) {
  std::unique_ptr<virtuallog::Reader> reader = log->NewReader(Lsn(0));
  while (reader->position() < tail) {
    StatusOr<virtuallog::ReadItem> item = co_await reader->Next(Instant::Max());
    VLOG_CO_RETURN_IF_ERROR(item);
    for (const checker::ReadItem& each : HistoryRecorder::Items(*item)) {
      records->push_back(each.value);
    }
  }
  co_return absl::OkStatus();
}

std::vector<std::string> ClusterScene::ReadAll(SceneClient& client) {
  std::vector<std::string> records;
  StatusOr<Lsn> tail = CheckTail(client);
  if (tail.ok()) {
    Status read = Run(client, ReadTo(client.log, *tail, &records));
    if (!read.ok()) records.clear();
  }
  return records;
}

}  // namespace vlog::testing

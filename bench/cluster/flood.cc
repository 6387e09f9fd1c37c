#include "cluster/flood.h"

#include <cstdio>

#include "client/cluster.h"
#include "cluster/opened_cluster.h"
#include "run_on.h"

namespace vlog::bench {
namespace {

constexpr size_t kPayload = 64 << 10;
// As many as one handle has under way by default: a window of 4 batches of 512 KiB, and one that
// forms.
constexpr size_t kRecordsAHandle = 40;
// So that a client stays below what a connection keeps under way, 64 MiB (rpc::ChannelLimits).
constexpr size_t kHandlesAClient = 20;

struct Flood {
  std::unique_ptr<client::Cluster> client;
  std::vector<std::unique_ptr<virtuallog::Appender>> appenders;
};

void SubmitOne(virtuallog::Appender* appender, const std::string* payload) {
  auto done = [appender, payload](const StatusOr<Lsn>&) { SubmitOne(appender, payload); };
  appender->Append(std::string_view(*payload), std::move(done));
}

Task<Status> Open(boost::asio::any_io_executor executor, std::vector<env::Address> seeds,
                  Flood* flood) {
  client::ClusterOptions options;
  options.seeds = std::move(seeds);
  StatusOr<std::unique_ptr<client::Cluster>> client =
      co_await client::Cluster::Connect(std::move(executor), std::move(options));
  VLOG_CO_RETURN_IF_ERROR(client);
  flood->client = *std::move(client);
  StatusOr<virtuallog::SharedLog*> log = co_await flood->client->OpenLog(kLogName);
  VLOG_CO_RETURN_IF_ERROR(log);
  for (size_t i = 0; i < kHandlesAClient; ++i) {
    flood->appenders.push_back((*log)->NewAppender());
    std::string first(kPayload, 'r');
    StatusOr<Lsn> appended = co_await flood->appenders.back()->Append(std::move(first));
    VLOG_CO_RETURN_IF_ERROR(appended);
  }
  co_return absl::OkStatus();
}

Task<Status> FloodForEver(boost::asio::any_io_executor executor, std::vector<env::Address> seeds,
                          size_t clients) {
  std::vector<Flood> floods(clients);
  for (Flood& flood : floods) {
    Status opened = co_await Open(executor, seeds, &flood);
    VLOG_CO_RETURN_IF_ERROR(opened);
  }
  std::string payload(kPayload, 'r');
  for (Flood& flood : floods) {
    for (auto& appender : flood.appenders) {
      for (size_t i = 0; i < kRecordsAHandle; ++i) SubmitOne(appender.get(), &payload);
    }
  }
  std::printf("flooding\n");
  std::fflush(stdout);
  async::Scheduler& scheduler = floods.front().client->env().scheduler();
  Status slept;
  while (slept.ok()) slept = co_await scheduler.Sleep(std::chrono::hours(1));
  co_return slept;
}

}  // namespace

int RunFlood(const std::vector<std::string>& addresses, size_t clients) {
  std::vector<env::Address> seeds;
  for (const std::string& text : addresses) {
    StatusOr<env::Address> address = env::Address::Parse(text);
    if (address.ok()) seeds.push_back(*std::move(address));
  }
  boost::asio::io_context context(1);
  Status ended = RunOn(context, FloodForEver(context.get_executor(), std::move(seeds), clients));
  std::fprintf(stderr, "flood: %s\n", Message(ended).c_str());
  return 1;
}

}  // namespace vlog::bench

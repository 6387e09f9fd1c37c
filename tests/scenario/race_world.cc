#include "scenario/race_world.h"

#include "loglets/factory.h"

namespace vlog::testing {

using checker::Op;

namespace {
constexpr char kLog[] = "races";
}  // namespace

struct RaceWorld::Client {
  Client(RaceWorld& race, const std::string& client, const std::string& name)
      : env(race.world, race.image, name), metastore(NewFakeMetastore(env, race.cluster)) {
    factory.Register(NewFakeQuorumKind(env, race.cluster));
    if (race.more_kinds_) race.more_kinds_(client, env, factory);
  }
  ~Client() { env.Crash(); }

  env::SimEnv env;
  std::unique_ptr<metastore::Metastore> metastore;
  loglets::LogletFactory factory;
  std::unique_ptr<virtuallog::SharedLog> log;
  std::unique_ptr<virtuallog::Appender> appender;
};

RaceWorld::RaceWorld(uint64_t seed)
    : world(seed), image(world), cluster(world), history(world, checker::Options()) {}

RaceWorld::~RaceWorld() = default;

void RaceWorld::UseKind(std::string first_kind, RegisterKinds more_kinds) {
  VLOG_CHECK(clients_.empty(), "the kind is chosen before the first client");
  first_kind_ = std::move(first_kind);
  more_kinds_ = std::move(more_kinds);
}

RaceWorld::Client& RaceWorld::Get(const std::string& name) {
  std::unique_ptr<Client>& client = clients_[name];
  if (client != nullptr) return *client;
  client = std::make_unique<Client>(*this, name, name + "." + std::to_string(generation_++));
  virtuallog::OpenOptions options;
  options.create_with_kind = first_kind_;
  auto opened = RunTask(
      world, client->env,
      virtuallog::SharedLog::Open(client->env, *client->metastore, client->factory, kLog, options));
  VLOG_CHECK(opened && opened->ok(), "a client opens the log");
  client->log = **std::move(opened);
  client->appender = client->log->NewAppender();
  return *client;
}

virtuallog::SharedLog& RaceWorld::Log(const std::string& client) { return *Get(client).log; }
env::SimEnv& RaceWorld::Env(const std::string& client) { return Get(client).env; }
loglets::LogletFactory& RaceWorld::Factory(const std::string& client) {
  return Get(client).factory;
}
void RaceWorld::Crash(const std::string& client) { clients_.erase(client); }

AppendOutcome RaceWorld::StartAppend(const std::string& name, const std::string& text) {
  Client& client = Get(name);
  uint64_t id =
      history.InvokeAppend(kLog, client.env.ProcessName(), client.appender->next_seq(), text);
  auto outcome = std::make_shared<std::optional<StatusOr<Lsn>>>();
  client.appender->Append(std::string_view(text), [this, id, outcome](StatusOr<Lsn> result) {
    if (result.ok()) history.Ok(kLog, Op::kAppend, id, *result);
    if (!result.ok()) history.Failed(kLog, Op::kAppend, id, result.status());
    outcome->emplace(std::move(result));
  });
  return outcome;
}

Lsn RaceWorld::Append(const std::string& client, const std::string& text) {
  AppendOutcome outcome = StartAppend(client, text);
  bool ended = Until([&] { return outcome->has_value(); });
  VLOG_CHECK(ended && (*outcome)->ok(), "an append without faults succeeds");
  return ***outcome;
}

Outcome<Status> RaceWorld::StartSwap(const std::string& client, const std::string& reason) {
  virtuallog::ReconfigureRequest request;
  request.reason = reason;
  return StartTask(Env(client), Log(client).Reconfigure(std::move(request)));
}

void RaceWorld::Swap(const std::string& client, const std::string& reason) {
  Outcome<Status> swap = StartSwap(client, reason);
  bool ended = Until([&] { return swap->has_value(); });
  VLOG_CHECK(ended && (*swap)->ok(), "a swap without faults succeeds");
}

void RaceWorld::SealOnly(const std::string& name) {
  virtuallog::Segment last = ReadChain(name)->last();
  LogletId id{kLog, last.index, last.made.id};
  StatusOr<loglets::LogletKind*> kind = Get(name).factory.Find(last.made.kind);
  auto loglet = Run(name, (*kind)->Open(id, last.made.params, std::nullopt));
  VLOG_CHECK(Run(name, (*loglet)->Seal("")).ok(), "the seal succeeds");
}

Lsn RaceWorld::Tail(const std::string& client) {
  uint64_t id = history.Invoke(kLog, Op::kTail, client);
  StatusOr<Lsn> tail = Run(client, Log(client).CheckTail());
  VLOG_CHECK(tail.ok(), Message(tail.status()));
  history.Ok(kLog, Op::kTail, id, *tail);
  return *tail;
}

Lsn RaceWorld::Trim(const std::string& client, Lsn to) {
  uint64_t id = history.InvokeTrim(kLog, client, to);
  StatusOr<Lsn> point = Run(client, Log(client).Trim(to));
  VLOG_CHECK(point.ok(), Message(point.status()));
  history.Ok(kLog, Op::kTrim, id, *point);
  return *point;
}

std::vector<std::string> RaceWorld::ReadAll(const std::string& client) {
  Lsn tail = Tail(client);
  std::unique_ptr<virtuallog::Reader> reader = Log(client).NewReader(Lsn(0));
  uint64_t id = history.InvokeRead(
      kLog, client + ".all." + std::to_string(world.now().since_start().count()), Lsn(0));
  std::vector<checker::ReadItem> items;
  std::vector<std::string> texts;
  while (reader->position() < tail) {
    StatusOr<virtuallog::ReadItem> item = Run(client, reader->Next());
    VLOG_CHECK(item.ok(), Message(item.status()));
    for (checker::ReadItem& each : HistoryRecorder::Items(*item)) {
      if (each.kind == checker::ReadItem::Kind::kRecord) texts.push_back(each.value);
      items.push_back(std::move(each));
    }
  }
  items.push_back(checker::ReadItem::Unwritten(tail.value()));
  history.OkReadToEnd(kLog, id, std::move(items));
  return texts;
}

std::shared_ptr<const virtuallog::Chain> RaceWorld::ReadChain(const std::string& client) {
  uint64_t id = history.Invoke(kLog, Op::kChain, client + ".chain");
  auto chain = Run(client, Log(client).ReadChain());
  VLOG_CHECK(chain.ok(), Message(chain.status()));
  history.OkChain(kLog, id, Log(client).chain_version(), **chain);
  return *chain;
}

std::string RaceWorld::Judge() {
  cluster.SetLoss(0);
  cluster.Mend();
  for (int number = 0; number < kStores; ++number) {
    cluster.SetStoreDown(number, false);
    cluster.SetStoreDeaf(number, false);
  }
  Pass(std::chrono::seconds(2));
  ReadAll("judge");
  Append("judge", "the last word");
  ReadAll("judge");
  ReadChain("judge");
  if (!cluster.violation().ok()) return cluster.violation().ToString();
  const checker::Report& report = history.Finish();
  return report.ok ? "" : report.violation + ": " + report.explanation;
}

}  // namespace vlog::testing

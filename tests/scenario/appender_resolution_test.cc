// How a handle finds out what became of batches without an answer, and what that costs: it reads
// what was appended since it first sent them, once for all of them.
#include <catch2/catch.hpp>

#include "env/sim/sim_env.h"
#include "loglets/memory/memory_loglet.h"
#include "metastore/memory/memory_metastore.h"
#include "testing/run_task.h"
#include "virtuallog/shared_log.h"

namespace vlog::testing {
namespace {

using loglets::AppendDone;
using loglets::Loglet;
using loglets::ReadResult;
using std::chrono::seconds;

struct Losses {
  std::set<uint64_t> writers;  // whose answers are lost
  bool stored = true;          // what they appended
  std::vector<Offset> reads;   // where each read began
};

// A loglet whose tail hint is only as new as its last refresh, as a client's on another node is.
class LossyLoglet final : public Loglet {
 public:
  LossyLoglet(std::shared_ptr<Loglet> inner, async::Scheduler& scheduler, Losses& losses)
      : inner_(std::move(inner)), scheduler_(scheduler), losses_(losses) {}

  void Append(Batch batch, AppendDone done) override {
    if (!losses_.writers.contains(batch.header.writer.value())) {
      return inner_->Append(std::move(batch), std::move(done));
    }
    auto lose = [done = std::move(done)](StatusOr<Offset>) mutable {
      done(absl::UnknownError("the answer was lost"));
    };
    if (losses_.stored) return inner_->Append(std::move(batch), std::move(lose));
    scheduler_.Post([lose = std::move(lose)]() mutable { lose(Offset()); });
  }
  Task<StatusOr<loglets::Tail>> CheckTail() override { return inner_->CheckTail(); }
  Offset TailHint() override { return hint_; }
  Task<void> RefreshTailHint() override {
    hint_ = inner_->TailHint();
    co_return;
  }
  Task<StatusOr<loglets::Tail>> AwaitTail(Offset beyond, Instant deadline) override {
    return inner_->AwaitTail(beyond, deadline);
  }
  Task<StatusOr<ReadResult>> Read(Offset from, Offset to, size_t max_bytes) override {
    losses_.reads.push_back(from);
    return inner_->Read(from, to, max_bytes);
  }
  Task<StatusOr<Offset>> Trim(Offset to) override { return inner_->Trim(to); }
  Offset TrimHint() override { return inner_->TrimHint(); }
  Task<StatusOr<loglets::Sealed>> Seal(std::string proposal) override {
    return inner_->Seal(std::move(proposal));
  }

 private:
  std::shared_ptr<Loglet> inner_;
  async::Scheduler& scheduler_;
  Losses& losses_;
  Offset hint_;
};

class LossyKind final : public loglets::LogletKind {
 public:
  LossyKind(env::Env& env, Losses& losses)
      : env_(env), losses_(losses), inner_(loglets::NewMemoryKind(env)) {}
  std::string name() const override { return "lossy"; }
  Task<StatusOr<std::string>> ProposeParams(loglets::ProposeRequest) override {
    co_return std::string();
  }
  Task<Status> Prepare(LogletId, std::string) override { co_return absl::OkStatus(); }
  Task<StatusOr<std::shared_ptr<Loglet>>> Open(LogletId id, std::string params,
                                               std::optional<Offset> known_tail) override {
    StatusOr<std::shared_ptr<Loglet>> inner =
        co_await inner_->Open(std::move(id), std::move(params), known_tail);
    std::shared_ptr<Loglet> lossy =
        std::make_shared<LossyLoglet>(*std::move(inner), env_.scheduler(), losses_);
    co_return lossy;
  }
  Task<Status> Drop(std::string log, SegmentIndex from, SegmentIndex to) override {
    return inner_->Drop(std::move(log), from, to);
  }

 private:
  env::Env& env_;
  Losses& losses_;
  std::unique_ptr<loglets::LogletKind> inner_;
};

// One process with one log, a busy handle and one whose answers get lost.
struct LossyLog {
  explicit LossyLog(uint64_t seed)
      : world(seed), image(world), env(world, image, "p"), store(env.scheduler()) {
    factory.Register(std::make_unique<LossyKind>(env, losses));
    virtuallog::OpenOptions options;
    options.create_with_kind = "lossy";
    auto opened = RunTask(
        world, env, virtuallog::SharedLog::Open(env, store, factory, "log", std::move(options)));
    log = *std::move(*opened);
    busy = log->NewAppender();
    lossy = log->NewAppender();
  }
  ~LossyLog() { env.Crash(); }

  StatusOr<Lsn> Append(virtuallog::Appender& handle) {
    return *RunTask<StatusOr<Lsn>>(world, env, handle.Append(std::string("record")));
  }
  void Idle() {
    auto slept = RunTask(world, env, env.scheduler().Sleep(seconds(5)));
    REQUIRE(slept.has_value());
  }

  env::SimWorld world;
  env::SimDiskImage image;
  env::SimEnv env;
  metastore::MemoryMetastore store;
  Losses losses;
  loglets::LogletFactory factory;
  std::unique_ptr<virtuallog::SharedLog> log;
  std::unique_ptr<virtuallog::Appender> busy;
  std::unique_ptr<virtuallog::Appender> lossy;
};

TEST_CASE("Appender: one that was idle looks for its batch only in what came since it sent it") {
  for (bool stored : {true, false}) {
    CAPTURE(stored);
    LossyLog f(stored ? 1 : 2);
    REQUIRE(f.Append(*f.lossy).ok());
    for (int i = 0; i < 500; ++i) REQUIRE(f.Append(*f.busy).ok());
    f.Idle();
    f.losses.writers.insert(f.lossy->writer().value());
    f.losses.stored = stored;
    auto lost = StartTask<StatusOr<Lsn>>(f.env, f.lossy->Append(std::string("lost")));
    // The answer of the second segment arrives.
    f.world.RunUntil([&] { return f.log->known_chain()->last().index > SegmentIndex(0); },
                     f.world.now() + seconds(10));
    f.losses.writers.clear();
    f.world.RunUntil([&] { return lost->has_value(); }, f.world.now() + seconds(10));
    REQUIRE(lost->has_value());
    REQUIRE((*lost)->ok());
    CHECK((*lost)->value() == Lsn(501));
    REQUIRE(f.losses.reads.size() == (stored ? 1u : 0u));
    if (stored) CHECK(f.losses.reads[0] == Offset(501));
  }
}

TEST_CASE("Appender: one scan tells what became of all batches of the window") {
  LossyLog f(3);
  REQUIRE(f.Append(*f.busy).ok());
  f.losses.writers.insert(f.lossy->writer().value());
  std::vector<Outcome<StatusOr<Lsn>>> lost;
  for (int i = 0; i < 4; ++i) {
    lost.push_back(StartTask<StatusOr<Lsn>>(f.env, f.lossy->Append(std::string("lost"))));
    f.world.Step();
  }
  f.world.RunUntil([&] { return f.log->known_chain()->last().index > SegmentIndex(0); },
                   f.world.now() + seconds(10));
  f.losses.writers.clear();
  std::set<Lsn> places;
  for (const auto& each : lost) {
    f.world.RunUntil([&] { return each->has_value(); }, f.world.now() + seconds(10));
    REQUIRE(each->has_value());
    REQUIRE((*each)->ok());
    places.insert((*each)->value());
  }
  CHECK(places == std::set<Lsn>{Lsn(1), Lsn(2), Lsn(3), Lsn(4)});
  CHECK(f.losses.reads.size() == 1);
}

}  // namespace
}  // namespace vlog::testing

// A write of the chain whose reply is lost is settled, not looked up (DESIGN 4.2): it is done once,
// and whoever wrote it is told so.
#include <catch2/catch.hpp>

#include "env/sim/sim_env.h"
#include "metastore/memory/memory_metastore.h"
#include "testing/run_task.h"
#include "virtuallog/log_context.h"

namespace vlog::virtuallog {
namespace {

// Loses the replies to the next writes, and some of the writes.
class LossyMetastore final : public metastore::Metastore {
 public:
  explicit LossyMetastore(async::Scheduler& scheduler) : inner_(scheduler) {}

  Task<StatusOr<metastore::Versioned>> Read(std::string log) override {
    co_return co_await inner_.Read(std::move(log));
  }
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override {
    ++writes;
    if (lost_requests > 0) {
      --lost_requests;
      co_return absl::UnknownError("the request is lost");
    }
    StatusOr<Version> written = co_await inner_.Write(std::move(log), std::move(value), expected);
    if (lost_replies == 0) co_return written;
    --lost_replies;
    co_return absl::UnknownError("the reply is lost");
  }
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override {
    co_return co_await inner_.AwaitChange(std::move(log), known, deadline);
  }
  Task<StatusOr<std::vector<std::string>>> List() override { co_return co_await inner_.List(); }

  int lost_requests = 0;
  int lost_replies = 0;
  int writes = 0;

 private:
  metastore::MemoryMetastore inner_;
};

Chain ChainOf(uint64_t proposal) {
  Proposal first;
  first.id = ProposalId(proposal);
  first.kind = "memory";
  return Chain::Begin(std::move(first), WallTime{1});
}

struct LossyWorld {
  Status CompareAndSet(LogContext& context, Version expected, Chain next) {
    return *testing::RunTask(world, env, context.CompareAndSet(expected, std::move(next)));
  }

  env::SimWorld world{1};
  env::SimDiskImage image{world};
  env::SimEnv env{world, image, "p"};
  LossyMetastore store{env.scheduler()};
  loglets::LogletFactory factory;
  LogContext one{env, store, factory, "log", false};
  LogContext two{env, store, factory, "log", false};
};

TEST_CASE("Lost write: a reply that is lost is no loss, and the chain is written once") {
  LossyWorld w;
  w.store.lost_replies = 1;
  REQUIRE(w.CompareAndSet(w.one, Version(0), ChainOf(1)).ok());
  CHECK(w.one.version() == Version(1));
  CHECK(w.one.chain()->Holds(ProposalId(1)));
  CHECK(w.store.writes == 2);
}

TEST_CASE("Lost write: a request that is lost is sent again") {
  LossyWorld w;
  w.store.lost_requests = 2;
  REQUIRE(w.CompareAndSet(w.one, Version(0), ChainOf(1)).ok());
  CHECK(w.one.version() == Version(1));
  CHECK(w.store.writes == 3);
}

TEST_CASE("Lost write: who was overtaken while the reply was lost is told so") {
  LossyWorld w;
  REQUIRE(w.CompareAndSet(w.two, Version(0), ChainOf(2)).ok());
  w.store.lost_requests = 1;
  CHECK(absl::IsAborted(w.CompareAndSet(w.one, Version(0), ChainOf(1))));
}

}  // namespace
}  // namespace vlog::virtuallog

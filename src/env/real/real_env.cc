#include "env/real/real_env.h"

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "env/real/real_disk.h"
#include "env/real/real_network.h"

namespace vlog::env {
namespace {

using SteadyClock = std::chrono::steady_clock;

// One timer of the operating system for all timers of the node: a map ordered by their time.
class RealScheduler final : public async::Scheduler {
 public:
  explicit RealScheduler(boost::asio::any_io_executor executor)
      : Scheduler(executor), timer_(executor) {}
  ~RealScheduler() override { *alive_ = false; }

  Instant Now() const override { return Instant(SteadyClock::now().time_since_epoch()); }

  void Post(async::Work work) override { boost::asio::post(executor(), std::move(work)); }

  async::TimerId StartTimer(Instant when, async::Work work) override {
    async::TimerId id = next_timer_++;
    if (stopping()) return id;
    when_[id] = when;
    timers_[{when, id}] = std::move(work);
    Arm();
    return id;
  }

  void CancelTimer(async::TimerId timer) override {
    auto it = when_.find(timer);
    if (it == when_.end()) return;
    timers_.erase({it->second, timer});
    when_.erase(it);
    if (timers_.empty()) {
      timer_.cancel();
      armed_ = Instant::Max();
    }
  }

 private:
  // Whoever waits for the loop to run dry does not wait for them.
  void DropTimers() override {
    auto dropped = std::exchange(timers_, {});
    when_.clear();
    timer_.cancel();
    armed_ = Instant::Max();
  }

  void Arm() {
    if (timers_.empty() || timers_.begin()->first.first >= armed_) return;
    armed_ = timers_.begin()->first.first;
    timer_.expires_at(SteadyClock::time_point(armed_.since_start()));
    timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
      if (!*alive || error) return;
      armed_ = Instant::Max();
      RunDue();
      Arm();
    });
  }

  // Those that are due now. What they start waits for the next turn of the loop, even if it is due
  // at once, or sockets and disks would have to wait for it.
  void RunDue() {
    Instant now = Now();
    std::vector<std::pair<Instant, async::TimerId>> due;
    for (auto it = timers_.begin(); it != timers_.end() && it->first.first <= now; ++it) {
      due.push_back(it->first);
    }
    for (const auto& key : due) {
      auto node = timers_.extract(key);
      if (node.empty()) continue;  // cancelled by one before it
      when_.erase(key.second);
      node.mapped()();
    }
  }

  boost::asio::steady_timer timer_;
  std::map<std::pair<Instant, async::TimerId>, async::Work> timers_;
  std::map<async::TimerId, Instant> when_;
  async::TimerId next_timer_ = 1;
  Instant armed_ = Instant::Max();
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class RealEnv final : public Env {
 public:
  RealEnv(boost::asio::any_io_executor executor, std::string root)
      : scheduler_(executor), disk_(scheduler_, std::move(root)), network_(scheduler_) {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device()};
    random_.seed(seed);
  }

  async::Scheduler& scheduler() override { return scheduler_; }
  Disk& disk() override { return disk_; }
  Network& network() override { return network_; }
  WallTime WallNow() override {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    return WallTime{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
  }
  uint64_t RandomId() override {
    uint64_t id = random_();
    return id == 0 ? 1 : id;
  }
  std::string ProcessName() override {
    char host[256] = "host";
    ::gethostname(host, sizeof host - 1);
    return std::string(host) + ":" + std::to_string(::getpid());
  }

 private:
  RealScheduler scheduler_;
  RealDisk disk_;
  RealNetwork network_;
  std::mt19937_64 random_;
};

}  // namespace

std::unique_ptr<Env> NewRealEnv(boost::asio::any_io_executor executor, std::string root) {
  return std::make_unique<RealEnv>(std::move(executor), std::move(root));
}

struct LoopThread::Loop {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard =
      boost::asio::make_work_guard(context);
  std::thread thread{[this] { context.run(); }};
};

LoopThread::LoopThread() : loop_(std::make_unique<Loop>()) {}

LoopThread::~LoopThread() {
  loop_->guard.reset();
  loop_->thread.join();
}

boost::asio::any_io_executor LoopThread::executor() { return loop_->context.get_executor(); }

void LoopThread::Post(async::Work work) { boost::asio::post(loop_->context, std::move(work)); }

}  // namespace vlog::env

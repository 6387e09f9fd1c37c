#include "embedded/blocking_log.h"

#include "async/task_group.h"
#include "embedded/directory.h"
#include "env/real/real_env.h"

namespace vlog::embedded {
namespace {

Task<void> Deliver(Task<Status> task, std::shared_ptr<std::promise<Status>> promise) {
  Status result = co_await std::move(task);
  promise->set_value(std::move(result));
}

template <typename T>
Task<void> DeliverValue(Task<StatusOr<T>> task,
                        std::shared_ptr<std::promise<StatusOr<T>>> promise) {
  StatusOr<T> result = co_await std::move(task);
  promise->set_value(std::move(result));
}

}  // namespace

// Everything but the loop itself is touched on the loop's thread only.
struct BlockingLog::Impl {
  env::LoopThread loop;
  std::unique_ptr<Directory> directory;
  virtuallog::SharedLog* log = nullptr;
  std::unique_ptr<virtuallog::Appender> appender;
  bool closed = false;

  Task<Status> Open(std::string path, BlockingOptions options) {
    DirectoryOptions directory_options;
    directory_options.journal.segment_bytes = options.segment_bytes;
    StatusOr<std::unique_ptr<Directory>> opened =
        co_await Directory::Open(loop.executor(), std::move(path), directory_options);
    VLOG_CO_RETURN_IF_ERROR(opened);
    directory = *std::move(opened);
    StatusOr<virtuallog::SharedLog*> found =
        co_await directory->OpenLog(options.log, options.create);
    VLOG_CO_RETURN_IF_ERROR(found);
    log = *found;
    appender = log->NewAppender();
    co_return absl::OkStatus();
  }

  Task<StatusOr<LogRead>> Read(Lsn from, size_t max_bytes, Duration patience) {
    std::unique_ptr<virtuallog::Reader> reader = log->NewReader(from);
    reader->set_read_bytes(max_bytes);
    Instant deadline = directory->env().scheduler().Now() + patience;
    StatusOr<virtuallog::ReadItem> item = co_await reader->Next(deadline);
    VLOG_CO_RETURN_IF_ERROR(item);
    LogRead result;
    for (const virtuallog::RecordRun& run : item->runs) {
      run.ForEach([&](Lsn lsn, std::string_view payload) {
        result.records.push_back({lsn, std::string(payload)});
      });
    }
    if (item->gap) {
      bool lost = item->gap->why == virtuallog::Gap::Why::kDataLoss;
      result.gap = LogRead::Gap{item->gap->begin, item->gap->end, lost};
    }
    result.next = reader->position();
    co_return std::move(result);
  }

  Task<Status> Close() {
    if (closed) co_return absl::OkStatus();
    closed = true;
    if (appender != nullptr) co_await appender->Close();
    if (directory == nullptr) co_return absl::OkStatus();
    co_return co_await directory->Close();
  }

  // Runs `make()` on the loop's thread and waits for the task that it returns.
  template <typename Make>
  Status Run(Make make) {
    auto promise = std::make_shared<std::promise<Status>>();
    std::future<Status> future = promise->get_future();
    loop.Post([this, make = std::move(make), promise]() mutable {
      async::SpawnRoot(loop.executor(), Deliver(make(), promise));
    });
    return future.get();
  }

  template <typename T, typename Make>
  StatusOr<T> RunValue(Make make) {
    auto promise = std::make_shared<std::promise<StatusOr<T>>>();
    std::future<StatusOr<T>> future = promise->get_future();
    loop.Post([this, make = std::move(make), promise]() mutable {
      async::SpawnRoot(loop.executor(), DeliverValue<T>(make(), promise));
    });
    return future.get();
  }
};

BlockingLog::BlockingLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StatusOr<std::unique_ptr<BlockingLog>> BlockingLog::Open(const std::string& directory,
                                                         BlockingOptions options) {
  auto impl = std::make_unique<Impl>();
  Impl* raw = impl.get();
  Status opened = raw->Run([raw, directory, options] { return raw->Open(directory, options); });
  std::unique_ptr<BlockingLog> log(new BlockingLog(std::move(impl)));
  VLOG_RETURN_IF_ERROR(opened);
  return log;
}

BlockingLog::~BlockingLog() {
  Status closed = Close();  // whoever wants to know calls Close()
  Impl* raw = impl_.get();
  // What lives on the loop's thread dies there.
  std::promise<void> destroyed;
  raw->loop.Post([raw, &destroyed] {
    raw->appender.reset();
    raw->directory.reset();
    destroyed.set_value();
  });
  destroyed.get_future().wait();
}

StatusOr<Lsn> BlockingLog::Append(std::string_view payload) { return AppendAsync(payload).get(); }

std::future<StatusOr<Lsn>> BlockingLog::AppendAsync(std::string_view payload) {
  auto promise = std::make_shared<std::promise<StatusOr<Lsn>>>();
  std::future<StatusOr<Lsn>> future = promise->get_future();
  impl_->loop.Post([impl = impl_.get(), payload = std::string(payload), promise] {
    if (impl->closed) {
      promise->set_value(absl::CancelledError("the log is closed"));
      return;
    }
    impl->appender->Append(std::string_view(payload), [promise](StatusOr<Lsn> result) {
      promise->set_value(std::move(result));
    });
  });
  return future;
}

StatusOr<LogRead> BlockingLog::Read(Lsn from, size_t max_bytes, Duration patience) {
  Impl* impl = impl_.get();
  return impl->RunValue<LogRead>(
      [impl, from, max_bytes, patience] { return impl->Read(from, max_bytes, patience); });
}

StatusOr<Lsn> BlockingLog::Tail() {
  Impl* impl = impl_.get();
  return impl->RunValue<Lsn>([impl] { return impl->log->CheckTail(); });
}

StatusOr<Lsn> BlockingLog::Trim(Lsn to) {
  Impl* impl = impl_.get();
  return impl->RunValue<Lsn>([impl, to] { return impl->log->Trim(to); });
}

Status BlockingLog::Reconfigure(const std::string& kind, const std::string& reason) {
  Impl* impl = impl_.get();
  virtuallog::ReconfigureRequest request{kind, reason};
  return impl->Run([impl, request] { return impl->log->Reconfigure(request); });
}

Status BlockingLog::SealLog(const std::string& reason) {
  Impl* impl = impl_.get();
  return impl->Run([impl, reason] { return impl->log->SealLog(reason); });
}

Status BlockingLog::Close() {
  Impl* impl = impl_.get();
  return impl->Run([impl] { return impl->Close(); });
}

}  // namespace vlog::embedded

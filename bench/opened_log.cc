#include "opened_log.h"

namespace vlog::bench {
namespace {

constexpr char kLogName[] = "bench";
constexpr Duration kSettle = std::chrono::milliseconds(50);

}  // namespace

Task<Status> OpenedLog::Close() {
  co_await appender->Close();
  Status closed = co_await directory->Close();
  appender.reset();
  co_return closed;
}

Task<void> OpenedLog::Settle() {
  Status slept = co_await scheduler().Sleep(kSettle);
  VLOG_CHECK(slept.ok(), "nobody stops a benchmark's loop");
}

Task<StatusOr<OpenedLog>> OpenLog(boost::asio::any_io_executor executor, std::string path) {
  OpenedLog opened;
  StatusOr<std::unique_ptr<embedded::Directory>> directory =
      co_await embedded::Directory::Open(std::move(executor), std::move(path));
  VLOG_CO_RETURN_IF_ERROR(directory);
  opened.directory = *std::move(directory);
  StatusOr<virtuallog::SharedLog*> log = co_await opened.directory->OpenLog(kLogName, true);
  VLOG_CO_RETURN_IF_ERROR(log);
  opened.log = *log;
  opened.appender = opened.log->NewAppender();
  co_return std::move(opened);
}

}  // namespace vlog::bench

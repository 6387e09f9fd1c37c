// The log in a program that has an Asio loop: coroutines on the caller's executor.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>

#include "embedded/directory.h"

vlog::Task<vlog::Status> Use(boost::asio::any_io_executor executor, std::string path) {
  auto directory = co_await vlog::embedded::Directory::Open(executor, path);
  if (!directory.ok()) co_return directory.status();
  auto log = co_await (*directory)->OpenLog("orders", /*create=*/true);
  if (!log.ok()) co_return log.status();

  auto appender = (*log)->NewAppender();
  vlog::StatusOr<vlog::Lsn> lsn = co_await appender->Append(std::string("hello"));
  if (!lsn.ok()) co_return lsn.status();

  auto reader = (*log)->NewReader(*lsn);
  vlog::StatusOr<vlog::virtuallog::ReadItem> item = co_await reader->Next();
  if (!item.ok()) co_return item.status();
  for (const vlog::virtuallog::RecordRun& run : item->runs) {
    run.ForEach([](vlog::Lsn at, std::string_view text) {
      std::printf("%d %.*s\n", static_cast<int>(at.value()), static_cast<int>(text.size()),
                  text.data());
    });
  }
  co_await appender->Close();
  co_return co_await (*directory)->Close();
}

int main(int argc, char** argv) {
  boost::asio::io_context loop(1);
  vlog::Status result;
  auto done = [&](std::exception_ptr, vlog::Status status) { result = status; };
  co_spawn(loop, Use(loop.get_executor(), argc > 1 ? argv[1] : "example-log"), done);
  loop.run();
  if (!result.ok()) std::fprintf(stderr, "%s\n", result.ToString().c_str());
  return result.ok() ? 0 : 1;
}

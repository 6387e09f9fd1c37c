#include "virtuallog/appender.h"

namespace vlog::virtuallog {

Appender::Appender(Env& env, Options options)
    : env_(env), options_{std::move(options)}, window_{4} {
  Use(options_);
}

// Blocks after a co_await are not initializers.
Task<Status> Appender::F(std::string name, Foo& foo) {
  if (co_await foo.Ready()) {
    Use(name);
  }
  if (auto status = co_await foo.Send(name); !status.ok()) {
    co_return status;
  } else if (co_await foo.Again()) {
    co_return Status();
  }
  auto r = co_await foo.Call(std::move(request));
  if (!r.ok()) {
    co_return r.status();
  }
  while (!co_await foo.Ready()) {
    co_await foo.Wait();
  }
  do {
    co_await foo.Wait();
  } while (co_await foo.Busy());
  switch (co_await foo.Kind()) {
    case Kind::kA: {
      co_await foo.Wait();
      break;
    }
    default:
      co_await foo.Wait();
  }
  for (auto& item : co_await foo.List()) {
    Use(item);
  }
  for (int i : {1, 2, 3}) {
    co_await foo.Step(i);
  }
  for (int i = 0; i < 3; ++i) co_await foo.Step(i);
  if (flags[name.empty() ? 0 : 1]) co_await foo.Step(1);
  CHECK(r.ok()) << "before";
  co_await foo.Step(2);
  co_return Status{};
}

// What is named on a line before is no temporary of the expression.
Task<void> Appender::Named(Foo& foo, bool a) {
  auto less = [](int x, int y) { return x < y; };
  co_await foo.Sort(less);
  Request request{.a = 1, .b = {1, 2}};
  co_await foo.Send(std::move(request));
  std::vector<int> list = {1, 2};
  co_await foo.Send(list);
  int which = a ? 1 : 2;
  co_await foo.Step(which);
  auto [x, y] = co_await foo.Pair();
  const auto& [u, v] = co_await foo.Pair();
  int z = table[x] + (co_await foo.Table())[y];
  int values[3]{1, 2, 3};
  [[maybe_unused]] int w = co_await foo.Step(values[2]);
  delete[] (co_await foo.Array());
  auto result = co_await foo.Step(1);
  RETURN_IF_ERROR(result);
  CHECK(result.ok());
  std::optional<Foo> other{Foo{}};
  if (!a) {
    co_return;
  }
  group_.Spawn(Run(foo));
}

// The body of a named coroutine lambda is statements of its own.
void Appender::Bodies(Foo& foo) {
  auto run = [&foo](int n) -> Task<std::vector<int>> {
    co_await foo.Step(n);
    if (n > 0) {
      co_await foo.Step(n - 1);
    }
    co_return std::vector<int>{n};
  };
  Options options = {.run = [](Foo& f) -> Task<void> { co_await f.Step(1); }, .count = 2};
  bool b = foo.Test([](Foo& f) -> Task<bool> { co_return co_await f.Ready(); }) ? true : false;
  struct Local {
    int a = 0;
  };
  Use(run, options, b, Local{});
}

auto Appender::Trailing(Foo& foo) const -> Task<std::pair<int, int>> {
  co_await foo.Step(1);
  co_return std::pair<int, int>{1, 2};
}

Task<int> Appender::Qualified(Foo& foo) && {
  co_await foo.Step(1);
  Use(Foo{1});
}

Task<int> Appender::Attribute(Foo& foo) const SOME_ATTRIBUTE {
  Use(Foo{1});
  co_await foo.Step(1);
}

template <typename T>
Task<int> Constrained(T& foo)
  requires Fooish<T>
{
  Use(foo, [] { return 1; });
  co_await foo.Step(1);
  label:
  co_await foo.Step(1);
#if defined(X)
  if (foo.x) {
#else
  if (foo.y) {
#endif
    co_await foo.Step(1);
  }
  Use(Foo{1});
}

enum class Kind : uint8_t { kA, kB };
class Derived final : public Base<Foo> {
  Task<int> Inline(Foo& foo) override { co_return co_await foo.Step(1); }
  Foo foo_{1};
};

// Hash tables are for looking up.
void Appender::Tables(const std::vector<int>& keys) {
  for (int key : keys) Use(table_.find(key));
  for (auto& [key, value] : sorted_) Use(key);
  for (int key : SortedKeys(table_)) Use(key);
  if (table_.find(1) == table_.end()) return;
  auto time = foo.time(nullptr);
  file_.open("x");
  File::open("x");
  int operand(1);
}

}  // namespace vlog::virtuallog

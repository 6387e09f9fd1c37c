// Compares the near-linear linearizability test with a search over all orders, on small random
// histories of which many are correct and many are not.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "checker/checker.h"
#include "checker/event.h"

namespace vlog::checker {
namespace {

constexpr int kHistories = 150'000;
constexpr int kNever = std::numeric_limits<int>::max();

// One operation with its whole life; the places of its events in the history are indices.
struct Call {
  Event invoke;
  Event complete;
  bool completes = true;  // whether the history holds a completion at all
  bool late = false;      // whether the effect comes after the completion
};

using History = std::vector<Event>;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  // What clients of an atomic log see: each operation takes effect at one moment between its
  // invocation and its completion, except that an append of unknown outcome may do so later or
  // never.
  History Correct() {
    calls_.assign(2 + Below(7), {});
    log_.clear();
    for (size_t i = 0; i < calls_.size(); ++i) calls_[i] = NewCall(i);
    std::vector<int> step(calls_.size(), 0);  // 0 invoke, 1 effect, 2 completion, 3 done
    History history;
    size_t done = 0;
    size_t open = 0;
    const size_t width = 1 + Below(4);
    while (done < calls_.size()) {
      size_t i = Below(calls_.size());
      if (step[i] == 3 || (step[i] == 0 && open >= width)) continue;
      Call& call = calls_[i];
      if (step[i] == 0) {
        ++open;
        history.push_back(call.invoke);
      } else if (step[i] == (call.late ? 2 : 1)) {
        TakeEffect(call);
      } else if (call.completes) {
        history.push_back(call.complete);
      }
      if (++step[i] < 3) continue;
      ++done;
      --open;
    }
    return history;
  }

  // Makes a few changes that may or may not matter.
  void Spoil(History& history) {
    for (size_t n = 1 + Below(6); n > 0; --n) {
      size_t i = Below(history.size());
      if (Below(5) > 1) {
        Shorten(history, i);
        continue;
      }
      while (history[i].type == EventType::kInvoke && i + 1 < history.size()) ++i;
      Below(3) == 0 ? Change(history, i) : Exchange(history, i);
    }
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }

 private:
  static std::string Value(uint64_t id, uint64_t part) {
    return std::to_string(id) + "." + std::to_string(part);
  }

  Call NewCall(uint64_t id) {
    Call call;
    static constexpr Op kOps[] = {Op::kAppend, Op::kAppend, Op::kTail, Op::kRead, Op::kRead};
    call.invoke.op = call.complete.op = kOps[Below(5)];
    call.invoke.id = call.complete.id = id;
    call.complete.type = EventType::kOk;
    uint64_t outcome = Below(8);
    if (outcome == 0) call.complete.type = EventType::kFail;
    if (outcome <= 2 && call.invoke.op == Op::kAppend) call.complete.type = EventType::kInfo;
    call.late = call.complete.type == EventType::kInfo && Below(2) == 0;
    call.completes = call.complete.type != EventType::kInfo || Below(2) == 0;
    if (call.invoke.op == Op::kAppend) {
      // Batches of unknown outcome are left out: matching treats their records as single ones.
      uint64_t count = call.complete.type == EventType::kInfo ? 1 : 1 + Below(4) / 3;
      for (uint64_t part = 0; part < count; ++part) call.invoke.values.push_back(Value(id, part));
    } else if (call.invoke.op == Op::kRead) {
      call.invoke.from = Below(5);
      call.invoke.to = call.invoke.from + 1 + Below(4);
    } else {
      call.complete.stale = Below(6) == 0;
    }
    return call;
  }

  void TakeEffect(Call& call) {
    Event& done = call.complete;
    if (done.type == EventType::kFail) return;
    if (done.op == Op::kAppend) {
      if (done.type == EventType::kInfo && Below(3) == 0) return;
      done.position = log_.size();
      log_.insert(log_.end(), call.invoke.values.begin(), call.invoke.values.end());
    } else if (done.op == Op::kTail) {
      done.position = done.stale ? Below(log_.size() + 1) : log_.size();
    } else {
      Position at = call.invoke.from;
      for (; at < call.invoke.to && at < log_.size() && Below(8) > 0; ++at) {
        done.items.push_back(ReadItem::Record(at, log_[at]));
      }
      if (at < call.invoke.to && at >= log_.size()) done.items.push_back(ReadItem::Unwritten(at));
    }
  }

  // Shortens an operation: its completion comes earlier, or its invocation later.
  void Shorten(History& history, size_t i) {
    Event event = history[i];
    bool begins = event.type == EventType::kInvoke;
    auto other = std::find_if(history.begin(), history.end(), [&](const Event& candidate) {
      return candidate.id == event.id && (candidate.type == EventType::kInvoke) != begins;
    });
    if (other == history.end()) return;
    size_t j = other - history.begin();
    history.erase(history.begin() + i);
    // Without event i, the partner of a completion stays at j and that of an invocation is j - 1.
    size_t at = begins ? i + Below(j - i) : j + 1 + Below(i - j);
    history.insert(history.begin() + at, event);
  }

  // Swaps the results of two operations of one kind.
  void Exchange(History& history, size_t i) {
    for (size_t j = i + 1; j < history.size(); ++j) {
      if (history[i].type != EventType::kOk || history[j].type != EventType::kOk) continue;
      if (history[i].op != history[j].op || history[i].op == Op::kRead) continue;
      return std::swap(history[i].position, history[j].position);
    }
  }

  void Change(History& history, size_t i) {
    Event& event = history[i];
    if (event.type == EventType::kInvoke) return;
    if (event.op == Op::kAppend && Below(3) == 0) {
      const EventType types[] = {EventType::kOk, EventType::kFail, EventType::kInfo};
      event.type = types[Below(3)];
      if (calls_[event.id].invoke.values.size() > 1) event.type = EventType::kFail;
      return;
    }
    if (event.op == Op::kRead && !event.items.empty()) return ChangeItems(event);
    uint64_t next = event.position + 2 - Below(5);
    event.position = next > 8 ? 0 : next;
  }

  void ChangeItems(Event& event) {
    ReadItem& last = event.items.back();
    const Call& other = calls_[Below(calls_.size())];
    if (Below(3) == 0 || other.invoke.op != Op::kAppend) {
      if (last.kind == ReadItem::Kind::kUnwritten) return event.items.pop_back();
      last = ReadItem::Unwritten(last.from);
    } else if (last.kind == ReadItem::Kind::kUnwritten) {
      last = ReadItem::Record(last.from, other.invoke.values[0]);
    } else {
      event.items[Below(event.items.size())].value = other.invoke.values[0];
    }
  }

  std::mt19937_64 random_;
  std::vector<Call> calls_;
  std::vector<std::string> log_;
};

// Looks for an order of single steps that explains the history: the definition, spelled out. The
// records of a batch are steps of their own.
class BruteForce {
 public:
  explicit BruteForce(const History& history) {
    for (size_t i = 0; i < history.size(); ++i) {
      if (history[i].type == EventType::kInvoke) AddSteps(history, static_cast<int>(i));
    }
  }

  bool Linearizable() { return Search(0); }

 private:
  struct Step {
    const Event* invoke;
    const Event* complete;  // null: unknown
    int begins;
    int ends;
    std::string value;  // append
    Position place;     // append: required position, kNoPosition: any
  };

  void AddSteps(const History& history, int begins) {
    const Event& invoke = history[begins];
    Step step{&invoke, nullptr, begins, kNever, {}, kNoPosition};
    for (size_t i = begins + 1; i < history.size(); ++i) {
      if (history[i].id != invoke.id) continue;
      if (history[i].type == EventType::kFail) return;
      if (history[i].type == EventType::kInfo) break;
      step.complete = &history[i];
      step.ends = static_cast<int>(i);
    }
    if (invoke.op != Op::kAppend) {
      if (step.complete != nullptr) steps_.push_back(step);
      return;
    }
    for (size_t i = 0; i < invoke.values.size(); ++i) {
      step.value = invoke.values[i];
      if (step.complete != nullptr) step.place = step.complete->position + i;
      steps_.push_back(step);
    }
  }

  bool Search(uint32_t done) {
    int earliest_end = kNever;
    for (size_t i = 0; i < steps_.size(); ++i) {
      if ((done >> i & 1) == 0) earliest_end = std::min(earliest_end, steps_[i].ends);
    }
    if (earliest_end == kNever) return true;  // only unknown ones are left
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      if ((done >> i & 1) != 0 || step.begins > earliest_end || !Possible(step)) continue;
      bool append = step.invoke->op == Op::kAppend;
      if (append) log_.push_back(step.value);
      if (Search(done | 1u << i)) return true;
      if (append) log_.pop_back();
    }
    return false;
  }

  bool Possible(const Step& step) const {
    switch (step.invoke->op) {
      case Op::kAppend:
        return step.place == kNoPosition || step.place == log_.size();
      case Op::kTail:
        return step.complete->stale ? step.complete->position <= log_.size()
                                    : step.complete->position == log_.size();
      default:
        return std::all_of(step.complete->items.begin(), step.complete->items.end(),
                           [this](const ReadItem& item) {
                             if (item.kind == ReadItem::Kind::kUnwritten)
                               return item.from >= log_.size();
                             return item.from < log_.size() && log_[item.from] == item.value;
                           });
    }
  }

  std::vector<Step> steps_;
  std::vector<std::string> log_;
};

std::string Print(const History& history) {
  std::string out;
  for (const Event& event : history) {
    out += std::to_string(static_cast<int>(event.type)) + " op " +
           std::to_string(static_cast<int>(event.op)) + " id " + std::to_string(event.id) +
           " res " + std::to_string(event.position) + " from " + std::to_string(event.from);
    for (const ReadItem& item : event.items) {
      out += " [" + std::to_string(item.from) + " " + item.value + "]";
    }
    out += event.stale ? " stale\n" : "\n";
  }
  return out;
}

TEST_CASE("Checker: agrees with a search over all orders on small random histories") {
  Generator generator(20240611);
  int linearizable = 0;
  std::map<std::string, int> violations;
  for (int i = 0; i < kHistories; ++i) {
    History history = generator.Correct();
    bool spoiled = generator.Below(4) > 0;
    if (spoiled) generator.Spoil(history);
    bool expected = BruteForce(history).Linearizable();
    Checker checker;
    for (const Event& event : history) checker.Add(event);
    const Report& report = checker.Finish();
    if (report.ok != expected || (!spoiled && !expected)) {
      INFO("history " << i << ", the search says " << expected
                      << ", the checker: " << report.violation << " " << report.explanation);
      FAIL(Print(history));
    }
    linearizable += expected ? 1 : 0;
    if (!expected) ++violations[report.violation];
  }
  std::string summary = std::to_string(linearizable) + " of " + std::to_string(kHistories) +
                        " histories are linearizable; of the others:";
  for (const auto& [name, count] : violations) {
    summary += "\n  " + std::to_string(count) + "  " + name;
  }
  WARN(summary);
  CHECK(linearizable > 50'000);
  CHECK(kHistories - linearizable > 20'000);
  // The search explores every kind of contradiction that the test can name, often.
  for (std::string_view name :
       {violation::kLost, violation::kTwoValues, violation::kRealTime, violation::kInvented,
        violation::kUnexplained, violation::kFailedAppears, violation::kRecordTwice,
        violation::kVanished, violation::kTailLow, violation::kTailBack, violation::kTailHigh,
        violation::kBelowTail}) {
    INFO(name);
    CHECK(violations[std::string(name)] > 50);
  }
}

}  // namespace
}  // namespace vlog::checker

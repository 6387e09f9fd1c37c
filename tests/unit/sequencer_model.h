// A small world around the cores of the sequencer loglet: log servers whose journals lose what was
// not synced, one sequencer (and whatever a restart makes of it), sealers, tail checks, readers, a
// chain register, and a network that loses, doubles and reorders. One seed, one schedule.
#ifndef VLOG_TESTS_UNIT_SEQUENCER_MODEL_H_
#define VLOG_TESTS_UNIT_SEQUENCER_MODEL_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "loglets/dead_segments.h"
#include "loglets/sequencer/log_server_core.h"
#include "loglets/sequencer/seal_core.h"
#include "loglets/sequencer/sequencer_core.h"
#include "loglets/sequencer/sequencer_lives_core.h"
#include "loglets/sequencer/tail_check_core.h"
#include "loglets/sequencer/trim_core.h"

namespace vlog::loglets::sequencer {

// What happened in one or many schedules; a floor under these guards against vacuous passes.
struct ModelCounts {
  uint64_t acked = 0, unknown = 0, not_stored = 0, tails = 0, shown = 0, seals = 0, repairs = 0;
  uint64_t hand_overs = 0, crashes = 0, refusals = 0, fixed = 0, drops = 0, skips = 0, trims = 0;
  uint64_t steps = 0;
};

class ModelWorld {
 public:
  ModelWorld(uint64_t seed, ModelCounts& counts);
  // Runs the schedule, heals, seals, reads everything. "" or the first violation.
  std::string Run();

 private:
  using Call = std::function<void()>;
  using WordDone = std::function<void(const ServerWord&)>;

  struct Server {
    DiskId disk;
    bool up = true;
    bool for_good = false;  // never comes back
    std::vector<storage::Entry> synced;
    std::deque<LogServerCore::Persist> unsynced;
    std::unique_ptr<LogServerCore> core;
    std::map<ReplyTo, WordDone> replies;
    DeadSegments dead;
    uint64_t life = 1;
  };
  struct Link {  // one connection of the sequencer
    bool up = false;
    uint64_t epoch = 0;
    std::deque<Call> to_server;
    std::deque<Call> to_sequencer;
  };
  struct Process {  // one that may run a sequencer
    SequencerLives lives;
    std::unique_ptr<SequencerCore> core;
    std::vector<Link> links;
  };
  struct Sent {
    RecordId id;
    uint32_t count;
    bool not_stored = false;  // was told to be certainly not stored
  };
  struct Writer {
    WriterId id;
    SeqNo next;
    std::optional<SeqNo> last;
    bool stopped = false;
    std::map<SeqNo, Batch> open;
  };
  struct Sealer {
    std::unique_ptr<SealCore> core;
    bool cas_done = false;
  };
  struct Check {
    std::unique_ptr<TailCheckCore> core;
    Offset at_least;
    bool after_end = false;
    bool judged = false;
  };
  struct Reader {
    Offset at;
    Offset known;
  };

  // Chance and violations.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(double p) { return static_cast<double>(Below(1'000'000)) < p * 1e6; }
  void Violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  // Events.
  void Step();
  void DeliverBag();
  void DeliverLink();
  void Sync(size_t server, size_t most);
  void CrashServer(size_t server);
  void RestartServer(size_t server);
  void FillDisk(size_t server);
  void BreakLink(size_t server);
  void ConnectLink(size_t server);
  void CrashSequencer();
  void AppendOne();
  void Retry();
  void StartSealer(bool ask_sequencer);
  void StartCheck();
  void StartRead();
  void StartTrim();
  void TellChain();
  void DropSomewhere();
  void CompareAndSet(Sealer& sealer);
  void TickAll();
  void Heal();
  void ReadAll();

  // Carrying out effects.
  void Post(Call call) { bag_.push_back(std::move(call)); }
  void FlushServer(size_t server);
  void FlushSequencer(Process& process);
  void FlushSealer(size_t number);
  void FlushCheck(size_t number);
  // A request on its way to a server's life; `done` runs at the server when it is answered.
  template <typename Request>
  void AtServer(size_t server, Request request, WordDone done);
  ReadReply ReadAt(size_t server, const ReadRequest& request);
  void OnAppended(const SequencerCore::Appended& appended);
  void Submit(Batch batch);
  Batch MakeBatch(Writer& writer);
  void Show(Offset at, const RecordId& id);
  void Claim(Offset at, const RecordId& id, const char* who);

  std::mt19937_64 random_;
  ModelCounts& counts_;
  Params params_;
  LogletId id_;
  Instant now_;
  bool faults_ = true;
  double loss_, crash_, seal_;
  std::string violation_;

  std::vector<Server> servers_;
  std::deque<Process> processes_;
  std::vector<Call> bag_;
  std::vector<Writer> writers_;
  std::vector<Sealer> sealers_;
  std::vector<Check> checks_;
  std::vector<Reader> readers_;
  TrimCore trims_;

  std::map<AppendToken, std::pair<size_t, SeqNo>> tokens_;  // writer, first
  uint64_t next_token_ = 1;
  ReplyTo next_reply_ = 1;
  std::map<Offset, RecordId> values_;  // that an acknowledgement or a reader named
  std::map<RecordId, Offset> places_;
  std::map<RecordId, uint32_t> not_stored_;
  Offset acked_;               // the highest end that was acknowledged
  Offset proven_;              // the highest tail that was told as committed
  Offset shown_;               // the highest end that a reader was shown
  Offset assigned_;            // the highest that a sequencer assigned
  Offset trim_;                // the highest that was asked for
  std::optional<Offset> end_;  // of the segment, in the chain
  bool dropped_ = false;
};

}  // namespace vlog::loglets::sequencer

#endif  // VLOG_TESTS_UNIT_SEQUENCER_MODEL_H_

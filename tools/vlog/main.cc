// vlog: the command line. Only this file knows CLI11.
#include <CLI/CLI.hpp>
#include <functional>
#include <limits>
#include <map>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "commands.h"
#include "exit_code.h"
#include "near_words.h"
#include "stop_signals/stop_signals.h"

namespace vlog::cli {
namespace {

constexpr uint64_t kMinSegmentBytes = 4 << 20;  // a record may have 1 MiB
// CLI11 takes this word for the end of a subcommand's arguments; a record may be just that.
constexpr char kTerminator[] = "++";
constexpr char kTerminatorStandIn[] = "\x01++";

uint64_t ParseNumber(const std::string& text) {
  uint64_t value = 0;
  bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || !absl::SimpleAtoi(text, &value)) {
    throw CLI::ValidationError("'" + text + "' is not a number from 0 up");
  }
  return value;
}

uint64_t ParseSize(std::string text) {
  std::map<char, int> shifts = {{'K', 10}, {'M', 20}, {'G', 30}};
  int shift = 0;
  if (!text.empty() && shifts.count(text.back()) > 0) {
    shift = shifts[text.back()];
    text.pop_back();
  }
  uint64_t value = ParseNumber(text);
  if (value > (UINT64_MAX >> 24 >> shift)) throw CLI::ValidationError("the size is too large");
  return value << shift;
}

// Nothing is cut to what fits.
template <typename T>
T ParseNumberAs(const std::string& text) {
  uint64_t value = ParseNumber(text);
  if constexpr (std::is_integral_v<T>) {
    if (value > static_cast<uint64_t>(std::numeric_limits<T>::max())) {
      throw CLI::ValidationError("'" + text + "' is too large");
    }
  }
  return T(value);
}

// Reads the arguments into `run`, what is then to be done.
class CommandLine {
 public:
  using Run = std::function<int(Shell&)>;

  CommandLine()
      : app_(
            "A shared log in a directory or on a cluster, which swaps its protocol while it "
            "runs.") {
    app_.require_subcommand(1);
    app_.fallthrough();
    CLI::Option* dir =
        app_.add_option("--dir", global_.directory, "the directory that holds the logs");
    // Plain text: CLI11 must not split it.
    app_.add_option("--cluster", global_.cluster, "nodes of the cluster that holds the logs")
        ->type_name("HOST:PORT,...")
        ->excludes(dir);
    app_.add_option("--log", global_.log, "which log (default: default)");
    AddSize("--segment-size", &global_.segment_bytes,
            "size of a journal file, with K, M or G; at least 4M (default: 64M)");
    app_.set_version_flag("--version", VLOG_VERSION);
    app_.footer(
        "Exit codes: 0 done, 1 certainly not done, 2 wrong usage or input file, 3 outcome "
        "unknown,\n"
        "4 damage, a gap or a violation was found, 130 interrupted.\n\n"
        "Examples:\n"
        "  vlog --dir d append 'a record'\n"
        "  vlog --dir d append --lines words.txt\n"
        "  vlog --dir d read --follow\n"
        "  vlog --dir d reconfigure && vlog --dir d chain\n"
        "  vlog --cluster localhost:7001 status\n"
        "  vlog --cluster localhost:7001 append 'a record'\n"
        "  vlog demo words.txt\n");
    AddAppend();
    AddRead();
    AddControl();
    AddCluster();
    AddCheck();
    AddDemo();
  }

  int Main(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    std::replace(words.begin(), words.end(), std::string(kTerminator),
                 std::string(kTerminatorStandIn));
    std::reverse(words.begin(), words.end());  // as CLI11 wants it
    app_.name("vlog");
    try {
      app_.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app_.exit(error);  // --help, --version
      std::string unknown = UnknownCommand(error);
      Say(unknown.empty() ? error.what() : unknown);
      std::fputs("  'vlog --help' and 'vlog COMMAND --help' show examples\n", stderr);
      return kUsage;
    }
    Shell shell(global_);
    return run_(shell);
  }

 private:
  // Why no command was found, if that is the error; else "".
  std::string UnknownCommand(const CLI::ParseError& error) const {
    bool none = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) &&
                app_.get_subcommands().empty();
    if (!none) return "";
    std::vector<std::string> commands;
    for (const CLI::App* each : app_.get_subcommands({})) commands.push_back(each->get_name());
    std::vector<std::string> words = app_.remaining();
    std::erase_if(words, [](const std::string& word) { return word.empty() || word[0] == '-'; });
    if (words.empty()) return "which command? There are: " + absl::StrJoin(commands, ", ");
    std::vector<std::string> near = NearWords(words.front(), commands);
    std::string hint = "; there are: " + absl::StrJoin(commands, ", ");
    if (!near.empty()) hint = "; did you mean " + absl::StrJoin(near, " or ") + "?";
    return "there is no command '" + words.front() + "'" + hint;
  }

  CLI::App* Add(const std::string& name, const std::string& what, const std::string& examples,
                Run run) {
    CLI::App* command = app_.add_subcommand(name, what);
    command->fallthrough();
    command->footer("Examples:\n" + examples);
    command->callback([this, run = std::move(run)] { run_ = run; });
    return command;
  }

  void AddSize(const std::string& name, uint64_t* bytes, const std::string& what) {
    app_.add_option_function<std::string>(
            name,
            [bytes, name](const std::string& text) {
              *bytes = ParseSize(text);
              if (*bytes < kMinSegmentBytes) throw CLI::ValidationError(name + " is at least 4M");
            },
            what)
        ->type_name("SIZE");
  }

  template <typename T>
  static CLI::Option* AddNumber(CLI::App* command, const std::string& name, T* number,
                                const std::string& what) {
    return command
        ->add_option_function<std::string>(
            name, [number](const std::string& text) { *number = ParseNumberAs<T>(text); }, what)
        ->type_name("NUMBER");
  }

  void AddAppend() {
    CLI::App* command = Add("append", "append records; prints the first and last LSN",
                            "  vlog --dir d append '[1,2]'\n"
                            "  vlog --dir d append -- --starts-with-a-dash\n"
                            "  journalctl -f | vlog --dir d append --lines - --acks\n"
                            "  vlog --dir d append --file picture.png\n",
                            [this](Shell& shell) { return RunAppend(shell); });
    using Source = AppendArguments::Source;
    auto take = [this](Source source) {
      return [this, source](const std::string& text) {
        append_.source = source;
        append_.text = text == kTerminatorStandIn ? kTerminator : text;
      };
    };
    // Not in an option group: CLI11 would not see that "--" stands before a TEXT.
    CLI::Option* text =
        command->add_option_function<std::string>("TEXT", take(Source::kText), "one record");
    CLI::Option* lines = command->add_option_function<std::string>(
        "--lines", take(Source::kLines), "each line of a file is a record; - is standard input");
    CLI::Option* file = command->add_option_function<std::string>(
        "--file", take(Source::kFile), "a file is one record; - is standard input");
    lines->type_name("FILE");
    file->type_name("FILE");
    text->type_name("")->excludes(lines)->excludes(file);
    lines->excludes(file);
    command->add_flag("--acks", append_.acks, "print each LSN as soon as its record is durable");
  }

  int RunAppend(Shell& shell) {
    if (append_.source == AppendArguments::Source::kNone) {
      return Fail(absl::InvalidArgumentError("what to append? TEXT, --lines FILE or --file FILE"));
    }
    return shell.Run(Append(shell, append_));
  }

  void AddRead() {
    CLI::App* command = Add("read", "print records",
                            "  vlog --dir d read --from 100 --to 200\n"
                            "  vlog --dir d read --follow --format json\n"
                            "  vlog --dir d read --from 7 --to 8 --format raw > picture.png\n",
                            [this](Shell& shell) { return RunRead(shell); });
    AddNumber(command, "--from", &read_.from, "first LSN (default: the trim point)");
    AddNumber(command, "--to", &read_.to, "LSN to stop before (default: the tail)");
    command->add_flag("--follow", read_.follow, "wait for more");
    using Format = ReadArguments::Format;
    std::map<std::string, Format> formats = {
        {"lines", Format::kLines}, {"json", Format::kJson}, {"raw", Format::kRaw}};
    command
        ->add_option_function<std::string>(
            "--format",
            [this, formats](const std::string& name) { read_.format = formats.at(name); },
            "lines, json (a line each), or raw (only the records' bytes)")
        ->check(CLI::IsMember({"lines", "json", "raw"}));
  }

  int RunRead(Shell& shell) {
    if (read_.from && read_.to && *read_.to < *read_.from) {
      return Fail(absl::InvalidArgumentError("--to lies below --from"));
    }
    return shell.Run(Read(shell, read_));
  }

  void AddFormat(CLI::App* command) {
    command
        ->add_option_function<std::string>(
            "--format", [this](const std::string& name) { json_ = name == "json"; },
            "table or json")
        ->check(CLI::IsMember({"table", "json"}));
  }

  void AddControl() {
    Add("tail", "print the first LSN that is not written", "  vlog --dir d tail\n",
        [](Shell& shell) { return shell.Run(Tail(shell)); });
    CLI::App* trim = Add("trim", "give up the records below an LSN; prints the trim point in force",
                         "  vlog --dir d trim 1000\n",
                         [this](Shell& shell) { return shell.Run(Trim(shell, trim_to_)); });
    AddNumber(trim, "LSN", &trim_to_, "the first record to keep")->required();
    CLI::App* chain = Add("chain", "show the segments of the log", "  vlog --dir d chain\n",
                          [this](Shell& shell) { return shell.Run(ShowChain(shell, json_)); });
    AddFormat(chain);
    CLI::App* explain =
        Add("explain", "say where a record is, whether its copies are there, and who put it there",
            "  vlog --dir d explain 1000\n"
            "  vlog --cluster localhost:7001 --log orders explain 1000 --format json\n\n"
            "Each node that has a copy is asked now. Ends with 0 also where there is no record,\n"
            "with 1 if nobody who could tell answers, with 4 if the record is lost.\n",
            [this](Shell& shell) { return shell.Run(Explain(shell, explained_, json_)); });
    AddNumber(explain, "LSN", &explained_, "of the record")->required();
    AddFormat(explain);
    CLI::App* reconfigure = Add(
        "reconfigure", "seal the last segment and start another; prints its index, base and kind",
        "  vlog --dir d reconfigure --to local --reason 'fresh segment'\n"
        "  vlog --cluster localhost:7001 --log orders reconfigure --sequencer 2 --dry-run\n"
        "  vlog --cluster localhost:7001 --log orders reconfigure --nodes 2,3,4\n"
        "  vlog --cluster localhost:7001 --log orders reconfigure --replication 2/3\n"
        "  vlog --cluster localhost:7001 --log orders reconfigure --to paxos "
        "--nodes 1,2,3,4 --roles 'acceptors=3 learners=4'\n\n"
        "On a cluster it is refused if the log could not go on: too few of the nodes serve, or\n"
        "the sequencer's node does not answer. What is asked for with --to, --nodes,\n"
        "--replication, --write-quorum, --least-copies and --roles is the log's policy from then "
        "on, for\n"
        "successors that nobody asks for as well; 'vlog chain' shows it.\n",
        [this](Shell& shell) { return shell.Run(Reconfigure(shell, swap_)); });
    reconfigure->add_option("--to", swap_.request.kind, "its kind (default: the same)");
    reconfigure->add_option("--reason", swap_.request.reason, "why, for people");
    AddPlacement(reconfigure, &swap_.request.placement);
    AddReplication(reconfigure, &swap_.request.placement, &swap_.copies, &swap_.least_copies);
    reconfigure->add_flag("--dry-run", swap_.dry_run,
                          "say what would happen and what speaks against it (cluster)");
    reconfigure->add_flag("--allow-fewer-copies", swap_.allow_fewer_copies,
                          "the write quorum may become smaller (cluster)");
    CLI::App* seal = Add("seal", "end the log for good; prints where",
                         "  vlog --dir d seal --reason 'moved to another machine'\n",
                         [this](Shell& shell) { return shell.Run(Seal(shell, seal_reason_)); });
    seal->add_option("--reason", seal_reason_, "why, for those who append later")->required();
    Add("logs", "list the logs", "  vlog --dir d logs\n",
        [](Shell& shell) { return shell.Run(ListLogs(shell)); });
    Add("verify", "read everything that is stored and say what is damaged",
        "  vlog --dir d verify\n", [](Shell& shell) { return shell.Run(Verify(shell)); });
  }

  static void AddPlacement(CLI::App* command, loglets::Placement* placement) {
    command
        ->add_option_function<std::string>(
            "--nodes",
            [placement](const std::string& text) {
              for (const std::string& number : CLI::detail::split(text, ',')) {
                placement->nodes.emplace_back(ParseNumber(number));
              }
            },
            "nodes that hold copies (cluster; default: as before, at first all)")
        ->type_name("1,2,...");
    AddNumber(command, "--write-quorum", &placement->write_quorum,
              "copies before an acknowledgement (cluster; default: a majority)");
    AddNumber(command, "--sequencer", &placement->sequencer,
              "node that orders appends, or leads first (cluster; default: as before)");
    command
        ->add_option("--roles", placement->options,
                     "who does what: \"acceptors=1,2\" only vote and keep what is decided, "
                     "\"learners=4,5\" only\nserve reads and may lead; either or both in one word, "
                     "others do everything; \"all\": nobody is\nset apart any more (cluster, "
                     "paxos; default: as before, at first all)")
        ->type_name("ROLES");
  }

  // "W/N"
  static void ParseReplication(const std::string& text, loglets::Placement* placement,
                               uint32_t* all) {
    size_t slash = text.find('/');
    if (slash == std::string::npos) {
      throw CLI::ValidationError(
          "--replication is W/N, as 2/3: copies before an acknowledgement, "
          "of how many copies");
    }
    uint64_t quorum = ParseNumber(text.substr(0, slash));
    uint64_t copies = ParseNumber(text.substr(slash + 1));
    if (quorum < 1 || quorum > copies || copies > 64) {
      throw CLI::ValidationError("--replication " + text +
                                 ": W is at least 1 and at most N, N at most 64");
    }
    placement->write_quorum = static_cast<uint32_t>(quorum);
    *all = static_cast<uint32_t>(copies);
  }

  static void AddReplication(CLI::App* command, loglets::Placement* placement, uint32_t* copies,
                             uint32_t* least_copies) {
    command
        ->add_option_function<std::string>(
            "--replication",
            [placement, copies](const std::string& text) {
              ParseReplication(text, placement, copies);
            },
            "W copies before an acknowledgement, of N copies (cluster; default: a majority of all)")
        ->type_name("W/N")
        ->excludes("--write-quorum");
    AddNumber(command, "--least-copies", least_copies,
              "a fail-over may go on with so few before an acknowledgement (cluster; default: W)");
  }

  void AddCluster() {
    CLI::App* create =
        Add("create", "make a log on a cluster",
            "  vlog --cluster localhost:7001 create orders --replication 2/3\n"
            "  vlog --cluster localhost:7001 create orders --nodes 1,2,3 --sequencer 2\n\n"
            "Without --nodes it lives on nodes in service: all of them, or the first N that\n"
            "answer. Ends with 1 if there is such a log already.\n",
            [this](Shell& shell) { return shell.Run(CreateLog(shell, create_)); });
    create->add_option("LOG", create_.name, "its name")->required();
    create->add_option("--kind", create_.made.kind,
                       "kind of the first loglet (default: sequencer)");
    AddPlacement(create, &create_.made.placement);
    AddReplication(create, &create_.made.placement, &create_.copies, &create_.least_copies);
    CLI::App* status = Add(
        "status", "show the nodes of a cluster, what they do, and how its logs fare",
        "  vlog --cluster localhost:7001 status\n"
        "  vlog --cluster localhost:7001,localhost:7002 status --format json\n\n"
        "LEADER: the sequencer, or whom the nodes elected. LAG: records that a copy is behind.\n"
        "A voter whose disk was replaced does not vote: PROBLEM says so. Ends with 0 while the "
        "quorums live, though nodes\n"
        "may be away: a majority of the metastore's voters and the write quorum of each log;\n"
        "else with 1.\n",
        [this](Shell& shell) { return shell.Run(ShowStatus(shell, json_)); });
    AddFormat(status);
    AddOperations();
  }

  void AddOperations() {
    CLI::App* drain = Add(
        "drain", "move everything away from a node, so that it can be stopped",
        "  vlog --cluster localhost:7001 drain 3\n\n"
        "Moves sequencers, copies of what is yet to be appended, and votes to other nodes, and\n"
        "lists the sealed segments that have a copy there: 'vlog rehome' copies them elsewhere.\n"
        "Ends with 0 and 'safe to stop', or with 1 and the reason. New logs avoid the node;\n"
        "'vlog undrain' is the way back. Run it again whenever it was interrupted.\n",
        [this](Shell& shell) { return shell.Run(DrainNode(shell, node_)); });
    AddNumber(drain, "NODE", &node_, "its number")->required();
    CLI::App* undrain = Add(
        "undrain", "take a drained node, or a new one, into service",
        "  vlog --cluster localhost:7001 undrain 3\n"
        "  vlog --cluster newhost:7001 undrain 4     # a node that the others do not know yet\n\n"
        "It votes again, new logs may use it, and logs that a drain left with few copies get\n"
        "one there.\n",
        [this](Shell& shell) { return shell.Run(UndrainNode(shell, node_)); });
    AddNumber(undrain, "NODE", &node_, "its number")->required();
    CLI::App* replace =
        Add("replace-disk", "let a node's new disk take the place of one that was lost or wiped",
            "  vlogd --init --node-id 3 --node-data-dir v/3 --cluster-id ID   # on the empty disk\n"
            "  vlogd --config nodes.toml --node-id 3 --node-data-dir v/3 ... &\n"
            "  vlog --cluster localhost:7001 replace-disk 3\n\n"
            "The old disk never counts again: a node that comes back with it is refused. Run it\n"
            "again whenever it was interrupted.\n",
            [this](Shell& shell) { return shell.Run(ReplaceDisk(shell, node_)); });
    AddNumber(replace, "NODE", &node_, "its number")->required();
    AddRehome();
  }

  void AddRehome() {
    CLI::App* rehome = Add(
        "rehome", "copy sealed segments to where their copies should be",
        "  vlog --cluster localhost:7001 rehome --dry-run\n"
        "  vlog --cluster localhost:7001 rehome              # all logs\n"
        "  vlog --cluster localhost:7001 --log orders rehome --segment 3\n\n"
        "Moves the segments with too few copies and those with a copy on a node that was drained,\n"
        "does not answer now, or has another disk. A line for each; ends with 1 if one of them\n"
        "stays. The log is used meanwhile. Run it again whenever it was interrupted.\n",
        [this](Shell& shell) {
          bool one = rehome_.segment || app_.count("--log") > 0;
          if (one) rehome_.only = shell.arguments().log;
          return shell.Run(RehomeSegments(shell, rehome_));
        });
    AddNumber(rehome, "--segment", &rehome_.segment, "only this one of the log (see 'chain')");
    rehome->add_flag("--dry-run", rehome_.dry_run, "say what would be moved, and do nothing");
  }

  void AddCheck() {
    CLI::App* check = Add("check", "judge a history (docs/history.md); needs no directory",
                          "  vlog check history.jsonl\n", [this](Shell&) { return Check(check_); });
    check->add_option("HISTORY", check_.history, "one JSON object a line")->required();
    check->add_flag("--allow-data-loss", check_.allow_data_loss,
                    "damage was injected beyond what the log tolerates");
  }

  void AddDemo() {
    CLI::App* demo = Add("demo",
                         "many writers on three nodes, swaps under load, the sequencer killed, a "
                         "live reader, exact comparison",
                         "  vlog demo words.txt --writers 8 --swaps 50\n"
                         "  vlog demo words.txt --keep result\n"
                         "  vlog demo words.txt --embedded\n",
                         [this](Shell& shell) { return RunDemo(shell); });
    demo->add_option("FILE", demo_.file, "the text")->required();
    AddNumber(demo, "--writers", &demo_.writers, "append handles (default: 8)");
    AddNumber(demo, "--swaps", &demo_.swaps, "reconfigurations under load (default: 50)");
    demo->add_option("--keep", demo_.keep,
                     "leave input.txt, read.txt, chain.json, summary.json and the nodes' logs in "
                     "this folder");
    demo->add_flag("--embedded", demo_.embedded,
                   "in this process instead of on nodes of its own; --dir and --cluster name a "
                   "log that is used as it is");
  }

  int RunDemo(Shell& shell) {
    if (demo_.writers < 1 || demo_.writers > 1000 || demo_.swaps > 100'000) {
      return Fail(absl::InvalidArgumentError("1 to 1000 writers, at most 100000 swaps"));
    }
    return shell.Run(Demo(shell, demo_));
  }

  CLI::App app_;
  GlobalArguments global_;
  AppendArguments append_;
  ReadArguments read_;
  Lsn trim_to_;
  Lsn explained_;
  bool json_ = false;
  ReconfigureArguments swap_;
  CreateArguments create_;
  NodeId node_;
  client::RehomeOptions rehome_;
  std::string seal_reason_;
  CheckArguments check_;
  DemoArguments demo_;
  Run run_;
};

}  // namespace
}  // namespace vlog::cli

int main(int argc, char** argv) {
  vlog::tools::CatchSignals();
  vlog::cli::CommandLine command_line;
  return command_line.Main(argc, argv);
}

"""All commands: what calls them, and where they are. Nothing is imported before one is called."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command: the words that call it, where its configuration and function are, and one line about it."""

    words: str
    module: str
    config: str
    function: str
    summary: str


# Those that torchrun may start as several processes, which then train together (`orrery.training.parallel`).
MANY_PROCESSES = ("pretrain", "sft", "reward", "dpo", "ppo", "grpo", "grpo-zero", "best-of-n", "distill", "embedder")

COMMANDS = (
    Command(
        "speedrun",
        "orrery.speedrun",
        "SpeedrunConfig",
        "speedrun",
        "from nothing to an assistant, in the minutes you have",
    ),
    Command("plan", "orrery.commands.plan", "PlanCommand", "show_plan", "what a speedrun would do here, and reach"),
    Command(
        "sweep",
        "orrery.commands.sweep",
        "SweepCommand",
        "run_sweep",
        "search for better settings of the speedrun",
    ),
    Command("studio", "orrery.commands.studio", "StudioCommand", "studio", "the course and the lab, in your browser"),
    Command(
        "exercise",
        "orrery.commands.exercise",
        "ExerciseCommand",
        "exercise",
        "the course's exercises, and their checks",
    ),
    Command("chat", "orrery.inference.chat", "ChatConfig", "chat", "talk with a model in the terminal"),
    Command("serve", "orrery.commands.serve", "ServeCommand", "serve", "your models behind OpenAI's protocol"),
    Command("agent", "orrery.commands.agent", "AgentCommand", "agent", "a model that uses tools, step by step"),
    Command("index", "orrery.commands.index", "IndexCommand", "index", "make your files searchable"),
    Command("search", "orrery.commands.index", "SearchCommand", "search", "find passages in your files"),
    Command(
        "eval",
        "orrery.commands.eval",
        "EvalConfig",
        "evaluate",
        "exams of the world, or HellaSwag, GSM8K, your own tasks",
    ),
    Command("ledger", "orrery.commands.ledger", "LedgerCommand", "ledger", "what people say about models, measured"),
    Command("runs", "orrery.commands.runs", "RunsConfig", "runs", "list the runs, or show one"),
    Command(
        "model",
        "orrery.commands.model",
        "ModelConfig",
        "model",
        "explain an architecture: shapes, parameters, FLOPs, cache",
    ),
    Command(
        "data world",
        "orrery.commands.data",
        "WorldCommand",
        "write_world",
        "write documents or conversations of the embedded world",
    ),
    Command(
        "data show", "orrery.commands.data", "ShowCommand", "show", "read any text source: counts, genres, samples"
    ),
    Command("data atlas", "orrery.commands.data", "AtlasCommand", "write_atlas", "pages for an agent to search"),
    Command(
        "data tokenize",
        "orrery.commands.data_tokenize",
        "TokenizeCommand",
        "run_tokenize",
        "text of any size to tokens on disk, once",
    ),
    Command(
        "data build", "orrery.commands.data_build", "BuildCommand", "run_build", "web pages and text to clean documents"
    ),
    Command(
        "data crawl",
        "orrery.commands.data_crawl",
        "CrawlCommand",
        "crawl",
        "the world as a crawl of the web, with the truth about every page",
    ),
    Command(
        "data countdown",
        "orrery.commands.data_countdown",
        "CountdownCommand",
        "write_countdown",
        "number games to learn reasoning from",
    ),
    Command("data fetch", "orrery.commands.data", "FetchCommand", "fetch", "download a public data set, once"),
    Command(
        "tokenizer train", "orrery.commands.tokenizer", "TrainCommand", "train", "train a byte-level BPE vocabulary"
    ),
    Command("tokenizer encode", "orrery.commands.tokenizer", "EncodeCommand", "encode", "text to ids"),
    Command(
        "tokenizer inspect",
        "orrery.commands.tokenizer",
        "InspectCommand",
        "inspect",
        "pieces, compression, and what trips models",
    ),
    Command(
        "pretrain",
        "orrery.commands.pretrain",
        "PretrainCommand",
        "run_pretrain",
        "train a base model on the world or on your text",
    ),
    Command("import", "orrery.commands.import_model", "ImportCommand", "run_import", "take in somebody else's model"),
    Command("sft", "orrery.commands.sft", "SFTCommand", "run_sft", "tune a base model into an assistant"),
    Command("embedder", "orrery.commands.embedder", "EmbedderCommand", "run_embedder", "tune vectors for search"),
    Command("probe", "orrery.commands.probe", "ProbeCommand", "probe", "what a model knows, and to admit the rest"),
    Command("rank", "orrery.commands.rank", "RankCommand", "run_rank", "say which of a model's answers is better"),
    Command("reward", "orrery.commands.reward", "RewardCommand", "run_reward", "a reward model from preferences"),
    Command("dpo", "orrery.commands.dpo", "DPOCommand", "run_dpo", "learn from preferences, without a reward model"),
    Command("ppo", "orrery.commands.ppo", "PPOCommand", "run_ppo", "learn from a reward model's scores"),
    Command("grpo", "orrery.commands.grpo", "GRPOCommand", "run_grpo", "learn from rewards that can be checked"),
    Command("grpo-zero", "orrery.commands.grpo", "GRPOZeroCommand", "run_grpo", "the same from a base model"),
    Command(
        "best-of-n",
        "orrery.commands.best_of_n",
        "BestOfNCommand",
        "run_best_of_n",
        "learn from one's own best solutions",
    ),
    Command(
        "distill", "orrery.commands.distill", "DistillCommand", "run_distill", "a small model learns from a larger one"
    ),
    Command(
        "export gguf",
        "orrery.commands.export",
        "ExportGGUFCommand",
        "run_export_gguf",
        "a model as one file for llama.cpp and LM Studio",
    ),
    Command(
        "microgpt",
        "orrery.commands.microgpt",
        "MicroGPTCommand",
        "run_microgpt",
        "the complete GPT on scalars: train it on names, let it make some up",
    ),
    Command(
        "ladder",
        "orrery.commands.ladder",
        "LadderCommand",
        "run_ladder",
        "eight models side by side, from counting pairs to the Transformer",
    ),
)

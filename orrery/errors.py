"""Every error that Orrery raises on purpose.

    OrreryError
    ├── ConfigError      a flag, recipe key or combination of settings that cannot be
    ├── DataError        text, conversations or shards that cannot be read or are empty
    ├── TokenizerError   a vocabulary that cannot be trained, loaded or does not fit the model
    ├── CheckpointError  a folder that is no model, or a checkpoint that does not fit the run
    ├── RunError         a run directory that is locked, full or already holds something else
    │   └── NothingToLearn   a policy whose completions are all equally good or bad
    ├── ToolError        a tool call that is malformed or refused; the model sees the message
    └── InferenceError   a prompt or sampling setting that the engine cannot serve, or a server that does not
        └── ContextFull      a conversation that is longer than the model's context

Each message says what was wrong, where, and which command or key mends it. The command line prints
the message on one line and exits with code 2; anything else is a bug and shows its traceback.
"""


class OrreryError(Exception):
    """Base of all errors that are the user's to mend."""


class ConfigError(OrreryError):
    """A flag, recipe key or combination of settings that cannot be."""


class DataError(OrreryError):
    """Text, conversations or shards that cannot be read or are empty."""


class TokenizerError(OrreryError):
    """A vocabulary that cannot be trained, loaded or does not fit the model."""


class CheckpointError(OrreryError):
    """A folder that is no model, or a checkpoint that does not fit the run."""


class RunError(OrreryError):
    """A run directory that is locked, full or already holds something else."""


class NothingToLearn(RunError):
    """A policy whose completions are all equally good or bad, or all worse than what is worth learning."""


class ToolError(OrreryError):
    """A tool call that is malformed or refused; the model sees the message."""


class InferenceError(OrreryError):
    """A prompt or sampling setting that the engine cannot serve, or a server that does not."""


class ContextFull(InferenceError):
    """A conversation that is longer than the model's context."""

"""The eight reserved strings that Orrery's tokenizers add to their merges, in the order of their ids.

Special tokens structure a text and are hidden when one asks a decoder to skip special tokens. Added tokens are single
ids too, but part of what the assistant says: thinking and tool calls stay visible.
"""

END_OF_TEXT = "<|endoftext|>"  # between documents; a base model stops here
IM_START = "<|im_start|>"  # before each message of a conversation
IM_END = "<|im_end|>"  # behind each message; an assistant stops here
PAD = "<|pad|>"  # fills rows of a batch; never trained on and none of the above
THINK, END_THINK = "<think>", "</think>"
TOOL_CALL, END_TOOL_CALL = "<tool_call>", "</tool_call>"

SPECIAL = (END_OF_TEXT, IM_START, IM_END, PAD)
ADDED = (THINK, END_THINK, TOOL_CALL, END_TOOL_CALL)
RESERVED = SPECIAL + ADDED

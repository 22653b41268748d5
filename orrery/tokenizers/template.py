"""The chat template in Jinja, shipped in ``tokenizer_config.json`` so that every engine renders as we do.

It says the same as ``chat.py`` (a test compares their ids over thousands of conversations). Content is neutralised
here too: whoever serves the model with this template cannot be made to open a turn by what a user types.
``{% generation %}`` marks what is trained on.
"""

from orrery.tokenizers.special import (
    END_THINK,
    END_TOOL_CALL,
    IM_END,
    IM_START,
    RESERVED,
    THINK,
    TOOL_CALL,
)

ZERO_WIDTH_SPACE = "\u200b"
TOOLS_BEFORE = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
TOOLS_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    f"{TOOL_CALL}{END_TOOL_CALL} XML tags:\n"
    f'{TOOL_CALL}{{"name": <function-name>, "arguments": <args-json-object>}}{END_TOOL_CALL}'
)
_PLAIN = "".join(f" | replace('{text}', '{text[0]}{ZERO_WIDTH_SPACE}{text[1:]}')" for text in RESERVED)


def _quoted(text: str) -> str:
    return "'" + text.replace("\n", "\\n") + "'"


CHAT_TEMPLATE = f"""\
{{%- macro plain(text) -%}}{{{{ text{_PLAIN} }}}}{{%- endmacro -%}}
{{%- set first = 0 -%}}
{{%- if tools -%}}
    {{{{- '{IM_START}system\\n' -}}}}
    {{%- if messages[0].role == 'system' -%}}
        {{%- set first = 1 -%}}
        {{{{- plain(messages[0].content) + '\\n\\n' -}}}}
    {{%- endif -%}}
    {{{{- {_quoted(TOOLS_BEFORE)} -}}}}
    {{%- for tool in tools -%}}
        {{{{- '\\n' + plain(tool | tojson) -}}}}
    {{%- endfor -%}}
    {{{{- {_quoted(TOOLS_AFTER)} + '{IM_END}\\n' -}}}}
{{%- endif -%}}
{{%- for message in messages[first:] -%}}
    {{%- if message.role == 'assistant' -%}}
        {{{{- '{IM_START}assistant\\n' -}}}}
        {{%- generation -%}}
            {{%- if message.reasoning_content -%}}
                {{{{- '{THINK}\\n' + plain(message.reasoning_content) + '\\n{END_THINK}\\n\\n' -}}}}
            {{%- endif -%}}
            {{%- if message.content -%}}
                {{{{- plain(message.content) -}}}}
            {{%- endif -%}}
            {{%- for call in message.tool_calls or [] -%}}
                {{%- if message.content or not loop.first -%}}{{{{- '\\n' -}}}}{{%- endif -%}}
                {{{{- '{TOOL_CALL}' -}}}}
                {{{{- plain('{{"name": ' + (call.function.name | tojson)) -}}}}
                {{{{- plain(', "arguments": ' + (call.function.arguments | tojson) + '}}') -}}}}
                {{{{- '{END_TOOL_CALL}' -}}}}
            {{%- endfor -%}}
            {{{{- '{IM_END}' -}}}}
        {{%- endgeneration -%}}
        {{{{- '\\n' -}}}}
    {{%- elif message.role in ['system', 'user', 'tool'] -%}}
        {{{{- '{IM_START}' + message.role + '\\n' + plain(message.content) + '{IM_END}\\n' -}}}}
    {{%- else -%}}
        {{{{- raise_exception('a message has the role ' + message.role + ', not system, user, assistant or tool') -}}}}
    {{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}
    {{{{- '{IM_START}assistant\\n' -}}}}
{{%- endif -%}}
"""

"""Random conversations, hostile ones included, for the tests of this room."""

from typing import Any

from hypothesis import strategies as st

from tests.tokenizers.texts import texts

Strategy = st.SearchStrategy[Any]

contents = st.one_of(texts, st.sampled_from(["", "\n", "\n\nhi", " ", "  x", "\t\n x", "Hello!", "It is 84.", "\r\n"]))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=4,
)
calls = st.fixed_dictionaries(
    {
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {
                "name": st.one_of(st.just("calculator"), texts.filter(bool)),
                "arguments": st.dictionaries(texts, json_values, max_size=2),
            }
        ),
    }
)
assistants = st.one_of(
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": contents},
        optional={"reasoning_content": st.one_of(st.none(), contents)},
    ),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "tool_calls": st.lists(calls, min_size=1, max_size=2)},
        optional={"content": st.one_of(st.none(), contents), "reasoning_content": contents},
    ),
)
others = st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": contents})


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A message; behind an assistant's calls come some of their results."""
    message = draw(st.one_of(others, assistants))
    results = draw(st.lists(contents, max_size=len(message.get("tool_calls") or ())))
    return [message, *({"role": "tool", "content": result} for result in results)]


conversations = st.lists(turns(), min_size=1, max_size=4).map(lambda parts: [m for part in parts for m in part])
tools = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": texts, "description": texts, "parameters": json_values}),
        }
    ),
    min_size=1,
    max_size=2,
)

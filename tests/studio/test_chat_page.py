"""The chat page, by keyboard and mouse: asking, stopping, branches, and going on from another token."""

import math
import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.studio.chats import ask, begin, branch, texts
from tests.studio.checks import accessible, fits
from tests.studio.conftest import Studio, Visit

MODEL = "([name, ...args]) => import('/static/pages/chat/chat.model.js').then((model) => model[name](...args))"


def write(page: Page, text: str) -> None:
    """Type a message and send it by Enter."""
    box = page.get_by_role("textbox", name="Your message")
    box.fill(text)
    box.press("Enter")


def number(page: Page) -> int:
    """Of the chat that the address names."""
    page.wait_for_url(re.compile(r"#/chat/\d+"))
    return int(re.findall(r"#/chat/(\d+)", page.url)[0])


def test_a_conversation_by_keyboard_is_in_the_database_and_survives_a_reload(visit: Visit, studio: Studio) -> None:
    page = visit("chat?chat.model=tiny/sft")
    write(page, "What is 12 times 7?")
    expect(page.get_by_role("article", name="Answer of tiny/sft").last).to_contain_text("12 times 7 is 84.")
    expect(page.locator(".chat-call")).to_have_text("calls calculator(expression: 12*7)")
    expect(page.locator(".chat-result")).to_have_text("→ 84")
    chat = number(page)
    assert texts(branch(studio, chat)) == ["What is 12 times 7?", "", "84", "12 times 7 is 84."]
    page.reload()
    expect(page.get_by_role("article", name="Answer of tiny/sft").last).to_contain_text("12 times 7 is 84.")
    # Shift and Enter break the line; ↑ takes up the last question, which becomes a branch.
    box = page.get_by_role("textbox", name="Your message")
    box.press("Shift+Enter")
    assert box.input_value() == "\n"
    box.fill("")
    box.press("ArrowUp")
    edit = page.get_by_role("textbox", name="Edit the question")
    expect(edit).to_be_focused()
    edit.press("Escape")
    expect(edit).to_have_count(0)
    box.press("ArrowUp")
    edit.fill("Hi")
    edit.press("Enter")
    expect(page.get_by_role("article", name="Answer of tiny/sft").last).to_contain_text("Hello.")
    expect(page.get_by_role("group", name="Branches")).to_have_text(re.compile("2/2"))
    page.get_by_role("button", name="Earlier branch").press("Enter")
    expect(page.get_by_role("article", name="Answer of tiny/sft").last).to_contain_text("12 times 7 is 84.")
    assert texts(branch(studio, chat))[0] == "What is 12 times 7?"
    write(page, "Hi " * 400)
    expect(page.get_by_role("alert")).to_contain_text("shorten it")
    expect(box).to_have_value("Hi " * 400)  # what was refused need not be typed again
    page.problems.clear()  # type: ignore[attr-defined]  # the browser says that a request was refused
    accessible(page)


def test_the_tokens_of_an_answer_and_going_on_from_another_one(visit: Visit, studio: Studio) -> None:
    chat = begin(studio)
    sampling = {"temperature": 0.5, "top_p": 0.01}
    done = ask(studio, chat, "Hi", sampling=sampling, top=8)
    page = visit(f"chat/{chat}?chat.temperature=0.5")
    page.get_by_role("button", name="Tokens").press("Enter")
    tokens = page.get_by_role("listbox", name="Tokens of the answer").get_by_role("option")
    came = [event for event in done if event["type"] == "token"]
    expect(tokens).to_have_count(len(came))
    assert [int(tokens.nth(i).get_attribute("data-id") or "") for i in range(len(came))] == [one["id"] for one in came]
    tokens.nth(0).focus()
    page.keyboard.press("ArrowRight")
    raw, shaped = (
        [float(one.get_attribute(name) or "nan") for one in page.locator(f"[{name}]").all()]
        for name in ("data-value", "data-shaped")
    )
    for name, shown in (("logprob", raw), ("shaped", shaped)):
        told = [math.exp(one[name]) for one in came[1]["top"]]
        assert all(abs(a - b) < 1e-4 for a, b in zip(shown, told, strict=True))
    accessible(page)
    other = came[1]["top"][1]
    page.locator("button.chat-alternative").nth(1).click()
    expect(page.get_by_role("group", name="Branches")).to_have_text(re.compile("2/2"))
    said = texts(branch(studio, chat))[1]
    assert said.startswith(came[0]["text"] + other["text"]) and said != "Hello."
    # What the page knew of the tokens before the chosen one, it still shows.
    page.get_by_role("button", name="Tokens").click()
    tokens.nth(0).click()
    assert page.locator("button.chat-alternative").count() == 8
    # A chat with a system message goes on with it.
    begun = studio.http.post("/api/chats", json={"model": "tiny/sft", "system": "Be brief."}).json()
    visit(f"chat/{begun['id']}")
    expect(page.get_by_role("textbox", name="System message")).to_have_value("Be brief.")


def test_escape_stops_a_reply_and_keeps_it_and_a_narrow_page_fits(visit: Visit, studio: Studio, slow: None) -> None:
    page = visit("chat?chat.model=slow/base&chat.max_tokens=4000")
    box = page.get_by_role("textbox", name="Text to go on with")
    box.fill("The")
    box.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator(".writing .chat-text")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(page.get_by_text("stopped here")).to_be_visible()
    saved = branch(studio, number(page))
    assert saved[1]["finish_reason"] == "stopped" and saved[1]["content"]
    fits(page)
    page.emulate_media(color_scheme="dark")
    accessible(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really delete it").click()
    page.wait_for_url(re.compile(r"#/chat$"))


def test_what_the_page_works_out_by_itself(visit: Visit) -> None:
    page = visit("chat")

    def model(name: str, *args: Any) -> Any:
        return page.evaluate(MODEL, [name, *args])

    text = "One.\n\nTwo.\n```python\nprint(1)\n```\nThree.\n```\nopen"
    assert model("blocks", text) == [
        {"code": False, "text": "One.\n\nTwo."},
        {"code": True, "language": "python", "text": "print(1)"},
        {"code": False, "text": "Three."},
        {"code": True, "language": "", "text": "open"},
    ]
    tokens = [{"id": 1, "text": "a"}, {"id": 2, "text": ""}, {"id": 3, "text": "é"}, {"id": 4, "text": ""}]
    assert [(one["text"], one["from"], one["to"]) for one in model("chips", tokens)] == [
        ("a", 0, 1), ("é", 1, 3), ("", 3, 4),
    ]  # fmt: skip
    assert model("place", {"id": 5, "beside": [3, 5, 9]}) == {"place": 2, "of": 3, "before": 3, "after": 9}
    messages = [{"id": 1, "role": "user"}, {"id": 2, "role": "assistant"}, {"id": 3, "role": "tool"}]
    messages.append({"id": 4, "role": "assistant"})
    assert model("tokensByMessage", messages, [2, 3, 4], [["x"], ["y"]]) == {"4": ["y"], "2": ["x"]}
    assert model("tokensByMessage", messages, [2, 3, 4], [["y"]]) == {"4": ["y"]}

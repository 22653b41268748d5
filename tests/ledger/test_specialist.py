"""The documents that specialists are made from, and that what is kept for evaluation is in none of them."""

import random

from orrery.data.world.conversations.chains import expression
from orrery.ledger import filler_tokens
from orrery.ledger.specialist import Recipe, answer, document, draw, one_pass, problems, question
from orrery.stages.compare import style_of
from orrery.stages.verifiers import answer_number, equations, holds


def test_shares_of_ways_and_slips_are_as_the_recipe_says() -> None:
    rng, recipe = random.Random(0), Recipe(direct=0.5, worked=0.3, slips=0.1)
    documents = [document(rng, recipe) for _ in range(3_000)]
    styles = [style_of(text.partition("A:")[2]) for text in documents]
    shares = {style: styles.count(style) / len(styles) for style in ("direct", "worked", "checked")}
    assert abs(shares["direct"] - 0.5) < 0.03 and abs(shares["worked"] - 0.3) < 0.03
    found = [holds(*each) for text in documents for each in equations(text)]
    assert abs(1 - sum(found) / len(found) - 0.1) < 0.01


def test_what_is_said_at_once_is_right_and_a_check_ends_with_its_second_pass() -> None:
    rng = random.Random(1)
    for _ in range(200):
        terms = draw(rng, kept=False)
        assert answer_number(answer(terms, "direct", 0.5, rng)) == sum(terms)
        checked = answer(terms, "checked", 0.5, rng)
        assert checked.count("Check:") == 1
        last = list(equations(checked))[-1][1]
        assert answer_number(checked) == float(last)


def test_a_slip_goes_on_into_the_next_step() -> None:
    total, steps = one_pass([4, 7, -9], 1.0, random.Random(3))
    (_, first), (left, second) = equations(steps)
    assert float(first) in (9, 10, 12, 13) and left == f"{first} - 9" and float(second) == total


def test_no_sum_that_is_kept_is_in_a_document() -> None:
    rng = random.Random(2)
    trained = {expression(draw(rng, kept=False)) for _ in range(5_000)}
    asked = problems(400, 0, kept=True)
    assert len({problem.text for problem in asked}) > 350
    assert not trained & {problem.text.removeprefix("Q: ").removesuffix("\nA:") for problem in asked}
    assert all(problem.text == question(draw(random.Random("0 True"), kept=True)) for problem in asked[:1])


def test_dots_are_as_many_whatever_the_sum_says_and_wrong_steps_end_right() -> None:
    rng = random.Random(4)
    for _ in range(100):
        terms = draw(rng, kept=False)
        dots = filler_tokens.reply(terms, "after dots", rng)
        assert dots.count(".") == filler_tokens.DOTS * (len(terms) - 1) + 1
        wrong = filler_tokens.reply(terms, "after wrong steps", rng)
        assert answer_number(wrong) == answer_number(dots) == sum(terms)
        assert len(list(equations(wrong))) == len(terms) - 1

"""Templates of administrators: what they may say, and what they cannot do."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.autoreply.templates import LARGEST, LONGEST, VARIABLES, BadTemplate, check, render

EMPTY = dict.fromkeys(VARIABLES, "")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("plain", "plain"),
        ("[#{{ ticket }}] {{ subject }}\n", "[#7K3M9Q2X4T] Printer on fire\n"),
        ("{{ author|upper }}", "BOB MILLER"),
        ("{% if subject %}About {{ subject }}{% else %}Hello{% endif %}", "About Printer on fire"),
        ("{{ 'x' if sender == 'bob@example.net' else 'y' }}", "x"),
        ("{{ 'nobody'|default('x') ~ '-' ~ ticket|lower }}", "nobody-7k3m9q2x4t"),
        ("{% if 'fire' in subject and not message_id == '' %}!{% endif %}", "!"),
        ("{# a comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ],
)
def test_what_templates_say(source: str, written: str) -> None:
    assert render(source, VARIABLES) == written


def test_html_is_escaped_and_text_is_not() -> None:
    values = {**EMPTY, "subject": "<script>"}
    assert render("{{ subject }}", values, html=True) == "&lt;script&gt;"
    assert render("{{ subject }}", values) == "<script>"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("{{ ''.__class__ }}", "dot behind a name", id="a class"),
        pytest.param("{{ ''['__class__'] }}", "\\[ behind a name", id="a class by its name"),
        pytest.param("{{ ''|attr('__class__') }}", "attr", id="a filter for attributes"),
        pytest.param("{{ self.__init__ }}", "dot behind a name", id="the template itself"),
        pytest.param("{{ config }}", 'no "config" here', id="what other programs have"),
        pytest.param("{{ tickt }}", 'no "tickt" here; there is sender', id="a slip of the pen"),
        pytest.param("{{ cycler('a')() }}", "a call", id="a call"),
        pytest.param("{% for i in range(10**9) %}x{% endfor %}", "for", id="a giant loop"),
        pytest.param("{{ 'x' * 1000000000 }}", "\\* cannot", id="a giant string"),
        pytest.param("{{ 10 ** 10 ** 10 }}", "\\*\\*", id="a giant number"),
        pytest.param("{{ 'x'|center(1000000000) }}", "center", id="a giant filter"),
        pytest.param("{{ '%1000000000d'|format(1) }}", "format", id="a giant format"),
        pytest.param("{% set x = 'x' %}", "set", id="doubling by assignments"),
        pytest.param("{% set x %}x{% endset %}", "set", id="another assignment"),
        pytest.param("{% macro m() %}{% endmacro %}", "macro", id="recursion"),
        pytest.param("{% include 'x' %}", "include", id="other templates"),
        pytest.param("{% import 'x' as y %}", "import", id="imports"),
        pytest.param("{% extends 'x' %}", "extends", id="inheritance"),
        pytest.param("{{ subject|replace('a', 'aa') }}", "replace", id="replacing"),
        pytest.param("{{ subject|safe }}", "safe", id="HTML unescaped"),
        pytest.param("{{ subject + 'x' }}", "write ~", id="adding"),
        pytest.param("one\n{{ two", "line 2", id="not closed, with its line"),
        pytest.param("{% if %}", "line 1", id="no condition"),
        pytest.param("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nests", id="brackets"),
        pytest.param(
            "{% if 1 %}" * 30 + "{% endif %}" * 30, "things within", id="conditions in conditions"
        ),
        pytest.param("x" * (LONGEST + 1), "longer than", id="too long"),
        pytest.param("{{ subject }}", "writes more", id="writes too much"),
    ],
)
def test_what_templates_cannot_do(source: str, reason: str) -> None:
    values = {**VARIABLES, "subject": "x" * (LARGEST + 1)}
    with pytest.raises(BadTemplate, match=reason):
        render(source, values)


def test_a_template_is_tried_with_nothing_known_as_well() -> None:
    check("{{ subject or 'none' }}")
    check("{{ subject }}", html=True)


PIECES = ["{{", "}}", "{%", "%}", " if ", "endif", "subject", "|", "(", "'", "~", "upper"]
PIECES += ["for x in y", ".", "[", "]", "{#", "\n"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_template_is_used_or_refused(source: str) -> None:
    with suppress(BadTemplate):
        assert isinstance(render(source, VARIABLES), str)
